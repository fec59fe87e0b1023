"""Texts written in slots that are refilled are those that each prompt gets alone, and those of Hugging Face's models."""

import collections
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from compiling import flags
from processes import end_all, finished, free_port, spawn
from tiny_models import MODELS, engine, prompts, torch_text

from flanjax.generate import engine as writing
from flanjax.generate import reading
from flanjax.generate.request import Piece, Request, Text
from flanjax.generate.sampler import GREEDY, Beam, Sampler

HOT = Sampler(temperature=0.8, top_k=40, top_p=0.95, seed=7)


def written(engine, asked, sampler=GREEDY, samples=1):
    """(item, sample) -> text."""
    requests = (Request(item, prompt, limit, sampler, samples) for item, (prompt, limit) in enumerate(asked))
    found = list(engine.generate(requests))
    texts = {(text.item, text.sample): text for text in found}
    assert len(texts) == len(found) == samples * len(asked)
    return texts


@pytest.mark.parametrize("name", MODELS)
def test_greedy_texts_are_those_of_torch_one_prompt_at_a_time(name):
    asked, writer = prompts(40), engine(name, slots=3)
    texts = written(writer, asked)
    for item, (prompt, limit) in enumerate(asked):
        assert texts[item, 0].ids == torch_text(name, prompt, limit), item
    assert {text.stop for text in texts.values()} == {"eos", "length"}
    assert writer.useful_steps == sum(len(text.ids) + (text.stop == "eos") for text in texts.values())
    assert writer.useful_steps > 0.65 * writer.slot_steps


@pytest.mark.parametrize("name", ["t5 v1.1", "mistral"])
def test_a_text_is_the_same_alone_and_in_any_company(name):
    asked = prompts(12)
    crowd = written(engine(name, slots=4), asked, HOT, samples=3)
    assert len({tuple(text.ids) for text in crowd.values()}) > 20  # samples differ
    spread = written(engine(name, devices=8, slots=8), asked, HOT, samples=3)
    alone = engine(name, slots=1)
    for (item, sample), text in crowd.items():
        assert spread[item, sample] == text
        if item % 5 == 0:
            prompt, limit = asked[item]
            (one,) = (t for t in alone.generate([Request(item, prompt, limit, HOT, samples=3)]) if t.sample == sample)
            assert one == text
    other_seed = written(engine(name, slots=4), asked[:3], Sampler(temperature=0.8, seed=8), samples=3)
    assert all(other_seed[key].ids != crowd[key].ids for key in other_seed if len(crowd[key].ids) > 3)


@pytest.mark.parametrize("name", ["t5 v1.1", "llama", "gemma2"])
def test_a_step_copies_none_of_the_kept_keys_and_values(name):
    writer = engine(name, slots=4)
    writer.add(Request(0, prompts(1)[0][0], 40))
    writer.advance()
    each = writer._slots.cache.keys[0]
    how = {"draws": False, "limits": False, "looks_back": False}
    decode = writer._programs.decode.lower(writer._params, writer._slots, *map(writer._whole, (np.ones(1, bool), 8)), **how)
    program = decode.compile().as_text()
    shape = ",".join(map(str, each.shape))
    assert f"f32[{shape}]" in program
    assert re.findall(rf"f32\[{shape}\]\S* copy\(.*", program) == []


def test_samplers_of_every_kind_share_the_slots():
    samplers = [
        Sampler(),
        HOT,
        Sampler(repetition_penalty=1.5),
        Sampler(no_repeat_ngram=2),
        Sampler(temperature=0.5, min_p=0.1),
    ]
    asked = prompts(15)
    mixed = engine("llama", slots=4)
    requests = [Request(item, prompt, limit, samplers[item % 5]) for item, (prompt, limit) in enumerate(asked)]
    found = {text.item: text for text in mixed.generate(requests)}
    for request in requests:
        assert list(engine("llama", slots=1).generate([request])) == [found[request.item]]


@pytest.mark.parametrize("name", ["t5 v1.1", "llama"])
@pytest.mark.parametrize("setting", [{"repetition_penalty": 1.7}, {"no_repeat_ngram": 2}])
def test_repetition_is_limited_as_in_torch(name, setting):
    asked = prompts(10)
    theirs = {"no_repeat_ngram_size": 2} if "no_repeat_ngram" in setting else setting
    texts = written(engine(name, slots=3), asked, Sampler(**setting))
    plain = written(engine(name, slots=3), asked)
    for item, (prompt, limit) in enumerate(asked):
        assert texts[item, 0].ids == torch_text(name, prompt, limit, **theirs), item
    assert any(texts[key].ids != plain[key].ids for key in texts)


def test_pieces_come_in_order_and_make_up_the_texts():
    writer, asked = engine("llama", slots=4, stream=True), prompts(9)
    for item, (prompt, limit) in enumerate(asked):
        writer.add(Request(item, prompt, limit + 20, samples=2, sampler=HOT))
    pieces, texts = collections.defaultdict(list), {}
    while not writer.idle:
        for news in writer.advance():
            if isinstance(news, Piece):
                assert (news.item, news.sample) not in texts
                pieces[news.item, news.sample].append(news.text)
            else:
                assert isinstance(news, Text)
                texts[news.item, news.sample] = news.text
    assert len(texts) == 18
    assert {key: "".join(pieces[key]) for key in texts} == texts
    assert max(map(len, pieces.values())) > 4


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_requests_come_and_go_while_others_are_in_work(ahead):
    writer, asked = engine("t5 v1.1", slots=4, ahead=ahead), prompts(30)
    alone = {item: text for (item, _), text in written(engine("t5 v1.1", slots=4), asked).items()}
    found = {}
    for item, (prompt, limit) in enumerate(asked):
        writer.add(Request(item, prompt, limit))
        if item % 7 == 3:
            writer.cancel(item)
        if item == 20:
            writer.cancel(19)  # and its number is given to another at once
            writer.add(Request(19, *asked[2]))
        if item % 11 == 5:
            writer.cancel(item - 1)  # in work, or done
        found |= {text.item: text for text in writer.advance()}
    while not writer.idle:
        found |= {text.item: text for text in writer.advance()}
    assert writer.advance() == []
    assert found.pop(19) == alone[2]._replace(item=19)
    gone = set(range(30)) - found.keys() - {19}
    assert {3, 10, 17, 24} <= gone <= {3, 10, 17, 24, 4, 15, 26}
    assert all(alone[item] == text for item, text in found.items())
    writer.add(Request(3, *asked[3]))  # the number is free again
    assert [text.ids for text in writer.generate([])] == [alone[3].ids]


def test_an_end_that_is_no_end_and_a_text_that_repeats_itself():
    (prompt, _), *_ = prompts(1, longest=40)
    plain = engine("t5 v1.0", slots=1, stop_ids=())
    (text,) = plain.generate([Request(0, prompt, 300)])
    assert (len(text.ids), text.stop) == (300, "length")
    watchful = engine("t5 v1.0", slots=1, stop_ids=())
    watchful._end_repetition = True
    (short,) = watchful.generate([Request(0, prompt, 300)])
    assert short.stop == "repetition"
    assert short.ids == text.ids[: len(short.ids)]
    assert 64 <= len(short.ids) < 200


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(1, [], 4), "request 1: the prompt is empty"),
        (Request(2, [3] * 9, 4), "request 2: the prompt has 9 tokens, the longest that is read has 8"),
        (Request(3, [3], 0), "request 3: max_tokens and samples must be at least 1"),
        (Request(3, [3], 4, samples=0), "request 3: max_tokens and samples must be at least 1"),
        (Request(0, [3], 4), "request 0: another request in work has the same number"),
        (Request(3, [3], 9, Beam(beams=2)), "request 3: max_tokens is 9; with this sampler 8 is the most"),
        (Request(3, [3], 1 << 30, Sampler(repetition_penalty=1.1)), "request 3: max_tokens is 1,073,741,824; with this"),
    ],
)
def test_requests_that_cannot_be_served_are_named(request_, message):
    writer = engine("llama", slots=2, longest=8)
    writer.add(Request(0, [5] * 8, 4))
    with pytest.raises(ValueError, match=message):
        writer.add(request_)
    assert [text.item for text in writer.generate([])] == [0]  # nothing was lost


def test_few_programs_are_compiled():
    writing.programs.cache_clear()
    reading.read_program.cache_clear()
    writer = engine("llama", slots=16)
    written(writer, prompts(100, longest=60))
    programs = writer._programs
    counts = {name: getattr(programs, name)._cache_size() for name in programs._fields}
    assert writer._reader._program._cache_size() <= 6  # 8, 12, 16, 24, 32 or 48 tokens
    assert counts["begin"] <= 6
    assert counts["decode"] <= 6
    assert counts["admit"] <= 10
    assert counts["arrange"] <= 5


BY_TWO = """
import json, sys
import jax
from flanjax.parallel import distributed
from flanjax.parallel.sharding import MeshConfig, make_mesh, place, replicated
coordinator, process = sys.argv[1:]
distributed.start(coordinator=coordinator, num_processes=2, process_id=int(process))
import tiny_models
from test_engine import HOT, written
mesh = make_mesh(MeshConfig(data=2, tensor=2), jax.devices())
whole = jax.tree.map(lambda x: place(x, replicated(mesh)), tiny_models.weights("t5 v1.1"))
engine = tiny_models.Engine(tiny_models.MODELS["t5 v1.1"], whole, mesh, tiny_models.layout("t5 v1.1"), slots=6)
texts = written(engine, tiny_models.prompts(4), HOT, samples=2)
print(json.dumps([[*key, text.ids, text.text] for key, text in sorted(texts.items())]))
"""


def test_two_processes_write_the_texts_of_one(tmp_path):
    (tmp_path / "by_two.py").write_text(BY_TWO)
    here = Path(__file__).parent
    path = os.pathsep.join(map(str, (here, here.parent, *filter(None, [os.environ.get("PYTHONPATH")]))))
    environment = {"PYTHONPATH": path, "XLA_FLAGS": flags(2)}
    coordinator = f"127.0.0.1:{free_port()}"
    two = [spawn(tmp_path, ["by_two.py", coordinator, str(process)], environment) for process in range(2)]
    try:
        results = finished(two)
    finally:
        end_all()
    assert [status for status, _ in results] == [0, 0], results
    one = written(engine("t5 v1.1", slots=4), prompts(4), HOT, samples=2)
    wanted = [[*key, text.ids, text.text] for key, text in sorted(one.items())]
    for _, said in results:
        assert json.loads(said.strip().splitlines()[-1]) == wanted
