"""Self-play from an undertrained checkpoint of the quickstart: what win rate, margin and texts do, kills, and lambda 0.

python -m pytest -s tests/study/study_self_play.py

It prints a table of rounds. PLAY keeps the folder of the play, with its page.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from flanjax.lab.spin.pairs import read_pairs

ROOT = Path(__file__).parents[2]
STEPS = 60
LEARNING = {"learning_rate": "3e-4", "schedule": "constant", "warmup_steps": "0", "weight_decay": "0"}
START = ["--config.train.steps=400", "--config.train.heldout_every=0", "--config.train.validate_every=0"]


def flanjax(*arguments, cwd, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "flanjax.cli", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=environment, text=True, start_new_session=True, **more)


def done(*arguments, cwd):
    process = flanjax(*arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    return told


def spin(out, beta="0.1", rounds=2, prompts=600):
    settings = [f"--config.train.optimizer.{name}={value}" for name, value in LEARNING.items()]
    return [
        "spin", "--config", ROOT / "configs/quickstart.py", "--out", out, "--rounds", rounds, "--prompts", prompts,
        "--config.model.init=start", f"--config.objective.beta={beta}", f"--config.train.steps={STEPS}",
        "--config.train.log_every=10", "--config.train.heldout_every=0", f"--config.train.validate_every={STEPS // 2}",
        f"--config.checkpoint.every_steps={STEPS // 3}", "--config.data.batch_size=16", "--config.data.window=128", *settings,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with an undertrained run, and a play of two rounds that began with it."""
    folder = tmp_path_factory.mktemp("home") if "PLAY" not in os.environ else Path(os.environ["PLAY"])
    folder.mkdir(exist_ok=True)
    config = ROOT / "configs/quickstart.py"
    done("train", "--config", config, "--workdir", "start", *START, cwd=folder)
    print(done(*spin("whole"), cwd=folder))
    return folder


def params(folder, name, step=STEPS):
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        return checkpointer.restore((folder / name / "checkpoints" / str(step) / "params").resolve())


def test_the_win_rate_moves_as_the_paper_says(home):
    found = json.loads((home / "whole/spin.json").read_text())["rounds"]
    print("round  step  win rate  margin  apart: win rate  margin   gap   own  equal  held out")
    for row in found:
        last, apart = row["curve"][-1], row["apart"][-1]
        scores = {s["model"]: s["mean"] for s in row["scores"]}
        print(
            f"{row['round']:5} {last['step']:5} {last['win_rate']:9.3f} {last['margin']:7.3f} {apart['win_rate']:16.3f} "
            f"{apart['margin']:7.3f} {row['gap']:5.2f} {row['own']:5.2f} {row['same'] / row['pairs']:6.2f}  {scores}"
        )
    first, second = found
    for row in found:  # within a round the margin of the data over the opponent's texts grows
        assert row["apart"][-1]["margin"] > 0
        assert row["apart"][-1]["win_rate"] > 0.5
        assert row["curve"][-1]["margin"] > row["curve"][0]["margin"]
    assert second["same"] > first["same"]  # the second opponent's texts are nearer to the data


def test_lambda_0_without_weight_decay_changes_nothing(home):
    done(*spin("nothing", beta="0", rounds=1, prompts=100), cwd=home)
    jax.tree.map(np.testing.assert_array_equal, params(home, "nothing/runs/round-1"), params(home, "start", 400))


def test_killed_in_its_texts_and_in_its_training_a_play_comes_to_the_same_result(home):
    out = home / "killed"
    answers, first, second = (
        out / p for p in ("rounds/1/answers.jsonl", "runs/round-1/checkpoints", "runs/round-2/checkpoints")
    )
    for there in (
        lambda: answers.exists() and 0 < answers.read_bytes().count(b"\n") < 600,
        lambda: (first / str(STEPS // 3)).exists(),
        lambda: (second / str(STEPS // 3)).exists(),
    ):
        process = flanjax(*spin("killed"), cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not there():
            time.sleep(0.05)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(2)  # its own processes end with it
    done(*spin("killed"), cwd=home)
    for number in (1, 2):
        assert list(read_pairs(out / f"rounds/{number}")) == list(read_pairs(home / f"whole/rounds/{number}"))
        jax.tree.map(
            np.testing.assert_array_equal, *(params(home, f"{name}/runs/round-{number}") for name in ("killed", "whole"))
        )
    shutil.rmtree(out)
