"""Whole numbers as text."""

import numpy as np
import pytest

from flanjax.importers.packed import packed, unpacked


@pytest.mark.parametrize("numbers", [[], [0], [5, 3, -7], [0, 2**40, 1], list(range(0, 10_000, 3))])
def test_packed_numbers_come_back(numbers):
    assert unpacked(packed(np.array(numbers, np.int64))).tolist() == numbers


def test_ascending_numbers_pack_to_less_than_three_bytes_each():
    spans = np.cumsum(np.random.default_rng(0).integers(100, 900, 10_000))
    assert len(packed(spans)) < 3 * len(spans)
