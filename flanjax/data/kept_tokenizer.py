"""The tokenizer that a run keeps in its folder, with a record of its origin: the data and settings that it was made from."""

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from etils import epath

from flanjax import records
from flanjax.data.identity import filters_identity, task_identity
from flanjax.data.plan import Plan
from flanjax.data.tokenizer import Tokenizer, TokenizerConfig
from flanjax.sources import Rows
from flanjax.tasks.mixture import Entry

ORIGIN = "origin.json"


def trained_origin(
    config: TokenizerConfig, entries: list[Entry], rows: Mapping[str, Rows], plan: Plan, seed: int
) -> dict[str, Any]:
    """Returns everything that a tokenizer trained on a mixture depends on, as JSON.

    Args:
      seed: seed of the choices of templates, styles and exemplars.
    """
    tasks = {
        e.task.name: {
            **task_identity(e.task, rows[e.task.name]),
            "styles": repr(e.styles),
            **({"filters": filters_identity(e)} if e.filters else {}),
        }
        for e in entries
    }
    return {"settings": dataclasses.asdict(config), "plan": plan.hash(), "seed": seed, "tasks": tasks}


def keep(place: epath.Path, origin: Mapping[str, Any], make: Callable[[], Tokenizer], *, in_use: bool) -> None:
    """Saves a tokenizer of this origin at the place, unless the one there has the same origin or is in use.

    Args:
      origin: what the tokenizer is made from, as JSON.
      make: () -> the tokenizer.
      in_use: whether there are checkpoints or rows with the ids of a tokenizer. Their own records tell whether it is this one.
    """
    stamped = json.loads(json.dumps(records.stamped(origin, records.TOKENIZER)))
    there = place.exists()
    if there and (in_use or _origin_of(place) == stamped):
        return
    if there:
        logging.getLogger("flanjax").warning(
            "the tokenizer in %s, left by an earlier start, was made from other data or settings; making it again", place
        )
    unfinished = place.parent / f".{place.name}.tmp"
    if unfinished.exists():
        unfinished.rmtree()
    make().save(unfinished)
    (unfinished / ORIGIN).write_text(json.dumps(stamped, indent=1))
    if there:
        place.rmtree()
    unfinished.rename(place)


def _origin_of(place: epath.Path) -> dict[str, Any] | None:
    path = place / ORIGIN
    if not path.exists():
        return None
    try:
        record = records.read_object(path.read_text(), path)
    except ValueError:
        return None
    records.check_format(record, path, records.TOKENIZER)
    return record
