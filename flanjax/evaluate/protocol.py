"""How an evaluation was made, and the folder that it lies in: another protocol has another folder, so nothing is overwritten.

protocol.json of a folder holds `protocol`, whose hash names the folder (with the step before it), and `made`: when, by which
command and versions, and at what cost. The same protocol at another step has the same hash, so that scores can be followed
over steps.
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
    """What the folder of an evaluation says of itself.

    Attributes:
      step: of the checkpoint; None where an older folder does not say.
      label: "held-out", or the tasks that were named.
      family: the same for the same protocol at other steps.
      date: ISO 8601; empty where it is not known.
      record: protocol.json; empty for an older folder.
    """

    step: int | None
    label: str
    family: str
    date: str
    record: dict[str, Any]


def protocol(config: EvaluationConfig, tasks: Sequence[str], questions: str, seeds: Mapping[str, int]) -> dict[str, Any]:
    """What the scores depend on besides the weights.

    Args:
      tasks: those named by the user; empty for the held-out ones.
      questions: `Questions.digest`, which any edit of a template or of a row changes.
      seeds: of the training.
    """
    # A score does not depend on the batch size.
    settings = {name: value for name, value in vars(config).items() if name != "batch_size"}
    found = {"tasks": sorted(tasks), "questions": questions, "evaluation": settings, "training_seeds": dict(seeds)}
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def folder_name(protocol: Mapping[str, Any], step: int) -> str:
    """The name of the evaluation's folder: the step and 8 hex digits, however many tasks were named.

    >>> folder_name({"tasks": ["rte"]}, 1200)
    '1200-f2dd32e2'
    """
    return f"{step}-{_digest(protocol)}"


def record(protocol: Mapping[str, Any], step: int, *, seconds: float, devices: str) -> dict[str, Any]:
    """protocol.json of an evaluation that took `seconds` on `devices`, by the command of this process."""
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
    """What a folder called `folder` with this protocol.json (empty for none) holds.

    Raises:
      ValueError: a protocol.json of another format, or one without its parts.
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
    """A folder of before there were protocols: step_N, or TASKS_step_N, or a name of the user's."""
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
    """The commit of the checkout that this code lies in; empty for an installed package, which has its version."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    tracked = ["git", "-C", str(here), "ls-files", "--error-unmatch", Path(__file__).name]
    if found.returncode or subprocess.run(tracked, capture_output=True, timeout=5).returncode:
        return ""
    return found.stdout.strip()[:12]
