"""Reading an answer out of what a model wrote, and saying when there is none."""

import pytest

from flanjax.tasks.answers import extract, vote
from flanjax.tasks.chains import CHAINS_OF_THOUGHT

OPTIONS = ("entailment", "not entailment", "It is not possible to tell")


@pytest.mark.parametrize(
    "written",
    ["not entailment", " Not entailment. ", '"not entailment"', "NOT  ENTAILMENT", "(B)", "B", "b.", "B)", "2", "2.", "(2)"],
)
def test_an_option_is_found_by_its_text_or_its_label(written):
    assert extract(written, OPTIONS) == ("not entailment", True)


@pytest.mark.parametrize("written", ["", "maybe", "D", "(d)", "4", "0", "entailment or not", "a dog", "AB", "-1"])
def test_what_names_no_option_is_unparsed_and_kept_as_written(written):
    assert extract(written, OPTIONS) == (written, False)


@pytest.mark.parametrize(
    ("written", "options", "found"),
    [
        ("-5", ("5", "-5"), ("-5", True)),
        ("-5.", ("5", "-5"), ("-5", True)),
        ("2", ("-2", "2"), ("2", True)),
        ("*", ("+", "-", "*", "/"), ("*", True)),
        ("?", (".", "?", "!"), ("?", True)),
        ("", ("+", "-", "*", "/"), ("", False)),
        ("İ", ("yes", "no"), ("İ", False)),
        ("(İ)", ("yes", "no"), ("(İ)", False)),
    ],
)
def test_signs_tell_options_apart_and_no_letter_is_too_strange(written, options, found):
    assert extract(written, options) == found


def test_a_text_comes_before_a_label_that_means_another_option():
    assert extract("B", ("b", "a")) == ("b", True)
    assert extract("2", ("1", "3", "2")) == ("2", True)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("2 + 2 is 4. So the answer is 4.", "4"),
        ("The answer is 5, no wait. The final answer is 6", "6"),
        ("Thinking.\nAnswer: 7", "7"),
        ("It costs 3.50 each. therefore, THE ANSWER IS 3.50.", "3.50"),
    ],
)
def test_a_reasoned_answer_is_what_follows_the_last_bridge(written, answer):
    assert extract(written, reasoned=True) == (answer, True)


@pytest.mark.parametrize("written", ["I do not know.", "4", "", "So the answer is"])
def test_reasoning_that_reaches_no_answer_is_unparsed(written):
    assert extract(written, reasoned=True)[1] is False


def test_without_a_bridge_a_reasoned_option_may_be_right_but_is_unparsed():
    assert extract("entailment", OPTIONS, reasoned=True) == ("entailment", False)
    assert extract("The answer is (C).", OPTIONS, reasoned=True) == (OPTIONS[2], True)


def test_free_text_is_taken_as_written():
    assert extract("  Paris is the capital. ") == ("Paris is the capital.", True)
    assert extract("  ") == ("", False)


NUMBERED = "Half of 8 is 4.\nThen 4 + 1 = 5, so $1,250.50 in all."


@pytest.mark.parametrize(
    ("extractor", "written", "answer"),
    [
        ("last_number", NUMBERED, "1250.50"),
        ("last_number", "It is -4.", "-4"),
        ("last_number", "none", None),
        ("answer_is", "The answer is 5? No: the final answer is 6.\nI hope this helps.", "6"),
        ("answer_is", "Answer:\n7", "7"),
        ("answer_is", "So I think it is 7.", None),
        ("boxed", r"first \boxed{1}, then \boxed{\frac{1}{2}} at last", r"\frac{1}{2}"),
        ("boxed", r"\fbox{x}", "x"),
        ("boxed", r"\boxed{\frac{1}{2}", None),
        ("first_line", "Paris.\n\nQ: and Italy?", "Paris."),
        ("whole", " Paris.\nOr not ", "Paris.\nOr not"),
        ("whole", " ", None),
        ("bridge", "no chain. So the answer is 3.", None),
    ],
)
def test_a_named_extractor_finds_an_answer_or_says_that_there_is_none(extractor, written, answer):
    found = extract(written, reasoned=True, extractor=extractor)
    assert found == ((answer, True) if answer is not None else (written.strip().removesuffix("."), False))


def test_the_bridge_of_a_chain_is_its_own_alone():
    chain = next(c for c in CHAINS_OF_THOUGHT if c.bridge == "Result:")
    text = "Answer: I do not know yet. Result: 12."
    assert extract(text, reasoned=True, chain=chain, extractor="bridge") == ("12", True)
    assert extract("The answer is 12.", reasoned=True, chain=chain, extractor="bridge")[1] is False
    first = next(c for c in CHAINS_OF_THOUGHT if c.bridge == "Explanation:")
    assert extract("12. Explanation: 3 times 4. Explanation: so", chain=first, extractor="bridge") == ("12", True)


@pytest.mark.parametrize(
    ("written", "option"),
    [
        ("Entailment? No, it is not entailment", "not entailment"),  # the longer of two that end at the same place
        ("not entailment, rather entailment.", "entailment"),
        ("not  entailment", "not entailment"),
        ("I think (A), no, (C)", OPTIONS[2]),
        ("it must be option B", "not entailment"),
        ("A preentailmentary thought, and (Z)", None),  # neither the article nor a part of a word names an option
    ],
)
def test_the_option_named_last_is_found(written, option):
    found = extract(written, OPTIONS, reasoned=True, extractor="last_option")
    assert found == ((option, True) if option else (written, False))


def test_an_extracted_label_is_the_option_that_it_labels():
    assert extract(r"so \boxed{B}", OPTIONS, extractor="boxed") == ("not entailment", True)
    assert extract(r"so \boxed{Q}", OPTIONS, extractor="boxed") == ("Q", False)


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        ("3 4 4", 1),
        ("3 4 4 3", 0),
        ("4 3 3 4", 0),
        ("x: y: 3", 2),
        ("x: y:", 0),
        ("1,000 7 $1000 1000.00", 0),
        ("7 1,000 $1000 7 1000.00", 1),
        ("-4 4 4", 1),
        ("Yes no YES. no yes", 0),
    ],
)
def test_the_answer_with_most_votes_wins_and_the_first_of_equals(answers, chosen):
    assert vote([(a.removesuffix(":"), not a.endswith(":")) for a in answers.split()]) == chosen
