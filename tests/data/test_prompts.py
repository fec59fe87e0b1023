"""Prompts within a budget: what is cut and what never, which exemplars fit. A token is a byte here, so budgets are exact."""

import dataclasses
import json
import random

import pytest

from flanjax.data.feature_config import Budget
from flanjax.data.prompts import Prompt, TooLong, build_prompts
from flanjax.data.queries import Query
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.sources import jsonl, rows
from flanjax.tasks.draws import Draws
from flanjax.tasks.exemplar_formats import FORMATS
from flanjax.tasks.options import OPTION_STYLES, OptionStyle
from flanjax.tasks.render import CHAINS_OF_THOUGHT, Wording, ask, choose
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import BadRow, Example, Exemplar, SkipRow, Task
from flanjax.tasks.template import Template

BYTES = ByteTokenizer()
NUM_ROWS = 40
ROWS = [{"passage": f"p{i} " + "word " * (5 * i), "question": f"question {i}?", "answer": "yes"} for i in range(NUM_ROWS)]
SOURCE = rows("reading", train=ROWS)
POOL = SOURCE.open("train")


def read(row):
    return Example({"passage": row["passage"], "question": row["question"]}, row["answer"], ("yes", "no"))


TASK = Task(
    name="reading",
    cluster="reading",
    source=SOURCE,
    example=read,
    templates=[
        Template("INSTRUCTION\n{{ passage }}\n{{ question }}"),
        Template("{{ question }} {{ passage }} {{ options }} INSTRUCTION"),
        Template("INSTRUCTION {{ answer }} {{ question }}", "{{ passage }}", "inverted"),
    ],
    long_fields=["passage"],
)


PLAIN = Wording(0, Style())


def query(number, wording=PLAIN, task=TASK, pool=POOL, **changes):
    return asked_anew(
        Query(task, task.read(ROWS[number]), wording, None, Draws(0, number), pool, number if pool else None), **changes
    )


def asked_anew(query, **changes):
    """The query with changes, and what it asks then."""
    query = query._replace(**changes)
    asked = ask(query.task, query.example, query.wording, query.draws, keep_order=query.keep_order)
    return query._replace(asked=asked)


def build(asked, inputs, targets: int | None = 1000, tokenizer=BYTES):
    return build_prompts([asked], tokenizer, Budget(inputs, targets))[0]


def shots(n, words=FORMATS[0], **style):
    return Wording(0, Style(few_shot=True, **style), num_shots=n, exemplars=words)


@pytest.mark.parametrize("seed", range(8))
def test_instruction_question_and_options_survive_every_budget(seed):
    draw = random.Random(seed)
    shares = StyleShares(options=0.8, inverted=0, few_shot=0.5)
    asked = []
    for _ in range(60):
        one = query(draw.randrange(NUM_ROWS))
        asked.append(asked_anew(one, wording=choose(TASK, one.example, shares, Draws(seed, draw.random())).wording))
    budget = Budget(draw.randrange(60, 400), 60)
    results = build_prompts(asked, BYTES, budget)
    assert any(isinstance(r, Prompt) for r in results)
    for one, result in zip(asked, results, strict=True):
        if isinstance(result, TooLong):
            assert len(f"INSTRUCTION\n\n{one.example.fields['question']}") + 60 > budget.inputs
            continue
        assert len(result.ids) <= budget.inputs
        assert len(result.target_ids) <= budget.targets
        assert BYTES.decode(result.ids) == result.text
        assert "INSTRUCTION" in result.rendered.input
        assert one.example.fields["question"] in result.rendered.input
        if one.wording.style.options:
            assert one.wording.options.header in result.rendered.input
            assert all(o in result.rendered.input for o in one.example.options)
        assert result.rendered.input in result.text
        cue = one.wording.exemplars.before_target.replace("{n}", str(result.num_shots + 1)).rstrip()
        assert result.text.endswith(cue if result.num_shots else result.rendered.input)


def test_only_declared_fields_shrink_by_whole_words_and_by_no_more_than_is_needed():
    full, short = build(query(30), 10_000), build(query(30), 300)
    assert full.cut_tokens == 0
    passage = ROWS[30]["passage"]
    kept = short.text.removeprefix("INSTRUCTION\n").removesuffix("\nquestion 30?")
    assert passage.startswith(kept)
    assert passage[len(kept)] == " "
    assert 0.9 * 300 < len(short.ids) <= 300
    assert short.cut_tokens == len(full.ids) - len(short.ids) > 0
    assert not short.cut_target


@pytest.mark.parametrize("budget", range(60, 260, 7))
def test_shrinking_meets_any_budget(budget):
    assert len(build(query(39), budget).ids) <= budget


@pytest.mark.parametrize("budget", [Budget(60, 200), Budget(200, 60)], ids=["inputs", "targets"])
def test_a_field_in_both_texts_shrinks_to_the_tighter_of_the_two_budgets(budget):
    task = dataclasses.replace(TASK, templates=[Template("INSTRUCTION {{ passage }}", "{{ passage }} {{ answer }}")])
    asked = query(30, task=task)
    (found,) = build_prompts([asked_anew(asked, example=asked.example._replace(options=()))], BYTES, budget)
    assert isinstance(found, Prompt)
    tight = found.ids if budget.inputs == 60 else found.target_ids
    assert 48 <= len(tight) <= 60


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("\u6cb3" * 200, "\u6cb3"),
        ("line\n" * 100, "line"),
        ("cell\tcell\n" * 50, "cell"),
        ("x" * 500 + " and more words", "x"),
        ("\u6cb3\u6c34\u3000" * 60, "\u6cb3\u6c34"),
    ],
    ids=["no spaces", "lines", "tabs", "long word", "wide spaces"],
)
def test_a_text_is_cut_at_any_white_space_or_anywhere_where_there_is_none(text, ends):
    asked = query(1)
    short = build(asked_anew(asked, example=asked.example._replace(fields={"passage": text, "question": "q?"})), 200)
    kept = short.rendered.input.removeprefix("INSTRUCTION\n").removesuffix("\nq?")
    assert text.startswith(kept)
    assert kept.endswith(ends)
    assert 0.8 * 200 < len(short.ids) <= 200


def test_of_several_references_the_one_that_is_written_is_shortened():
    words = ("many words " * 9, "other words " * 9, "third words " * 9)
    task = dataclasses.replace(
        TASK, example=lambda row: Example({"question": "q", "passage": "p"}, words), long_fields=["answer"], target="random"
    )
    found = [build(query(number, task=task), 1000, 40).rendered.target for number in range(9)]
    assert {text.partition(" ")[0] for text in found} == {"many", "other", "third"}
    assert all(20 < len(text) <= 40 for text in found)


def test_what_may_not_shrink_and_does_not_fit_is_too_long_and_says_so():
    rigid = dataclasses.replace(TASK, long_fields=[])
    result = build(query(30, task=rigid), 300)
    assert isinstance(result, TooLong)
    assert "779 input" in str(result)
    assert "declares no long field" in str(result)
    assert isinstance(build(query(30), 20), TooLong)


def test_a_field_that_is_not_in_the_wording_does_not_save_a_prompt():
    asked = query(3, task=dataclasses.replace(TASK, templates=[Template("{{ question * 50 }}", name="fifty"), *TASK.templates]))
    assert isinstance(build(asked, 100), TooLong)


def test_a_long_target_is_cut_and_marked_so():
    inverted = Wording(2, Style(inverted=True))
    full, short = build(query(30, inverted), 1000, 10_000), build(query(30, inverted), 1000, 50)
    assert short.cut_target
    assert not full.cut_target
    assert full.rendered.target.startswith(short.rendered.target)
    assert 40 < len(short.target_ids) <= 50
    assert short.text == full.text
    assert short.cut_tokens == len(full.target_ids) - len(short.target_ids)
    assert build(query(30, inverted), 1000, None) == full


@pytest.mark.parametrize(("order", "loses_its_end"), [("reason first", False), ("answer first", True)])
def test_a_shortened_rationale_loses_the_end_of_the_target_only_if_it_comes_last(order, loses_its_end):
    chain = next(c for c in CHAINS_OF_THOUGHT if c.order == order)
    task = dataclasses.replace(TASK, long_fields=["rationale"])
    asked = query(1, Wording(0, Style(chain_of_thought=True), chain=chain), task=task)
    asked = asked_anew(asked, example=asked.example._replace(rationale="because of this " * 9))
    short = build(asked, 1000, 100)
    assert short.cut_tokens == len(build(asked, 1000).target_ids) - len(short.target_ids) > 0
    assert short.cut_target is loses_its_end
    assert short.rendered.target.endswith("answer is yes.") is not loses_its_end


def test_a_free_answer_may_be_cut_but_never_one_that_is_chosen():
    free = dataclasses.replace(
        TASK, example=lambda row: Example({"question": "q", "passage": "p"}, "many words " * 9), long_fields=["answer"]
    )
    assert build(query(1, task=free), 1000, 40).cut_target
    chosen = dataclasses.replace(
        free, example=lambda row: read(row)._replace(answer="a long choice", options=("a long choice", "no"))
    )
    assert isinstance(build(query(1, task=chosen), 1000, 5), TooLong)


def test_exemplars_are_other_rows_in_the_querys_own_wording():
    for number in range(12):
        asked = query(number, shots(3, FORMATS[1], options=True))
        prompt = build(asked, 100_000)
        *blocks, last = prompt.text.split("\n\n")
        assert prompt.num_shots == len(blocks) == 3
        assert all(b.startswith("Question: INSTRUCTION") and b.endswith("Answer: yes") for b in blocks)
        assert all(OptionStyle().header in b for b in [*blocks, last])
        assert last.endswith("\nAnswer:")
        assert f"question {number}?" not in "".join(blocks)
        assert len(set(blocks)) == 3


def test_the_only_row_of_a_pool_is_never_its_own_exemplar():
    alone = rows("one", train=ROWS[:1]).open("train")
    assert build(query(0, shots(3), pool=alone), 10_000).num_shots == 0
    assert build(query(0, shots(3), pool=None), 10_000).num_shots == 0
    other = query(1, shots(1), pool=alone)._replace(pool_row=None)
    assert "question 0?" in build(other, 10_000).text


def test_an_inverted_prompt_has_inverted_exemplars_and_does_not_tell_its_target():
    for number in range(3, 12):
        prompt = build(query(number, Wording(2, Style(few_shot=True, inverted=True), num_shots=2)), 100_000, 100_000)
        *blocks, last = prompt.text.split("\n\n")
        assert prompt.num_shots == 2
        assert all(b.startswith("Input: INSTRUCTION yes question") for b in blocks)
        assert f"p{number} " not in prompt.text
        assert last == f"Input: INSTRUCTION yes question {number}?\nOutput:"


@pytest.mark.parametrize("words", FORMATS, ids=lambda f: f.before_input)
def test_exemplars_are_added_exactly_while_they_fit(words):
    asked = query(5, shots(2, words))
    whole = build(asked, 100_000)
    exact = len(whole.ids)
    assert whole.num_shots == 2
    assert build(asked, exact) == whole
    less = build(asked, exact - 1)
    assert less.num_shots < 2 or len(less.ids) < exact
    bare = build(asked_anew(asked, wording=asked.wording._replace(num_shots=0)), 100_000)
    none = build(asked, len(bare.ids))
    assert none.num_shots == 0
    assert none.text == bare.text == "INSTRUCTION\np5 " + "word " * 25 + "\nquestion 5?"


@pytest.mark.parametrize("budget", [300, 10_000])
def test_a_tasks_own_exemplars_are_shown_in_their_order_up_to_the_first_that_does_not_fit(budget):
    own = [
        Exemplar(Example({"passage": "p", "question": q}, "yes", ("yes", "no"))) for q in ("short?", "long? " * 200, "third?")
    ]
    task = dataclasses.replace(TASK, exemplars=own)
    prompt = build(query(0, shots(3), task=task), budget)
    shown = [q for q in ("short?", "long?", "third?") if q in prompt.text]
    assert (prompt.num_shots, shown) == ((1, ["short?"]) if budget < 1000 else (3, ["short?", "long?", "third?"]))


@pytest.mark.parametrize("budget", range(100, 1500, 97))
def test_exemplars_never_cost_the_query_a_token(budget):
    for number in (0, 7, 20):
        alone, shown = build(query(number), budget), build(query(number, shots(5)), budget)
        assert shown.rendered == alone.rendered
        assert shown.cut_tokens == alone.cut_tokens
        assert len(shown.ids) <= budget
        assert alone.rendered.input in shown.text


def test_a_tokenizer_whose_whole_is_longer_than_its_parts_still_meets_the_budget():
    class Grows(ByteTokenizer):
        def encode(self, texts):
            return [[*ids, *ids[: 20 * text.count("\n\n")]] for ids, text in zip(super().encode(texts), texts, strict=True)]

    sizes = {b: build(query(5, shots(4)), b, tokenizer=Grows()) for b in range(200, 3000, 150)}
    assert all(len(p.ids) <= b for b, p in sizes.items())
    assert max(p.num_shots for p in sizes.values()) == 4


def test_bad_rows_and_rows_without_reasons_are_no_exemplars():
    def picky(row):
        number = int(row["question"].split()[1].rstrip("?"))
        if number % 3 == 1:
            raise SkipRow
        if number % 3 == 2:
            raise ValueError("bad")
        return read(row)._replace(rationale="Because." if number % 2 else "")

    task = dataclasses.replace(TASK, example=picky)
    for number in (3, 9, 15):
        reasoned = shots(3, chain_of_thought=True)._replace(chain=CHAINS_OF_THOUGHT[0])
        prompt = build(query(number, reasoned, task=task), 100_000)
        numbers = [int(b.split("question ")[1].split("?")[0]) for b in prompt.text.split("\n\n")[:-1]]
        assert all(n % 3 == 0 and n % 2 for n in numbers)


def test_a_row_that_cannot_be_read_is_no_exemplar(tmp_path):
    lines = [json.dumps({"passage": "p", "question": f"good {i}?", "answer": "yes"}) for i in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join([*lines, "{broken"]))
    pool = jsonl(train=str(tmp_path / "rows.jsonl")).open("train")
    for number in range(8):
        prompt = build(query(number, shots(3), pool=pool)._replace(pool_row=None), 10_000)
        assert 1 <= prompt.num_shots <= 3
        assert prompt.text.count("good") == prompt.num_shots


def test_a_bad_query_is_a_reason_beside_the_others_prompts():
    empty = query(1)._replace(asked=query(1).asked._replace(target=""))
    results = build_prompts([query(1), empty, query(2)], BYTES, Budget(500, 50))
    assert [type(r) for r in results] == [Prompt, BadRow, Prompt]
    assert results[2] == build(query(2), 500, 50)
    assert build_prompts([], BYTES, Budget(500, 50)) == []


def test_many_prompts_at_once_are_the_same_as_one_by_one():
    asked = [
        query(n, shots(n % 4) if n % 4 else Wording(n % 2, Style(options=True), options=OPTION_STYLES[n % 8]))
        for n in range(20)
    ]
    assert build_prompts(asked, BYTES, Budget(300, 50)) == [build(q, 300, 50) for q in asked]


def test_keeping_the_order_of_options_keeps_it_for_the_query():
    asked = [query(n, Wording(0, Style(options=True))) for n in range(20)]
    kept = {build(asked_anew(q, keep_order=True), 10_000).text.split("Options:")[1] for q in asked}
    drawn = {build(q, 10_000).text.split("Options:")[1] for q in asked}
    assert (len(kept), len(drawn)) == (1, 2)
