"""How the scores of a page were made: the rows of its protocol."""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from flanjax.evaluate.normalizations import PMI
from flanjax.evaluate.verdict import setting_name
from flanjax.report.runs import RunRecord
from flanjax.report.score_view import main_model, of_model
from flanjax.train.goodput import latest

PRESETS = {
    "flan": "end-of-sequence on input and on target",
    "t0": "no end-of-sequence on input, one on target",
    "lm_eval": "end-of-sequence on input, none on target",
}
LIBRARIES = ("numpy", "scipy", "rouge-score", "sacrebleu")


def protocol(runs: Sequence[RunRecord]) -> list[tuple[str, list[str]]]:
    """Returns how the scores were made: a list of (name, one value for each run)."""
    rows = [_main_rows(run) for run in runs]

    def of_rows(name: str) -> list[str]:
        return [", ".join(sorted({str(r[name]) for r in found})) or "–" for found in rows]

    lines = [
        ("Scoring preset", [_presets(found) for found in rows]),
        ("Option normalisation", of_rows("normalization")),
        ("Premise of PMI", [_premise(run) for run in runs]),
        ("Answer extractor", [_extractor(run) for run in runs]),
        ("Chains of thought", [_chains(run) for run in runs]),
        ("Scorers", of_rows("scorer")),
        ("Primary metrics", of_rows("primary")),
        ("Evaluated", [r.headline.label if r.headline else "–" for r in runs]),
        ("Settings", ["; ".join(dict.fromkeys(setting_name(r) for r in found)) or "–" for found in rows]),
        ("Evaluated step", [str(r.headline.results["models"].get("trained", "–")) if r.headline else "–" for r in runs]),
        ("Training steps", [_planned(run) for run in runs]),
        ("Mixture", [_mixture_name(run) for run in runs]),
        ("Plan", [str(run.mixture.get("plan_hash") or "–") for run in runs]),
        ("Held-out clusters", [", ".join(run.config.get("heldout") or []) or "–" for run in runs]),
        ("Model", [_flat(run.config.get("model") or {}) for run in runs]),
        ("Seeds", [_seeds(run) for run in runs]),
        ("Date", [_made(run, "date").replace("T", " ") for run in runs]),
        ("Command", [_made(run, "command") for run in runs]),
        ("Commit", [_made(run, "commit") for run in runs]),
        ("Cost", [_cost(run) for run in runs]),
        ("Time in training steps", [_time_in_steps(run) for run in runs]),
        ("Versions of the evaluation", [_versions(run) for run in runs]),
        ("Versions of the run", [_flat(run.config.get("versions") or {}) for run in runs]),
        ("BLEU signature", [", ".join(_signatures(found)) or "–" for found in rows]),
    ]
    page_versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    shown = [(name, values) for name, values in lines if any(v != "–" for v in values)]
    return [*shown, ("Versions of this page", [page_versions] * len(runs))]


def _presets(rows: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{p}: {PRESETS.get(p, 'unknown preset')}" for p in sorted({r["preset"] for r in rows})) or "–"


def _signatures(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted({m["signature"] for row in rows for m in row["metrics"].values() if "signature" in m})


def _made(run: RunRecord, name: str) -> str:
    """Returns an entry of `made` in the headline's protocol.json."""
    return str(run.headline.record.get("made", {}).get(name) or "–") if run.headline else "–"


def _settings(run: RunRecord) -> dict[str, Any]:
    """Returns the settings of the headline's evaluation; empty for an older one."""
    found: dict[str, Any] = run.headline.record.get("protocol", {}).get("evaluation", {}) if run.headline else {}
    return found


def _premise(run: RunRecord) -> str:
    return repr(_settings(run).get("premise", "")) if PMI in {r["normalization"] for r in _main_rows(run)} else "–"


def _extractor(run: RunRecord) -> str:
    return str(_settings(run).get("extractor", "–")) if any(r["scorer"] != "rank" for r in _main_rows(run)) else "–"


def _chains(run: RunRecord) -> str:
    settings = _settings(run)
    if not any(r["chain_of_thought"] for r in _main_rows(run)) or "samples" not in settings:
        return "–"
    if not settings["temperature"]:
        return "greedy"
    drawn = f"drawn at temperature {settings['temperature']:g}"
    return drawn if settings["samples"] == 1 else f"vote of {settings['samples']}, {drawn}"


def _main_rows(run: RunRecord) -> list[dict[str, Any]]:
    return of_model(run.headline.results["tasks"], main_model(run.headline)) if run.headline else []


def _versions(run: RunRecord) -> str:
    return _flat(run.headline.record.get("made", {}).get("versions", {})) if run.headline else "–"


def _seeds(run: RunRecord) -> str:
    """Returns the seeds of training and of the evaluation's exemplars."""
    record = run.headline.record.get("protocol", {}) if run.headline else {}
    seeds = {name: (run.config.get(name) or {}).get("seed") for name in ("train", "data")} | record.get("training_seeds", {})
    seeds["evaluation"] = record.get("evaluation", {}).get("seed")
    return ", ".join(f"{name} {seed}" for name, seed in seeds.items() if seed is not None) or "–"


def _cost(run: RunRecord) -> str:
    """Returns the time that training and evaluation took, as far as it was recorded."""
    steps = [0, *(line["step"] for line in run.train)]
    trained = sum((line.get("seconds") or 0.0) * (b - a) for line, a, b in zip(run.train, steps, steps[1:], strict=False))
    made = run.headline.record.get("made", {}) if run.headline else {}
    parts = [f"training {_duration(trained)} in logged steps"] if trained else []
    parts += [f"evaluation {_duration(made['seconds'])} on {made['devices']}"] if "seconds" in made else []
    return "; ".join(parts) or "–"


def _time_in_steps(run: RunRecord) -> str:
    share = latest(run.train)
    return "–" if share is None else f"{100 * share:.1f}%"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _mixture_name(run: RunRecord) -> str:
    """Its address; and its name if that tells that data sets are missing."""
    address, name = run.config.get("mixture"), run.mixture.get("mixture")
    return f"{address}, as {name}" if address and run.mixture.get("quarantined") else str(address or name or "–")


def _planned(run: RunRecord) -> str:
    steps = (run.config.get("train") or {}).get("steps")
    done = f"{run.train[-1]['step']:,} logged" if run.train else "none logged"
    return f"{steps:,} planned, {done}" if isinstance(steps, int) else done


def _flat(values: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items() if v is not None and not isinstance(v, (dict, list))) or "–"
