"""`flanjax prepare` through Beam's local runner: the same bytes by any workers, ended and gone on with, trained from."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import jax
import pytest
from etils import epath
from jax.experimental.compilation_cache import compilation_cache

pytest.importorskip("apache_beam")

from flanjax import parts, run
from flanjax.cli import main
from flanjax.config import ConfigError, load_config
from flanjax.data.corpus import open_corpus, open_rows
from flanjax.data.data_stats import DataError
from flanjax.data.offline.prepared import Prepared
from flanjax.data.pipeline import Host
from flanjax.prepare import job as preparing

STEPS = 12
PROCESSES = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")
MIXTURE = """
import os
import time

from flanjax import Example, Mixture, StyleShares, Task, Template, rows

COLOURS, THINGS = ("red", "green", "blue"), ("ball", "box", "cup", "hat", "car")


def made(start, stop):
    return [{"text": f"the {THINGS[i % 5]} is {COLOURS[i % 3]} {i % 7}", "label": i % 3} for i in range(start, stop)]


def in_a_worker(what):
    return os.path.exists(what) and os.environ.get("TOY_PARENT") != str(os.getpid())


if in_a_worker("broken"):
    raise RuntimeError("no room left on the moon")


def colour(row):
    if in_a_worker("slow"):
        time.sleep(0.02)
    if in_a_worker("deadly"):
        os.remove("deadly")
        os.kill(os.getpid(), 9)
    text = row["text"].upper() if in_a_worker("other") else row["text"]
    return Example({"text": text}, COLOURS[row["label"]], COLOURS)


def task(name, cluster, start, example, *templates, **more):
    source = rows(name, train=made(start, start + 60))
    return Task(name=name, cluster=cluster, source=source, example=example, templates=templates, **more)


COLOUR = task("colour", "seeing", 0, colour, Template("{{ text }} which colour ?"), Template("say the colour : {{ text }}"))
COPY = task("copy", "saying", 100, lambda row: Example({"text": row["text"]}, row["text"]), Template("copy {{ text }}"))
toy = Mixture(name="toy", parts=[COLOUR, COPY], styles=StyleShares(few_shot=0.3, max_shots=1))
WRONG = task("wrong", "seeing", 0, lambda row: Example({"text": row["txet"]}, "red"), Template("{{ text }}"))
wrong = Mixture(name="wrong", parts=[WRONG])
LONG = task("long", "seeing", 0, lambda row: Example({"text": row["text"]}, row["text"] * 60), Template("{{ text }}"))
long = Mixture(name="long", parts=[LONG])
"""
CONFIG = f"""
def get_config():
    shape = {{"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8}}
    return {{
        "name": "toy",
        "mixture": "toy.py:toy",
        "model": shape,
        "tokenizer": {{"kind": "words", "vocab_size": 200, "train_examples": 200}},
        "data": {{"batch_size": 8, "num_streams": 2, "window": 16, "features": {{"inputs_length": 48, "targets_length": 16}}}},
        "train": {{
            "steps": {STEPS},
            "log_every": 1,
            "tensorboard": False,
            "validate_every": 0,
            "optimizer": {{"learning_rate": 1e-2}},
        }},
        "checkpoint": {{"every_steps": 100}},
    }}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    (folder / "toy.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module", autouse=True)
def compiled_once(home):
    """The runs of this file share one program."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    for name, value in zip(names, (str(home / "cache"), 0), strict=True):
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("TOY_PARENT", str(os.getpid()))
    monkeypatch.setattr(preparing, "_WINDOWS_A_SHARD", 2)
    yield home
    for name in ("slow", "deadly", "broken", "other"):
        (home / name).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def done(home):
    """What one worker prepared."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(home)
        patched.setattr(preparing, "_WINDOWS_A_SHARD", 2)
        preparing.prepare(load_config("config.py"), "done", log=lambda line: None)
    return home / "done"


def config_of(*overrides):
    return load_config("config.py", overrides)


def prepare(output, *overrides, **more):
    return preparing.prepare(config_of(*overrides), output, log=lambda line: None, **more)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(capsys, *command):
    assert main(command) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("flanjax: ")
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def losses(workdir):
    records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [(r["step"], r["loss"]) for r in records if r.get("kind", "train") == "train"]


@pytest.mark.parametrize(("mode", "workers"), [("multi_processing", 2), ("multi_threading", 4)])
def test_several_workers_write_the_bytes_that_one_writes(here, done, mode, workers):
    manifest = prepare(f"by_{mode}", beam=(f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"))
    assert len(manifest["shards"]) >= 6
    assert manifest["steps"] >= STEPS
    assert contents(here / f"by_{mode}") == contents(done)


def test_training_on_prepared_rows_takes_their_tokenizer_and_is_the_same_run(here, done):
    run.train(config_of(), "made", log=lambda line: None)
    run.train(config_of("data.prepared=done"), "read", log=lambda line: None)
    assert len(losses(here / "made")) == STEPS
    assert losses(here / "read") == losses(here / "made")
    read, *others = (contents(place / "tokenizer") for place in (here / "read", done, here / "made"))
    assert '"prepared"' in read.pop("origin.json").decode()  # where it comes from; all else is the same
    for other in others:
        del other["origin.json"]
        assert read == other
    assert json.loads((here / "read" / "mixture.json").read_text()) == json.loads((here / "made" / "mixture.json").read_text())


def test_a_run_goes_over_to_prepared_rows_in_its_middle(here, done):
    assert (here / "made").exists(), "the run that made all its rows"
    run.train(config_of("train.steps=5"), "over", log=lambda line: None)
    said = []
    run.train(config_of("data.prepared=done"), "over", log=said.append)
    assert any("going on from step 5" in line for line in said)
    assert losses(here / "over") == losses(here / "made")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.seed=3"], r"data\.seed: 0 -> 3"),
        (["data.window=20"], r"data\.window: 16 -> 20"),
        (["data.num_streams=4"], r"data\.num_streams: 2 -> 4"),
        (["data.features.inputs_length=64"], r"data\.features\.inputs_length: 48 -> 64"),
        (["data.features.weighting=examples"], r"data\.features\.weighting: 'tokens' -> 'examples'"),
        (["data.seed=3", "data.window=20"], r"data\.seed: 0 -> 3; data\.window: 16 -> 20"),
        (["leave_out=('copy',)"], r"plan: .*; tasks only there: copy"),
        (["tokenizer.vocab_size=100"], r"another tokenizer: tokenizer\.vocab_size: 200 -> 100"),
        (["tokenizer.path=bytes"], r"tokenizer: '?\w+'? -> '?bytes'? .*--config\.tokenizer\.path=WORKDIR/tokenizer"),
        (["train.steps=500"], r"has rows for \d+ steps, train\.steps is 500\. Prepare more: .* --output done --steps 500"),
        (["data.prepared=nowhere"], r"data\.prepared=nowhere cannot be trained from: no manifest\.json there"),
    ],
)
def test_rows_of_another_run_are_refused_before_training_with_what_differs(here, done, tmp_path, overrides, said):
    with pytest.raises(ValueError, match=said):
        run.train(config_of("data.prepared=done", *overrides), tmp_path / "run", log=lambda line: None)
    assert not list(tmp_path.rglob("checkpoints"))
    if overrides != ["tokenizer.path=bytes"]:
        assert not list(tmp_path.rglob("tokenizer")), "a tokenizer of refused rows would stay with the run"


def test_a_template_edited_after_preparing_is_found_by_the_name_of_its_task(here, done, tmp_path):
    (here / "edited.py").write_text(MIXTURE.replace("say the colour :", "name the colour :"))
    with pytest.raises(ConfigError, match="tasks whose templates, styles, filters, code or rows changed: colour"):
        run.train(config_of("data.prepared=done", "mixture=edited.py:toy"), tmp_path / "run", log=lambda line: None)


def test_more_steps_are_added_to_what_is_there_and_a_lost_shard_is_made_again(here, done, tmp_path):
    more = shutil.copytree(done, tmp_path / "more")
    before = contents(more)
    (more / Prepared(done).manifest["shards"][1]["file"]).unlink()
    manifest = prepare(more, steps=3 * STEPS)
    assert manifest["steps"] >= 3 * STEPS > Prepared(done).manifest["steps"]
    after = contents(more)
    assert all(after[name] == before[name] for name in before if name.endswith(".array_record"))
    assert sum(s["rows"] for s in manifest["shards"]) == manifest["rows"]
    again = prepare(more, steps=STEPS)
    assert again == manifest
    assert contents(more) == after


def test_a_number_of_examples_may_be_asked_for(here, tmp_path):
    manifest = prepare(tmp_path / "some", examples=100)
    assert manifest["windows"] == 4  # of 16 examples, in each of 2 streams
    assert manifest["examples"] + manifest["too_long"] + manifest["bad"] + manifest["left_out"] == 128
    with pytest.raises(ConfigError, match="not both: got 3 and 100"):
        prepare(tmp_path / "some", steps=3, examples=100)


def test_a_directory_of_another_config_is_left_alone(here, done):
    before = contents(done)
    with pytest.raises(ConfigError, match=r"done is prepared for another config: data\.seed: 0 -> 5"):
        prepare("done", "data.seed=5")
    assert contents(done) == before


def start(home, output, *more):
    code = "from flanjax import cli; from flanjax.prepare import job; job._WINDOWS_A_SHARD = 2; cli.command()"
    command = [sys.executable, "-c", code, "prepare", "--config", "config.py", "--output", output, *more]
    environment = {k: v for k, v in os.environ.items() if k != "TOY_PARENT"}
    return subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_an_interrupted_preparation_cannot_be_trained_from_and_is_gone_on_with(here, done, tmp_path):
    (here / "slow").touch()
    process = start(here, "stopped")
    ended = time.monotonic() + 120
    while not list((here / "stopped").glob("parts/*.json")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < ended
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    (here / "slow").unlink()
    finished = len(list((here / "stopped").glob("parts/*.json")))
    assert 1 <= finished < len(Prepared(done).manifest["shards"])
    assert not (here / "stopped" / "manifest.json").exists()
    with pytest.raises(DataError, match="it is unfinished; run the same `flanjax prepare` again"):
        run.train(config_of("data.prepared=stopped"), tmp_path / "run", log=lambda line: None)
    prepare("stopped")
    assert contents(here / "stopped") == contents(done)


def test_a_killed_worker_ends_the_command_and_the_next_one_goes_on(here, done, capsys):
    (here / "deadly").touch()
    line = refused(capsys, "prepare", "--config", "config.py", "--output", "killed", "--", *PROCESSES)
    assert "a worker process ended with status 137" in line
    assert "run the command again" in line
    assert not (here / "killed" / "manifest.json").exists()
    prepare("killed")
    assert contents(here / "killed") == contents(done)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("broken", "RuntimeError: no room left on the moon. Finished shards are kept"),
        ("other", "a worker opens toy.py:toy and finds other data than the command that started it: tasks differ"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_one_line(here, tmp_path, capsys, what, said):
    (here / what).touch()
    line = refused(capsys, "prepare", "--config", "config.py", "--output", str(tmp_path / "out"))
    assert said in line
    assert "while running" not in line
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["--", "--runner=MoonRunner"], "MoonRunner"),
        (["--", "--direct_num_wrkers=4"], "no option '--direct_num_wrkers=4'; did you mean 'direct_num_workers'"),
        (["--", "--direct_num_workers=four"], "invalid int value: 'four'"),
        (["--config.mixture=toy.py:wrong"], "task wrong: 16 of 16 rows are bad"),
        (["--config.mixture=toy.py:long"], "2,048 examples one after another give nothing to train on. task long: 2,048 too"),
        (["--config.data.sead=3"], "unknown config key data.sead; did you mean 'seed'"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(here, tmp_path, capsys, command, said):
    line = refused(capsys, "prepare", "--config", "config.py", "--output", str(tmp_path / "out"), *command)
    assert said in line
    assert not list(tmp_path.rglob("*.array_record"))


def test_verify_says_that_all_is_as_written_or_what_is_not(here, done, tmp_path, capsys):
    assert main(["prepare", "--verify", str(done)]) == 0
    assert "all as written" in capsys.readouterr().out
    damaged = shutil.copytree(done, tmp_path / "damaged")
    file = Prepared(done).manifest["shards"][0]["file"]
    content = bytearray((damaged / file).read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / file).write_bytes(content)
    assert f"{file} is damaged" in refused(capsys, "prepare", "--verify", str(damaged))
    assert "needs --config and --output" in refused(capsys, "prepare")


def test_a_run_with_a_tokenizer_of_its_own_is_prepared_for_by_naming_it(here, tmp_path):
    config = config_of("tokenizer.vocab_size=60")
    split = parts.split_of(config)
    rows = open_rows(split.train)
    (tmp_path / "run").mkdir()
    tokenizer = parts.tokenizer_of(config, epath.Path(tmp_path / "run"), split.train, rows)
    prepare(tmp_path / "rows", f"tokenizer.path={tmp_path / 'run' / 'tokenizer'}")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, prepared=str(tmp_path / "rows")))
    found = parts.prepared_of(config, open_corpus(split.train, rows, tokenizer, config.data), Host())
    assert found is not None
    assert found.manifest["identity"]["tokenizer"] == tokenizer.fingerprint
