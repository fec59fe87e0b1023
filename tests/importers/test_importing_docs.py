"""docs/importing.md: every block runs, on a small folder of each kind."""

import json
import re
from pathlib import Path

from flanjax.tasks.registry import catalog

TEXT = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_every_block_runs_and_makes_a_mixture_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("natural-instructions/tasks", "flan2022", "tulu3"):
        Path(folder).mkdir(parents=True)
    task = {"Definition": ["Do"], "Categories": ["Misc."], "Instances": [{"id": "1", "input": "x", "output": ["y"]}]}
    Path("natural-instructions/tasks/task001_x.json").write_text(json.dumps(task))
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    write_parquet("flan2022/a.parquet", [{"inputs": "a", "targets": "b", "_task_name": "task001_x"}])
    write_parquet("tulu3/a.parquet", [{"messages": turns, "source": "flan"}])
    Path("one.py").write_text(BLOCKS[0])
    assert list(catalog("one.py")["natural_instructions"].clusters()) == ["misc"]
    made = {}
    exec(BLOCKS[1], made)
    assert [(t.name, t.cluster) for t in made["flan"].tasks] == [("task001_x", "misc")]
    assert [(t.name, t.cluster) for t in made["tulu"].tasks] == [("tulu_flan", "chat")]
    assert len(BLOCKS) == 2


def write_parquet(path, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)
