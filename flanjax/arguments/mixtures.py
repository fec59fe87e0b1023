"""Options of the commands that look at mixtures."""

import argparse

from flanjax.arguments.common import takes, takes_field
from flanjax.data.feature_config import FeatureConfig
from flanjax.fields import Count, Seed, Whole


def check(check: argparse.ArgumentParser) -> None:
    check.add_argument("mixture", metavar="FILE:NAME", help="such as mixtures/flan.py:flan2021")
    check.add_argument("--rows", type=takes(Count), default=20, metavar="N", help="rows of each split (default: 20)")
    check.add_argument("--all", action="store_true", help="render every row, not a sample")
    check.add_argument("--tasks", nargs="+", metavar="TASK_OR_CLUSTER", help="check these only")
    check.add_argument("--tokenizer", metavar="PATH", help="also look for words that this tokenizer loses")
    check.add_argument("--no-leaks", action="store_true", help="do not look for evaluation rows among training rows")
    check.add_argument(
        "--known", metavar="JSON", help="findings that are no defects (default: known_findings.json beside FILE)"
    )
    check.add_argument("--json", metavar="PATH", help="write all findings as JSON")
    check.add_argument("--html", metavar="PATH", help="write all findings as a page")


def show(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "what", nargs="+", metavar="FILE:NAME|FOLDER", help="a mixture; or folders and Python files, for a catalogue of them"
    )
    command.add_argument("--search", nargs="+", metavar="WORD", help="of a catalogue, only entries that have all these words")
    command.add_argument("--json", action="store_true", help="print a catalogue as JSON")
    command.add_argument("--task", help="show rendered examples of this task")
    command.add_argument("--template", help="only this template of the task")
    command.add_argument(
        "--on-error",
        choices=("stop", "quarantine"),
        default="stop",
        help="go on without data sets that cannot be opened (default: %(default)s)",
    )
    command.add_argument("--style", help="only this style, such as few-shot/options/direct/forward (any part of it)")
    command.add_argument("--examples", type=takes(Count), default=3, help="how many rendered examples (default: %(default)s)")
    _plan(command)


def explore(command: argparse.ArgumentParser) -> None:
    command.add_argument("mixture", metavar="FILE:NAME", help="such as mixtures/flan_mini.py:flan_mini")
    command.add_argument("--out", required=True, metavar="DIR", help="where index.html goes")
    command.add_argument(
        "--examples", type=takes(Count), default=2, help="rendered examples of each template (default: %(default)s)"
    )
    _plan(command)


def _plan(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--heldout", nargs="*", default=(), metavar="CLUSTER", help="hold these clusters out first (default: none)"
    )
    command.add_argument(
        "--tokenizer",
        default="bytes",
        help="for lengths: a SentencePiece model, a directory, an id, or bytes (default: %(default)s)",
    )
    command.add_argument(
        "--num-examples", type=takes(Count), default=100_000, help="length of the plan that is counted (default: %(default)s)"
    )
    command.add_argument(
        "--sample",
        type=takes(Whole),
        default=2000,
        help="examples tokenised for lengths and truncation; 0: none (default: %(default)s)",
    )
    for name in ("inputs_length", "targets_length"):
        command.add_argument(
            f"--{name.replace('_', '-')}",
            type=takes_field(FeatureConfig, name),
            default=getattr(FeatureConfig(), name),
            help="tokens that fit (default: %(default)s)",
        )
    command.add_argument(
        "--lengths",
        type=takes_field(FeatureConfig, "lengths"),
        default=(),
        help="pairs of row lengths, such as '((512,16),(512,128))' (default: one pair, the tokens that fit)",
    )
    command.add_argument("--seed", type=takes(Seed), default=0, help="of every choice (default: %(default)s)")
