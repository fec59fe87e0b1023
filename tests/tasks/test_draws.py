"""Draws: the same everywhere, uniform, and independent by name."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from flanjax.tasks.draws import Draws, hash64

N = 20_000


def test_draws_are_the_same_in_every_process_whatever_pythons_own_hash_seed():
    code = """
from flanjax.tasks.draws import Draws, hash64
d = Draws(0, "sst2", 17, 3)
print(hash64("a", 1), d.bits("x"), d.integer("template", 10), d.uniform("u", 4), d.permutation("p", 6))
"""
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(seen) == 1
    assert seen != {""}


def test_every_part_of_the_key_matters():
    keys = [(0, "sst2", 1, 0), (1, "sst2", 1, 0), (0, "rte", 1, 0), (0, "sst2", 2, 0), (0, "sst2", 1, 1), (0, "sst2", 11, 0)]
    assert len({Draws(*k).bits("x") for k in keys}) == len(keys)
    assert hash64("ab", "c") != hash64("a", "bc")


@pytest.mark.parametrize("n", [2, 3, 10])
def test_integers_are_uniform_over_rows(n):
    counts = Counter(Draws(0, "task", row, 0).integer("template", n) for row in range(N))
    assert set(counts) == set(range(n))
    # Five standard deviations of a binomial count.
    assert all(abs(c - N / n) < 5 * (N / n) ** 0.5 for c in counts.values())


def test_uniforms_are_uniform_in_the_unit_interval():
    values = [Draws(0, "task", row, 0).uniform("few_shot") for row in range(N)]
    assert 0 <= min(values) < 0.001
    assert 0.999 < max(values) < 1
    assert sum(values) / N == pytest.approx(0.5, abs=5 * (1 / 12 / N) ** 0.5)


def test_names_and_indices_of_one_key_draw_independently():
    pairs = [[("a", 0), ("b", 0)], [("a", 0), ("a", 1)], [("few_shot", 0), ("options", 0)]]
    for first, second in pairs:
        both = Counter((d.integer(first[0], 4, first[1]), d.integer(second[0], 4, second[1])) for d in map(Draws, range(N)))
        assert len(both) == 16
        assert all(abs(c - N / 16) < 5 * (N / 16) ** 0.5 for c in both.values())


def test_permutations_are_permutations_and_all_occur_alike():
    counts = Counter(tuple(Draws(row).permutation("order", 3)) for row in range(N))
    assert len(counts) == 6
    assert all(sorted(p) == [0, 1, 2] for p in counts)
    assert all(abs(c - N / 6) < 5 * (N / 6) ** 0.5 for c in counts.values())
    assert Draws(0).permutation("order", 0) == []
