"""Tasks that a person wrote: lines of JSON, in Alpaca's form or in that of self-instruct's own seed file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flanjax.names import shown


class Instance(NamedTuple):
    """An input, which may be empty, and its output."""

    input: str
    output: str


class Shown(NamedTuple):
    """A task as prompts show it.

    Attributes:
      id: of a seed its own, of a written task "made-N".
      classification: whether its output is one of a few labels.
    """

    id: str
    instruction: str
    instances: tuple[Instance, ...]
    classification: bool


def read_seeds(file: str | Path) -> list[Shown]:
    """Returns the tasks of a file.

    A line has `instruction`, and `output` with an optional `input`, or `instances` with several of them. `classification` (or
    `is_classification`) says whether outputs are labels; false if missing. `id` is the line's number if missing.

    Raises:
      ValueError: the file cannot be read, a line is no task, or two have one id or one instruction.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--seeds {file} cannot be read: {error}") from error
    seeds = [_seed(line, f"--seeds {file}, line {number}", number) for number, line in enumerate(lines, 1) if line.strip()]
    if len(seeds) < 2:
        raise ValueError(f"--seeds {file} has {len(seeds)} tasks, expected 2 or more; papers take 175")
    _check_different([seed.id for seed in seeds], f"--seeds {file}: two tasks have the id")
    _check_different([seed.instruction for seed in seeds], f"--seeds {file}: two tasks have the instruction")
    return seeds


def _seed(line: str, where: str, number: int) -> Shown:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{where} is {shown(row)}, expected an object with instruction and output")
    instances = row.get("instances", [row])
    if not isinstance(instances, list) or not instances or not all(isinstance(one, dict) for one in instances):
        raise ValueError(f"{where}: instances is {shown(instances)}, expected a list of objects with input and output")
    classification = row.get("classification", row.get("is_classification", False))
    if not isinstance(classification, bool):
        raise ValueError(f"{where}: classification is {shown(classification)}, expected true or false")
    found = tuple(Instance(_text(one, "input", where, empty=True), _text(one, "output", where)) for one in instances)
    return Shown(str(row.get("id", number)), _text(row, "instruction", where), found, classification)


def _text(row: dict[str, Any], name: str, where: str, *, empty: bool = False) -> str:
    value = row.get(name, "" if empty else None)
    if not isinstance(value, str) or not (value.strip() or empty):
        raise ValueError(f"{where}: {name} is {shown(value)}, expected text")
    return value.strip()


def _check_different(values: Sequence[str], problem: str) -> None:
    if again := [value for n, value in enumerate(values) if value in values[:n]]:
        raise ValueError(f"{problem} {shown(again[0])}; remove one")
