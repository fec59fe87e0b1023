"""Rendering: each style says what it should, and no text says what it must not."""

import dataclasses

import pytest
from asking import candidates, written

from flanjax.sources import rows
from flanjax.tasks.answers import extract
from flanjax.tasks.chains import ChainOfThought
from flanjax.tasks.draws import Draws
from flanjax.tasks.options import OPTION_STYLES, OptionStyle
from flanjax.tasks.render import CHAINS_OF_THOUGHT, Wording, choose, ordered_options, with_fields
from flanjax.tasks.styles import NUM_STYLES, Style, StyleShares
from flanjax.tasks.task import BadRow, Example, Task
from flanjax.tasks.template import Template

COLOURS = ("red", "green", "blue", "grey")
REVIEW = Example({"text": "SKY"}, "blue", COLOURS, "Air scatters short waves")
REASONING = [c for c in CHAINS_OF_THOUGHT if c.order == "reason first"]
ANSWER_FIRST = [c for c in CHAINS_OF_THOUGHT if c.order == "answer first"]
LABELLED = OptionStyle("Choose.", "(A)", "label")
TASK = Task(
    name="colours",
    cluster="colours",
    source=rows("toy", train=[{}]),
    example=lambda row: REVIEW,
    templates=[
        Template("What colour has {{ text }}?"),
        Template("{{ options }}\nWhich of these has {{ text }}?"),
        Template("Is {{ text }} {{ choices | join(' or ') }}?"),
        Template("What is {{ answer }}?", "{{ text }}", "inverted"),
    ],
)


def draws(n):
    return Draws(0, "colours", n, 0)


def test_style_ids_and_styles_are_the_same_thing():
    styles = [Style.from_id(i) for i in range(NUM_STYLES)]
    assert [s.id for s in styles] == list(range(NUM_STYLES))
    assert len({s.name for s in styles}) == NUM_STYLES


def test_without_options_none_is_shown_and_the_target_is_the_text():
    wording = Wording(0, Style(), options=LABELLED)
    assert written(TASK, REVIEW, wording) == ("What colour has SKY?", "blue")


def test_options_go_to_the_end_unless_the_template_places_them():
    shown = LABELLED.block(COLOURS)
    at_end = written(TASK, REVIEW, Wording(0, Style(options=True), options=LABELLED))
    placed = written(TASK, REVIEW, Wording(1, Style(options=True), options=LABELLED))
    assert at_end == (f"What colour has SKY?\n{shown}", "(C)")
    assert placed == (f"{shown}\nWhich of these has SKY?", "(C)")


@pytest.mark.parametrize("options", OPTION_STYLES, ids=str)
@pytest.mark.parametrize("n", range(5))
def test_the_target_stands_for_the_answer_in_every_layout_and_order(options, n):
    shown = ordered_options(TASK, REVIEW, draws(n))
    read, write = written(TASK, REVIEW, Wording(0, Style(options=True), options=options), draws(n))
    assert extract(write, shown) == ("blue", True)
    assert f"{write} blue" in read or options.target == "text"


def test_choices_are_worded_by_the_template_itself():
    assert written(TASK, REVIEW, Wording(2, Style(options=True))) == ("Is SKY red or green or blue or grey?", "blue")
    chosen = [choose(TASK, REVIEW, StyleShares(options=1.0, option_styles=(LABELLED,)), draws(n)).wording for n in range(60)]
    listed = [w for w in chosen if w.template == 2]
    assert listed
    assert {w.options.target for w in listed} == {"text"}


def test_the_order_of_options_is_a_permutation_that_depends_on_the_draws_alone():
    orders = [tuple(ordered_options(TASK, REVIEW, draws(n))) for n in range(200)]
    assert {tuple(sorted(o)) for o in orders} == {tuple(sorted(COLOURS))}
    assert orders == [tuple(ordered_options(TASK, REVIEW, draws(n))) for n in range(200)]
    assert len(set(orders)) == 24


def test_options_keep_their_order_where_the_task_or_the_caller_says_so():
    fixed = dataclasses.replace(TASK, shuffle_options=False)
    assert all(ordered_options(fixed, REVIEW, draws(n)) == list(COLOURS) for n in range(20))
    assert ordered_options(TASK, REVIEW, None) == list(COLOURS)


@pytest.mark.parametrize("words", REASONING, ids=lambda c: c.bridge)
@pytest.mark.parametrize("rationale", ["Because.", "It is so", "The answer is not obvious!", "Is it? Yes: see above."])
@pytest.mark.parametrize("answer", ["4", "-3.5", "blue", "New York", "1,200", "U.S"])
def test_reasoning_comes_before_the_answer_and_the_answer_is_found_again(words, rationale, answer):
    example = Example({"text": "x"}, answer, (), rationale)
    read, write = written(TASK, example, Wording(0, Style(chain_of_thought=True), chain=words))
    assert (read.startswith if words.request_first else read.endswith)(words.request)
    assert write.startswith(rationale)
    assert write.index(rationale) + len(rationale) < write.index(words.bridge)
    assert extract(write, reasoned=True) == extract(write, reasoned=True, chain=words) == (answer, True)


@pytest.mark.parametrize("words", ANSWER_FIRST, ids=lambda c: c.bridge)
@pytest.mark.parametrize("answer", ["4", "-3.5", "blue", "New York", "U.S"])
def test_an_answer_may_come_before_its_reasons_and_is_found_again(words, answer):
    example = Example({"text": "x"}, answer, (), "It is so.")
    read, write = written(TASK, example, Wording(0, Style(chain_of_thought=True), chain=words))
    assert words.request in read
    assert write == f"{answer}. {words.bridge} It is so."
    assert extract(write, reasoned=True, chain=words) == (answer, True)


def test_a_request_for_reasons_that_ends_in_a_colon_is_the_cue():
    task = dataclasses.replace(TASK, templates=[Template("Why is {{ text }} blue?", cue="Answer:")])
    for request, ending in (("Explanation, then answer:", "Explanation, then answer:"), ("Explain.", "Explain.\nAnswer:")):
        chain = ChainOfThought(request, "So the answer is")
        read, _ = written(task, REVIEW, Wording(0, Style(chain_of_thought=True), chain=chain))
        assert read == f"Why is SKY blue?\n{ending}"


def test_an_answer_alone_may_be_asked_for_although_there_are_reasons():
    direct = [c for c in CHAINS_OF_THOUGHT if c.order == "answer only"]
    assert direct
    for words in direct:
        read, write = written(TASK, REVIEW, Wording(0, Style(), chain=words))
        assert (read, write) == (f"What colour has SKY?\n{words.request}", "blue")
    shares = StyleShares(chain_of_thought=1.0, inverted=0.0, chains_of_thought=(direct[0],))
    assert not choose(TASK, REVIEW, shares, draws(0)).wording.style.chain_of_thought
    with pytest.raises(ValueError, match="expected 'reason first'"):
        ChainOfThought("Why?", "So", order="reasons")
    with pytest.raises(ValueError, match="no bridge"):
        ChainOfThought("Why?")


@pytest.mark.parametrize("words", REASONING[:6], ids=lambda c: c.bridge)
@pytest.mark.parametrize("options", OPTION_STYLES, ids=str)
def test_a_reasoned_choice_is_found_again(words, options):
    wording = Wording(0, Style(options=True, chain_of_thought=True), options=options, chain=words)
    shown = ordered_options(TASK, REVIEW, draws(1))
    assert extract(written(TASK, REVIEW, wording, draws(1))[1], shown, reasoned=True) == ("blue", True)


@pytest.mark.parametrize("n", range(4))
def test_candidates_are_the_targets_of_the_options_in_the_order_shown(n):
    for wording in (Wording(0, Style()), Wording(1, Style(options=True), options=LABELLED)):
        targets = candidates(TASK, REVIEW, wording, draws(n))
        right = ordered_options(TASK, REVIEW, draws(n)).index("blue")
        assert len(set(targets)) == 4
        assert targets[right] == written(TASK, REVIEW, wording, draws(n))[1]


def test_choices_of_wording_follow_their_shares_and_only_what_applies():
    shares = StyleShares(few_shot=0.25, options=0.75, chain_of_thought=0.5, inverted=0.2, max_shots=3)
    chosen = [choose(TASK, REVIEW, shares, draws(n)).wording for n in range(2000)]
    share = {axis: sum(getattr(w.style, axis) for w in chosen) / 2000 for axis in Style._fields}
    listed = 0.8 / 3  # a wording that lists the choices itself always shows them
    direct = sum(c.order == "answer only" for c in CHAINS_OF_THOUGHT) / len(CHAINS_OF_THOUGHT)
    reasoned = 0.5 * 0.8 * (1 - direct)
    expected = {"few_shot": 0.25, "options": listed + 0.75 * (0.8 - listed), "chain_of_thought": reasoned, "inverted": 0.2}
    assert share == pytest.approx(expected, abs=0.05)
    assert {w.template for w in chosen} == {0, 1, 2, 3}
    assert {w.num_shots for w in chosen if w.style.few_shot} == {1, 2, 3}
    assert {w.num_shots for w in chosen if not w.style.few_shot} == {0}
    bare = dataclasses.replace(TASK, templates=TASK.templates[:2])
    plain = [choose(bare, REVIEW._replace(options=(), rationale=""), shares, draws(n)).wording for n in range(200)]
    assert not any(w.style.options or w.style.chain_of_thought for w in plain)


@pytest.mark.parametrize("n", range(30))
def test_an_inverted_example_shows_neither_options_nor_reasoning_nor_its_target(n):
    shares = StyleShares(few_shot=1.0, options=1.0, chain_of_thought=1.0, inverted=1.0)
    wording, asked, _ = choose(TASK, REVIEW, shares, draws(n))
    assert wording.style == Style(few_shot=True, inverted=True)
    assert (asked.input, asked.target) == ("What is blue?", "SKY")


def test_inverted_templates_that_need_a_rationale_wait_for_one():
    explain = Template("Why {{ answer }}?", "{{ rationale }}", "inverted")
    task = dataclasses.replace(TASK, templates=[Template("{{ text }}"), explain])
    shares = StyleShares(inverted=1.0)
    assert choose(task, REVIEW, shares, draws(0)).wording.template == 1
    without = choose(task, REVIEW._replace(rationale=""), shares, draws(0))
    assert (without.wording.template, without.refused) == (0, 1)


def test_a_template_that_fails_on_a_row_makes_it_a_bad_row_that_names_the_template():
    with pytest.raises(BadRow, match=r"template '0': 'text' is undefined"):
        written(TASK, Example({"other": "x"}, "blue", COLOURS), Wording(0, Style()))
    with pytest.raises(BadRow, match="target is empty"):
        written(TASK, Example({"text": ""}, "blue", COLOURS), Wording(3, Style(inverted=True)))


def test_shortening_touches_only_the_named_fields_and_never_a_choice():
    example = Example({"text": "long text", "other": "stays"}, ("first answer", "second"), (), "long reasons")
    short = with_fields(example, {"text": "long", "answer": "first", "rationale": "long", "unknown": "x"})
    assert short == Example({"text": "long", "other": "stays"}, ("first", "second"), (), "long")
    assert with_fields(REVIEW, {"answer": "bl"}).answer == "blue"
