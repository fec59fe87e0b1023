"""How fast flanjax is beside what a user would pick instead, on this machine.

    python -m tests.benchmarks quick --json figures.json    # three rounds, minutes on two quiet cores
    python -m tests.benchmarks full --json figures.json     # five rounds, more work and models, start and memory
    python -m tests.benchmarks report figures.json          # writes the section of docs/performance.md
    python -m tests.benchmarks quick --tiny                 # whether all of it runs: its figures mean nothing

From the repository root, with `pip install -e '.[test]'`; FLANJAX_HUB_MIRROR may hold the data sets. On a GPU also [cuda] or
[hopper], our XLA flags (launch/xla_flags.py), and a torch that was built for CUDA. The peers are Hugging Face's transformers
on torch, lm-evaluation-harness, and SeqIO, which is installed into an environment of its own, in the user's cache
(FLANJAX_BENCHMARKS names another folder).

Each side of a comparison has a process of its own, which is stopped while the other one works. They take turns, and what is
told is the ratio of their rates in each round: the median, the least and the most. Nothing is timed before both sides have
computed the same from the same weights and rows.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import catalogue, machine, page, seqio_environment, starts
from .comparing import Measured, compare
from .sides import SideError

ROUNDS = {"quick": 3, "full": 5}
TINY_VOCABULARY = 2_000
QUIET = 0.7  # the load above which a warning is given


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    if args.command == "report":
        print(f"written: {page.write(json.loads(args.file.read_text()), args.page)}")
        return 0
    record = measure(args)
    print("\n".join(page.table(record)))
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n")
        print(f"written: {args.json}")
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="quick | full | report")
    for size, rounds in ROUNDS.items():
        command = commands.add_parser(size)
        command.add_argument("--json", type=Path, help="a file for all figures")
        command.add_argument("--rounds", type=int, default=rounds)
        command.add_argument("--only", nargs="+", metavar="KEY", help=f"of {', '.join(catalogue.keys(size))}")
        command.add_argument("--tokenizer", help="a SentencePiece .model; default: one is trained and kept")
        command.add_argument("--tiny", action="store_true", help="small models and little work; what needs a GPU runs on a CPU")
        command.add_argument(
            "--config", action="append", default=[], metavar="KEY=VALUE", help="of the training steps' configs"
        )
    report = commands.add_parser("report")
    report.add_argument("file", type=Path, help="what --json has written")
    report.add_argument("--page", type=Path, default=page.PAGE)
    args = parser.parse_args(argv)
    if args.command == "report":
        if not args.file.is_file():
            parser.error(f"there is no file {args.file}; python -m tests.benchmarks full --json {args.file} makes one")
        return args
    known = catalogue.keys(args.command)
    if unknown := [key for key in args.only or () if key not in known]:
        parser.error(f"--only {unknown[0]}: no such key; {args.command} has {', '.join(known)}")
    if args.rounds < 1:
        parser.error(f"--rounds is {args.rounds}, expected at least 1")
    if args.tokenizer and not Path(args.tokenizer).is_file():
        parser.error(f"--tokenizer {args.tokenizer}: there is no such file; it must be a SentencePiece .model")
    if args.json and not args.json.resolve().parent.is_dir():
        parser.error(f"--json {args.json}: there is no folder {args.json.parent}")
    return args


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the record of a whole run, as `--json` writes it."""
    begun, about = time.monotonic(), machine.about()
    if about["load"][0] > QUIET:
        _log(f"other work runs here, load {about['load'][0]}: ratios say little unless it is quiet")
    device, reasons = machine.accelerator(), dict[str, str]()
    tokenizer = str(Path(args.tokenizer).resolve()) if args.tokenizer else _vocabulary(args, reasons)
    seqio, accelerated = _seqio(args.only, reasons), bool(device) or args.tiny
    if not accelerated:
        reasons |= dict.fromkeys(catalogue.accelerated_keys(), "needs a GPU: jax found none here")
    asked = catalogue.Asked(args.command, args.tiny, tokenizer, accelerated, seqio, args.config)
    installed, found = time.monotonic(), dict[str, Measured | str]()
    with tempfile.TemporaryDirectory(prefix="flanjax-benchmarks-") as folder:
        for comparison in catalogue.comparisons(asked):
            if wanted := [key for key in comparison.units if key not in reasons and key in (args.only or comparison.units)]:
                asked_for = dataclasses.replace(comparison, units={key: comparison.units[key] for key in wanted})
                found |= compare(asked_for, Path(folder) / comparison.name, args.rounds, _log)
    reasons |= {key: why for key, why in found.items() if isinstance(why, str)}
    for key in catalogue.keys(args.command):
        if key not in found and key not in reasons:
            reasons[key] = f"left out by --only {' '.join(args.only)}" if args.only else "left out by --tiny"
    figures = _starts(args) if args.command == "full" and not args.only else None
    about |= {"accelerator": device or None, "load_at_the_end": machine.load()}
    seconds = {"preparing": installed - begun, "measuring": time.monotonic() - installed}
    about |= {"seconds": seconds, "tiny": args.tiny}
    return record_of(catalogue.keys(args.command), found, reasons, figures, {"size": args.command, **about})


def record_of(
    keys: Sequence[str],
    found: Mapping[str, Measured | str],
    reasons: Mapping[str, str],
    figures: Mapping[str, Any] | None,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Key -> the median ratio or null; then the spread and the facts of each, and why what is null could not be measured."""
    measured = {key: told for key, told in found.items() if isinstance(told, Measured)}
    spreads = {key: told.spread() for key, told in measured.items()}
    return {
        **{key: spreads[key]["median"] if key in spreads else None for key in keys},
        "spread": spreads,
        "reasons": {key: reasons[key] for key in keys if key not in measured},
        "details": {key: {"facts": told.facts, "rounds": told.rounds} for key, told in measured.items()},
        "starts": figures,
        "about": about,
    }


def _starts(args: argparse.Namespace) -> dict[str, Any] | None:
    _log("starts: imports, and two trainings of the quickstart's model")
    try:
        return starts.measure(args.rounds, tiny=args.tiny)
    except SideError as error:
        _log(f"starts: not measured: {error}")
        return None


def _vocabulary(args: argparse.Namespace, reasons: dict[str, str]) -> str:
    """Returns the path of a kept vocabulary; "" and the reason of all keys that need one if its texts cannot be read."""
    from .vocabulary import vocabulary  # imports flanjax, which a run with --tokenizer leaves to its sides

    try:
        return str(vocabulary(TINY_VOCABULARY, ("rte", "gsm8k")) if args.tiny else vocabulary())
    except (OSError, ValueError) as error:
        why = f"no vocabulary (give --tokenizer, or FLANJAX_HUB_MIRROR for its texts): {error}"
        reasons |= dict.fromkeys(catalogue.keys_with_tokenizer(args.command), why)
        return ""


def _seqio(only: Sequence[str] | None, reasons: dict[str, str]) -> str:
    """Returns the Python that has SeqIO; "" and the reason of its key if there is none."""
    if only and "input_vs_seqio" not in only:
        return ""
    _log("SeqIO's environment: looked for, and made if there is none; that takes minutes once")
    try:
        return seqio_environment.interpreter()
    except OSError as error:
        reasons["input_vs_seqio"] = str(error)
        return ""


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SideError as error:
        sys.exit(f"benchmarks: {error}")
