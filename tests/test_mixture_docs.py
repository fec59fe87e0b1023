"""docs/mixtures.md: every block is a file that loads, and what it defines renders without findings."""

import json
import re
from pathlib import Path

import pytest

from flanjax import Mixture, Task
from flanjax.check import check_mixture
from flanjax.tasks.chains import CHAINS_OF_THOUGHT
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.exemplar_formats import FORMATS
from flanjax.tasks.options import OPTION_STYLES
from flanjax.tasks.registry import catalog

TEXT = (Path(__file__).parents[1] / "docs" / "mixtures.md").read_text()
BLOCKS = {block.splitlines()[0].removeprefix("# "): block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)}


@pytest.fixture(scope="module")
def defined(tmp_path_factory):
    """File -> what it defines."""
    folder = tmp_path_factory.mktemp("mixtures")
    for name, block in BLOCKS.items():
        (folder / name).write_text(block)
    return {name: catalog(folder / name) for name in BLOCKS}


def test_every_block_is_a_mixture_file_whose_tasks_render_without_a_finding(defined):
    assert len(BLOCKS) == TEXT.count("```python") >= 6
    tasks = {v.name: v for found in defined.values() for v in found.values() if isinstance(v, Task)}
    assert {"capitals", "facts", "quiz", "talks", "weather"} <= set(tasks)
    for task in tasks.values():
        findings = check_mixture(Mixture(name="docs", parts=[task]), rows=None, leaks=False).findings
        assert not findings, json.dumps([f.detail for f in findings])


@pytest.mark.parametrize("name", ["structure.py", "quiz.py", "talks.py"])
def test_a_newcomers_task_takes_under_twenty_lines(name):
    assert len([line for line in BLOCKS[name].splitlines() if line.strip() and not line.startswith("#")]) < 20


def test_holding_a_cluster_out_leaves_the_other_to_train_on(defined):
    found = defined["all.py"]
    assert [t.name for t in hold_out(found["everything"], ["weather"]).train.tasks()] == ["capitals"]
    with pytest.raises(ValueError, match="nothing is left"):
        hold_out(found["alike"], ["weather"])


def test_the_page_counts_the_layouts_that_are_shipped():
    for number, name in ((len(OPTION_STYLES), "option_styles"), (len(FORMATS), "exemplar_formats")):
        assert re.search(rf"`{name}` \({number}\b", TEXT), (name, number)
    assert f"`chains_of_thought` ({len(CHAINS_OF_THOUGHT)}" in TEXT.replace("\n", " ")
