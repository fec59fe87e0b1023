"""The prompts of self-instruct, from wording.j2 or a file of the user's."""

from typing import Any

from flanjax.lab.instruct.seeds import Instance, Shown
from flanjax.lab.writing.wording import Blocks, blocks_of
from flanjax.pages.environment import asset

_TASKS = [Shown("1", "Say hello.", (Instance("now", "Hello."),), False)]
_PROBES: dict[str, dict[str, Any]] = {
    "instructions": {"tasks": _TASKS},
    "classification": {"tasks": _TASKS, "instruction": "Say no."},
    "inputs": {"tasks": _TASKS, "instruction": "Say no."},
    "labels": {"tasks": _TASKS, "instruction": "Say no."},
    "whole": {"tasks": _TASKS, "last": 99},
}


def prompts_of(file: str | None) -> Blocks:
    """Returns block -> prompt. Raises ValueError if the file lacks one, or one does not show its values."""
    return blocks_of(file, asset("flanjax.lab.instruct", "wording.j2"), _PROBES)
