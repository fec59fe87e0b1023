"""Which parameters are adapted: patterns of paths, as file names are matched from the right.

>>> matches(("attention/q",), ("encoder", "layers", "attention", "q"))
True
>>> matches(("decoder/*/*/q", "mlp/*"), ("encoder", "layers", "attention", "q"))
False
"""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from flanjax.models.params import Path
from flanjax.names import nearest


def matches(patterns: Sequence[str], path: Path) -> bool:
    """Whether a pattern matches the end of a path, name by name; `*` stands for any part of one name."""
    return any(PurePosixPath(*path).match(pattern) for pattern in patterns)


def chosen(patterns: Sequence[str], paths: Iterable[Path], *, each: bool) -> tuple[Path, ...]:
    """Returns the paths that a pattern matches, in their order.

    Args:
      each: whether every pattern must match one.

    Raises:
      ValueError: a pattern matches nothing; names the nearest path.
    """
    paths = list(paths)
    for pattern in patterns if each else ():
        if not any(matches((pattern,), path) for path in paths):
            known = sorted({"/".join(path[-2:]) for path in paths})
            raise ValueError(f"adapt.targets: {pattern!r} matches no parameter that can be adapted; {nearest(pattern, known)}")
    return tuple(path for path in paths if matches(patterns, path))
