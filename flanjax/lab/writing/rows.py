"""Rows that were kept and texts that were dropped, each with its reason, as files.

rows.jsonl      an ordinary file of rows; beside its data, a row says what it came from and why it was kept
dropped.jsonl   every text that became no row, and why
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flanjax import storage

ROWS, DROPPED = "rows.jsonl", "dropped.jsonl"


class Drop(NamedTuple):
    """Why a text is dropped: one of a few reasons, and what it was this time."""

    reason: str
    detail: str = ""


class Grown(NamedTuple):
    """How much there was after so many prompts."""

    prompts: int
    kept: int
    dropped: int


class Rows:
    """What was made so far.

    Attributes:
      kept: rows, in the order in which they were made.
      dropped: `text`, `reason`, `detail`, `stage`, and the number of the reply that it stood in.
      grown: how both grew.
    """

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.grown: list[Grown] = [Grown(0, 0, 0)]

    def drop(self, text: str, why: Drop, *, stage: str, reply: int, **more: Any) -> None:
        self.dropped.append({"text": text, **why._asdict(), "stage": stage, "reply": reply, **more})

    def mark(self, prompts: int) -> None:
        """Notes how much there is after so many prompts."""
        self.grown.append(Grown(prompts, len(self.kept), len(self.dropped)))

    @property
    def reasons(self) -> dict[str, int]:
        """Reason -> texts dropped for it, the most frequent first."""
        return dict(Counter(row["reason"] for row in self.dropped).most_common())

    def write(self, out: Path) -> None:
        for name, rows in ((ROWS, self.kept), (DROPPED, self.dropped)):
            write_lines(out / name, rows)


def write_lines(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows as lines of JSON; a reader sees either the old or the new file."""
    storage.replace_text(storage.place(file), "".join(map(_line, rows)))


def encodable(text: str) -> str:
    """Returns a text with ? for each half of a surrogate pair, which UTF-8 cannot write; JSON and file names may hold one.

    >>> encodable("caf\\udce9")
    'caf?'
    """
    return text.encode("utf-8", "replace").decode()


def _line(row: Mapping[str, Any]) -> str:
    line = json.dumps(row, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only JSON's escapes can write
        line = json.dumps(row)
    return f"{line}\n"


def spread(rows: Sequence[Any], most: int) -> list[Any]:
    """Returns `most` rows at most, evenly from first to last.

    >>> spread(range(10), 4)
    [0, 3, 6, 9]
    >>> spread(range(10), 1)
    [0]
    """
    if len(rows) <= most or most < 2:
        return list(rows[:most])
    return [rows[n * (len(rows) - 1) // (most - 1)] for n in range(most)]
