"""docs/self_play.md, run from top to bottom on a tiny run; what its play left, and that it goes on after a kill."""

import json
import re
import shlex
import shutil
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

import flanjax
from flanjax import arguments, cli, storage
from flanjax.config import ConfigError, load_config
from flanjax.lab.spin import command
from flanjax.lab.spin.pairs import read_pairs
from flanjax.parts import open_saved

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "self_play.md").read_text()
MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

WORDS = [{"word": f"{word}{n}"} for word in ("sun", "moon", "star", "rain") for n in range(40)]


def task(name, cluster, *templates, options=()):
    return Task(
        name=name, cluster=cluster, source=rows(name, train=WORDS[8:], test=WORDS[:8]), templates=templates,
        example=lambda row: Example({"word": row["word"]}, row["word"][:3], options), evaluation="test",
        metrics=["accuracy"] if options else ["exact_match"],
    )


short = task("short", "cutting", Template("Cut {{ word }}"), Template("{{ word }} in short:"))
which = task("which", "choosing", Template("Which is {{ word }}?"), options=("sun", "moo", "sta", "rai"))
mine = Mixture(name="mine", parts=[short, which])
"""
CONFIG = """
def get_config():
    return {
        "name": "mine", "mixture": "mixture.py:mine", "heldout": ("choosing",),
        "model": {
            "family": "llama", "d_model": 32, "d_ff": 64, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "head_dim": 16
        },
        "tokenizer": {"kind": "words", "vocab_size": 120, "train_examples": 400},
        "data": {"batch_size": 8, "num_streams": 2, "window": 64, "features": {"inputs_length": 24, "targets_length": 8}},
        "train": {
            "steps": 40, "log_every": 5, "tensorboard": False,
            "optimizer": {"name": "adamw", "learning_rate": 1e-2, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0},
        },
        "checkpoint": {"every_steps": 10},
        "evaluation": {"items": 8, "batch_size": 8},
    }
"""


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def run(line, execute=None):
    """Runs a command of the page in this process; `flanjax spin` runs its commands in it too."""
    program, *rest = shlex.split(line) if isinstance(line, str) else ["flanjax", *line]
    assert program == "flanjax"
    if rest[0] != "spin":
        return cli.main(rest)
    overrides, rest = arguments.split_overrides(rest)
    args = arguments.parser().parse_args(rest)
    args.overrides = overrides
    return command.spin(args, execute or (lambda line, log: (log.touch(), cli.main(line))[1]))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a run, in which the page's commands have run."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "mixture.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)
    (folder / "my_preferences.py").write_text(blocks("python")[0])
    judged = [{"prompt": f"Cut sun{n}", "chosen": "sun", "rejected": "moo"} for n in range(80)]
    (folder / "judged.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in judged))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        flanjax.open_run("config.py", workdir="runs/mine", say=lambda line: None).train()
        commands = [line for block in blocks("bash") for line in block.splitlines()]
        assert [run(line) for line in commands] == [0, 0]
        yield folder, commands


def test_a_run_on_preferences_begins_at_log_2_and_learns_the_chosen_answers(home):
    folder, _ = home
    lines = flanjax.open_run("config.py", workdir="runs/preferred", say=lambda line: None)
    metrics = [json.loads(line) for line in (folder / "runs/preferred/metrics.jsonl").read_text().splitlines()]
    train, validation = ([m for m in metrics if m.get("kind") == kind] for kind in (None, "validation"))
    assert lines.config.objective.name == "cross_entropy"
    assert train[0]["loss"] == pytest.approx(np.log(2), abs=0.05)
    assert train[-1]["loss"] < train[0]["loss"]
    assert validation[-1]["win_rate"] > 0.9
    table = storage.read_table(folder / "runs/preferred/reference.parquet")
    assert table["split"].to_pylist() == ["train"] * 60 + ["evaluation"] * 20
    model = flanjax.load_model("runs/mine")
    row = table.slice(5, 1).to_pylist()[0]
    score = model.score(f"Cut sun{20 + row['row']}", ["sun", "moo"])
    assert score == pytest.approx([row["chosen"], row["rejected"]], abs=1e-3)


def test_references_of_other_weights_or_other_rows_are_refused(home, tmp_path):
    folder, commands = home
    shutil.copytree(folder / "runs/preferred", tmp_path / "other")
    overrides = [part.removeprefix("--config.") for part in shlex.split(commands[0]) if part.startswith("--config.")]
    config = load_config("config.py", [*overrides, "train.steps=30"])
    file = folder / "judged.jsonl"
    before = file.read_text()
    try:
        file.write_text(before.replace("moo", "sta", 40))
        with pytest.raises(ConfigError, match="another reference: task judged: "):
            flanjax.open_run(config, workdir=tmp_path / "other", say=lambda line: None).train()
    finally:
        file.write_text(before)
    changed = load_config("config.py", [*overrides, "train.steps=30", "model.init=runs/preferred"])
    with pytest.raises(ConfigError, match="another reference: weights: "):
        flanjax.open_run(changed, workdir=tmp_path / "other", say=lambda line: None).train()


def test_a_play_pairs_the_datas_answers_with_its_opponents_texts_and_tells_of_each_round(home):
    folder, _ = home
    play = folder / "runs/play"
    data = storage.read_table(play / "data.parquet")
    assert len(data) == 120
    assert set(data["task"].to_pylist()) == {"short"}  # the other one is held out
    found = json.loads((play / "spin.json").read_text())
    for number, row in enumerate(found["rounds"], 1):
        pairs = list(read_pairs(play / "rounds" / str(number)))
        answers = [json.loads(line) for line in (play / f"rounds/{number}/answers.jsonl").read_text().splitlines()]
        assert row["pairs"] == len(pairs) == 120
        assert sum(split == "evaluation" for split, _ in pairs) == 12
        assert {pair["number"]: pair["generated"] for _, pair in pairs} == {a["number"]: a["text"].strip() for a in answers}
        assert row["curve"][-1]["win_rate"] > 0.5
        assert {score["model"] for score in row["scores"]} == {"trained", "untuned"}
        split = open_saved(play / f"runs/round-{number}").meta["split"]
        assert (split["train"], split["heldout"]) == (["short"], ["which"])
    first, second = (open_saved(play / f"runs/round-{number}").config for number in (1, 2))
    assert first.model.init.endswith("runs/mine")
    assert second.model.init.endswith("runs/play/runs/round-1")
    page = (play / "index.html").read_text()
    assert all(verdict in page.replace("&#39;", "'") for verdict in found["verdicts"])
    assert "Cut " in page


def test_the_opponents_prompt_is_the_one_that_is_trained_on(home):
    folder, _ = home
    saved = open_saved(folder / "runs/play/runs/round-1")
    pair = next(pair for _, pair in read_pairs(folder / "runs/play/rounds/1"))
    config = saved.config.data
    batch = next(
        flanjax.iterate(flanjax.load(f"{folder}/runs/play/rounds/1/pairs.py:pairs").only(["short"]), saved.tokenizer, config)
    )
    asked = flanjax.load_model(folder / "runs/mine").inputs([pair["prompt"]])[0]
    rows = [row[row > 0].tolist() for row in np.where(batch["segment_ids"] > 0, batch["decoder_inputs"], 0)]
    assert any(str(asked)[1:-1] in str(row) for row in rows) or pair["prompt"]


def test_a_play_killed_in_its_texts_or_in_its_training_goes_on_to_the_same_result(home, tmp_path):
    folder, commands = home
    play, kept = folder / "runs/play", tmp_path / "kept"
    shutil.copytree(play, kept)
    # Killed while the second round's texts were written, in the middle of a line; then after the first checkpoint.
    answers = play / "rounds/2/answers.jsonl"
    answers.write_bytes(answers.read_bytes()[: answers.stat().st_size // 2])
    shutil.rmtree(play / "rounds/2/pairs")
    (play / "rounds/2/pairs.json").unlink()
    for step in (play / "runs/round-2/checkpoints").iterdir():
        if step.name == "20":
            shutil.rmtree(step)
    shutil.rmtree(play / "runs/round-2/evaluation")
    ran = []
    assert run(commands[1], lambda line, log: (ran.append(line[0]), cli.main(line))[1]) == 0
    assert ran == ["generate", "train"]
    assert answers.read_bytes() == (kept / "rounds/2/answers.jsonl").read_bytes()
    assert list(read_pairs(play / "rounds/2")) == list(read_pairs(kept / "rounds/2"))
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        trees = [checkpointer.restore(p.resolve() / "runs/round-2/checkpoints/20/params") for p in (play, kept)]
    jax.tree.map(np.testing.assert_array_equal, *trees)
    assert json.loads((play / "spin.json").read_text()) == json.loads((kept / "spin.json").read_text())


def test_another_play_in_the_same_folder_and_one_without_a_model_are_refused(home, capsys):
    _, commands = home
    for line, said in (
        (f"{commands[1]} --temperature 0.5", "holds another play: temperature: 1.0 -> 0.5"),
        (
            commands[1].replace("--config.model.init=runs/mine", "").replace("runs/play", "runs/new"),
            "begins with a trained model",
        ),
        (f"{commands[1]} --config.heldout=".replace("runs/play", "runs/new"), "holds no cluster out"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            run(line)


def test_the_command_of_the_readme_is_one():
    (line,) = re.findall(r"`(flanjax spin [^`]+)`", (ROOT / "README.md").read_text())
    _, *rest = shlex.split(line)
    overrides, rest = arguments.split_overrides(rest)
    assert arguments.parser().parse_args(rest).command == "spin"
    assert [override.partition("=")[0] for override in overrides] == ["model.init"]
