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
from flanjax import checkpoint, cli, commands, parts, storage
from flanjax.config import ConfigError, load_config
from flanjax.data import preferences
from flanjax.data.corpus import open_corpus, open_rows
from flanjax.data.plan import Visits
from flanjax.importers import preferences as importers
from flanjax.lab.spin import command
from flanjax.lab.spin.pairs import read_pairs
from flanjax.lab.spin.play import make_play
from flanjax.parts import open_saved
from flanjax.run import train
from flanjax.workdir import TOKENIZER

pytestmark = pytest.mark.usefixtures("one_device")

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "self_play.md").read_text()
MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

WORDS = [{"word": word, "n": n} for n in range(40) for word in ("sun", "moon", "star", "rain")]


def task(name, cluster, *templates, options=()):
    return Task(
        name=name, cluster=cluster, source=rows(name, train=WORDS[8:], test=WORDS[:8]), templates=templates,
        example=lambda row: Example(row, row["word"] if options else f"{row['n']} {row['word']}", options),
        evaluation="test", metrics=["accuracy"] if options else ["exact_match"],
    )


swap = task("swap", "swapping", Template("Swap {{ word }} {{ n }}"), Template("{{ word }} {{ n }} turned round:"))
which = task("which", "choosing", Template("Which word is in {{ word }} {{ n }}?"), options=("sun", "moon", "star", "rain"))
mine = Mixture(name="mine", parts=[swap, which])
"""
CONFIG = """
def get_config():
    return {
        "name": "mine", "mixture": "mixture.py:mine", "heldout": ("choosing",),
        "model": {
            "family": "llama", "d_model": 32, "d_ff": 64, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "head_dim": 16
        },
        "tokenizer": {"kind": "words", "vocab_size": 120, "train_examples": 400},
        "data": {"batch_size": 8, "num_streams": 2, "window": 64, "features": {"inputs_length": 40, "targets_length": 8}},
        "train": {
            "steps": 40, "log_every": 1, "tensorboard": False,
            "optimizer": {"name": "adamw", "learning_rate": 1e-2, "schedule": "constant", "warmup_steps": 0, "weight_decay": 0},
        },
        "checkpoint": {"every_steps": 10},
        "evaluation": {"items": 8, "batch_size": 8},
    }
"""

JUDGED = [
    {"prompt": f"Swap {word} {n}", "chosen": f"{n} {word}", "rejected": f"{word} {n}"}
    for n in range(40)
    for word in ("sun", "rain")
]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def run(line, execute=None):
    """Runs a command of the page in this process; `flanjax spin` runs its commands in it too."""
    program, *rest = shlex.split(line) if isinstance(line, str) else ["flanjax", *line]
    assert program == "flanjax"
    if rest[0] != "spin":
        return cli.main(rest)
    overrides, rest = commands.split_overrides(rest)
    args = commands.parser().parse_args(rest)
    args.overrides = overrides
    return command.spin(args, execute or (lambda line, log: (log.touch(), cli.main(line))[1]))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a run, in which the page's commands have run."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "mixture.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)
    (folder / "my_preferences.py").write_text(blocks("python")[0])
    (folder / "judged.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in JUDGED))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        flanjax.open_run("config.py", workdir="runs/mine", log=lambda line: None).train()
        commands = [line for block in blocks("bash") for line in block.splitlines()]
        assert [run(line) for line in commands] == [0, 0]
        yield folder, commands


def test_a_run_on_preferences_begins_at_log_2_and_learns_the_chosen_answers(home):
    folder, _ = home
    metrics = [json.loads(line) for line in (folder / "runs/preferred/metrics.jsonl").read_text().splitlines()]
    train, validation = ([m for m in metrics if m.get("kind") == kind] for kind in (None, "validation"))
    assert train[0]["loss"] == pytest.approx(np.log(2), abs=1e-4)
    assert abs(train[0]["margin"]) < 1e-4
    assert train[-1]["loss"] < 0.6
    assert validation[-1]["win_rate"] > 0.9
    assert validation[-1]["margin"] > validation[0]["margin"] > 0
    table = storage.read_table(folder / "runs/preferred/reference.parquet")
    assert table["split"].to_pylist() == ["train"] * 60 + ["evaluation"] * 20
    model = flanjax.load_model("runs/mine")
    for row in table.slice(5, 3).to_pylist():
        judged = JUDGED[20 + row["row"]]
        alone = model.score(judged["prompt"], [judged["chosen"], judged["rejected"]])
        assert [row["chosen"], row["rejected"]] == pytest.approx(alone, abs=1e-3)


def test_references_of_other_weights_or_other_rows_are_refused(home, tmp_path):
    folder, commands = home
    shutil.copytree(folder / "runs/preferred", tmp_path / "other")
    overrides = [part.removeprefix("--config.") for part in shlex.split(commands[0]) if part.startswith("--config.")]
    config = load_config("config.py", [*overrides, "train.steps=30"])
    before = (folder / "judged.jsonl").read_text()
    (tmp_path / "other.jsonl").write_text(before.replace('"rejected": "sun', '"rejected": "moon'))
    judged = importers.preferences(tmp_path / "other.jsonl", train="train[20:]", evaluation="train[:20]").mixture("mine")
    with pytest.raises(ValueError, match=r"task preferences, row \d+: its pair has no log-likelihoods in .*reference"):
        train(config, tmp_path / "other", mixture=judged, log=lambda line: None)
    changed = load_config("config.py", [*overrides, "train.steps=30", "model.init=runs/preferred"])
    with pytest.raises(ConfigError, match=r"model\.init"):
        flanjax.open_run(changed, workdir=tmp_path / "other", log=lambda line: None).train()
    shutil.rmtree(tmp_path / "other" / "checkpoints")
    with pytest.raises(ConfigError, match="another reference: weights: "):
        flanjax.open_run(changed, workdir=tmp_path / "other", log=lambda line: None).train()


def test_a_play_pairs_the_datas_answers_with_its_opponents_texts_and_tells_of_each_round(home):
    folder, _ = home
    play = folder / "runs/play"
    data = storage.read_table(play / "data.parquet")
    assert len(data) == 120
    assert set(data["task"].to_pylist()) == {"swap"}  # the other one is held out
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
        assert (split["train"], split["heldout"]) == (["swap"], ["which"])
    first, second = (open_saved(play / f"runs/round-{number}").config for number in (1, 2))
    assert first.model.init.endswith("runs/mine")
    assert second.model.init.endswith("runs/play/runs/round-1")
    page = (play / "index.html").read_text()
    assert all(verdict in page.replace("&#39;", "'") for verdict in found["verdicts"])
    assert "Swap " in page


def test_the_opponents_prompt_is_the_one_that_is_trained_on(home):
    folder, _ = home
    saved, opponent = open_saved(folder / "runs/play/runs/round-1"), flanjax.load_model("runs/mine")
    mixture = flanjax.load(f"{folder}/runs/play/rounds/1/pairs.py:pairs").only(["swap"])
    corpus = open_corpus(mixture, open_rows(mixture), saved.tokenizer, saved.config.data, numbers=["reference"])
    numbers = np.arange(20)
    visits = Visits(np.zeros_like(numbers), numbers, numbers)
    encoded = preferences.read_pairs(corpus.entries, corpus.rows, visits, corpus.layout, 0)
    rows = [pair for split, pair in read_pairs(folder / "runs/play/rounds/1") if split == "train"]
    for row, (_, _, pair) in zip(rows, encoded, strict=False):
        assert pair.chosen.inputs.tolist() == pair.rejected.inputs.tolist() == opponent.inputs([row["prompt"]])[0]
        assert saved.tokenizer.decode(pair.rejected.targets[:-1].tolist()) == row["generated"] or row["ended"] != "eos"


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


def test_few_weights_are_refused_for_more_than_one_round_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mixture.py").write_text(MIXTURE)
    Path("config.py").write_text(CONFIG)
    start = ["spin", "--config", "config.py", "--out", "play", "--config.model.init=base", "--config.model.adapt=lora"]
    with pytest.raises(ValueError, match=r"model\.adapt=lora with 2 rounds: .* no model\.init\. .*--rounds 1.*flanjax export"):
        run(start, lambda line, log: pytest.fail(f"{line} runs"))
    assert not Path("play").exists()
    monkeypatch.setattr(parts, "settled", lambda config: config)
    play = make_play("config.py", ["model.init=base", "model.adapt=lora"], rounds=1, prompts=8, temperature=1.0, top_p=1.0)
    assert play.config.model.adapt == "lora"


def test_an_empty_override_stays_empty_and_a_start_in_an_object_store_keeps_its_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mixture.py").write_text(MIXTURE)
    Path("config.py").write_text(CONFIG)
    start = "gs://bucket/run"
    monkeypatch.setattr(parts, "is_run", lambda source: True)
    monkeypatch.setattr(parts, "settled", lambda config: config)
    monkeypatch.setattr(checkpoint, "read_meta", lambda path: (0, {"config": {"tokenizer": {"path": "train"}}}))
    overrides = [f"model.init={start}", "train.wandb=", "train.tensorboard"]
    made = make_play("config.py", overrides, rounds=2, prompts=8, temperature=1.0, top_p=1.0)
    assert (made.config.train.wandb, made.config.train.tensorboard, made.start) == ("", True, start)
    assert made.config.tokenizer.path == f"{start}/{TOKENIZER}"


def test_the_command_of_the_readme_is_one():
    (line,) = re.findall(r"`(flanjax spin [^`]+)`", (ROOT / "README.md").read_text())
    _, *rest = shlex.split(line)
    overrides, rest = commands.split_overrides(rest)
    assert commands.parser().parse_args(rest).command == "spin"
    assert [override.partition("=")[0] for override in overrides] == ["model.init"]
