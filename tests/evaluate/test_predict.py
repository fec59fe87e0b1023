"""Which questions are asked, how answers are scored and stored; and the "lm_eval" preset against lm-evaluation-harness."""

import dataclasses
import functools
import json

import jax
import numpy as np
import pytest

from flanjax import huggingface as hf
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import TokenizerConfig, train_tokenizer
from flanjax.evaluate.config import PRESETS, EvaluationConfig
from flanjax.evaluate.predict import SCHEMA, ask, predict, scoring_layout
from flanjax.evaluate.results import summarize
from flanjax.generate.request import Text
from flanjax.generate.scorer import Scorer
from flanjax.models import functional
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import MeshConfig, make_mesh
from flanjax.sources import SourceError, jsonl, rows
from flanjax.tasks.render import CHAINS_OF_THOUGHT
from flanjax.tasks.task import Example, SkipRow, Task
from flanjax.tasks.template import Template

COLOURS = ("red", "light green", "blue", "a very dark grey")
MODEL = T5Config(vocab_size=128, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)
LENGTH = 64


def made(split, count):
    return [{"text": f"{split} thing {i} is {COLOURS[i % 4]}", "label": i % 4} for i in range(count)]


def read(row):
    return Example({"text": row["text"]}, COLOURS[row["label"]], COLOURS, f"it looks {COLOURS[row['label']]}")


def task(example=read, templates=("{{ text }} which colour ?", "say : {{ text }}"), **changes):
    source = rows("colour", train=made("seen", 30), test=made("asked", 20))
    settings = {"source": source, "train": "train", "evaluation": "test", **changes}
    return Task(name="colour", cluster="seeing", example=example, templates=[*map(Template, templates)], **settings)


@functools.cache
def tokenizer():
    texts = [row["text"] for row in made("seen", 30) + made("asked", 20)]
    words = "which colour ? say : Input : Output : Options : - it looks So the answer is ."
    chains = f"{CHAINS_OF_THOUGHT[0].request} {CHAINS_OF_THOUGHT[0].bridge}"
    return train_tokenizer([*texts, words, chains], TokenizerConfig(kind="words", vocab_size=128))


class Told:
    """A scorer that records what it is asked, likes long options, and writes what it is told to."""

    def __init__(self, text=""):
        self.prompts, self.options, self.text = [], [], text

    def log_likelihoods(self, prompts, options):
        self.prompts, self.options = list(prompts), list(options)
        return [[-4.0 - 0.5 * len(option) for option in each] for each in options]

    def generate(self, prompts, max_tokens):
        self.prompts = list(prompts)
        ids = tokenizer().encode([self.text])[0]
        assert len(ids) <= max_tokens
        return [Text(item, 0, ids, tokenizer().decode(ids), "eos") for item in range(len(prompts))]


def layout(config, length=LENGTH):
    return scoring_layout(FeatureConfig(inputs_length=length), config, tokenizer())


def answers(config, scorer=None, of=None, length=LENGTH):
    """(rows of the predictions, the scorer)."""
    scorer = scorer or Told()
    asked = ask([of or task()], config, layout(config, length))
    return predict(asked, config, layout(config, length), scorer, model="trained", step=5).to_pylist(), scorer


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_decides_the_ends_of_inputs_and_options(name):
    found, scorer = answers(EvaluationConfig(preset=name, items=3))
    eos = tokenizer().eos_id
    for row, prompt, options in zip(found, scorer.prompts, scorer.options, strict=True):
        assert prompt == tokenizer().encode([row["prompt"]])[0] + [eos] * PRESETS[name].input_eos
        assert options == [ids + [eos] * PRESETS[name].target_eos for ids in tokenizer().encode(row["options"])]
        assert row["prompt_tokens"] == len(prompt)
        assert row["option_tokens"] == [len(o) for o in options]
        assert row["option_characters"] == [len(text) for text in row["options"]]
        assert row["preset"] == name
    assert {(p.input_eos, p.target_eos) for p in PRESETS.values()} == {(True, True), (False, True), (True, False)}


def test_normalisation_decides_among_options_of_unlike_lengths():
    def choice(normalization):
        found, _ = answers(EvaluationConfig(preset="lm_eval", items=3, normalization=normalization))
        assert {row["normalization"] for row in found} == {normalization or "sum"}
        (prediction,) = {row["prediction"] for row in found}
        return prediction

    # Told: -4 - tokens / 2, so that the sum likes few tokens and the mean likes many.
    assert choice("sum") == choice("") == "red"
    assert choice("tokens") == "a very dark grey"
    assert choice("characters") == "a very dark grey"


def test_options_are_shown_and_scored_in_their_canonical_order():
    found, scorer = answers(EvaluationConfig(items=0))
    eos = [tokenizer().eos_id]
    for row, options in zip(found, scorer.options, strict=True):
        assert tuple(row["options"]) == COLOURS
        assert row["prompt"].endswith("\n".join(f"- {colour}" for colour in COLOURS))
        assert options == [ids + eos for ids in tokenizer().encode(COLOURS)]
        assert row["references"] == [COLOURS[row["item"] % 4]]


WORDS = {"red": "it looks", "light green": "say", "blue": "so the answer", "a very dark grey": "which colour ?"}


@pytest.mark.parametrize("written", [False, True])
def test_a_template_with_words_of_its_own_is_scored_by_the_answers_of_the_task(written):
    reworded = dataclasses.replace(task(), templates=[Template("{{ text }} which colour ?", words=WORDS)])
    config = EvaluationConfig(items=4, chain_of_thought=written)
    found, scorer = answers(config, Told("it looks so . So the answer is say ."), reworded)
    assert [row["chain_of_thought"] for row in found] == ([False, True] * 4 if written else [False] * 4)
    assert scorer.options[0] == [layout(config).targets(ids) for ids in tokenizer().encode(WORDS.values())]
    for row in found:
        assert row["references"] == [COLOURS[row["item"] % 4]]
        assert tuple(row["options"]) == COLOURS
        assert row["prediction"] == "light green", "what the template calls 'say', the shortest of its words"


def test_options_can_be_left_out_of_the_prompt_and_are_scored_all_the_same():
    found, _ = answers(EvaluationConfig(items=2, options=False))
    for row in found:
        assert "light green" not in row["prompt"].replace(f"is {row['references'][0]}", "")
        assert len(row["option_log_likelihoods"]) == 4


def test_items_are_evenly_spaced_over_the_split():
    found, _ = answers(EvaluationConfig(items=5, templates=1))
    assert [row["item"] for row in found] == [0, 4, 8, 12, 16]
    assert all(f"asked thing {row['item']} " in row["prompt"] for row in found)
    for items in (0, 20, 1000):
        assert [row["item"] for row in answers(EvaluationConfig(items=items, templates=1))[0]] == list(range(20))


def test_every_item_meets_every_template_and_number_of_shots():
    found, _ = answers(EvaluationConfig(items=3, shots=(0, 2)))
    assert {(r["item"], r["template"], r["shots"]) for r in found} == {
        (item, template, shots) for item in (0, 6, 13) for template in "01" for shots in (0, 2)
    }
    assert len(found) == 12
    assert {r["template"] for r in answers(EvaluationConfig(items=3, templates=1))[0]} == {"0"}


def test_shots_come_from_training_rows_only():
    found, _ = answers(EvaluationConfig(items=0, shots=(2,)), length=200)
    for row in found:
        assert row["prompt"].count("seen thing") == 2
        assert row["prompt"].count("asked thing") == 1
        assert row["prompt"].rindex("asked thing") > row["prompt"].rindex("seen thing")
    assert len({row["prompt"].split("asked")[0] for row in found}) > 10


def test_shots_without_training_rows_are_an_error_with_the_way_out():
    with pytest.raises(SourceError, match=r"no training split to take exemplars from; .*shots=\(0,\)"):
        answers(EvaluationConfig(shots=(0, 2)), of=task(train=None))


def test_shots_that_do_not_fit_are_left_out_and_those_shown_are_counted():
    found, _ = answers(EvaluationConfig(items=3, shots=(5,)), length=48)
    for row in found:
        assert row["prompt"].count("seen thing") == row["shots_shown"] < 5
        assert row["prompt_tokens"] <= 48
        assert row["shots"] == 5


def test_a_task_without_evaluation_rows_is_an_error_with_the_way_out():
    with pytest.raises(SourceError, match=r"task colour has no evaluation split; set Task\(evaluation='validation'\)"):
        answers(EvaluationConfig(), of=task(evaluation=None))


def test_rows_left_out_are_counted_with_their_reasons():
    def no_blue(row):
        if row["label"] == 2:
            raise SkipRow("blue")
        return read(row) if row["label"] else read({"text": row["text"]})

    config = EvaluationConfig(items=0, templates=1)
    asked = ask([task(no_blue)], config, layout(config))
    assert [i.row for i in asked.items] == [n for n in range(20) if n % 4 in (1, 3)]
    assert asked.skipped["colour"][0].startswith("KeyError: 'label'")
    assert asked.skipped["colour"][2] == "blue"
    lost = asked.left_out["colour"]
    assert (lost["rows"], lost["left_out"], lost["reasons"][1]) == (20, 10, "row 2: blue")
    results = summarize(predict(asked, config, layout(config), Told(), model="trained", step=1))
    assert results["left_out"] == asked.left_out


def test_an_unreadable_row_is_counted_and_the_others_are_asked(tmp_path):
    lines = [json.dumps(row) for row in made("asked", 6)]
    (tmp_path / "rows.jsonl").write_text("\n".join([*lines[:2], '{"text": broken', *lines[2:]]))
    config = EvaluationConfig(items=0, templates=1)
    asked = ask(
        [task(source=jsonl(evaluation=tmp_path / "rows.jsonl"), train=None, evaluation="evaluation")], config, layout(config)
    )
    assert [i.row for i in asked.items] == [0, 1, 3, 4, 5, 6]
    assert "rows.jsonl:3: not JSON" in asked.skipped["colour"][2]


def test_a_row_that_one_template_has_no_room_for_is_left_out_under_all():
    wordy = "{{ text }} " + "which colour ? " * 2 + "{% if n > 3 %}" + "which colour ? " * 30 + "{% endif %}"

    def numbered(row):
        return read(row)._replace(fields={"text": row["text"], "n": int(row["text"].split()[2])})

    config = EvaluationConfig(items=0)
    asked = ask([task(numbered, templates=(wordy, "say : {{ text }}"))], config, layout(config))
    assert {(i.row, i.query.wording.template) for i in asked.items} == {(n, t) for n in range(4) for t in (0, 1)}
    assert asked.left_out["colour"]["left_out"] == 16
    assert summarize(predict(asked, config, layout(config), Told(), model="trained", step=1))["tasks"][0]["items"] == 4


def test_the_digest_of_the_questions_changes_with_any_word_and_not_with_their_order():
    config = EvaluationConfig(items=4)
    asked = ask([task()], config, layout(config))
    again = asked._replace(items=asked.items[::-1])
    assert asked.digest == again.digest
    for other in (task(templates=("{{ text }} what colour ?", "say : {{ text }}")), task(lambda r: read({**r, "label": 0}))):
        assert ask([other], config, layout(config)).digest != asked.digest


def test_a_task_of_which_nothing_can_be_asked_is_an_error_with_reasons():
    with pytest.raises(SourceError, match=r"none of its evaluation rows can be asked: .*tokens do not fit"):
        answers(EvaluationConfig(), length=8)


@pytest.mark.parametrize(
    ("text", "prediction", "parsed"),
    [
        ("it looks blue . So the answer is blue .", "blue", True),
        ("it looks blue .", None, False),
        ("it looks red . So the answer is purple .", None, False),
    ],
)
def test_chains_of_thought_are_generated_and_their_answer_found(text, prediction, parsed):
    found, scorer = answers(EvaluationConfig(items=2, templates=1, chain_of_thought=True), Told(text))
    direct, reasoned = ([r for r in found if r["chain_of_thought"] is on] for on in (False, True))
    assert len(direct) == len(reasoned) == 2
    assert {r["scorer"] for r in direct} == {"rank"}
    for row in reasoned:
        assert row["scorer"] == "generate"
        assert row["prompt"].endswith(CHAINS_OF_THOUGHT[0].request)
        assert row["generated"].split() == tokenizer().decode(tokenizer().encode([text])[0]).split()
        assert (row["parsed"], row["stop"]) == (parsed, "eos")
        if prediction:
            assert row["prediction"] == prediction
    assert scorer.prompts[0][-1] == tokenizer().eos_id


def test_tasks_without_options_are_generated():
    def free(row):
        return Example({"text": row["text"]}, row["text"])

    found, scorer = answers(EvaluationConfig(items=3), Told("asked thing 0 is red"), of=task(free, metrics=("exact_match",)))
    assert not scorer.options
    assert {(r["scorer"], r["prediction"], r["parsed"]) for r in found} == {("generate", "asked thing 0 is red", True)}
    assert all(r["options"] == r["option_log_likelihoods"] == [] for r in found)


def test_predictions_have_the_schema_whatever_was_asked():
    config = EvaluationConfig(items=2, shots=(0, 1), chain_of_thought=True)
    asked = ask([task()], config, layout(config, 200))
    table = predict(asked, config, layout(config), Told("So the answer is red ."), model="untuned", step=0)
    assert table.schema == SCHEMA
    assert table.num_rows == 2 * 2 * 2 * 2
    assert len(set(table["prompt_hash"].to_pylist())) == len(set(table["prompt"].to_pylist()))


def test_what_is_asked_does_not_depend_on_the_other_tasks_or_the_number_of_items():
    few, many = (answers(EvaluationConfig(items=n, shots=(2,)), length=200)[0] for n in (5, 20))
    by_key = {(r["item"], r["template"]): r["prompt"] for r in many}
    assert all(by_key[r["item"], r["template"]] == r["prompt"] for r in few)


def test_the_lm_eval_preset_gives_the_log_likelihoods_of_lm_eval(tmp_path):
    """Recipe: T5ForConditionalGeneration kept untied, HFLM with backend="seq2seq" (lm_eval/models/huggingface.py)."""
    pytest.importorskip("lm_eval")
    pytest.importorskip("accelerate", reason="lm_eval's HFLM needs accelerate: pip install lm-eval[hf]")
    import transformers
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    params = jax.jit(functional.init, static_argnums=0)(MODEL, jax.random.key(0))
    hf.save(tmp_path, MODEL, params)
    tokenizer().save(tmp_path)
    config = EvaluationConfig(preset="lm_eval", items=6)
    scorer = Scorer(MODEL, params, make_mesh(MeshConfig(), jax.devices()[:1]), layout(config), batch_size=8)
    ours, _ = answers(config, scorer)

    torch_model = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path)
    torch_model.tie_weights = lambda *args, **kwargs: None
    fast = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    harness = HFLM(pretrained=torch_model, tokenizer=fast, backend="seq2seq", batch_size=4, device="cpu")
    pairs = [(row["prompt"], option) for row in ours for option in row["options"]]
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    theirs = [score for score, _ in harness.loglikelihood(requests, disable_tqdm=True)]
    found = [score for row in ours for score in row["option_log_likelihoods"]]
    assert np.std(theirs) > 1
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-4)
    # The other conventions are other numbers.
    for other in ("flan", "t0"):
        row = answers(EvaluationConfig(preset=other, items=6), scorer)[0][0]
        assert abs(row["option_log_likelihoods"][0] - theirs[0]) > 1e-2
