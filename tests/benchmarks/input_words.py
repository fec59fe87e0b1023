"""What both sides of the input pipeline's comparison call alike. It needs nothing but Python."""

from collections.abc import Sequence

END = "end"


def ended(ids: Sequence[int], eos: int) -> list[int | str]:
    """Returns ids with a word for the end, whose id each side may choose where a vocabulary has none.

    >>> ended([5, 6, 1], 1)
    [5, 6, 'end']
    """
    return [*ids[:-1], END] if ids and ids[-1] == eos else list(ids)
