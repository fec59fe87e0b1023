"""`flanjax swarm` runs a study over drawn weights; `flanjax weights` fits its finished runs and writes what is chosen."""

import argparse
import shlex
from collections.abc import Mapping
from typing import Any

from etils import epath

from flanjax import storage
from flanjax.lab.ablate import command as ablate
from flanjax.lab.ablate.axes import WEIGHTS
from flanjax.lab.ablate.study import Study, load_study, study_of_options
from flanjax.lab.ablate.weights import DRAWN, EQUAL, FORMAT, KEY, OWN, PROPORTIONAL, as_text
from flanjax.lab.swarm.choice import Interval, Judged, judge
from flanjax.lab.swarm.page import render
from flanjax.lab.swarm.swarm import Read, read_swarm

RECORD, PAGE = "weights.json", "weights.html"
_OTHERS = {OWN: "the mixture's own", EQUAL: "equal", PROPORTIONAL: "proportional"}


def swarm(args: argparse.Namespace) -> int:
    """Runs the study of the arguments, and fits its runs once all are finished; 0 if weights were chosen."""
    status = ablate.run_study(study_of(args), args.out, plan_only=args.plan, jobs=args.print)
    if args.plan or args.print:
        return status
    if status:
        print(f"weights are fitted when all runs are finished; `flanjax weights {args.out}` fits those that are")
        return status
    return weights(args)


def study_of(args: argparse.Namespace) -> Study:
    """The study of the arguments: a file's, or one of a config."""
    if bool(args.study) is bool(args.config):
        raise ValueError("flanjax swarm needs a study file with the axis weights, or --config")
    if args.config:
        axis = f"{WEIGHTS}={DRAWN}:{args.runs or 30}:{args.seed or 0}"
        return study_of_options(args.config, [axis], 1, args.overrides)
    if args.runs or args.seed or args.overrides:
        raise ValueError("--runs, --seed and --config.KEY stand in the study file; give either a file or --config")
    study = load_study(args.study)
    if list(study.axes) != [WEIGHTS]:
        example = f"axes={{'{WEIGHTS}': ('{DRAWN}:30',)}}"
        raise ValueError(f"{args.study} varies {', '.join(study.axes)}; a swarm varies {WEIGHTS} alone: {example}")
    return study


def weights(args: argparse.Namespace) -> int:
    """Fits the runs in a folder, prints what is chosen, and writes it as JSON and as a page; 0 if weights were chosen."""
    out = epath.Path(args.out)
    read = read_swarm(out, args.examples)
    judged = judge(read.swarm, args.repeats)
    record = as_record(read, judged, args.repeats)
    storage.write_json(storage.place(out / RECORD), record)
    storage.replace_text(storage.place(out / PAGE), render(read, judged, record))
    for line in told(read, judged, record, out):
        print(line)
    print(f"page: {out / PAGE}")
    return 0 if judged.chosen else 1


def verdict(judged: Judged) -> str:
    """Returns what a swarm shows, in a sentence."""
    runs, rank = len(judged.loss), judged.correlation
    if judged.chosen is None:
        return f"no weights are chosen from {runs} runs: {judged.refused}."
    gains = [f"{_nats(gain)} against {_OTHERS[name]} weights" for name, gain in judged.chosen.gain.items()]
    unsure = judged.chosen.gain[OWN].low <= 0
    keep = " The gain over the mixture's own is not told from none: keep these." if unsure else ""
    found = f"{rank.value:.2f} ({rank.low:.2f} to {rank.high:.2f})"
    return (
        f"the chosen weights are predicted to lower the held-out loss by {', by '.join(gains[:-1])} and by {gains[-1]}. The "
        f"law of the other runs predicts a run's loss with a rank correlation of {found}, in {runs} runs.{keep}"
    )


def _nats(gain: Interval) -> str:
    return f"{gain.value:.3f} nats a token ({gain.low:.3f} to {gain.high:.3f})"


def as_record(read: Read, judged: Judged, repeats: float | None) -> dict[str, Any]:
    """Returns weights.json."""
    swarm, chosen = read.swarm, judged.chosen
    by_cluster = dict(enumerate(swarm.clusters))
    runs = zip(swarm.labels, swarm.shares, swarm.losses, judged.loss, judged.predicted, strict=True)
    return {
        "format": FORMAT,
        "verdict": verdict(judged),
        "config": read.config,
        "fixed": read.fixed,
        "examples": round(read.examples),
        "repeats": repeats,
        "rank_correlation": judged.correlation._asdict(),
        OWN: {name: float(swarm.own[k]) for k, name in by_cluster.items()},
        "effects": {name: judged.effects[k]._asdict() for k, name in by_cluster.items()},
        "chosen": chosen
        and {
            name: {
                "share": share.value,
                "low": share.low,
                "high": share.high,
                "repeats": share.value * float(swarm.repeats[k]),
            }
            for (k, name), share in zip(by_cluster.items(), chosen.shares, strict=True)
        },
        "predicted_loss": chosen and chosen.loss._asdict(),
        "gain": chosen and {name: gain._asdict() for name, gain in chosen.gain.items()},
        "runs": [
            {
                "label": label,
                "shares": dict(zip(swarm.clusters, shares.tolist(), strict=True)),
                "losses": [{"cluster": c, "task": t, "loss": x} for (c, t), x in zip(swarm.tasks, each.tolist(), strict=True)],
                "loss": float(loss),
                "predicted_by_others": float(predicted),
            }
            for label, shares, each, loss, predicted in runs
        ],
    }


def told(read: Read, judged: Judged, record: Mapping[str, Any], out: epath.Path) -> list[str]:
    """What is printed: the verdict, the weights, and the commands that train with them and put them to the test."""
    lines = [f"{WEIGHTS}: {record['verdict']}"]
    if not record["chosen"]:
        return lines
    width = max(map(len, read.swarm.clusters))
    for name, row in record["chosen"].items():
        shares = f"own {record[OWN][name]:6.1%}  chosen {row['share']:6.1%} ({row['low']:.1%} to {row['high']:.1%})"
        lines.append(f"  {name:{width}}  {shares}, up to {row['repeats']:.2g} times through a task's rows")
    text = as_text({name: row["share"] for name, row in record["chosen"].items()})
    axis = f"{WEIGHTS}={OWN},{EQUAL},{PROPORTIONAL},{out / RECORD}"
    test = ["flanjax", "ablate", "--config", read.config, "--axis", axis, "--seeds", "3", "--out", f"{out}-test"]
    test += [f"--config.{key}={value}" for key, value in read.fixed.items()]
    lines.append(f"train with them: --config.{KEY}={text}")
    lines.append(f"put them to the test: {shlex.join(test)}")
    return lines
