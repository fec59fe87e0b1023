"""Exemplars: which rows may serve, and how they stand before the question."""

import pytest

from flanjax.tasks.draws import Draws
from flanjax.tasks.exemplars import FORMATS, candidate_rows


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


def test_the_same_draws_give_the_same_candidates_and_others_give_others():
    picks = [tuple(candidate_rows(Draws(n), 10_000, None, 3)) for n in range(20)]
    assert picks == [tuple(candidate_rows(Draws(n), 10_000, None, 3)) for n in range(20)]
    assert len(set(picks)) == 20


@pytest.mark.parametrize("words", FORMATS, ids=lambda f: f.before_input)
def test_a_joined_prompt_is_its_exemplars_in_order_and_then_the_question_open_ended(words):
    shown = [("one", "1"), ("two\nlines", "2")]
    joined = words.join(shown, "three")
    first, second, query = joined.split("\n\n")
    assert [first, second] == [words.block(*e) for e in shown]
    assert query == f"{words.before_input} three\n{words.before_target}"
    assert words.join([], "three") == query


def test_formats_differ_from_each_other():
    assert len({f.before_input for f in FORMATS}) == len({f.before_target for f in FORMATS}) == len(FORMATS)
