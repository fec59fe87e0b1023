"""Whole runs through the command line: killed, stopped and continued, refused in one line, evaluated, begun from weights."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest
from compiling import flags

from flanjax import checkpoint
from flanjax import huggingface as hf
from flanjax.cli import main
from flanjax.config import RunConfig, load_config
from flanjax.models import functional
from flanjax.parallel import sharding

STEPS, EVERY = 40, 6
MIXTURE = """
from flanjax import Example, Mixture, StyleShares, Task, Template, hub, rows

COLOURS, THINGS = ("red", "green", "blue"), ("ball", "box", "cup", "hat", "car")


def made(start, stop):
    return [{"text": f"the {THINGS[i % 5]} is {COLOURS[i % 3]} {i % 7}", "label": i % 3} for i in range(start, stop)]


def colour(row):
    return Example({"text": row["text"]}, COLOURS[row["label"]], COLOURS)


def copied(row):
    return Example({"text": row["text"]}, row["text"])


def task(name, cluster, start, example, *templates, **more):
    source = rows(name, train=made(start, start + 60), test=made(start + 60, start + 72))
    return Task(name=name, cluster=cluster, source=source, example=example, templates=templates, evaluation="test", **more)


COLOUR = task("colour", "seeing", 0, colour, Template("{{ text }} which colour ?"), Template("say the colour : {{ text }}"))
COPY = task("copy", "saying", 100, copied, Template("copy {{ text }}"), metrics=("exact_match",))
HIDDEN = task("hidden", "guessing", 200, colour, Template("guess {{ text }}"))
toy = Mixture(name="toy", parts=[COLOUR, COPY, HIDDEN], styles=StyleShares(few_shot=0.3, max_shots=1))

REMOTE = Task(
    name="remote", cluster="seeing", source=hub("some/wordz"), example=colour, templates=[Template("{{ text }}")]
)
remote = Mixture(name="remote", parts=[REMOTE])
EMPTY = Task(name="empty", cluster="seeing", source=hub("some/empty"), example=colour, templates=[Template("{{ text }}")])
empty = Mixture(name="empty", parts=[EMPTY])
WRONG = task("wrong", "seeing", 0, lambda row: Example({"text": row["txet"]}, "red"), Template("{{ text }}"))
wrong_column = Mixture(name="wrong_column", parts=[WRONG])
"""
METRIC = """
metric = Mixture(name="metric", parts=[task("metric", "seeing", 0, colour, Template("{{ text }}"), metrics=("acuracy",))])
"""
NOTHING_FITS = """
import os, time

def slowly(row):
    time.sleep(0.05 * os.path.exists("slowly"))
    return Example({"text": row["text"] * 20}, row["text"])

nothing_fits = Mixture(name="nothing_fits", parts=[task("long", "seeing", 0, slowly, Template("{{ text }}"))])
"""
CONFIG = f"""
def get_config():
    shape = {{"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8}}
    return {{
        "name": "toy",
        "mixture": "toy.py:toy",
        "heldout": ("guessing",),
        "model": {{**shape, "dropout": 0.1}},
        "tokenizer": {{"kind": "words", "vocab_size": 200, "train_examples": 200}},
        "data": {{"batch_size": 8, "num_streams": 2, "window": 32, "features": {{"inputs_length": 48, "targets_length": 16}}}},
        "train": {{
            "steps": {STEPS},
            "log_every": 1,
            "validate_every": 12,
            "tensorboard": False,
            "optimizer": {{"name": "adamw", "learning_rate": 1e-3}},
        }},
        "checkpoint": {{"every_steps": {EVERY}}},
        "evaluation": {{"items": 6, "batch_size": 8}},
    }}
"""
# The same run begins from weights elsewhere: nothing is said of the model's shape.
TUNE = CONFIG.replace('{**shape, "dropout": 0.1}', '{"dropout": 0.1}')


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder that commands run in, with its mixture and configs."""
    folder = tmp_path_factory.mktemp("home")
    for name, text in (("toy.py", MIXTURE), ("metric.py", MIXTURE + METRIC), ("config.py", CONFIG), ("tune.py", TUNE)):
        (folder / name).write_text(text)
    return folder


SAID = "whole.txt"  # what the undisturbed run printed


@pytest.fixture(scope="module")
def whole(home):
    """The workdir of a run that nothing disturbed."""
    status, said = train_here(home, "whole")
    assert status == 0, said
    (home / SAID).write_text(said)
    return home / "whole"


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def start(home, workdir, *more, config="config.py", **variables):
    """`flanjax train` as a process of its own, on one device, with environment variables; compilations are shared."""
    environment = {
        **os.environ,
        "XLA_FLAGS": flags(1),
        **variables,
    }
    command = [sys.executable, "-m", "flanjax.cli", "train", "--config", config, "--workdir", workdir, *more]
    return subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def train_here(home, workdir, *more, config="config.py"):
    """`flanjax train` on one device in this process, which need not import again; the exit status and what was said."""
    said, make_mesh = io.StringIO(), sharding.make_mesh
    with contextlib.chdir(home), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sharding, "make_mesh", lambda config: make_mesh(config, jax.devices()[:1]))
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = main(["train", "--config", config, "--workdir", workdir, *more])
    return status, said.getvalue()


def finish(process):
    said, _ = process.communicate(timeout=200)
    return process.returncode, said


def signal_at(process, workdir, step, number):
    """Sends the signal once the step is on record; the exit status and what was said."""
    ended = time.monotonic() + 200
    while steps_on_record(workdir) < step:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < ended
        time.sleep(0.002)
    process.send_signal(number)
    return finish(process)


def catches(process, number):
    """Whether a process has a handler for the signal (proc(5))."""
    (caught,) = (line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def steps_on_record(workdir):
    path = workdir / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return max((json.loads(line)["step"] for line in lines), default=0)


def figures(workdir, kind="train"):
    """(step, loss, gradient norm) of every record, as they were written."""
    records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [(r["step"], r["loss"], r.get("grad_norm")) for r in records if r.get("kind", "train") == kind]


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(capsys, *command):
    """The one line of a command that fails."""
    assert main(command) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in lines if line.startswith("flanjax: ")]) == 1
    assert not any("Traceback" in line for line in lines)
    assert lines[-1].startswith("flanjax: ")
    return lines[-1]


def test_a_run_records_every_step_and_learns(whole):
    record = figures(whole)
    assert [step for step, *_ in record] == list(range(1, STEPS + 1))
    assert np.mean([loss for _, loss, _ in record[-5:]]) < np.mean([loss for _, loss, _ in record[:5]]) - 0.2
    assert [step for step, *_ in figures(whole, "validation")] == [12, 24, 36, STEPS]


def test_a_run_killed_and_stopped_goes_on_bit_for_bit(home, whole):
    """Killed before there is a checkpoint and between two of them; SIGTERM and Ctrl-C save the step that is reached."""
    workdir, found = home / "disturbed", 0
    for step, number, ends in ((3, "SIGKILL", -9), (8, "SIGTERM", 143), (17, "SIGKILL", -9), (27, "SIGINT", 130)):
        status, said = signal_at(start(home, "disturbed"), workdir, step, signal.Signals[number])
        assert status == ends, said
        assert (f"going on from step {found} " in said) is (found > 0)
        found = max(checkpoint.steps_of(workdir), default=0)
        if number == "SIGKILL":
            continue
        assert step <= found < STEPS
        assert f"stopped by {number} at step {found}; run the same command again to go on" in said
        assert "Traceback" not in said
        assert steps_on_record(workdir) == found
    status, said = train_here(home, "disturbed")
    assert status == 0, said
    assert f"going on from step {found} " in said
    assert figures(workdir) == figures(whole)
    assert figures(workdir, "validation") == figures(whole, "validation")


def test_a_run_that_looks_in_vain_for_a_row_that_fits_can_be_stopped(tmp_path):
    (tmp_path / "toy.py").write_text(MIXTURE + NOTHING_FITS)
    (tmp_path / "config.py").write_text(CONFIG)
    changes = (
        "--config.mixture=toy.py:nothing_fits",
        "--config.heldout=",
        "--config.train.validate_every=0",
        "--config.tokenizer.path=bytes",
    )
    (tmp_path / "slowly").touch()  # the search would end after 2,048 examples, which take 100 s
    process = start(tmp_path, "run", *changes)
    while not catches(process, signal.SIGTERM):
        assert process.poll() is None, finish(process)
        time.sleep(0.1)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status, said = finish(process)
    assert (status, time.monotonic() - began < 20) == (143, True), said
    assert "stopped by SIGTERM at step 0; run the same command again to go on" in said


def test_a_run_whose_newest_checkpoint_is_corrupt_goes_on_from_the_one_before(home, whole, caplog):
    workdir = home / "corrupt"
    shutil.copytree(whole, workdir)
    older, newest = checkpoint.steps_of(workdir)[-2:]
    for path in (workdir / "checkpoints" / str(newest)).rglob("*"):
        if path.is_file() and path.stat().st_size > 1000:
            os.truncate(path, path.stat().st_size // 2)
    status, said = train_here(home, "corrupt")
    assert status == 0, said
    assert f"passing over checkpoint {workdir / 'checkpoints' / str(newest)}" in caplog.text
    assert f"going on from step {older}" in said
    assert figures(workdir) == figures(whole)
    assert newest in checkpoint.steps_of(workdir)


def test_a_start_tells_how_long_each_of_its_stages_took(here, whole):
    told = re.search(r"the first step was done after ([\d.]+) s: (.*)", (here / SAID).read_text())
    assert told
    stages = dict(stage.rsplit(" ", 1) for stage in told[2].split(", "))
    assert list(stages) == [
        "imports",
        "mixture and tokenizer",
        "model",
        "weights",
        "records and logs",
        "first batch",
        "compilation",
        "first step",
    ]
    assert sum(map(float, stages.values())) == pytest.approx(float(told[1]), abs=0.5)  # each is rounded


def test_a_finished_run_says_so_and_changes_nothing(here, whole, capsys):
    before = contents(whole)
    assert main(["train", "--config", "config.py", "--workdir", "whole"]) == 0
    assert f"has trained its {STEPS} steps already" in capsys.readouterr().out
    assert contents(whole) == before


def test_the_doctor_looks_at_the_newest_weights_of_a_run(here, whole, capsys, tmp_path):
    assert main(["doctor", "whole", "--only", "truncation", "masks", "--json", f"{tmp_path}/found.json"]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["source"], found["step"]) == ("whole", STEPS)
    assert [r["status"] for r in found["results"]] == ["passed", "passed"]
    said = refused(capsys, "doctor", "whole", "--config.train.steps=9")
    assert "the workdir of a run, whose config is fixed: leave out --config.train.steps=9" in said


def test_a_workdir_of_another_config_is_refused_with_the_keys_that_differ(here, whole, capsys):
    changes = ("--config.train.optimizer.learning_rate=0.5", "--config.data.seed=3", "--config.train.log_every=5")
    line = refused(capsys, "train", "--config", "config.py", "--workdir", "whole", *changes)
    assert "train.optimizer.learning_rate" in line
    assert "data.seed" in line
    assert "train.log_every" not in line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--config.mixture=toy.py:toi"], "did you mean 'toy'"),
        (["--config.mixture=toi.py:toy"], "toy.py"),
        (["--config.heldout=('gessing',)"], "did you mean 'guessing'"),
        (["--config.leave_out=('colur',)"], "did you mean 'colour'"),
        (["--config.train.stepz=3"], "train.stepz; did you mean 'steps'"),
        (["--config.mixture=toy.py:wrong_column", "--config.heldout=()"], "task wrong, row 0: missing field 'txet'"),
        (
            ["--config.mixture=toy.py:wrong_column", "--config.heldout=()", "--config.train.validate_every=0"],
            "task wrong: 32 of 32 rows are bad",
        ),
        (["--config.mixture=metric.py:metric"], "task metric: unknown metric 'acuracy'; did you mean 'accuracy'"),
        (["--config.mixture=toy.py:remote", "--config.heldout=()"], "no data set 'some/wordz'. Nearest: some/words"),
        (
            ["--config.mixture=toy.py:empty", "--config.heldout=()"],
            "has no rows. (while reading the rows 'train' of task empty)",
        ),
        (["--config.model.init=nowhere"], "'nowhere' is neither a directory here"),
        (["--config.model.init=nowhere", "--config.tokenizer.path=bytes"], "model.init: 'nowhere' is neither a directory here"),
        (["--config.model.scan=maybe"], "model.scan is 'maybe', expected true or false"),
        (["--config.tokenizer.path=./nowhere"], "tokenizer.path ./nowhere: no such directory"),
        (["--config.mesh.data=3"], "there are 8 devices"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(here, changes, said, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANJAX_HUB_MIRROR", str(mirror(tmp_path)))
    workdir = str(tmp_path / "run")
    line = refused(capsys, "train", "--config", "config.py", "--workdir", workdir, *changes)
    assert said in line
    assert not checkpoint.steps_of(workdir)


def test_a_mistake_ends_the_process_with_status_1_and_one_line(home):
    status, said = finish(start(home, "never", config="confg.py"))
    assert status == 1
    assert said.startswith("flanjax: no config file confg.py; did you mean 'config.py'")
    assert said.count("\n") == 1


def mirror(folder):
    """A mirror of two data sets, of which one is empty."""
    import pyarrow as pa

    for name, texts in (("words", ["the ball is red"]), ("empty", [])):
        place = folder / "some" / name / "default"
        place.mkdir(parents=True)
        table = pa.table({"text": pa.array(texts, pa.string()), "label": pa.array([0] * len(texts), pa.int64())})
        pq.write_table(table, place / "train.parquet")
    return folder


def test_heldout_writes_predictions_results_and_a_report_of_the_heldout_tasks(here, whole, capsys):
    assert main(["heldout", "--workdir", "whole"]) == 0
    (place,) = (whole / "evaluation").glob(f"{STEPS}-*")
    predictions = pq.read_table(place / "predictions.parquet").to_pylist()
    assert {p["task"] for p in predictions} == {"hidden"}
    assert {(p["model"], p["step"]) for p in predictions} == {("trained", STEPS), ("untuned", 0)}
    assert len(predictions) == 2 * 6
    results = json.loads((place / "results.json").read_text())
    assert [c["cluster"] for c in results["clusters"]] == ["guessing", "guessing"]
    assert "<html" in (place / "report.html").read_text()
    assert f"report: {place.relative_to(here) / 'report.html'}" in capsys.readouterr().out


def test_tasks_evaluated_by_name_stand_beside_the_heldout_ones_and_are_called_trained_on(here, whole, capsys):
    before = {*(whole / "evaluation").iterdir()}
    assert main(["evaluate", "--workdir", "whole", "--tasks", "copy", "--no-untuned"]) == 0
    (place,) = {*(whole / "evaluation").iterdir()} - before
    predictions = pq.read_table(place / "predictions.parquet").to_pylist()
    assert {(p["task"], p["scorer"], p["model"]) for p in predictions} == {("copy", "generate", "trained")}
    said = capsys.readouterr().out
    assert "copy was trained on" in said
    assert "held-out cluster" not in said


def test_any_model_is_evaluated_on_any_mixtures_tasks(here, whole, tmp_path, capsys):
    """A run and its export give the same answers, and are told apart from what they were trained on."""
    assert main(["export", "--workdir", "whole", "--output", str(tmp_path / "hf")]) == 0
    found = []
    for model, tasks in (("whole", ["hidden", "copy"]), (str(tmp_path / "hf"), ["hidden"])):
        asked = ["--mixture", "toy.py:toy", "--tasks", *tasks, "--limit", "3", "--output", str(tmp_path / "out" / model[-5:])]
        capsys.readouterr()
        assert main(["evaluate", "--model", model, *asked]) == 0
        assert ("was trained on copy" in capsys.readouterr().out) is (model == "whole")
        (place,) = (tmp_path / "out" / model[-5:] / "evaluation").iterdir()
        rows = pq.read_table(place / "predictions.parquet").to_pylist()
        found.append([row for row in rows if row["task"] == "hidden"])
        assert (place / "report.html").exists()
    assert [row["prompt"] for row in found[0]] == [row["prompt"] for row in found[1]]
    first, second = (np.concatenate([row["option_log_likelihoods"] for row in rows]) for rows in found)
    np.testing.assert_allclose(first, second, atol=1e-4)
    for command, said in (
        (["--model", "whole"], "--model and --mixture go together"),
        (["--workdir", "whole"], "needs --tasks"),
        (["--tasks", "copy"], "flanjax evaluate needs --workdir DIR"),
        (["--model", "nowhere", "--mixture", "toy.py:toy"], "nowhere is no run that has a checkpoint"),
    ):
        assert said in refused(capsys, "evaluate", *command)


def newest(folder, pattern):
    return max(folder.glob(pattern), key=lambda place: place.stat().st_mtime)


def test_the_weights_evaluated_are_those_of_the_step_asked_for(here, whole, capsys):
    older = checkpoint.steps_of(whole)[0]
    assert older < STEPS
    assert main(["heldout", "--workdir", "whole", "--step", str(older), "--no-untuned"]) == 0
    assert main(["heldout", "--workdir", "whole", "--no-untuned"]) == 0
    found = [
        pq.read_table(newest(whole / "evaluation", f"{step}-*") / "predictions.parquet").to_pylist() for step in (older, STEPS)
    ]
    assert [p["prompt"] for p in found[0]] == [p["prompt"] for p in found[1]]
    assert [p["option_log_likelihoods"] for p in found[0]] != [p["option_log_likelihoods"] for p in found[1]]
    assert "has no checkpoint of step 1" in refused(capsys, "heldout", "--workdir", "whole", "--step", "1")


def test_a_task_trained_on_is_not_heldout_whatever_the_mixture_file_says_now(whole, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    moved = MIXTURE.replace('task("colour", "seeing"', 'task("colour", "guessing"')
    assert moved != MIXTURE
    (tmp_path / "toy.py").write_text(moved)
    line = refused(capsys, "heldout", "--workdir", str(whole))
    assert "colour (training) and hidden (held out) share the cluster guessing" in line


def test_evaluating_a_misspelt_task_names_the_near_ones(here, whole, capsys):
    line = refused(capsys, "evaluate", "--workdir", "whole", "--tasks", "hiden")
    assert "no task or cluster 'hiden'; did you mean 'hidden'" in line


def test_a_folder_without_a_run_is_refused(here, tmp_path, capsys):
    assert f"{tmp_path} holds no readable checkpoint" in refused(capsys, "heldout", "--workdir", str(tmp_path))


def test_training_begins_alike_from_an_earlier_run_and_from_its_export_on_the_hub(home, whole, tmp_path, monkeypatch):
    snapshot = on_the_hub(tmp_path / "hub", "us/small", revision="v1")
    export(whole, snapshot)
    shutil.copytree(whole / "tokenizer", tmp_path / "tokenizer")
    tokenizer = f"--config.tokenizer.path={tmp_path / 'tokenizer'}"
    short = ("--config.train.steps=2", "--config.train.validate_every=0")
    runs = {}
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, init, directory, config in (
        ("from_run", whole, whole, "tune.py"),  # a run's tokenizer comes with its weights
        ("from_hub", "us/small@v1", snapshot, "config.py"),  # which says a shape, and another one
    ):
        shape = ("--config.model.d_model=24",) if config == "config.py" else ()
        given = (tokenizer,) if config == "config.py" else ()
        status, said = train_here(home, name, f"--config.model.init={init}", *short, *shape, *given, config=config)
        assert status == 0, said
        assert f"weights of {directory}" in said
        note = f"note: model.d_model is 24, but the weights of {init} have 16: 16 is used\n"
        assert said.count("note: ") == said.count(note) == len(shape)
        runs[name] = figures(home / name)
    assert runs["from_run"] == runs["from_hub"]
    base = [checkpoint.read_meta(home / name)[1]["base"] for name in ("from_run", "from_hub")]
    assert base == [{"init": str(whole), "step": STEPS}, {"init": "us/small@v1", "step": None}]
    assert runs["from_run"][0][1] < figures(whole)[0][1] - 0.2


def test_weights_of_a_run_without_checkpoints_are_asked_for_by_name(home, whole, tmp_path):
    shutil.copytree(whole, tmp_path / "emptied", ignore=shutil.ignore_patterns("checkpoints"))
    status, said = train_here(home, "from_emptied", f"--config.model.init={tmp_path / 'emptied'}", config="tune.py")
    assert status == 1
    assert "emptied is the workdir of a run that has no checkpoint, or none any more" in said


def on_the_hub(cache, name, revision):
    """The empty snapshot of an id at a revision, as a download leaves it in the hub's cache."""
    repository, commit = cache / f"models--{name.replace('/', '--')}", "0123456789" * 4
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / revision).write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    return repository / "snapshots" / commit


def export(workdir, directory):
    """The newest weights of a run as a Hugging Face directory."""
    step, meta = checkpoint.read_meta(workdir)
    model = functional.config_from(meta["model"])
    on_one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    _, shapes = functional.abstract(model)
    target = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=on_one), shapes)
    hf.save(directory, model, checkpoint.read_params(workdir, step, target))


def test_weights_that_are_neither_here_nor_on_the_hub_are_refused(here, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    changes = ("--config.model.init=us/smal", "--config.tokenizer.path=bytes")
    line = refused(capsys, "train", "--config", "tune.py", "--workdir", str(tmp_path / "run"), *changes)
    assert "model.init: 'us/smal' is neither a directory here nor a model on the Hugging Face hub" in line


def test_weights_of_a_run_with_another_tokenizer_are_refused(here, whole, tmp_path, capsys):
    changes = (f"--config.model.init={whole}", "--config.tokenizer.path=bytes")
    line = refused(capsys, "train", "--config", "tune.py", "--workdir", str(tmp_path / "run"), *changes)
    assert f"set tokenizer.path={whole / 'tokenizer'}" in line


def test_validation_without_evaluation_rows_says_what_to_set(here, tmp_path, capsys):
    bare = tmp_path / "bare.py"
    bare.write_text(MIXTURE.replace('evaluation="test"', "evaluation=None"))
    changes = (f"--config.mixture={bare}:toy", "--config.heldout=()")
    line = refused(capsys, "train", "--config", "config.py", "--workdir", str(tmp_path / "run"), *changes)
    assert "no training task has an evaluation split" in line
    assert "train.validate_every=0" in line


def test_the_config_of_a_checkpoint_is_the_config_of_the_run(here, whole):
    _, meta = checkpoint.read_meta(whole)
    assert RunConfig.from_config_dict(meta["config"]) == load_config("config.py")
    assert meta["split"]["heldout"] == ["hidden"]
    assert meta["split"]["train"] == ["colour", "copy"]


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (("train", "--workdir"), "holds no tokenizer"),
        (("prepare", "--steps", "2", "--output"), "has a tokenizer but no prepared data"),
    ],
)
def test_published_weights_without_a_tokenizer_get_none_from_elsewhere(command, kept, here, whole, tmp_path, capsys):
    export(whole, tmp_path / "export")
    changes = ("--config", "tune.py", f"--config.model.init={tmp_path / 'export'}")
    said = refused(capsys, *command, str(tmp_path / "new"), *changes)
    assert f"{tmp_path / 'export'} holds no tokenizer; set tokenizer.path to a directory" in said
    assert not (tmp_path / "new" / "tokenizer").exists()
    shutil.copytree(whole / "tokenizer", tmp_path / "old" / "tokenizer")  # kept by an earlier start
    assert kept in refused(capsys, *command, str(tmp_path / "old"), *changes)
