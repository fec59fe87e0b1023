"""The library on real rows: 500 of each split in every template and style, and evaluation rows among training rows.

`make study` needs FLANJAX_HUB_MIRROR, and takes some ten minutes on one core. What is found must be explained in
mixtures/flan/known_findings.json.
"""

import os
import time

import flan_library as library
import pytest

from flanjax.check.leaks import Part, find_leaks
from flanjax.sources import Rows, SourceError

ROWS = 500

pytestmark = [
    pytest.mark.skipif("FLANJAX_HUB_MIRROR" not in os.environ, reason="FLANJAX_HUB_MIRROR is not set"),
    pytest.mark.timeout(3600),
]


@pytest.mark.parametrize("file", library.FILES)
def test_500_rows_of_each_split_render_in_every_template_and_style_without_a_finding_that_is_not_explained(file):
    began, new, renders = time.process_time(), [], 0
    for task in library.tasks(file):
        if library.tables(file)[task.name].mirror_split is None:
            continue
        opened = {split: task.source.open(split) for split in library.mirrored_splits(task)}
        found, counted = library.findings(file, task, opened, ROWS)
        new += found
        renders += counted.get("renders", 0)
        print(f"{task}: {counted}")
    print(f"{file}: {renders:,} renders in {time.process_time() - began:.0f} s of one core")
    assert not new, "\n".join(map(library.said, new))


def test_what_evaluation_rows_share_with_training_rows_is_explained():
    tasks = {task.name: task for task in library.all_tasks()}
    evaluation, training = (
        [Part(name, rows) for name, task in tasks.items() if (rows := opened(task, getattr(task, part))) is not None]
        for part in ("evaluation", "train")
    )
    print(f"{sum(len(p.rows) for p in evaluation):,} evaluation rows of {len(evaluation)} tasks among")
    print(f"{sum(len(p.rows) for p in training):,} training rows of {len(training)} tasks")
    found = find_leaks(evaluation, training)
    for leak in found:
        print(f"{leak.key}: {leak.count} of {leak.of}")
    new = [leak for leak in found if not library.is_known(leak)]
    assert not new, "\n".join(f"{library.said(leak)}\n  {leak.examples[0].other}" for leak in new)
    many = [leak for leak in found if leak.count > 0.01 * leak.of]
    apart = [leak.key for leak in many if not tasks[leak.task].corpora & tasks[leak.other].corpora]
    assert not apart, f"no lineage takes them out together: {apart}"


def opened(task, split: str | None) -> Rows | None:
    """The rows of a split; None if the mirror has none."""
    try:
        return task.source.open(split) if split else None
    except (SourceError, OSError):
        return None
