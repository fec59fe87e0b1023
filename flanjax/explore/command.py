"""`flanjax explore`: writes the page of a mixture."""

import argparse
import sys

from etils import epath
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from flanjax import storage
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import load_tokenizer
from flanjax.describe.opened import open_mixture, training_part
from flanjax.describe.plan import describe_opened
from flanjax.explore.page import Exploration, explore_tasks, render
from flanjax.tasks.registry import load_mixture


def explore(args: argparse.Namespace) -> None:
    """Writes DIR/index.html about the mixture of the arguments."""
    storage.reach(args.out)
    folder = epath.Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    mixture, removed = training_part(load_mixture(args.mixture), args.heldout)
    features = FeatureConfig(inputs_length=args.inputs_length, targets_length=args.targets_length, lengths=args.lengths)
    opened = open_mixture(mixture, load_tokenizer(args.tokenizer), features=features, seed=args.seed)
    for name, reason in opened.missing.items():
        print(f"task {name}: its data cannot be opened: {reason}", file=sys.stderr)
    described = describe_opened(opened, num_examples=args.num_examples, sample=args.sample)
    with Progress(
        TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True), transient=True
    ) as bars:
        shown = bars.add_task("", total=len(list(mixture.tasks())))
        explored = explore_tasks(mixture, opened, each=args.examples, advance=lambda: bars.advance(shown))
    page = render(
        Exploration(
            address=args.mixture,
            tokenizer=args.tokenizer,
            features=features,
            description=described,
            tasks=tuple(explored),
            removed=removed,
        )
    )
    storage.replace_text(folder / "index.html", page)
    print(f"page: {folder / 'index.html'}")
