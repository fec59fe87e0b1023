"""The page of rows that a model wrote: how they grew, why others were dropped, and a page to read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from flanjax.lab.writing.rows import Rows, encodable, spread
from flanjax.pages.environment import asset, environment
from flanjax.report import plots
from flanjax.report.plots import Line

READ, EACH = 200, 40  # rows to read, and dropped texts of each reason


def render(
    kind: str,
    title: str,
    quiet: Sequence[str],
    verdicts: Sequence[str],
    rows: Rows,
    method: Sequence[str],
    across: str = "prompts",
) -> str:
    """Returns the page.

    Args:
      kind: of the command, such as "self-instruct".
      quiet: what it was made from.
      verdicts: what is said first.
      method: paragraphs on how rows are made and chosen.
      across: what `Rows.grown` counts.
    """
    total = max(1, len(rows.dropped))
    content = {
        "kind": kind,
        "title": title,
        "quiet": quiet,
        "verdicts": verdicts,
        "method": method,
        "growth": _growth(rows, across),
        "across": across,
        "reasons": [
            {"reason": reason, "number": number, "bar": plots.gauge(number / total), "one": _first(rows, reason)}
            for reason, number in rows.reasons.items()
        ],
        "kept": [_kept(row) for row in spread(rows.kept, READ)],
        "dropped": [_dropped(row) for reason in rows.reasons for row in spread(_of(rows, reason), EACH)],
        "num_kept": len(rows.kept),
        "num_dropped": len(rows.dropped),
    }
    return encodable(environment().from_string(asset("flanjax.lab.writing", "rows.html.j2")).render(content))


def _growth(rows: Rows, across: str) -> Any:
    x = [one.prompts for one in rows.grown]
    lines = []
    for label, colour, values in (
        ("kept", "c1", [g.kept for g in rows.grown]),
        ("dropped", "c2", [g.dropped for g in rows.grown]),
    ):
        thinned = spread(list(zip(x, values, strict=True)), 200)
        lines.append(Line(label, [a for a, _ in thinned], [b for _, b in thinned], colour, across=across))
    return plots.line_plot(lines, height=220) if len(x) > 1 else None


def _of(rows: Rows, reason: str) -> list[dict[str, Any]]:
    return [row for row in rows.dropped if row["reason"] == reason]


def _first(rows: Rows, reason: str) -> str:
    one = _of(rows, reason)[0]
    return str(one["detail"] or one["text"])[:160]


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    messages = row.get("messages")
    instruction = messages[0]["content"] if messages else row["instruction"]
    output = messages[-1]["content"] if messages else row["output"]
    return {**row, "instruction": instruction, "input": "" if messages else row["input"], "output": output}


def _dropped(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in ("input", "output", "answer") if row.get(name)}
    return {**row, "shown": shown}
