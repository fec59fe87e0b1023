"""Every shape of FLAN 2022's exemplar formats and option labels can be said as a value: checked against plain concatenation.

FLAN 2022 has 501 distinct formats (an input prefix, a target prefix, what stands between, what separates examples) and 87
styles of option labels. The pieces here are our own, and have those shapes: words, symbols, numbers, white space, nothing.
"""

import itertools

from flanjax.tasks.exemplars import ExemplarFormat, Shot
from flanjax.tasks.options import OptionStyle

BEFORE_INPUT = ("", "Q: ", "Input:\n", "[in] ", "Case no. {n}: ", "### ", "Here is one.\n", "(", "x = ")
BEFORE_TARGET = ("", "A: ", "Output:\n", "[out] ", "Reply {n}: ", "=> ", "This is the reply.\n")
BETWEEN = ("\n", "\n\n", " ", "\n-----\n", " >>> ")
SEPARATOR = ("\n\n", "\n\n\n", "\n", "\n***\n", " ; ")
SHOTS = [Shot("first\nquestion", "one"), Shot("second", "two")]


def test_more_than_501_formats_are_values_and_say_what_plain_concatenation_says():
    texts = set()
    for pieces in itertools.product(BEFORE_INPUT, BEFORE_TARGET, BETWEEN, SEPARATOR):
        before_input, before_target, between, separator = pieces
        words = ExemplarFormat(before_input, before_target, between, separator)
        blocks = [
            before_input.replace("{n}", str(n)) + shot.input + between + before_target.replace("{n}", str(n)) + shot.target
            for n, shot in enumerate([*SHOTS, Shot("third", "")], 1)
        ]
        plain = separator.join([*blocks[:2], blocks[2].rstrip()]).strip()
        assert words.join(SHOTS, Shot("third")) == plain
        texts.add(plain)
    assert len(texts) > 501


COUNTERS = {
    "A": ("A", "B", "C"),
    "a": ("a", "b", "c"),
    "1": ("1", "2", "3"),
    "I": ("I", "II", "III"),
    "i": ("i", "ii", "iii"),
}
AROUND = ("{}", "{}.", "{})", "({})", "[{}]", "{}:", "{} -", "<{}>", "Choice {}:", "{}..")
GAPS = (" ", "")
LINES = (("\n", ""), (" ", ""), ("; ", "."), (", ", "?"))
BULLETS = ("", "-", "*", "+", "--", "->", ">", "~")
TEXTS = ("yes", "no", "it depends")


def test_more_than_87_styles_of_labels_are_values_and_say_what_plain_concatenation_says():
    texts = set()
    labelled = [(around.format(c), [around.format(n) for n in COUNTERS[c]]) for around in AROUND for c in COUNTERS]
    bullets = [(bullet, [bullet] * 3) for bullet in BULLETS]
    for (label, labels), gap, (separator, ending) in itertools.product([*labelled, *bullets], GAPS, LINES):
        style = OptionStyle("Options:", label, gap=gap, separator=separator, ending=ending)
        items = [f"{mark}{gap if label else ''}{text}" for mark, text in zip(labels, TEXTS, strict=True)]
        plain = "Options:" + ("\n" if separator == "\n" else " ") + separator.join(items) + ending
        assert style.block(TEXTS) == plain
        assert style.labels(3) == tuple(labels)
        texts.add(plain)
        if label and label not in BULLETS:
            assert OptionStyle("Options:", label, "label").targets(TEXTS) == tuple(labels)
    assert len(texts) > 87
