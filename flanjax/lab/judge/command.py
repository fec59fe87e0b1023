"""`flanjax judge`: which of two evaluations' written answers a judge prefers, each pair asked in both orders."""

import argparse
import math
from collections.abc import Sequence
from typing import Any

import xxhash
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flanjax import parts, run, storage
from flanjax.evaluate import statistics as st
from flanjax.evaluate.verdict import count
from flanjax.lab.folder import made_folder
from flanjax.lab.judge.answers import pairs_of
from flanjax.lab.judge.judges import WORDING, AddressJudge, Judge, OwnJudge, without_verdict
from flanjax.lab.judge.summary import EVEN, Share, Summary, summarise
from flanjax.lab.judge.verdicts import TABLE, Question, ask, questions_of
from flanjax.lab.writing.options import endpoint_of
from flanjax.lab.writing.wording import wording_of

RECORD, FORMAT = "judged.json", 1
_SIGNIFICANT = 1 - st.LEVEL


def judge(args: argparse.Namespace) -> int:
    """Judges the pairs of the arguments; 1 if some have no verdict."""
    pairs = pairs_of(args.first, args.second, args.tasks or (), args.items or 0)
    wording = wording_of(args.wording, ("prompt", "first", "second"), WORDING, ("reference", "how"))
    asked = judge_of(args)
    questions = questions_of(pairs, wording, asked.how, with_reference=args.reference)
    made = {"judge": asked.name, "questions": _digest(questions)}
    out = made_folder(args.out)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(f"{len(pairs)} pairs, both orders", total=len(questions))
        found = ask(questions, asked, out, made, lambda n: bars.advance(bar, n))
    summary = summarise(pairs, found)
    record = as_record(args, asked.name, len(pairs), summary)
    storage.write_json(storage.place(out / RECORD), record)
    for line in told(args, summary):
        print(line)
    print(f"written: {out / TABLE}, {out / RECORD}")
    if not summary.unjudged:
        return 0
    errors = [f"{q.where[0]} {q.order}: {found[q.where].reply.error}" for q in questions if found[q.where].reply.error]
    print(f"{count(summary.unjudged, 'pair')} of {len(pairs)} without two verdicts; the first: pair {errors[0]}")
    print("the same command asks for these again")
    return 1


def judge_of(args: argparse.Namespace) -> Judge:
    """The judge that the arguments name: an address, or a model that is loaded here."""
    address = endpoint_of(args, "judge", without_verdict)
    if address:
        return AddressJudge(address)
    model = run.load_model(args.judge)
    return OwnJudge(f"{args.judge} at step {model.step}" if parts.is_run(args.judge) else args.judge, model)


def _digest(questions: Sequence[Question]) -> str:
    digest = xxhash.xxh3_128()
    for question in questions:
        digest.update(f"{question.where}{question.prompt}".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def verdict(summary: Summary) -> str:
    """Returns in a sentence who is preferred."""
    rate, p = summary.win_rate, summary.p
    span = f"{rate.mean:.1f}% of pairs ({rate.low:.1f} to {rate.high:.1f})"
    if not p < _SIGNIFICANT:
        return f"the judge does not tell A and B apart: A wins {span}"
    better = "A" if rate.mean > EVEN else "B"
    return f"the judge prefers {better}: A wins {span}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"


def told(args: argparse.Namespace, summary: Summary) -> list[str]:
    """What is printed."""
    found = [f"A is {args.first}, B is {args.second}", verdict(summary)]
    if len(summary.tasks) > 1:
        found += [f"  {task}: A wins {e.mean:.1f}% ({e.low:.1f} to {e.high:.1f})" for (_, task), e in summary.tasks.items()]
    found.append(
        f"both orders have the same winner in {_percent(summary.same)} of pairs; of verdicts that are no tie "
        f"{_percent(summary.first)} are for the answer shown first; {_percent(summary.ties)} of verdicts are ties"
    )
    if summary.first.number and (summary.first.low or 0) > 90:
        found.append("the judge goes by the position, not by the answers: its win rates mean nothing")
    found.append(
        f"it agrees with the metric against references in {_percent(summary.agreement)} of the {summary.agreement.number} "
        "pairs that both tell apart"
        if summary.agreement.number
        else "no pair is told apart by both the judge and the metric against references"
    )
    return found


def _percent(share: Share) -> str:
    return "–" if share.value is None else f"{share.value:.1f}% ({share.low:.1f} to {share.high:.1f})"


def as_record(args: argparse.Namespace, name: str, num_pairs: int, summary: Summary) -> dict[str, Any]:
    """Returns judged.json."""
    shares = {field: getattr(summary, field)._asdict() for field in ("same", "first", "ties", "agreement")}
    tasks = [{"cluster": c, "task": t, **_estimate(e)} for (c, t), e in summary.tasks.items()]
    known = {"format": FORMAT, "a": args.first, "b": args.second, "judge": name, "verdict": verdict(summary)}
    rate = {**_estimate(summary.win_rate), "p": summary.p if math.isfinite(summary.p) else None}
    return {**known, "win_rate": rate, "tasks": tasks, **shares, "pairs": num_pairs, "unjudged": summary.unjudged}


def _estimate(e: st.Estimate) -> dict[str, float | None]:
    return {
        name: value if math.isfinite(value) else None for name, value in (("mean", e.mean), ("low", e.low), ("high", e.high))
    }
