"""The page of a play: win rates and margins over rounds, what opponents wrote, held-out scores."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flanjax.lab.ablate.finished import Finished
from flanjax.lab.ablate.page import PERCENT
from flanjax.lab.spin.findings import Row
from flanjax.lab.spin.play import Play
from flanjax.pages.environment import asset, environment
from flanjax.report import plots
from flanjax.report.plots import Dot, Line, Mark


def render(play: Play, found: Row, finished: Sequence[Finished], planned: int, problems: Sequence[str], out: Path) -> str:
    """Returns the page.

    Args:
      found: of `findings`.
      problems: what failed or is not finished.
      out: the folder that the page will lie in, which links are relative to.
    """
    rounds = found["rounds"]
    content = {
        "title": play.config.name,
        "config": play.config_file,
        "start": os.path.relpath(play.start, out) if Path(play.start).exists() else play.start,
        "beta": play.config.objective.beta,
        "steps": play.config.train.steps,
        "sampling": "greedy" if not play.temperature else f"temperature {play.temperature:g}, top-p {play.top_p:g}",
        "planned": planned,
        "problems": problems,
        "verdicts": found["verdicts"],
        "rounds": [
            {**row, **_last(row), "report": os.path.relpath(one.report, out)} for row, one in zip(rounds, finished, strict=True)
        ],
        "win_rates": _curves(rounds, "win_rate", 100.0, plots.Scale(0.0, 100.0, PERCENT.ticks)),
        "margins": _curves(rounds, "margin", 1.0, None),
        "gains": [_gains(row) for row in rounds],
        "clusters": _clusters(rounds),
        "strip_axis": plots.strip_axis(PERCENT),
        "prompts": found["prompts"],
    }
    return environment().from_string(asset("flanjax.lab.spin", "spin.html.j2")).render(content)


def _last(row: Row) -> Mapping[str, Any]:
    told = row["apart"][-1] if row["apart"] else None
    return {"end": row["curve"][-1] if row["curve"] else None, "end_apart": told}


def _curves(rounds: Sequence[Row], name: str, times: float, scale: plots.Scale | None) -> Any:
    """One curve a round, over the steps of all rounds; pairs held apart as dots on a dashed line."""
    lines, before = [], 0
    for row in rounds:
        colour = f"c{(row['round'] - 1) % 6 + 1}"
        for which, label in (("curve", "round {}"), ("apart", "round {}, apart")):
            told, apart = row[which], which == "apart"
            x, y = plots.thin([before + t["step"] for t in told], [times * t[name] for t in told])
            if x:
                lines.append(Line(label.format(row["round"]), x, y, colour, dashed=apart, dots=apart))
        before += max((t["step"] for t in row["curve"]), default=0)
    return plots.line_plot(lines, height=240, scale=scale) if lines else None


def _gains(row: Row) -> Row:
    """How much both answers gained on the opponent's log-likelihoods, over the steps of a round."""
    lines = []
    for name, label, colour in (("gain_chosen", "the data's answer", "c1"), ("gain_rejected", "the opponent's text", "c2")):
        x, y = plots.thin([t["step"] for t in row["curve"]], [t[name] for t in row["curve"]], 80)
        if x:
            lines.append(Line(label, x, y, colour))
    return {"round": row["round"], "plot": plots.line_plot(lines, height=130, ends=False) if lines else None}


def _clusters(rounds: Sequence[Row]) -> list[Row]:
    """For each held-out cluster the score of every round's model, after that of the model that play began with."""
    found: dict[str, list[Row]] = {}
    for row in rounds:
        for score in row["scores"]:
            began = score["model"] != "trained"
            if began and row["round"] > 1:
                continue  # the opponent of a later round is the model of the round before
            label = "before play" if began else f"round {row['round']}"
            colour = "soft" if began else f"c{(row['round'] - 1) % 6 + 1}"
            dot = Dot(score["mean"], score["low"], score["high"], colour, hollow=began, title=f"{label}: {score['mean']:.1f}")
            marks = [Mark(score["chance"], f"chance {score['chance']:.1f}", "chance")] if score["chance"] is not None else []
            line = {**score, "label": label, "colour": colour, "line": plots.strip([dot], PERCENT, marks), "began": began}
            found.setdefault(score["cluster"], []).append(line)
    return [{"cluster": name, "lines": sorted(lines, key=lambda line: not line["began"])} for name, lines in found.items()]
