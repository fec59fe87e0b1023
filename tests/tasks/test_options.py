"""Options as an object: the block that is shown and the target that stands for an option."""

import pytest

from flanjax.tasks.answers import extract
from flanjax.tasks.options import OPTION_STYLES, OptionStyle

TEXTS = ["yes", "no", "it is not possible to tell"]
each_style = pytest.mark.parametrize("style", OPTION_STYLES, ids=lambda s: f"{s.header}{s.label}{s.target}")


@each_style
def test_every_option_is_shown_once_under_the_header(style):
    shown = style.block(TEXTS)
    assert shown.startswith(style.header)
    listed = [f"{label} {text}".strip() for label, text in zip(style.labels(3), TEXTS, strict=True)]
    assert shown.removeprefix(style.header).strip() == style.separator.join(listed) + style.ending


@each_style
@pytest.mark.parametrize("n", [1, 2, 26, 27, 60])
def test_every_target_stands_for_one_option_and_is_found_again(style, n):
    texts = [f"option number {i}" for i in range(n)]
    targets = style.targets(texts)
    assert len(set(targets)) == n
    assert [extract(t, texts) for t in targets] == [(text, True) for text in texts]


def test_labels_count_up_in_their_own_alphabet():
    assert OptionStyle(label="(A)").labels(3) == ("(A)", "(B)", "(C)")
    assert OptionStyle(label="[a]").labels(2) == ("[a]", "[b]")
    assert OptionStyle(label="1.").labels(11)[-1] == "11."
    assert OptionStyle(label="-").labels(2) == ("-", "-")
    assert OptionStyle(label="Option a:").labels(2) == ("Option a:", "Option b:")
    assert OptionStyle(label="(I)").labels(9)[3:] == ("(IV)", "(V)", "(VI)", "(VII)", "(VIII)", "(IX)")
    assert OptionStyle(label="i.").labels(99)[48] == "xlix."


def test_options_can_stand_in_one_line_unspaced_and_with_an_ending():
    inline = OptionStyle("Options:", "", separator=", ", ending=".")
    assert inline.block(TEXTS[:2]) == "Options: yes, no."
    assert inline.block(["He slept.", "He ran."]) == "Options: He slept., He ran."
    assert OptionStyle("", "(A)", gap="", separator=" ").block(TEXTS[:2]) == "(A)yes (B)no"
    assert OptionStyle("Pick", "i)", separator="; ", after_header=": ").block(TEXTS[:2]) == "Pick: i) yes; ii) no"


def test_a_label_that_counts_nothing_cannot_be_a_target():
    with pytest.raises(ValueError, match="'-' counts nothing"):
        OptionStyle(label="-", target="label")
    with pytest.raises(ValueError, match="'letter'"):
        OptionStyle(target="letter")
