"""Sentences that state the results, without claiming more than the numbers support."""

from collections.abc import Sequence
from typing import Any

SIGNIFICANT = 0.05


def verdict_sentences(results: dict[str, Any], name: str = "The trained model") -> list[str]:
    """Returns, for each setting of results.json, how the trained model scores and whether it differs from the untuned one."""
    sentences = []
    for suite in results["suites"]:
        if suite["model"] != "trained" and "trained" in results["models"]:
            continue
        who = name if suite["model"] == "trained" else f"The {suite['model']} model"
        sentences.append(score_sentence(results, suite, who))
        comparison = results["comparison"]
        if suite["model"] == "trained" and comparison and find(comparison["suites"], suite):
            sentences.append(difference_sentence(comparison, suite, "Against the untuned model"))
    return sentences


def plain_sentence(results: dict[str, Any], name: str) -> str:
    """Returns the verdict on the first setting in one plain sentence, without numbers, which are shown beside it."""
    suite = next((s for s in results["suites"] if s["model"] == "trained"), results["suites"][0])
    sides: dict[str, list[str]] = {}
    compared = results["comparison"] and find(results["comparison"]["suites"], suite)
    if compared and suite["model"] == "trained":
        sides.setdefault(judgement(compared), []).append("its untuned weights")
    if suite["majority"] is not None and suite["low"] is not None:
        side = judgement({"low": suite["low"] - suite["majority"], "high": suite["high"] - suite["majority"]})
        sides.setdefault(side, []).append("always giving the most frequent answer")
    if not sides:
        return f"{name} was evaluated; there is nothing to hold its score against."
    return f"{name} scores {' and '.join(_against(side, others) for side, others in sides.items())}."


def _against(side: str, others: Sequence[str]) -> str:
    """`higher than A and than B`."""
    plain = ("about as high, as far as these items tell,", "as")
    how, than = {"better": ("higher", "than"), "worse": ("lower", "than")}.get(side, plain)
    return f"{how} {' and '.join(f'{than} {other}' for other in others)}"


def score_sentence(results: dict[str, Any], suite: dict[str, Any], who: str) -> str:
    """Returns a sentence with the score of `who` in one setting, its interval, the counts and the reference scores."""
    clusters = [c["cluster"] for c in results["clusters"] if c["model"] == suite["model"] and same_setting(c, suite)]
    untuned = [s for s in results["suites"] if s["model"] == "untuned" != suite["model"] and same_setting(s, suite)]
    points = [(name, suite[name]) for name in ("chance", "majority")] + [("untuned", s["mean"]) for s in untuned]
    beside = ", ".join(f"{name} {value:.1f}" for name, value in points if value is not None)
    return (
        f"{who} (step {results['models'][suite['model']]:,}, {setting_name(suite)}) scores {interval(suite, 'mean')} on "
        f"{count(len(clusters), 'cluster')} ({', '.join(clusters)}: {count(suite['tasks'], 'task')}, "
        f"{count(suite['templates'], 'template')}, {suite['items']:,} items)" + (f"; {beside}." if beside else ".")
    )


def difference_sentence(comparison: dict[str, Any], setting: dict[str, Any], lead: str) -> str:
    """Returns whether the trained weights differ from the untuned ones, on how many tasks, and the smallest detectable
    difference."""
    suite = find(comparison["suites"], setting)
    assert suite is not None
    return f"{lead}: {judgement(suite)}, {_evidence(comparison, suite)}"


def runs_sentence(comparison: dict[str, Any], setting: dict[str, Any], name: str, base: str, seeds_only: bool) -> str:
    """Returns a sentence on how run `name` scores against run `base`, and that one run of each does not compare the configs.

    Args:
      seeds_only: whether the configs of the two runs differ only in seeds.
    """
    suite = find(comparison["suites"], setting)
    assert suite is not None
    found = {"better": "scores higher than", "worse": "scores lower than"}.get(judgement(suite), "is not told apart from")
    alike = " They differ only in seed." if seeds_only else ""
    return (
        f"The run {name} {found} the run {base} ({setting_name(suite)}): {_evidence(comparison, suite)}{alike} The interval is "
        "of the items and not of training: another seed of either config could score otherwise."
    )


def _evidence(comparison: dict[str, Any], suite: dict[str, Any]) -> str:
    tasks = [row for row in comparison["tasks"] if same_setting(row, suite)]
    clusters = [row for row in comparison["clusters"] if same_setting(row, suite)]
    higher, ahead = (sum(row["difference"] > 0 for row in rows) for rows in (clusters, tasks))
    significant = sum(row["p_holm"] is not None and row["p_holm"] < SIGNIFICANT for row in tasks)
    smallest = suite["detectable"]
    limit = "" if smallest is None else f" Smallest difference this could have detected: {smallest:.1f} points."
    return (
        f"{interval(suite, 'difference')}, points paired by item{p_text(suite['p'])}; "
        f"higher on {higher} of {count(len(clusters), 'cluster')} and {ahead} of {count(len(tasks), 'task')}, "
        f"with a significant difference on {significant} (Holm).{limit}"
    )


def judgement(row: dict[str, Any]) -> str:
    """Returns 'better', 'worse' or 'not decisive' if the interval is above, below or across zero; also 'not decisive' if the
    test beside it, which is exact for one template of right-or-wrong answers, does not reject zero."""
    if row["low"] is None or row["low"] <= 0 <= row["high"]:
        return "not decisive"
    p = row.get("p")
    if p is not None and p >= SIGNIFICANT:
        return "not decisive"
    return "better" if row["low"] > 0 else "worse"


def interval(row: dict[str, Any], name: str) -> str:
    """Returns `mean (95% interval low to high)`; differences have a sign."""
    sign = "+" if name == "difference" else ""
    if row["low"] is None:
        return f"{_number(row[name], sign)} (too few items for an interval)"
    low, high = _number(row["low"], sign), _number(row["high"], sign)
    return f"{_number(row[name], sign)} (95% interval {low} to {high})"


def _number(value: float, sign: str) -> str:
    return f"{value:{sign}.1f}".replace("-", "\u2212")


def p_text(p: float | None) -> str:
    """Returns `, p = 0.012`; empty if there was no test."""
    if p is None:
        return ""
    return ", p\u00a0<\u00a00.001" if p < 0.001 else f", p\u00a0=\u00a0{p:.3f}"


def setting_name(row: dict[str, Any]) -> str:
    """Returns 'zero-shot', '4-shot, chain of thought', ..., with the mean number of exemplars that fitted, if the row has it.

    >>> setting_name({"shots": 4, "chain_of_thought": True, "shots_shown": 1.25})
    '4-shot (1.2 exemplars shown on average), chain of thought'
    """
    shots = "zero-shot" if row["shots"] == 0 else f"{row['shots']}-shot"
    shown = row.get("shots_shown")
    if row["shots"] and shown is not None:
        shots += f" ({shown:.1f} exemplars shown on average)"
    return shots + (", chain of thought" if row["chain_of_thought"] else "")


def count(n: int, noun: str) -> str:
    """`1 task`, `3 tasks`."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def same_setting(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rows are about the same shots and chain-of-thought setting."""
    return all(row[name] == other[name] for name in ("shots", "chain_of_thought"))


def find(rows: Sequence[dict[str, Any]], setting: dict[str, Any]) -> dict[str, Any] | None:
    """The first row of a setting; None if there is none."""
    return next((row for row in rows if same_setting(row, setting)), None)
