"""Writes one self-contained HTML page about one run or several: `write_report`.

The page fetches nothing. It shows results.json (or recomputes it from predictions.parquet), the training log and the mixture.
If a part is missing because it was not run, the page says so and names the command.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from etils import epath

from flanjax import storage
from flanjax.evaluate.protocol import HELD_OUT
from flanjax.evaluate.results import CUT_SHARE, FEWEST_SHOTS, LENGTH_STOPS, PARSE_RATE
from flanjax.evaluate.verdict import count
from flanjax.pages.environment import asset, environment
from flanjax.report import plots, prompt_view, score_view, training_view
from flanjax.report.examples import MOST, pick_examples
from flanjax.report.protocol_view import protocol
from flanjax.report.runs import Evaluation, RunRecord, load_run
from flanjax.report.score_view import evaluated, main_model, of_model

COMMANDS = {"evaluate": "flanjax heldout --workdir {}", "train": "flanjax train --config CONFIG --workdir {}"}
SKIPPED_SHARE = SHARE_ERROR = 0.01


def write_report(
    workdirs: Sequence[epath.PathLike], output: epath.PathLike, *, evaluation: str = "", reload_seconds: int = 0
) -> epath.Path:
    """Writes the page about the runs in `workdirs` to `output` and returns its path. Later runs are compared with the first.

    Args:
      evaluation: the folder under evaluation/ whose scores head the page; if empty, the newest held-out evaluation.
      reload_seconds: how often a browser loads the page anew; 0 for never.
    """
    if not workdirs:
        raise ValueError("got no workdir; expected at least one folder that `flanjax train` wrote to")
    storage.reach(output)
    target = epath.Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    storage.replace_text(target, render(_named_apart([load_run(w, evaluation) for w in workdirs]), reload_seconds))
    return target


def render(runs: Sequence[RunRecord], reload_seconds: int = 0) -> str:
    """Returns the page as a string."""
    made = environment()
    made.filters.update(score=_score, signed=_signed, percent=_percent, whole=_whole, p=_p, brief=_brief)
    return made.from_string(asset("flanjax.report", "report.html.j2")).render(**page(runs), reload_seconds=reload_seconds)


def page(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Returns everything that the template shows, by section."""
    share = max(8, MOST // len(runs))
    return {
        "runs": [{"name": run.name, "colour": score_view.colour(i), "about": _about(run)} for i, run in enumerate(runs)],
        "several": len(runs) > 1,
        "commands": {name: text.format(runs[0].path.name) for name, text in COMMANDS.items()},
        "cards": score_view.cards(runs),
        "verdicts": score_view.verdicts(runs),
        "health": [{"run": run.name, "checks": health(run)} for run in runs],
        "clusters": score_view.cluster_rows(runs),
        "tasks": score_view.task_rows(runs),
        "templates": score_view.template_rows(runs),
        "prompts": prompt_view.prompt_rows(runs),
        "by_run": score_view.run_rows(runs),
        "axis": plots.strip_axis(score_view.PERCENT),
        "loss": training_view.loss_plot(runs),
        "loss_panels": training_view.loss_panels(runs),
        "score_panels": training_view.score_panels(runs),
        "speed_panels": training_view.speed_panels(runs),
        "mixtures": training_view.mixtures(runs),
        "protocol": protocol(runs),
        "training_prompts": [{**p, "run": run.name} for run in runs for p in (run.mixture.get("prompts") or [])[:share]],
        "examples": [{**e, "run": run.name} for _, run, ev in evaluated(runs) for e in _examples(ev, share)],
    }


def health(run: RunRecord) -> list[dict[str, Any]]:
    """Returns checks for what would make the scores meaningless: name, state ('ok', 'alarm' or 'missing'), value, note."""
    return [*_score_checks(run.headline), *_mixture_checks(run), _loss_check(run)]


def _score_checks(evaluation: Evaluation | None) -> list[dict[str, Any]]:
    names = (
        "Constant answers",
        "Cut prompts",
        *_OF_ANSWERS,
        "Stopped by length",
        "Exemplars shown",
        "Rows left out",
    )
    if evaluation is None:
        return [_check(name, None, "", "not evaluated") for name in names]
    rows = of_model(evaluation.results["tasks"], main_model(evaluation))
    constant = [r for r in rows if r["majority_prediction"]["constant_templates"]]
    cut = _mean([r["cut_share"] for r in rows])
    stops = [r["stops"]["length"] for r in rows if r["stops"]]
    few = [r for r in rows if r["shots"] and r["shots_shown"] is not None]
    bare = [r for r in few if r["shots_shown"] < FEWEST_SHOTS * r["shots"]]
    lost = evaluation.results["left_out"]
    tried = sum(task["rows"] for task in lost.values())
    return [
        _check(names[0], not constant, str(len(constant)), f"of {len(rows)} tasks: one answer above 95%", constant),
        _check(names[1], cut <= CUT_SHARE, _percent(cut), "of evaluated prompts"),
        *_answer_checks([r for r in rows if r["scorer"] != "rank"]),
        _check(
            names[4], _mean(stops) <= LENGTH_STOPS if stops else None, _percent(_mean(stops)) if stops else "", "of generations"
        ),
        _check(names[5], not bare if few else None, _shown(few), "exemplars on average" if few else "zero-shot", bare),
        _check(
            names[6],
            sum(task["left_out"] for task in lost.values()) <= SKIPPED_SHARE * tried,
            f"{sum(task['left_out'] for task in lost.values()):,}",
            "evaluation rows" + (": " + ", ".join(_lost(name, lost[name]) for name in sorted(lost)[:3]) if lost else ""),
        ),
    ]


_OF_ANSWERS = ("Answers found", "Samples without an answer")


def _answer_checks(written: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns whether answers were found in the texts of tasks that were answered by texts."""
    if not written:
        return [_check(name, None, "", "no texts were written") for name in _OF_ANSWERS]
    found = _mean([r["parse_rate"] for r in written])
    checks = [_check(_OF_ANSWERS[0], found >= PARSE_RATE, _percent(found), "of items answered by a text")]
    voted = [r for r in written if (r.get("samples") or 1) > 1]
    if not voted:
        return [*checks, _check(_OF_ANSWERS[1], None, "", "one text an item")]
    mute = _mean([r["unparsed_samples"] for r in voted])
    note = f"of {max(r['samples'] for r in voted)} an item, which vote"
    return [*checks, _check(_OF_ANSWERS[1], mute <= 1 - PARSE_RATE, _percent(mute), note)]


def _shown(rows: Sequence[dict[str, Any]]) -> str:
    """Returns text such as `1.2 of 4` for every number of shots."""
    asked = sorted({r["shots"] for r in rows})
    return ", ".join(f"{_mean([r['shots_shown'] for r in rows if r['shots'] == n]):.1f} of {n}" for n in asked)


def _lost(task: str, counts: dict[str, Any]) -> str:
    return f"{task} {counts['left_out']:,} of {counts['rows']:,} ({counts['reasons'][0]})"


def _mixture_checks(run: RunRecord) -> list[dict[str, Any]]:
    names = ("Tasks in quarantine", "Held-out tasks trained on", "Skipped rows", "Largest share error")
    tasks = run.mixture.get("tasks", [])
    if not tasks:
        return [_check(name, None, "", "no mixture.json") for name in names]
    skipped = sum(training_view.skipped(tasks).values())
    visited = skipped + sum(t["examples"] for t in tasks)
    error = max(abs(t["asked_share"] - t["realised_share"]) for t in tasks)
    leaked = _leaked(run)
    lost = [one["task"] for one in run.mixture.get("quarantined", [])]
    return [
        _check(names[0], not lost, str(len(lost)), ", ".join(lost[:3])),
        _check(names[1], not leaked, str(len(leaked)), ", ".join(sorted(leaked)[:3]) or "the split holds"),
        _check(names[2], skipped <= SKIPPED_SHARE * visited, f"{skipped:,}", f"of {visited:,} visits to training rows"),
        _check(names[3], error <= SHARE_ERROR, _percent(error), "asked against realised"),
    ]


def _leaked(run: RunRecord) -> set[str]:
    """Returns tasks and clusters that the mixture trains on although they are held out or evaluated as held out."""
    trained = {t["task"] for t in run.mixture["tasks"]} | {t["cluster"] for t in run.mixture["tasks"]}
    evaluated = run.headline.results["tasks"] if run.headline and run.headline.label == HELD_OUT else []
    held = {name for row in evaluated for name in (row["task"], row["cluster"])}
    return trained & (held | set(run.mixture.get("heldout", [])) | set(run.config.get("heldout") or []))


def _loss_check(run: RunRecord) -> dict[str, Any]:
    losses = [line["loss"] for line in run.train]
    bad = [x for x in losses if x is None or not 0 < x < float("inf")]
    if not losses:
        return _check("Loss", None, "", "no metrics.jsonl")
    if bad:
        return _check("Loss", False, str(len(bad)), "bad steps")
    return _check("Loss", True, f"{losses[-1]:.3f}", "at the last step")


def _check(name: str, good: bool | None, value: str, note: str, rows: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    state = "missing" if good is None else "ok" if good else "alarm"
    which = ": " + ", ".join(r["task"] for r in rows[:3]) if rows else ""
    return {"name": name, "state": state, "value": value or "–", "note": note + which}


def _about(run: RunRecord) -> str:
    clusters = len(score_view.training_clusters(run))
    parts = [f"step {run.train[-1]['step']:,}" if run.train else "", count(clusters, "training cluster") if clusters else ""]
    return " · ".join(part for part in parts if part)


def _examples(evaluation: Evaluation, most: int) -> list[dict[str, Any]]:
    if evaluation.predictions is None:
        return []
    return pick_examples(evaluation.predictions, main_model(evaluation), most)


def _named_apart(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Returns the runs with unique names: a name that occurs twice gets its folder's name added."""
    twice = {name for name, n in Counter(run.name for run in runs).items() if n > 1}
    return [
        RunRecord(**{**vars(r), "name": f"{r.name} ({storage.place(r.path).name})"}) if r.name in twice else r for r in runs
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}".replace("-", "−")


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}%"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _brief(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
