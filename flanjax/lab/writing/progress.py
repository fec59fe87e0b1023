"""A bar on the terminal while a writer writes."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flanjax.lab.writing.ask import Reply


@contextlib.contextmanager
def telling(what: str) -> Iterator[Callable[[Reply], None]]:
    """Gives a function to call with each reply; a line on the terminal counts them, and those of no use."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar, counts = bars.add_task(what), [0, 0]

        def told(reply: Reply) -> None:
            counts[0] += 1
            counts[1] += bool(reply.error)
            of_no_use = f", {counts[1]:,} of no use" if counts[1] else ""
            bars.update(bar, description=f"{what}: {counts[0]:,} replies{of_no_use}")

        yield told
