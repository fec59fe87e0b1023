"""The findings of `flanjax check` as one HTML page that fetches nothing: `render`."""

import ast
import difflib
import re
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from flanjax.check.findings import KINDS, Example, Finding, Report, excerpt
from flanjax.pages.environment import asset, environment

_SHARED_WORDS = 4  # fewer may agree by chance
_CHARACTERS = 4000  # of a text that is shown
_WORD = re.compile(r"\w+")


def render(report: Report) -> str:
    """Returns the page as a string."""
    return environment().from_string(asset("flanjax.check", "check.html.j2")).render(page(report))


def page(report: Report) -> dict[str, Any]:
    """Returns everything that the template shows."""
    shown = [_finding(report, finding) for finding in report.findings]
    kinds = [
        {
            "name": kind,
            "meaning": meaning,
            "new": sum(f["kind"] == kind and f["known"] is None for f in shown),
            "known": sum(f["kind"] == kind and f["known"] is not None for f in shown),
            "findings": [f for f in shown if f["kind"] == kind],
        }
        for kind, meaning in KINDS.items()
    ]
    return {
        "mixture": report.mixture,
        "checked": ", ".join(f"{number:,} {what}" for what, number in report.checked.items()),
        "kinds": [kind for kind in kinds if kind["findings"]],
        "clean": [kind["name"] for kind in kinds if not kind["findings"]],
        "tasks": sorted({name for f in report.findings for name in (f.task, f.other) if name}),
        "new": len(report.new),
        "known": len(report.findings) - len(report.new),
        "stale": report.stale,
    }


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "task": finding.task,
        "other": finding.other,
        "place": f"template {finding.template}" if finding.template else f"with {finding.other}" if finding.other else "",
        "style": finding.style,
        "detail": _writable(finding.detail),
        "count": finding.count,
        "of": finding.of,
        "known": report.why(finding),
        "key": finding.key,
        "examples": [_example(finding, example) for example in finding.examples],
    }


def _example(finding: Finding, example: Example) -> dict[str, Any]:
    text, other = (_writable(excerpt(part, width=_CHARACTERS)) for part in (example.text, example.other))
    marked = shared(text, other) if other else (literal(text, finding.detail), Markup(""))
    names = (finding.task, finding.other) if finding.other else ("input", "target")
    return {
        "where": example.where,
        "text": marked[0],
        "other": marked[1],
        "other_where": example.other_where,
        "names": names if other else ("", ""),
    }


def shared(text: str, other: str) -> tuple[Markup, Markup]:
    """Returns two texts in which the sequences of at least four words that both have are marked.

    >>> shared("So it was a dark night.", "It was a DARK night")[0]
    Markup('So <mark>it was a dark night</mark>.')
    """
    words, others = list(_WORD.finditer(text)), list(_WORD.finditer(other))
    matcher = difflib.SequenceMatcher(None, [w[0].lower() for w in words], [w[0].lower() for w in others], autojunk=False)
    runs = [run for run in matcher.get_matching_blocks() if run.size >= min(_SHARED_WORDS, len(words), len(others)) > 0]
    spans = [(words[run.a].start(), words[run.a + run.size - 1].end()) for run in runs]
    other_spans = [(others[run.b].start(), others[run.b + run.size - 1].end()) for run in runs]
    return _marked(text, spans), _marked(other, other_spans)


def literal(text: str, detail: str) -> Markup:
    """Returns a text in which what the detail quotes is marked, whatever white space is in it.

    >>> literal("Answer:\\nAnswer:", "'Answer: Answer:'")
    Markup('<mark>Answer:\\nAnswer:</mark>')
    """
    try:
        quoted = ast.literal_eval(detail)
    except (ValueError, SyntaxError):
        quoted = ""
    if not isinstance(quoted, str) or not quoted.strip():
        return escape(text)
    pattern = r"\s+".join(re.escape(word) for word in quoted.split())
    return _marked(text, [found.span() for found in re.finditer(pattern, text)])


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    parts, at = [], 0
    for start, end in spans:
        parts += [escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        at = end
    return Markup("").join([*parts, escape(text[at:])])


def _writable(text: str) -> str:
    """Returns the text with halves of surrogate pairs written out, as a file cannot hold them."""
    return text.encode("utf-8", "backslashreplace").decode()
