"""Many whole numbers as a short text, for the kept index and for what is sent to worker processes."""

import base64
import zlib

import numpy as np


def packed(numbers: np.ndarray) -> str:
    """Returns the numbers as a text. They are packed as differences, so ascending ones take the least room.

    >>> unpacked(packed(np.array([3, 10, 4]))).tolist()
    [3, 10, 4]
    """
    differences = np.diff(np.asarray(numbers, np.int64), prepend=0)
    small = differences.astype(np.int32) if np.abs(differences).max(initial=0) < 2**31 else differences
    return small.dtype.char + base64.b64encode(zlib.compress(small.tobytes(), 1)).decode()


def unpacked(text: str) -> np.ndarray:  # int64 [numbers]
    """Returns the numbers that `packed` made a text of."""
    return np.cumsum(np.frombuffer(zlib.decompress(base64.b64decode(text[1:])), np.dtype(text[0])), dtype=np.int64)
