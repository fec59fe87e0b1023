"""What tests of several files ask of batches."""

import itertools

import numpy as np


def take(iterator, n):
    return list(itertools.islice(iterator, n))


def same(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def joined(parts):
    """The global batches of several hosts' parts of them."""
    return [{k: np.concatenate([p[k] for p in batch]) for k in batch[0]} for batch in zip(*parts, strict=True)]
