"""Random choices as pure functions of a key, so that nothing depends on order, host or batch."""

import functools
import hashlib
import zlib

_MASK = (1 << 64) - 1


def hash64(*key: object) -> int:
    """Returns a 64-bit hash of the key's parts, the same in every process (unlike hash(), which depends on PYTHONHASHSEED)."""
    text = "\x1f".join(map(str, key)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _mix(x: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea and Flood, 2014)."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


@functools.lru_cache(1 << 16)
def _named(name: str, index: int) -> int:
    return _mix((zlib.crc32(name.encode()) << 24) + index + 1)


class Draws:
    """Named draws from one key: `Draws(seed, task, row, epoch).integer("template", 10)`.

    Each draw has its own name, so that adding a draw changes no other.
    """

    __slots__ = ("_key",)

    def __init__(self, *key: object):
        self._key = hash64(*key)

    def bits(self, name: str, index: int = 0) -> int:
        return _mix(self._key ^ _named(name, index))

    def integer(self, name: str, n: int, index: int = 0) -> int:
        """Uniform in [0, n)."""
        return (self.bits(name, index) * n) >> 64

    def uniform(self, name: str, index: int = 0) -> float:
        """Uniform in [0, 1)."""
        return (self.bits(name, index) >> 11) * 2.0**-53

    def permutation(self, name: str, n: int) -> list[int]:
        return sorted(range(n), key=lambda i: self.bits(name, i))
