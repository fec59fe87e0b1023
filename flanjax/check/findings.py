"""Findings: what a check says, as values, as a table, and as JSON."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

# Kind -> what it means, for the page and the table.
KINDS = {
    "bad row": "a row that cannot become an example",
    "unrendered": "a template fails on a row, or leaves its own syntax in the text",
    "does not apply": "a template that applies to none of the rows that were tried",
    "renders alike": "two templates of a task give the same text",
    "tells the target": "the input holds the text that is to be written",
    "names one answer": "the template names one of the answers and none of the others",
    "double cue": "two cues stand one after the other",
    "double punctuation": "punctuation is doubled where a field meets the template",
    "blank lines": "the template leaves empty lines or trailing blanks",
    "article": '"a" before a vowel, or "an" before a consonant',
    "tokenizer": "the tokenizer loses some of a template's words",
    "label balance": "an answer that never occurs, or nearly always",
    "unused words": "a template rewords answers that no row has",
    "shared corpus": "an evaluated task shares a corpus with a trained task of another cluster",
    "same row": "an evaluation row that is a training row",
    "same text": "an evaluation row of which a long text is in a training row",
    "near copy": "an evaluation row that shares most of its 13-word sequences with a training row",
    "not checked": "a task whose rows could not be opened",
}

OF_A_WHOLE = frozenset({"does not apply", "names one answer", "tokenizer", "label balance", "unused words"})  # not of one row
APART = frozenset({"bad row", "unrendered"})  # kinds whose cases are of different reasons, each a finding of its own
LEAKS = frozenset({"same row", "same text", "near copy"})  # the kinds that compare a task with another


class Example(NamedTuple):
    """One place where a finding was made.

    Attributes:
      where: the file and line of the row, or the file and its number.
      text: what was rendered, or the row's text.
      other: the text that it matches, if there is one.
      other_where: where that text is.
    """

    where: str
    text: str
    other: str = ""
    other_where: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a person should look at.

    Attributes:
      kind: one of KINDS.
      task, template, style: where it was found; empty if it concerns all.
      other: the training task that shares rows or corpora with it.
      detail: what was found, in words.
      count, of: how many of the cases that were tried.
      examples: the first few cases.
    """

    kind: str
    task: str
    template: str = ""
    style: str = ""
    other: str = ""
    detail: str = ""
    count: int = 1
    of: int = 1
    examples: tuple[Example, ...] = ()

    @property
    def key(self) -> str:
        """What names it in a list of known findings: kind/task/template, or kind/task/other task."""
        return "/".join(part for part in (self.kind, self.task, self.template or self.other) if part)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """All findings about a mixture.

    Attributes:
      checked: what was looked at: numbers of tasks, templates, rows, renders and so on.
      known: key of a finding -> why it is no defect; such findings are listed and do not fail a check.
      complete: whether every row was looked at, so that a known finding that was not made is out of date.
    """

    mixture: str
    findings: tuple[Finding, ...]
    checked: Mapping[str, int]
    known: Mapping[str, str] = dataclasses.field(default_factory=dict)
    complete: bool = True

    @property
    def new(self) -> tuple[Finding, ...]:
        """The findings that no line of the known ones explains."""
        return tuple(f for f in self.findings if self.why(f) is None)

    @property
    def stale(self) -> tuple[str, ...]:
        """Known findings that were not made, although every row was looked at."""
        return tuple(k for k in self.known if self.complete and not any(_explains(k, f) for f in self.findings))

    def why(self, finding: Finding) -> str | None:
        return next((reason for key, reason in self.known.items() if _explains(key, finding)), None)

    def counts(self) -> Counter[str]:
        return Counter(f.kind for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        listed = [
            {**dataclasses.asdict(f), "examples": [e._asdict() for e in f.examples], "known": self.why(f)}
            for f in self.findings
        ]
        return {"mixture": self.mixture, "checked": dict(self.checked), "findings": listed, "stale": list(self.stale)}


def _explains(key: str, finding: Finding) -> bool:
    """Whether the key is the finding's, or its first parts: "kind/task" explains all templates of the task."""
    return finding.key == key or finding.key.startswith(f"{key}/")


def read_known(text: str) -> dict[str, str]:
    """Returns the known findings of a file: JSON, from key to reason.

    Raises:
      ValueError: it is not JSON of that form, a kind is unknown, or a reason is missing.
    """
    try:
        known = json.loads(text)
    except ValueError as error:
        raise ValueError(f'known findings are JSON, {{"kind/task/template": "why it is no defect"}}: {error}') from error
    if not isinstance(known, dict):
        raise ValueError(f'known findings are a {type(known).__name__}, expected {{"kind/task": "why it is no defect"}}')
    for key, reason in known.items():
        kind, _, task = key.partition("/")
        if kind not in KINDS:
            raise ValueError(f"known finding {key!r}: unknown kind; expected one of {', '.join(KINDS)}")
        if not task:
            raise ValueError(f"known finding {key!r} names no task; expected {kind}/TASK or {kind}/TASK/TEMPLATE")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"known finding {key!r} has no reason; say why it is no defect")
    return known


class Collector:
    """Gathers cases of findings, and keeps a few examples of each."""

    def __init__(self, keep: int = 3):
        self._keep = keep
        self._found: dict[tuple[str, str, str, str, str], tuple[str, int, list[Example]]] = {}

    def add(
        self, kind: str, task: str, template: str = "", style: str = "", detail: str = "", example: Example | None = None
    ) -> None:
        key = (kind, task, template, style, detail if kind in APART else "")
        said, count, examples = self._found.get(key, (detail, 0, []))
        if example is not None and len(examples) < self._keep:
            examples.append(example)
        self._found[key] = (said, count + 1, examples)

    def findings(self, of: Mapping[tuple[str, str], int]) -> Iterable[Finding]:
        """Yields the findings. `of`: (task, template) -> number of cases that were tried."""
        for (kind, task, template, style, _), (detail, count, examples) in self._found.items():
            tried = count if kind in OF_A_WHOLE else of.get((task, template), count)
            yield Finding(
                kind=kind,
                task=task,
                template=template,
                style=style,
                detail=detail,
                count=count,
                of=max(tried, count),
                examples=tuple(examples),
            )


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns the findings by kind, in the order of KINDS, then by task; the most frequent first."""
    order = {kind: i for i, kind in enumerate(KINDS)}
    return tuple(sorted(findings, key=lambda f: (order[f.kind], f.task, -f.count, f.template, f.style)))


def excerpt(text: str, at: int | None = None, width: int = 160) -> str:
    """Returns a text's part around a position, with marks where it was cut; the whole if it is short."""
    if len(text) <= width:
        return text
    start = 0 if at is None else max(0, min(at - width // 2, len(text) - width))
    return ("..." if start else "") + text[start : start + width] + ("..." if start + width < len(text) else "")


def joined(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
