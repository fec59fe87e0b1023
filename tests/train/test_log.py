"""metrics.jsonl: what a continued run keeps of it."""

import json
import logging

from flanjax.train.log import MetricsWriter
from flanjax.workdir import open_workdir


def test_a_continued_run_drops_later_steps_and_damaged_lines_which_it_names(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": step, "loss": 1.5 / step}) for step in (1, 2, 3, 4)]
    damaged = ["{half", "7", '{"loss": 1.0}', '{"step": "two"}']
    path.write_text("\n".join([lines[0], *damaged, *lines[1:], '{"step": 1, "lo']))
    with caplog.at_level(logging.WARNING, "flanjax"):
        writer = MetricsWriter(open_workdir(tmp_path), start=3, tensorboard=False)
    writer.write({"step": 4, "loss": 9.0})
    assert path.read_text().splitlines() == [*lines[:3], '{"step": 4, "loss": 9.0}']
    assert [r.getMessage().partition(" is damaged")[0] for r in caplog.records] == [f"{path}, line {n}" for n in (2, 3, 4, 5)]
