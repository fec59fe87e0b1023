"""When a text ends, and what is shown of it while it grows; tokens here are pieces of text."""

import random

import pytest

from flanjax.generate.request import Request, Text
from flanjax.generate.writing import Writing

END = 0


class Pieces:
    """A tokenizer whose tokens are given texts; bytes of a character may be split between them."""

    def __init__(self, *texts):
        self._bytes = [b"", *(t if isinstance(t, bytes) else t.encode() for t in texts)]

    def decode(self, ids):
        return b"".join(self._bytes[i] for i in ids).decode(errors="replace")


def write(pieces, ids, *, block=1, max_tokens=1000, stop=(), end_repetition=True):
    """The finished text, and the pieces that were shown, from tokens that come some at a time."""
    writing = Writing(Request(4, [9], max_tokens, stop=stop), 2, pieces.decode, [END], end_repetition=end_repetition)
    shown = []
    for at in range(0, len(ids), block):
        writing.extend(ids[at : at + block])
        if piece := writing.piece():
            assert (piece.item, piece.sample) == (4, 2)
            shown.append(piece.text)
        if writing.ended:
            return writing.text(), shown
    raise AssertionError("it has not ended")


ABC = Pieces("a", "b", "c", "ab", "\n", "é".encode()[:1], "é".encode()[1:])


@pytest.mark.parametrize("block", [1, 2, 3, 16])
@pytest.mark.parametrize(
    ("ids", "settings", "expected"),
    [
        ([1, 2, END, 3], {}, Text(4, 2, [1, 2], "ab", "eos", END)),
        ([END], {}, Text(4, 2, [], "", "eos", END)),
        ([1, 2, 3, 3], {"max_tokens": 3}, Text(4, 2, [1, 2, 3], "abc", "length")),
        ([3, 1, 2, 3, END], {"stop": ("bc",)}, Text(4, 2, [3, 1, 2, 3], "ca", "stop")),
        ([3, 4, 3, END], {"stop": ("b",)}, Text(4, 2, [3, 4], "ca", "stop")),  # inside a token
        ([3, 1, 2, 3, END], {"stop": ("abc", "b")}, Text(4, 2, [3, 1, 2], "ca", "stop")),  # the one that is whole first
        ([1, 2, END], {"stop": ("bc", "\n")}, Text(4, 2, [1, 2], "ab", "eos", END)),  # begun, not finished
        ([6, 7, 5, 1, END], {"stop": ("\n",)}, Text(4, 2, [6, 7, 5], "é", "stop")),
        ([1, 2, 3], {"stop": ("c",), "max_tokens": 3}, Text(4, 2, [1, 2, 3], "ab", "stop")),
    ],
)
def test_a_text_ends_where_it_should_however_its_tokens_come(ids, settings, expected, block):
    text, shown = write(ABC, ids, block=block, **settings)
    assert text == expected
    assert "".join(shown) == text.text


def test_no_piece_shows_half_a_character_or_what_a_stop_string_may_take_back():
    _, shown = write(ABC, [1, 6, 7, 3, END])
    assert shown == ["a", "é", "c"]
    _, shown = write(ABC, [1, 2, 2, 3, 3, END], stop=("bbcb", "bcb"))
    assert shown == ["a", "bbcc"]


def test_no_piece_shows_a_stop_string_that_half_a_character_goes_on_with():
    text, shown = write(ABC, [3, 1, 6, 7, END], stop=("aé",))
    assert (text.text, shown) == ("c", ["c"])


def test_a_thousand_stop_strings_are_as_one():
    stops = tuple(f"{a}{b}{c}!" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefghij")
    pieces = Pieces(*"abcdefghij", "!")
    random.seed(0)
    ids = [random.randint(1, 10) for _ in range(200)] + [11, 3, END]
    for block in (1, 7, 300):
        text, _ = write(pieces, ids, stop=stops, block=block)
        assert (text.stop, len(text.ids)) == ("stop", 201)
        assert text.text == pieces.decode(ids[:197])


@pytest.mark.parametrize(("period", "size"), [(1, 64), (3, 64), (16, 96), (32, 192)])
def test_a_text_that_only_repeats_itself_ends_and_no_other_does(period, size):
    pieces, unit = Pieces(*map(str, range(40))), list(range(1, period + 1))
    start = [33, 34, 35]
    for block in (1, 16):
        text, _ = write(pieces, start + unit * 300, block=block)
        assert (text.stop, len(text.ids)) == ("repetition", 3 + size)
    text, _ = write(pieces, start + unit * 300, end_repetition=False, max_tokens=300)
    assert text.stop == "length"
    almost = (start + unit * 300)[: 3 + size - 1]
    assert write(pieces, [*almost, END])[0].stop == "eos"


def test_texts_with_a_period_beyond_the_longest_go_on():
    pieces = Pieces(*map(str, range(40)))
    assert write(pieces, [*list(range(1, 35)) * 20, END])[0].stop == "eos"
