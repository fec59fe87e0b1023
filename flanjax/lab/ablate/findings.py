"""What the arms of a study say: scores, comparisons with an axis's first level, and a verdict for each axis.

`findings` returns plain data, which study.json holds and the page shows. All of it follows from the predictions.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flanjax.evaluate import seeds as sd
from flanjax.evaluate import statistics as st
from flanjax.evaluate.arms import Arm, Levels, Name, TaskScores, common_seeds, compare, score
from flanjax.evaluate.columns import arm_flips, columns, diagram
from flanjax.evaluate.verdict import count
from flanjax.lab.ablate.axes import NAMED, NOTHING, WEIGHTS, Axis

Row = dict[str, Any]
Arms = Mapping[tuple[str, ...], Arm]
FORMAT = 1
SIGNIFICANT = 1 - st.LEVEL
SAME, ONE_SEED = "not decisive", "one seed"


def findings(axes: Sequence[Axis], arms: Arms) -> Row:
    """Returns everything that a study found, as JSON.

    Args:
      arms: labels of the levels, one for each axis -> arm, of the combinations that have finished runs.
    """
    return {
        "format": FORMAT,
        "level": st.LEVEL,
        "axes": [_axis(place, axis, axes, arms) for place, axis in enumerate(axes)],
        "arms": [
            {"labels": list(labels), "seeds": list(arms[labels].seeds), **_scores([arms[labels]])} for labels in sorted(arms)
        ],
    }


def _axis(place: int, axis: Axis, axes: Sequence[Axis], arms: Arms) -> Row:
    sides = {level.label: _side(place, level.label, arms) for level in axis.levels}
    levels = [{"label": label, **_level(side)} for label, side in sides.items() if side]
    compared = _comparisons(axis, sides) if axis.compared else []
    found: Row = {
        "name": axis.name,
        "meaning": NAMED[axis.name].meaning if axis.name in NAMED else "",
        "levels": levels,
        "missing": [label for label, side in sides.items() if not side],
        "comparisons": compared,
        "averaged_over": [other.name for other in axes if other is not axis],
    }
    return {**found, "verdict": verdict(found)}


def _side(place: int, label: str, arms: Arms) -> dict[tuple[str, ...], Arm]:
    """The arms of one level, by the labels of the other axes; none as long as they have no seed in common."""
    found = {labels[:place] + labels[place + 1 :]: arm for labels, arm in arms.items() if labels[place] == label}
    seeds = [{*arm.seeds} for arm in found.values()]
    return found if seeds and set.intersection(*seeds) else {}


def _comparisons(axis: Axis, sides: Mapping[str, Mapping[tuple[str, ...], Arm]]) -> list[Row]:
    """Each level against the first, with Holm's p over the axis."""
    first = axis.levels[0].label
    found: list[Row] = []
    for level in axis.levels[1:]:
        matched = [key for key in sides[level.label] if key in sides[first]]
        if not matched:
            continue
        ours, theirs = ([sides[label][key] for key in matched] for label in (level.label, first))
        difference = {**_difference(compare(ours, theirs), len(axis.levels) - 1), "flips": _number(arm_flips(ours, theirs))}
        found.append({"label": level.label, "against": first, **difference})
    known = [row["p"] for row in found if row["p"] is not None]
    adjusted = iter(st.holm(known))
    return [
        {**row, "p_holm": (p := None if row["p"] is None else next(adjusted)), "judgement": _judgement(row, p)} for row in found
    ]


def _judgement(row: Row, p_holm: float | None) -> str:
    if row["num_seeds"] < 2:
        return ONE_SEED
    return SAME if p_holm is None or p_holm >= SIGNIFICANT else "better" if row["mean"] > 0 else "worse"


def _difference(found: Levels, comparisons: int = 1) -> Row:
    def row(e: sd.SeedEstimate) -> Row:
        return estimate_row(e, comparisons)

    return {
        **row(found.whole),
        "clusters": [{"cluster": name, **row(e)} for name, e in found.clusters.items()],
        "tasks": [{"cluster": cluster, "task": task, **row(e)} for (cluster, task), e in found.tasks.items()],
    }


def _scores(side: Sequence[Arm]) -> Row:
    return _difference(score(side))


def _level(side: Mapping[tuple[str, ...], Arm]) -> Row:
    members = list(side.values())
    scored, majority = score(members), _macro(members, "majority")
    beats = None
    if majority is not None and scored.whole.seeds > 1:
        beats = _number(sd.p_value(scored.whole.mean - majority, *scored.whole.levels))
    return {
        **_difference(scored),
        "p_majority": beats,
        "majority": majority,
        "items": sum(len(task.groups) for task in _tasks(members).values()),
        "by_seed": {str(seed): _of_seed(members, seed) for seed in common_seeds(members)},
        "chance": _macro(members, "chance"),
        "columns": {name: _number(value) for name, value in columns(members).items()},
        "reliability": [
            {"confidence": _number(bin.confidence), "accuracy": _number(bin.accuracy), "size": bin.size}
            for bin in diagram(members)
        ],
    }


def _of_seed(arms: Sequence[Arm], seed: int) -> float | None:
    """One seed's score: the mean over clusters of means over tasks."""
    return _number(score([_only(arm, seed) for arm in arms]).whole.mean)


def _only(arm: Arm, seed: int) -> Arm:
    at = [arm.seeds.index(seed)]
    tasks = {
        name: task._replace(
            items=None if task.items is None else task.items[at],
            means=task.means[at],
            draws=None if task.draws is None else task.draws[at],
            matrices=(task.matrices[at[0]],),
        )
        for name, task in arm.tasks.items()
    }
    return Arm((seed,), tasks)


def verdict(axis: Row) -> str:
    """Returns what an axis shows, in one plain sentence."""
    if not axis["levels"]:
        return f"{axis['name']}: no run is finished yet."
    rows = axis["comparisons"]
    if not rows:
        return _verdict_alone(axis)
    alone = [in_words(axis["name"], row["label"]) for row in rows if row["judgement"] == ONE_SEED]
    if len(alone) == len(rows):
        more = "`flanjax weights` fits them together" if axis["name"] == WEIGHTS else "Run two seeds or more"
        return f"{axis['name']}: one seed each compares runs, not configs: nothing is claimed. {more}."
    rows = [row for row in rows if row["judgement"] != ONE_SEED]
    single = f" One seed compares runs, not configs: nothing is claimed of {', '.join(alone)}." if alone else ""
    first = in_words(axis["name"], rows[0]["against"])
    told = [row for row in rows if row["judgement"] != SAME]
    rest = [in_words(axis["name"], row["label"]) for row in rows if row["judgement"] == SAME]
    how = f"in {_seeds(rows)} and {count(axis['levels'][0]['items'], 'item')}"
    if not told:
        known = [row["detectable"] for row in rows if row["detectable"] is not None]
        largest = "not even the largest difference would"
        seen = f"a difference of {max(known):.1f} points would" if known and max(known) < st.SCALE else largest
        power = f"{seen} have been found 8 times in 10" if known else "one item of a task says nothing of others"
        return f"{axis['name']}: no difference from {first} is decisive {how}; {power}.{single}"
    parts = [f"{in_words(axis['name'], row['label'])} scores {_points(row)} than {first}" for row in told]
    others = f"; {', '.join(rest)} {'is' if len(rest) == 1 else 'are'} not told apart from it" if rest else ""
    return f"{axis['name']}: {', '.join(parts)}{others}, {how}.{single}"


def in_words(axis: str, label: str) -> str:
    """A level in words. Under a name that is no config key, a study's own labels stand for themselves.

    >>> in_words("templates", "4"), in_words("leave_one_out", "nothing")
    ('4 templates', 'nothing left out')
    >>> in_words("train.steps", "100"), in_words("way", "lora")
    ('train.steps 100', 'lora')
    """
    if axis == "leave_one_out" and label == NOTHING:
        return "nothing left out"
    own = f"{axis} {{}}" if "." in axis else "{}"
    words = (NAMED[axis].level if axis in NAMED else own).format(label)
    return words.removesuffix("s") if label == "1" else words


def _verdict_alone(axis: Row) -> str:
    """What is said of values that are scored on other tasks each: whether they beat the most frequent answer."""
    known = [row for row in axis["levels"] if row["majority"] is not None]
    if not known:
        return f"{axis['name']}: scored, but not compared: its values are scored on other tasks."
    single = [row["label"] for row in known if row["num_seeds"] < 2]
    known = [row for row in known if row["num_seeds"] > 1]
    unclaimed = f" One seed scores runs, not configs: nothing is claimed of {', '.join(single)}." if single else ""
    if not known:
        return f"{axis['name']}:{unclaimed}"
    adjusted = st.holm([1.0 if row["p_majority"] is None else row["p_majority"] for row in known])
    above = [row["label"] for row, p in zip(known, adjusted, strict=True) if p < SIGNIFICANT and row["mean"] > row["majority"]]
    named = f" ({', '.join(above)})" if 0 < len(above) < len(known) else ""
    return (
        f"{axis['name']}: {len(above)} of {count(len(known), 'value')}{named} {'scores' if len(above) == 1 else 'score'} above "
        f"always giving the most frequent answer, in {_seeds(known)}.{unclaimed}"
    )


def _seeds(rows: Sequence[Row]) -> str:
    return count(_fewest(rows), "seed")


def _fewest(rows: Sequence[Row]) -> int:
    return min(row["num_seeds"] for row in rows)


def _points(row: Row) -> str:
    low, high = sorted((abs(row["low"]), abs(row["high"])))
    return f"{abs(row['mean']):.1f} points ({low:.1f} to {high:.1f}) {'higher' if row['mean'] > 0 else 'lower'}"


def estimate_row(e: sd.SeedEstimate, comparisons: int = 1) -> Row:
    """Returns an estimate, one of so many comparisons, as JSON; what is unknown is null."""
    return {
        "mean": _number(e.mean),
        "low": _number(e.low),
        "high": _number(e.high),
        "p": float(f"{e.p:.6g}") if math.isfinite(e.p) else None,
        "num_seeds": e.seeds,
        "seed_sd": _number(e.seed_sd),
        "shares": None
        if math.isnan(e.shares[0])
        else {name: _number(share) for name, share in zip(("seeds", "items", "both"), e.shares, strict=True)},
        "detectable": _number(e.detectable(comparisons)),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 6)


def _tasks(side: Sequence[Arm]) -> dict[Name, TaskScores]:
    """Every task of a side once."""
    return {name: task for arm in side for name, task in arm.tasks.items()}


def _macro(side: Sequence[Arm], name: str) -> float | None:
    """The mean over clusters of a score that needs no model; None if a task has none."""
    clusters: dict[str, list[float | None]] = {}
    for (cluster, _), task in _tasks(side).items():
        clusters.setdefault(cluster, []).append(getattr(task, name))
    means = [sum(values) / len(values) for values in clusters.values() if None not in values]  # type: ignore[arg-type]
    return _number(sum(means) / len(means)) if len(means) == len(clusters) else None
