"""`flanjax spin`: plays what is not finished, and writes spin.json and the page."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from etils import epath

from flanjax import storage
from flanjax.lab.ablate import finished
from flanjax.lab.ablate.command import claimed
from flanjax.lab.ablate.runner import Execute, Failure, Processes, StudyStopped
from flanjax.lab.spin.findings import findings
from flanjax.lab.spin.page import render
from flanjax.lab.spin.pairs import RECORD as PAIRS
from flanjax.lab.spin.play import Play, check_play, make_play, round_folder
from flanjax.lab.spin.rounds import play_rounds, round_plan

PAGE, RECORD = "index.html", "spin.json"


def spin(args: argparse.Namespace, execute: Execute | None = None) -> int:
    """Plays the rounds of the arguments; 0 if all are finished.

    Args:
      execute: runs a command of flanjax; each as a process of its own when None.
    """
    if storage.is_remote(args.out):
        raise ValueError(f"--out {args.out}: a play lies on a local disk, where the opponent's texts are appended line by line")
    options = {"rounds": args.rounds, "prompts": args.prompts, "temperature": args.temperature, "top_p": args.top_p}
    play = make_play(args.config, args.overrides, **options)
    try:
        with claimed(args.out) as out:
            check_play(play, out)
            failed = play_rounds(play, out, args.rounds, execute or Processes(), print)
    except StudyStopped as stopped:
        print(stopped, file=sys.stderr)
        return 128 + stopped.signal
    return write(play, out, args.rounds, failed)


def write(play: Play, out: Path, rounds: int, failed: Failure | None, log: Callable[[str], None] = print) -> int:
    """Writes spin.json and the page of the rounds that are finished; 1 if one is not."""
    problems = [f"{failed.name} failed with status {failed.status}: {failed.told} (all of it: {failed.log})"] if failed else []
    done = list[finished.Finished]()
    for number in range(1, rounds + 1):
        there = (round_folder(out, number) / PAIRS).exists()
        found = finished.find_all(out, round_plan(play, out, number)) if there else []
        if not found:
            break
        done += found
    if done:
        result = findings(out, done)
        storage.write_json(epath.Path(out / RECORD), result)
        storage.replace_text(epath.Path(out / PAGE), render(play, result, done, rounds, problems, out))
        for verdict in result["verdicts"]:
            log(verdict)
        log(f"page: {out / PAGE}")
    for problem in problems:
        log(problem)
    return 1 if len(done) < rounds else 0
