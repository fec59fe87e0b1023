"""Planted leaks are found, however they are dressed up; what is merely alike is not."""

import random

import numpy as np
import pytest

from flanjax.check.leaks import Part, find_leaks
from flanjax.check.ngrams import hashes, text_hashes
from flanjax.sources import rows

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "r", "st", "lm")]


def passage(seed, count=60):
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def part(name, given):
    return Part(name, rows(name, train=given).open("train"))


def asked(n):
    return {"id": str(n), "passage": passage(n), "question": f"what does passage {n} say?", "label": n % 2}


EVALUATION = part("held", [asked(n) for n in range(20)])


def leaks(*training):
    found = find_leaks([EVALUATION], [part(f"t{i}", given) for i, given in enumerate(training)])
    return {(f.kind, f.other): f.count for f in found}


def others(count, first=1000):
    return [asked(first + n) for n in range(count)]


def test_training_rows_that_share_nothing_are_no_finding():
    assert leaks(others(300)) == {}


def test_a_verbatim_row_is_found_and_so_is_one_in_other_case_and_spacing_under_other_names():
    shouted = {"text": asked(4)["passage"].upper().replace(" ", "  \n"), "query": "What does PASSAGE 4 say"}
    assert leaks([*others(50), {**asked(3), "id": "other", "label": 9}]) == {("same row", "t0"): 1}
    assert leaks([*others(50), shouted]) == {("same row", "t0"): 1}


def test_a_passage_under_another_question_is_found():
    assert leaks([*others(50), {"context": asked(5)["passage"], "question": "who wrote this?"}]) == {("same text", "t0"): 1}


def test_a_passage_that_was_cut_or_put_into_another_text_is_found():
    words = asked(6)["passage"].split()
    cut = {"document": "before it " + " ".join(words[:45]) + " and something else after it " + passage(77)}
    assert leaks([*others(50), cut]) == {("near copy", "t0"): 1}
    less = {"document": " ".join(words[:20]) + " " + passage(78)}
    assert leaks([*others(50), less]) == {}


def test_each_task_that_holds_a_row_is_named_and_each_row_counts_once():
    assert leaks([asked(1), asked(1), asked(2)], others(9), [asked(1)]) == {("same row", "t0"): 2, ("same row", "t2"): 1}


def test_boilerplate_is_no_leak():
    """Instructions that a hundred rows have in front of them make no two rows the same."""
    boiler = passage("boiler", 80)
    held = part("held", [{"text": f"{boiler} {passage(n, 30)}"} for n in range(40)])
    train = part("train", [{"text": f"{boiler} {passage(n, 30)}"} for n in range(500, 600)])
    assert find_leaks([held], [train]) == []
    leak = part("train", [{"text": f"{boiler} {passage(n, 30)}"} for n in [*range(500, 600), 7]])
    (found,) = find_leaks([held], [leak])
    assert (found.kind, found.count, found.of) == ("same row", 1, 40)


def test_a_finding_shows_both_texts_and_where_they_are():
    (found,) = find_leaks([EVALUATION], [part("train", [*others(3), asked(9)])])
    (example,) = found.examples
    assert example.where == "row 9"
    assert asked(9)["question"] in example.text
    assert example.other_where == "row 3"


def test_short_answers_and_identifiers_are_no_rows():
    held = part("held", [{"id": "a long identifier of many words", "label": "yes"}])
    assert find_leaks([held], [part("train", [{"id": "a long identifier of many words", "label": "yes"}])]) == []


@pytest.mark.parametrize("n", [1, 2, 13])
def test_sequences_are_those_that_a_plain_loop_finds(n):
    texts = ["", "One two, THREE.", passage(1, 40), "a-b_c  d's 5,000 naïve Größe", ". ; !", passage(1, 40)[:100]]
    found = hashes(texts, n)
    plain = [words_of(t) for t in texts]
    expected = [(i, k, tuple(w[k : k + n])) for i, w in enumerate(plain) for k in range(len(w) - n + 1)]
    assert list(zip(found.texts.tolist(), found.words.tolist(), strict=True)) == [(i, k) for i, k, _ in expected]
    names = {}
    for value, (_, _, gram) in zip(found.values.tolist(), expected, strict=True):
        assert names.setdefault(value, gram) == gram
    assert len(names) == len({gram for *_, gram in expected})
    assert found.lengths.tolist() == [len(w) for w in plain]


def words_of(text):
    kept = "".join(c if (c.isascii() and c.isalnum()) or not c.isascii() else " " for c in text.lower())
    return kept.split()


def test_texts_of_the_same_words_have_one_hash_and_the_order_counts():
    same = text_hashes(["The cat!", "the  CAT", "cat the", "", "the cat the cat", "the"])
    assert same[0] == same[1]
    assert len(set(same.tolist())) == 5
    assert same[3] == 0
    assert np.array_equal(text_hashes(["x y"]), text_hashes(["no", "x y"])[1:])
    assert text_hashes(["", "no", "", "x y", "", "."]).tolist() == [0, *text_hashes(["no"]), 0, *text_hashes(["x y"]), 0, 0]
