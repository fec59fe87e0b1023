"""A run that writes a trace trains as one that does not; what runs out of memory says what would help."""

import jax
import pytest
from processes import furnished

from flanjax.cli import main
from flanjax.config import load_config
from flanjax.out_of_memory import OutOfMemoryError, explained
from flanjax.train.goodput import latest
from flanjax.train.profiling import Profiler, Steps, parse_steps
from flanjax.workdir import open_workdir

SHORT = ("--config.train.steps=6", "--config.train.validate_every=0", "--config.checkpoint.every_steps=3")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = furnished(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for workdir, more in (("plain", ()), ("traced", ("--profile", "3:4"))):
            assert main(["train", "--config", "config.py", "--workdir", workdir, *SHORT, *more]) == 0
    return folder


def test_a_trace_of_the_steps_asked_for_lies_in_the_workdir_and_training_is_the_same(home):
    (trace,) = (home / "traced/profile/plugins/profile").rglob("*.xplane.pb")
    steps = {int(n) for n in range(1, 7) if _annotated(trace, n)}
    assert steps == {3, 4}
    assert not (home / "plain/profile").exists()
    plain, traced = (
        [(r["step"], r["loss"], r["grad_norm"]) for r in open_workdir(home / w).read_metrics()] for w in ("plain", "traced")
    )
    assert len(plain) == 6
    assert plain == traced


def test_a_trace_that_a_run_cuts_short_is_written(tmp_path):
    with Profiler(Steps(2, 9), tmp_path, start=0) as profiler:
        step = profiler.around(lambda x: (x + 1, {"loss": jax.numpy.sum(x)}))
        for _ in range(3):
            step(jax.numpy.ones(3))
    (trace,) = (tmp_path / "profile").rglob("*.xplane.pb")
    assert [n for n in range(1, 5) if _annotated(trace, n)] == [2, 3]


def test_steps_that_a_run_does_not_reach_are_told_and_a_mistake_at_once(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    monkeypatch.setattr("flanjax.run.training.fit", lambda state, *_, **__: state)
    asked = ["train", "--config", "config.py", "--workdir", "untraced", *SHORT, "--profile"]
    assert main([*asked, "5:9"]) == 0
    assert "note: --profile=5:9 traces no step, or not all: the run goes from step 0 to 6" in capsys.readouterr().out
    monkeypatch.setattr("flanjax.run.training.open_text", lambda *_: pytest.fail("opened"))
    assert main([*asked, "9:5"]) == 1
    assert "expected FIRST:LAST" in capsys.readouterr().err


def _annotated(trace, step):
    data = jax.profiler.ProfileData.from_file(str(trace))
    events = (event for plane in data.planes for line in plane.lines for event in line.events)
    return any(event.name == "train" and dict(event.stats).get("step_num") == step for event in events)


def test_steps_to_trace_are_named_or_counted_from_a_warm_start():
    assert parse_steps("10:13", start=0) == Steps(10, 13)
    assert parse_steps("7:7", start=100) == Steps(7, 7)
    assert parse_steps("4", start=100) == Steps(103, 106)
    for wrong in ("", "0", "5:4", "3:", ":3", "3-5", "a", "0:3"):
        with pytest.raises(ValueError, match="expected FIRST:LAST, such as 10:13"):
            parse_steps(wrong, start=0)


def test_a_run_records_its_goodput(home):
    goodput = latest(open_workdir(home / "plain").read_metrics())
    assert 0 < goodput < 1


def test_training_that_needs_more_memory_than_there_is_says_what_would_help(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    asked = ("--config.model.d_ff=2000000000", "--config.data.batch_size=16", "--config.train.microbatches=2")
    assert main(["train", "--config", "config.py", "--workdir", "huge", *SHORT, *asked]) == 1
    said = capsys.readouterr().err
    assert "flanjax: out of memory in training: " in said
    assert "Out of memory allocating " in said
    for help in ("train.microbatches, now 2", "model.remat=full (now none)", "inputs_length=48 and targets_length=16"):
        assert help in said
    assert "Traceback" not in said


def test_scoring_that_needs_more_memory_than_there_is_says_what_would_help(home, monkeypatch, capsys):
    def exhausted(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 7 bytes.\nmore")

    monkeypatch.chdir(home)
    monkeypatch.setattr("flanjax.run.evaluation.predict", exhausted)
    assert main(["heldout", "--workdir", "plain", "--no-untuned"]) == 1
    said = capsys.readouterr().err
    assert "out of memory in scoring: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 7 bytes. Try, in" in said
    assert "a smaller evaluation.batch_size (now 8); shorter rows (now data.features.inputs_length=48" in said


def test_only_want_of_memory_is_explained(home, monkeypatch):
    monkeypatch.chdir(home)
    config = load_config("config.py")
    for error in (
        MemoryError(),
        ValueError("RESOURCE_EXHAUSTED: of a collective"),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED"),
    ):
        with pytest.raises(OutOfMemoryError) as raised, explained("training", config, microbatches=4):
            raise error
        assert raised.value.__cause__ is error
        assert "train.microbatches, now 4" in str(raised.value)
    for error in (ValueError("train.steps is 0"), jax.errors.JaxRuntimeError("INTERNAL: x"), KeyError("x")):
        with pytest.raises(type(error)) as raised, explained("scoring", config):
            raise error
        assert raised.value is error
