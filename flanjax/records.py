"""Formats of records: every JSON file that a run writes has a number, `format`, that tells how to read it.

A record without it has format 0, from before there were formats. A change in a record's meaning increases its number here, and
its reader converts the older formats.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

FORMAT = "format"
META, CONFIG, MIXTURE, TOKENIZER = 1, 1, 1, 1  # of a checkpoint's meta, config.json, mixture.json, a kept tokenizer's origin


class FormatError(ValueError):
    """A record has a format that this version does not read; the message names the file, both formats and the way out."""


def stamped(record: Mapping[str, Any], newest: int) -> dict[str, Any]:
    """Returns the record with its format as the first entry.

    >>> stamped({"name": "toy"}, 1)
    {'format': 1, 'name': 'toy'}
    """
    return {FORMAT: newest, **record}


def check_format(record: Mapping[str, Any], where: object, newest: int) -> int:
    """Returns the record's format. Raises FormatError if it is newer than `newest` or not a valid format.

    Args:
      where: where the record was read from, for the message.
    """
    found = record.get(FORMAT, 0)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise FormatError(f"{where} has format {found!r}, expected a number up to {newest}; is it a file of flanjax?")
    if found > newest:
        raise FormatError(
            f"{where} has format {found}, this version of flanjax reads up to {newest}: a newer flanjax wrote it. "
            "Use that version, or another workdir"
        )
    return found


def read_object(text: str, where: object) -> dict[str, Any]:
    """Returns the JSON object in a file's text. Raises ValueError naming the file if the text is anything else."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} holds a {type(found).__name__}, expected a JSON object")
    return found


def read_lines(text: str, where: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the lines of a log of steps, each with its record.

    A last line without a line end is dropped, because a killed run was still writing it. Any other line that is not a record of
    a step is left out with a warning that names the file and the line.
    """
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            record = read_object(line, "the line")
            if type(record.get("step")) is not int:
                raise ValueError(f"it is of step {record.get('step')!r}")
        except ValueError as error:
            logging.getLogger("flanjax").warning("%s, line %d is damaged and left out: %s: %.60r", where, number, error, line)
            continue
        yield line, record
