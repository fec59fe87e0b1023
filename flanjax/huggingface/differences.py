"""Reports in a few lines how a checkpoint's tensors differ from those that its config asks for."""

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flanjax.huggingface.hub import CONFIG
from flanjax.huggingface.tensors import Tensor, leaf_shapes
from flanjax.huggingface.weight_files import DTYPES, WeightFile

_MAX_LINES = 40


def check_tensors(tensors: list[Tensor], ignored: Iterable[str], files: Mapping[str, WeightFile], directory: Path) -> None:
    """Raises ValueError with the difference between the checkpoint's tensors and those that its config asks for."""
    expected = {name: tensor.shape for tensor in tensors for name in tensor.names}
    entries = {name: file.entries[name] for name, file in files.items()}
    lines = [("- missing  ", name, f" {expected[name]}") for name in expected if name not in entries]
    unknown = sorted(entries.keys() - expected.keys() - set(ignored))
    lines += [("+ unknown  ", name, f" {entries[name].shape}") for name in unknown]
    for name in expected.keys() & entries.keys():
        dtype, got, _ = entries[name]
        if got != expected[name]:
            lines.append(("~ shape    ", name, f": got {got}, expected {expected[name]}"))
        if dtype not in DTYPES:
            lines.append(("~ dtype    ", name, f": got {dtype}, expected one of {', '.join(DTYPES)}"))
    if lines:
        what = f"the tensors do not fit {CONFIG}, {len(lines)} differences"
        raise ValueError(f"{directory}: {what}:\n" + "\n".join(_short(_merged(lines))))


def _merged(lines: list[tuple[str, str, str]]) -> list[str]:
    """Returns the lines with equal lines of several layers merged into one: x.{0..23}.y."""
    layers: dict[tuple[str, str, str], list[int]] = {}
    for kind, name, detail in lines:
        number = re.search(r"(?<=\.)\d+(?=\.)", name)
        pattern = f"{name[: number.start()]}{{}}{name[number.end() :]}" if number else name
        layers.setdefault((kind, pattern, detail), []).append(int(number[0]) if number else 0)
    return [kind + pattern.replace("{}", _ranges(numbers)) + detail for (kind, pattern, detail), numbers in layers.items()]


def _ranges(numbers: list[int]) -> str:
    """Returns {0..3,7} for [0, 1, 2, 3, 7], and 5 for [5]."""
    if len(numbers) == 1:
        return str(numbers[0])
    runs = []
    for _, run in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}..{members[-1]}")
    return f"{{{','.join(runs)}}}"


def _short(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _MAX_LINES else [*lines[:_MAX_LINES], f"… and {len(lines) - _MAX_LINES} more lines"]


def check_params(tensors: list[Tensor], params: Mapping[str, Any]) -> None:
    """Raises ValueError with the difference between parameters and those of a config."""
    expected = {tensor.path: tensor.our_shape for tensor in tensors}
    got = dict(leaf_shapes(params))
    lines = [
        f"parameter {'/'.join(path)} is {got.get(path)}, the config expects {expected.get(path)}"
        for path in sorted(expected.keys() | got.keys())
        if got.get(path) != expected.get(path)
    ]
    if lines:
        raise ValueError("\n".join(_short(lines)))
