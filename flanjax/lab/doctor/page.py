"""An examination as one HTML page that fetches nothing: `render`."""

from itertools import groupby
from typing import Any

from flanjax.check.findings import Finding, excerpt
from flanjax.lab.doctor.outcome import FAILED, NOT_CHECKED, PASSED, Report, Result
from flanjax.pages.environment import asset, environment

_CHARACTERS = 2000  # of a text that is shown


def render(report: Report) -> str:
    """Returns the page as a string."""
    return environment().from_string(asset("flanjax.lab.doctor", "doctor.html.j2")).render(page(report))


def page(report: Report) -> dict[str, Any]:
    """Returns everything that the template shows."""
    counts = {status: sum(r.status == status for r in report.results) for status in (PASSED, FAILED, NOT_CHECKED)}
    shown = [one for result in report.results for one in result.outcome.shown]
    layouts = [
        {
            "name": name,
            "examples": [one._replace(runs=tuple(r._replace(text=_text(r.text)) for r in one.runs)) for one in those],
        }
        for name, those in groupby(shown, key=lambda one: one.layout)
    ]
    return {
        "name": report.name,
        "source": report.source,
        "weights": f"the weights of step {report.step:,}" if report.step else "the weights that training begins with",
        "size": report.size,
        "devices": report.devices,
        "seconds": sum(r.seconds for r in report.results),
        "passed": counts[PASSED],
        "failed": counts[FAILED],
        "unchecked": counts[NOT_CHECKED],
        "results": [_result(result) for result in report.results],
        "layouts": layouts,
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "anchor": result.name.replace(" ", "-"),
        "holds": result.holds,
        "status": result.status,
        "mark": {PASSED: "ok", FAILED: "alarm", NOT_CHECKED: "quiet"}[result.status],
        "said": _text(result.outcome.said),
        "seconds": result.seconds,
        "findings": [_finding(finding) for finding in result.outcome.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    place = [finding.task, finding.template and f"template {finding.template}", finding.style]
    return {
        "kind": finding.kind,
        "place": ", ".join(filter(None, place)),
        "detail": _text(finding.detail),
        "cases": f"{finding.count:,} of {finding.of:,}" if finding.of > 1 else "",
        "examples": [(e.where, _text(e.text), _text(e.other)) for e in finding.examples],
    }


def _text(text: str) -> str:
    """Returns a text cut to what a page shows, with halves of surrogate pairs written out, as a file cannot hold them."""
    return excerpt(text, width=_CHARACTERS).encode("utf-8", "backslashreplace").decode()
