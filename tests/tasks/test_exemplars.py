"""Exemplars: which rows may serve, and how they stand before the question."""

import pytest

from flanjax.tasks.draws import Draws
from flanjax.tasks.exemplar_formats import FORMATS
from flanjax.tasks.exemplars import ExemplarFormat, Shot, candidate_rows


@pytest.mark.parametrize("num_rows", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("wanted", [1, 3, 5])
def test_candidates_are_distinct_rows_of_the_pool_and_never_the_query(num_rows, wanted):
    for query in range(min(num_rows, 50)):
        found = list(candidate_rows(Draws("seed", query), num_rows, query, wanted))
        assert len(set(found)) == len(found) <= 2 * wanted
        assert query not in found
        assert set(found) <= set(range(num_rows))


def test_a_query_from_elsewhere_rules_out_no_row():
    seen = {row for n in range(50) for row in candidate_rows(Draws(n), 3, None, 2)}
    assert seen == {0, 1, 2}


def test_a_large_pool_gives_more_candidates_than_are_wanted():
    assert all(len(list(candidate_rows(Draws(n), 10_000, 5, 4))) == 8 for n in range(50))


@pytest.mark.parametrize("num_rows", [1, 2, 5, 10])
def test_of_a_small_pool_every_row_is_a_candidate(num_rows):
    for n in range(200):
        assert {*candidate_rows(Draws(n), num_rows, None, 5)} == {*range(num_rows)}
        assert {*candidate_rows(Draws(n), num_rows, 0, 5)} == {*range(1, num_rows)}


def test_the_same_draws_give_the_same_candidates_and_others_give_others():
    picks = [tuple(candidate_rows(Draws(n), 10_000, None, 3)) for n in range(20)]
    assert picks == [tuple(candidate_rows(Draws(n), 10_000, None, 3)) for n in range(20)]
    assert len(set(picks)) == 20


@pytest.mark.parametrize("words", FORMATS, ids=lambda f: f.before_input)
def test_a_joined_prompt_is_its_exemplars_in_order_and_then_the_question_open_ended(words):
    shots = [Shot("one", "1"), Shot("two\nlines", "2")]
    joined = words.join(shots, Shot("three"))
    first, second = (words.block(shot, number) for number, shot in enumerate(shots, 1))
    assert first in joined
    before, _, after = joined.partition(second)
    assert first in before
    assert "three" in after
    assert joined.endswith(words.before_target.replace("{n}", "3").rstrip())
    assert joined.startswith(words.preamble or words.before_input.replace("{n}", "1").rstrip())
    assert "{n}" not in joined
    assert words.preamble not in words.join([], Shot("three")) or not words.preamble


def test_there_are_sixty_formats_and_they_differ_from_each_other():
    joined = {words.join([Shot("one", "1"), Shot("two", "2")], Shot("three")) for words in FORMATS}
    assert len(joined) == len(FORMATS) >= 60


def test_every_boundary_of_a_format_is_where_it_says():
    words = ExemplarFormat("<in>", "<out>", "<between>", "<separator>", "<above>", "<query>")
    joined = words.join([Shot("a", "1"), Shot("b", "2")], Shot("c"), preamble="<task>")
    blocks = "<in>a<between><out>1<separator><in>b<between><out>2<separator><query>c<between><out>"
    assert joined == f"<task>\n\n<above>\n\n{blocks}"
    assert words.join([], Shot("c"), preamble="<task>") == "<task>\n\n<query>c<between><out>"


def test_a_question_that_ends_in_a_cue_gets_no_second_one():
    words = ExemplarFormat("Q: ", "A: ")
    shot = Shot("Is it so?\nAnswer:", "yes", has_cue=True)
    assert words.block(shot) == "Q: Is it so?\nAnswer: yes"
    assert words.join([shot], shot._replace(target="")) == "Q: Is it so?\nAnswer: yes\n\nQ: Is it so?\nAnswer:"


def test_a_label_that_format_and_question_share_stands_once():
    words = ExemplarFormat("Question: ", "A: ", before_query="Current question: ")
    shot = Shot("Question: is it so?", "yes")
    assert words.join([shot], Shot("Question: why?")).splitlines()[0] == "Question: is it so?"
    assert "Current question: why?" in words.join([shot], Shot("Question: why?"))
    assert words.block(Shot("Questions: two", "1")).startswith("Question: Questions: two")


def test_wrong_examples_are_counted_apart_and_only_shown_reasons_are_shown():
    right, wrong = Shot("a", "1", "as it should be"), Shot("b", "9", "too high", is_negative=True)
    words = ExemplarFormat(
        "Right {n}: ",
        "= ",
        between=" ",
        separator="; ",
        before_explanation=", for it is ",
        negatives=1,
        before_negative="Wrong {n}: ",
    )
    assert words.join([right, wrong], Shot("c")) == (
        "Right 1: a = 1, for it is as it should be; Wrong 1: b = 9, for it is too high; Right 2: c ="
    )
    assert ExemplarFormat("", "= ").block(right) == "a\n= 1"
    with pytest.raises(ValueError, match="before_negative is empty"):
        ExemplarFormat("", "= ", negatives=1)


def test_the_question_may_end_in_other_words_than_the_exemplars():
    words = ExemplarFormat("Q{n}: ", "A{n}: ", before_query="Now: ", before_answer="Yours, number {n}:")
    assert words.join([Shot("1", "2")], Shot("3")) == "Q1: 1\nA1: 2\n\nNow: 3\nYours, number 2:"
