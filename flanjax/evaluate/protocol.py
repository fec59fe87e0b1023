"""The protocol of an evaluation, and its folder. Every protocol has its own folder, so that none overwrites another's results.

protocol.json of a folder holds `protocol`, whose hash is part of the folder's name (after the step), and `made`: the date,
command, versions and cost. The same protocol at another step has the same hash, so that scores can be followed over steps.
"""

import datetime
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from flanjax.evaluate.config import EvaluationConfig
from flanjax.tasks.draws import hash64

FORMAT = 1
NAME, HELD_OUT = "protocol.json", "held-out"
_LIBRARIES = ("flanjax", "jax", "numpy", "scipy", "transformers", "rouge-score", "sacrebleu")
_OLDER = re.compile(r"(?:(?P<label>.+)_)?step_(?P<step>\d+)")


class Found(NamedTuple):
    """The description of an evaluation, read from its folder.

    Attributes:
      step: step of the checkpoint; None if an older folder does not name it.
      label: "held-out", or the names of the evaluated tasks.
      family: a key that is equal for the same protocol at other steps.
      date: ISO 8601; empty if unknown.
      record: protocol.json; empty for an older folder.
    """

    step: int | None
    label: str
    family: str
    date: str
    record: dict[str, Any]


def protocol(config: EvaluationConfig, tasks: Sequence[str], questions: str, seeds: Mapping[str, int]) -> dict[str, Any]:
    """Returns everything that the scores depend on besides the weights.

    Args:
      tasks: the tasks that the user named; empty for the held-out ones.
      questions: `Questions.digest`, which changes with any edit of a template or of a row.
      seeds: seeds of the training.
    """
    # A score does not depend on the batch size.
    settings = {name: value for name, value in vars(config).items() if name != "batch_size"}
    found = {"tasks": sorted(tasks), "questions": questions, "evaluation": settings, "training_seeds": dict(seeds)}
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def folder_name(protocol: Mapping[str, Any], step: int) -> str:
    """Returns the name of the evaluation's folder: the step and 8 hex digits, for any number of tasks.

    >>> folder_name({"tasks": ["rte"]}, 1200)
    '1200-759fe9a9'
    """
    return f"{step}-{_digest(protocol)}"


def record(protocol: Mapping[str, Any], step: int, *, seconds: float, devices: str) -> dict[str, Any]:
    """Returns the contents of protocol.json for an evaluation by this process's command, which took `seconds` on `devices`."""
    made = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "versions": {name: version for name in _LIBRARIES if (version := _version(name))},
        "commit": _commit(),
        "seconds": round(seconds, 1),
        "devices": devices,
    }
    return {"format": FORMAT, "step": step, "protocol": dict(protocol), "made": made}


def read(folder: str, record: dict[str, Any]) -> Found:
    """Returns the description of the evaluation in a folder with this name and protocol.json (empty if it has none).

    Raises:
      ValueError: protocol.json has another format or lacks a part.
    """
    if not record:
        return _older(folder)
    if record.get("format") != FORMAT:
        raise ValueError(f"{folder}/{NAME} has format {record.get('format')!r}, expected {FORMAT}: evaluate again")
    try:
        asked, step = record["protocol"], int(record["step"])
        label = ", ".join(asked["tasks"]) or HELD_OUT
        return Found(step, label, _digest(asked), str(record["made"]["date"]), record)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder}/{NAME} lacks {error}, expected step, protocol and made: evaluate again") from error


def _older(folder: str) -> Found:
    """Returns the description of a folder without a protocol, from older versions: step_N, TASKS_step_N or the user's name."""
    parts = _OLDER.fullmatch(folder)
    if parts is None:
        return Found(None, folder, folder, "", {})
    label = parts["label"] or HELD_OUT
    return Found(int(parts["step"]), label, f"older {label}", "", {})


def _digest(protocol: Mapping[str, Any]) -> str:
    return f"{hash64(json.dumps(protocol, sort_keys=True)):016x}"[:8]


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _commit() -> str:
    """Returns the commit of the checkout that contains this code; empty for an installed package, which has a version."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    tracked = ["git", "-C", str(here), "ls-files", "--error-unmatch", Path(__file__).name]
    if found.returncode or subprocess.run(tracked, capture_output=True, timeout=5).returncode:
        return ""
    return found.stdout.strip()[:12]
