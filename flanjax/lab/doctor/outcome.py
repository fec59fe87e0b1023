"""What a check says: values that the terminal, the page and JSON show."""

from typing import Any, NamedTuple

from flanjax.check.findings import Finding

PASSED, FAILED, NOT_CHECKED = "passed", "failed", "not checked"


class NotChecked(Exception):
    """A check cannot be made here; the message says why."""


class Run(NamedTuple):
    """Neighbouring tokens of an example that are alike.

    Attributes:
      role: "read", "trained" (they have a loss) or "written" (targets without a loss).
      text: the tokens decoded.
    """

    role: str
    text: str


class Shown(NamedTuple):
    """An example as the model sees it.

    Attributes:
      layout: of its row.
      task: its task's name.
      runs: its tokens, in their order.
    """

    layout: str
    task: str
    runs: tuple[Run, ...]


class Outcome(NamedTuple):
    """The result of one check.

    Attributes:
      said: what was compared and what was measured, in a sentence.
      findings: what is wrong; none if all is well.
      shown: examples to look at.
    """

    said: str
    findings: tuple[Finding, ...] = ()
    shown: tuple[Shown, ...] = ()


class Result(NamedTuple):
    """One check of an examination.

    Attributes:
      name: of the check.
      holds: what is true where it passes.
      status: PASSED, FAILED or NOT_CHECKED.
    """

    name: str
    holds: str
    status: str
    outcome: Outcome
    seconds: float

    def to_json(self) -> dict[str, Any]:
        findings = [
            {"kind": f.kind, "task": f.task, "template": f.template, "detail": f.detail, "count": f.count, "of": f.of}
            | {"examples": [e._asdict() for e in f.examples]}
            for f in self.outcome.findings
        ]
        shown = [{"layout": s.layout, "task": s.task, "runs": [r._asdict() for r in s.runs]} for s in self.outcome.shown]
        return {
            "name": self.name,
            "holds": self.holds,
            "status": self.status,
            "said": self.outcome.said,
            "findings": findings,
            "shown": shown,
            "seconds": round(self.seconds, 2),
        }


class Report(NamedTuple):
    """A whole examination.

    Attributes:
      source: the config or the workdir that was examined.
      step: of the weights; 0 of first ones.
      size: the number of parameters, in words.
    """

    name: str
    source: str
    step: int
    size: str
    devices: str
    results: tuple[Result, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(r for r in self.results if r.status == FAILED)

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "failed": [r.name for r in self.failed], "results": [r.to_json() for r in self.results]}
