"""Studies: planned before anything runs, gone on with after an interruption, and summed up without claiming too much."""

import dataclasses
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from compiling import flags
from etils import epath
from gcs_stand_in import BUCKET, bucket
from scripted_study import ITEMS, MIXTURE, Script, furnish, predictions

from flanjax.cli import main
from flanjax.config import ConfigError
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.statistics import holm
from flanjax.lab.ablate import finished
from flanjax.lab.ablate.command import detectable_line, plan_lines, write
from flanjax.lab.ablate.findings import findings
from flanjax.lab.ablate.plan import make_plan
from flanjax.lab.ablate.runner import Processes, StudyStopped, run_plan
from flanjax.lab.ablate.study import Study, load_study, study_of_options


@pytest.fixture
def here(tmp_path, monkeypatch):
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def study(axes, seeds=2, **more):
    return Study(config="config.py", axes=axes, seeds=seeds, **more)


def ran(plan, out=Path("out"), effect=lambda config: 1.0, **script):
    execute = Script(plan, out, effect, **script)
    return execute, run_plan(plan, out, execute, lambda line: None)


def found(plan, out=Path("out")):
    return findings(plan.axes, finished.arms_of(finished.find_all(out, plan)))


# ---- the plan


def test_a_named_axis_sets_a_key_and_every_cell_has_its_own_seeds(here):
    plan = make_plan(study({"templates": (1, 4)}, seeds=3))
    assert [(c.labels, c.seed) for c in plan.cells] == [((n,), s) for n in ("1", "4") for s in range(3)]
    assert [t.config.ablation.templates for t in plan.trainings.values()] == [1] * 3 + [4] * 3
    seeds = [(t.config.train.seed, t.config.data.seed, t.config.ablation.seed) for t in plan.trainings.values()]
    assert seeds == [(i, i, i) for i in range(3)] * 2
    assert len({c.training for c in plan.cells}) == 6


def test_cells_that_differ_only_in_their_evaluation_share_a_training(here):
    plan = make_plan(study({"shots": (0, 4), "train.steps": (10, 20), "evaluation.chain_of_thought": (False, True)}))
    assert len(plan.cells) == 2 * 2 * 2 * 2
    assert len(plan.trainings) == 2 * 2
    flags = {c.labels: c.flags for c in plan.cells}
    assert flags["4", "10", "true"] == ("--shots", "4", "--chain-of-thought")
    assert flags["0", "10", "false"] == ("--shots", "0")
    assert {(c.config.evaluation.shots, c.config.evaluation.chain_of_thought) for c in plan.cells} == {
        (shots, cot) for shots in ((0,), (4,)) for cot in (True, False)
    }


SETTINGS = {
    "items": (10, 20),
    "templates": (0, 1),
    "shots": (0, (0, 4)),
    "demonstrations": ("gold", ("gold", "labels_only")),
    "preset": ("flan", "t0"),
    "normalization": ("pmi", "", "bytes"),
    "premise": ("", "Answer: "),
    "extractor": ("auto", "last_number"),
    "samples": (1, 3),
    "temperature": (0.7, 0.2),
    "max_target_tokens": (64, 8),
    "seed": (0, 1),
    "chain_of_thought": (False, True),
    "perplexity": (False, True),
    "options": (True, False),
    "untuned": (True, False),
}
NEEDED = {"demonstrations": {"shots": 4}, "premise": {"normalization": "pmi"}, "samples": {"temperature": 0.7}}


def test_every_setting_of_an_evaluation_shares_its_training_and_heldout_takes_it(here, monkeypatch):
    assert {*SETTINGS} == {field.name for field in dataclasses.fields(EvaluationConfig)} - {"batch_size"}
    changes = []
    monkeypatch.setattr("flanjax.cli._start", lambda args: None)
    monkeypatch.setattr("flanjax.run.evaluate", lambda workdir, **given: changes.append(given["changes"]))
    for name, values in SETTINGS.items():
        needed = {f"evaluation.{key}": value for key, value in NEEDED.get(name, {}).items()}
        plan = make_plan(study({f"evaluation.{name}": values}, seeds=1, overrides=needed))
        (training,) = plan.trainings.values()
        assert len({cell.config.evaluation for cell in plan.cells}) == len(values)
        for cell in plan.cells:
            assert main(finished.heldout_command("out", cell)) == 0
            assert dataclasses.replace(training.config.evaluation, **changes.pop()) == cell.config.evaluation


def test_leave_one_out_begins_with_nothing_and_crossed_with_hold_out_skips_what_is_both(here):
    plan = make_plan(study({"leave_one_out": ("clusters",), "hold_out": ("nli", "topic")}, seeds=1))
    assert [level.label for level in plan.axes[0].levels] == ["nothing", "topic", "sentiment", "reading"]
    assert ("topic", "topic") not in {c.labels for c in plan.cells}
    assert len(plan.cells) == 4 * 2 - 1
    assert {c.config.heldout for c in plan.cells} == {("nli",), ("topic",)}


def test_a_level_may_set_several_keys_together(here):
    sizes = {"small": {"model.d_model": 8, "model.d_ff": 16}, "large": {"model.d_model": 32, "model.d_ff": 64}}
    plan = make_plan(study({"size": sizes}, seeds=1))
    assert [t.config.model.fields["d_ff"] for t in plan.trainings.values()] == [16, 64]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"templatess": (1, 2)}, "axis templatess: no such axis or config key; did you mean 'templates'"),
        ({"train.stepz": (1, 2)}, "axis train.stepz: .* did you mean 'train.steps'"),
        ({"templates": (1, "x")}, r"ablation.templates is 'x', expected an integer"),
        ({"cot": ("on", "of")}, "axis cot: got 'of'; did you mean 'off'"),
        ({"rate": ("equal", "temperature")}, "ablation.rate is 'temperature', expected text such as"),
        ({"clusters": (1, 9)}, "ablation.clusters is 9, but there are 3 clusters"),
        ({"leave_one_out": ("topci",)}, "axis leave_one_out: got 'topci'; did you mean 'topic'"),
        ({"hold_out": ("topci",)}, "axis hold_out: got 'topci'; did you mean 'topic'"),
        ({"templates": (1,)}, "axis templates: got 1; expected two values or more"),
        ({"templates": (1, 1)}, "axis templates: got 1 more than once"),
        ({"train.seed": (1, 2)}, "axis train.seed sets train.seed, which the seeds of the study sets too"),
        ({"templates": (1, 2), "ablation.templates": (3, 4)}, "sets ablation.templates, which axis templates sets too"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(here, axes, said):
    with pytest.raises((ValueError, KeyError), match=said):
        make_plan(study(axes))
    assert not Path("out").exists()


def test_a_held_out_task_without_an_evaluation_split_is_named_before_anything_runs(here):
    text = Path("toy.py").read_text()
    Path("toy.py").write_text(text.replace('evaluation="test"', 'evaluation="test" if name != "nli_2" else None'))
    with pytest.raises(ValueError, match="the held-out tasks nli_2 name no evaluation split"):
        make_plan(study({"templates": (1, 2)}))
    plan = make_plan(study({"hold_out": ("clusters",)}))
    assert {cell.labels for cell in plan.cells} == {("topic",), ("sentiment",), ("reading",)}


def test_an_override_with_an_empty_value_keeps_it_and_one_without_a_value_is_a_switch():
    made = study_of_options("config.py", ["templates=1,2"], 2, ["model.init=", "evaluation.untuned", "name=a=b"])
    assert made.overrides == {"model.init": "", "evaluation.untuned": "true", "name": "a=b"}


def test_a_study_file_may_have_several_studies(here):
    Path("one.py").write_text(
        "from flanjax.lab.ablate.study import Study\na = Study(config='config.py', axes={'cot': ('on', 'off')})\n"
    )
    Path("two.py").write_text(Path("one.py").read_text() + "b = Study(config='config.py', axes={'shots': (0, 1)}, seeds=5)\n")
    assert load_study("one.py").axes == {"cot": ("on", "off")}
    assert load_study("two.py:b").seeds == 5
    for address, message in (
        ("two.py", "has several studies; name one"),
        ("two.py:c", "has no study 'c'"),
        ("tow.py", "did you mean 'two.py'"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            load_study(address)


def test_the_plan_tells_its_cost_and_what_it_will_be_able_to_see(here):
    lines = " ".join(plan_lines(make_plan(study({"templates": (1, 2)}, seeds=3)), []))
    assert "6 trainings of 240 steps together, up to 122,880 tokens; 6 evaluations, 0 of them finished" in lines
    assert "with 3 seeds and 2 items no difference is large enough to be seen" in lines  # of 60 that the config asks for
    one = " ".join(plan_lines(make_plan(study({"templates": (1, 2)}, seeds=1)), []))
    assert "nothing will be claimed about a config" in one


def test_the_plan_counts_the_items_that_there_are_and_that_are_asked_for(here):
    def line(file, items):
        overrides = {"mixture": f"{file}.py:toy", "evaluation.items": items}
        return detectable_line(make_plan(study({"templates": (1, 2)}, seeds=3, overrides=overrides)))

    # The last one's rows can be counted only by making them.
    for file, rows in (("few", '[{"text": "b"}] * 40'), ("many", '[{"text": "b"}] * 400'), ("unknown", "lambda: 1 / 0")):
        Path(f"{file}.py").write_text(MIXTURE.replace('test=[{"text": "b"}]', f"test={rows}"))
    assert re.search(r"with 3 seeds and 80 items you can see \d+\.\d points", line("few", 60))
    assert "120 items" in line("many", 60)
    assert "800 items" in line("many", 0)
    assert "120 items" in line("unknown", 60)
    assert "400 items" in line("unknown", 0)


JOBS = ("ablate", "--config", "config.py", "--axis", "rate=own,temperature:3", "--seeds", "2", "--out", "gs://b/o", "--print")


def printed(kind, capsys):
    assert main([*JOBS, kind]) == 0
    said = capsys.readouterr()
    assert "4 trainings of 160 steps together, up to 81,920 tokens; 4 evaluations\n" in said.err
    assert "leave out" not in said.err
    script = Path(f"{kind}.sh").resolve()
    script.write_text(said.out)
    return script


def test_an_array_of_slurm_jobs_trains_every_run(here, capsys):
    script = printed("slurm", capsys)
    assert "#SBATCH --array=0-3\n" in script.read_text()
    trained = [launched(script, "--dry-run", SLURM_ARRAY_TASK_ID=str(index)) for index in range(4)]
    plan = make_plan(study({"rate": ("own", "temperature:3")}))
    for said, training in zip(trained, plan.trainings.values(), strict=True):
        command = f"flanjax train --config config.py --workdir gs://b/o/runs/{training.name} --distributed auto"
        assert command in said
        assert f"--config.ablation.rate={training.overrides['ablation.rate']}" in said
        assert f"flanjax heldout --workdir gs://b/o/runs/{training.name} --distributed auto" in said


def test_jobsets_and_a_tpu_slice_are_given_every_run(here, capsys):
    commands = here / "bin"
    commands.mkdir()
    for name in ("kubectl", "python", "bash"):
        (commands / name).write_text(
            f'#!{shutil.which("bash")}\n[ {name} = kubectl ] && cat > /dev/null\nprintf "%s " {name} "$@"; echo\n'
        )
        (commands / name).chmod(0o755)
    path = f"{commands}:{os.environ['PATH']}"
    for kind, more, first in (
        ("jobset", ("--image", "i"), "python launch/render_jobset.py"),
        ("tpu", ("--name", "s"), "bash launch/tpu_vm.sh run"),
    ):
        script = printed(kind, capsys)
        if kind == "jobset":
            script.write_text(script.read_text().replace("| kubectl apply -f -", ""))
        lines = launched(script, *more, PATH=path).splitlines()
        assert len(lines) == 4
        assert all(line.startswith(first) and " ".join(more) in line and "--heldout" in line for line in lines)
        assert len({line.partition("--workdir ")[2].partition(" ")[0] for line in lines}) == 4


@pytest.mark.parametrize(("out", "then"), [("gs://b/o", "prints the commands that make them"), ("o", "makes them")])
def test_jobs_that_leave_evaluations_out_say_so(here, capsys, out, then):
    study = ("--config", "config.py", "--axis", "shots=0,1,4", "--seeds", "2")
    assert main(["ablate", *study, "--out", out, "--print", "tpu"]) == 0
    said = capsys.readouterr()
    assert "--heldout" not in said.out
    assert f"the jobs leave out 6 evaluations with settings of their own: when they are done, the same command {then}" in (
        said.err.replace("without --print ", "")
    )


def launched(script, *flags, **environment):
    done = subprocess.run(
        [shutil.which("bash"), str(script), *flags],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- running


def test_a_study_that_was_killed_runs_again_only_what_is_not_finished(here):
    plan = make_plan(study({"templates": (1, 2)}))
    killed = Script(plan, Path("out"), stops=(2, StudyStopped(signal.SIGTERM)))
    with pytest.raises(StudyStopped):
        run_plan(plan, Path("out"), killed, lambda line: None)
    again, failed = ran(plan)
    assert not failed
    done = [command[command.index("--workdir") + 1] for command in killed.commands]
    assert len(done) == len(set(done)) == 2
    assert not {*done} & {command[command.index("--workdir") + 1] for command in again.commands}
    assert len(again.commands) == 2
    assert ran(plan)[0].commands == []


def test_a_training_whose_evaluation_is_missing_is_only_evaluated(here):
    plan = make_plan(study({"templates": (1, 2)}, seeds=1))
    ran(plan)
    (report,) = Path("out/runs/templates-2_seed-0/evaluation").glob("*/report.html")
    report.unlink()
    folder = report.parent
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert ran(plan)[0].commands == [["heldout", "--workdir", "out/runs/templates-2_seed-0"]]


def test_a_run_that_fails_is_named_and_the_others_go_on(here, capsys):
    plan = make_plan(study({"templates": (1, 2)}))
    execute, failed = ran(plan, fails=["templates-1_seed-1"])
    assert len(execute.commands) == 4
    assert [(f.name, f.status, f.told) for f in failed] == [("templates-1_seed-1", 1, "flanjax: it went wrong")]
    assert write(plan, "out", failed) == 1
    assert "templates-1_seed-1 failed with status 1: flanjax: it went wrong" in capsys.readouterr().out
    assert "it went wrong" in Path("out/index.html").read_text()
    assert len(ran(plan)[0].commands) == 1


def test_more_seeds_and_values_use_what_is_there_and_another_config_is_refused(here):
    ran(make_plan(study({"templates": (1, 2)}, seeds=2)))
    assert len(ran(make_plan(study({"templates": (1, 2, 4)}, seeds=3)))[0].commands) == 5
    other = make_plan(study({"templates": (1, 2)}, overrides={"train.optimizer.learning_rate": 0.5}))
    with pytest.raises(ConfigError, match=r"templates-1_seed-0 was run by another config: .*learning_rate: .* -> 0.5"):
        finished.find_all("out", other)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's kernel")
def test_a_process_ends_with_the_study_even_if_that_is_killed(here):
    """The child is a `flanjax show` that waits in its mixture file; the study's process is killed by SIGKILL."""
    Path("slow.py").write_text("import os, time, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(300)\n")
    code = (
        "from pathlib import Path\nfrom flanjax.lab.ablate.runner import Processes\n"
        "Processes()(['show', 'slow.py:x'], Path('log'))"
    )
    whole = subprocess.Popen([sys.executable, "-c", code], env=os.environ, start_new_session=True)
    child = waited_for(lambda: Path("pid").exists() and Path("pid").read_text())
    os.kill(whole.pid, signal.SIGKILL)
    whole.wait()
    try:
        waited_for(lambda: not alive(int(child)), seconds=30)
    finally:
        if alive(int(child)):
            os.kill(int(child), signal.SIGKILL)


def waited_for(condition, seconds=60):
    ended = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < ended
        time.sleep(0.05)
    return value


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# ---- in a bucket


@pytest.fixture
def place():
    bucket().objects.clear()  # of other files' tests in this process
    return f"gs://{BUCKET}/study"


def in_bucket(folder):
    """Copies the folder of a study into the bucket."""
    for file in (f for f in folder.rglob("*") if f.is_file()):
        epath.Path(f"gs://{BUCKET}/study/{file.relative_to(folder)}").write_bytes(file.read_bytes())
        if file.name == "_CHECKPOINT_METADATA":
            epath.Path(f"gs://{BUCKET}/study/{file.parent.relative_to(folder)}/commit_success.txt").write_text("")


def commands_in(said):
    return [line for line in said.splitlines() if line.startswith("flanjax ")]


def test_a_study_in_a_bucket_is_finished_by_the_commands_that_are_printed(here, capsys, place):
    command = ["ablate", "--config", "config.py", "--axis", "shots=0,4", "--seeds", "2", "--out", place]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "4 evaluations not finished; the same command prints the commands that finish them" in said
    trained, scored = [], []
    for seed in (0, 1):
        workdir = f"--workdir {place}/runs/seed-{seed}"
        seeds = " ".join(f"--config.{key}={seed}" for key in ("train.seed", "data.seed", "ablation.seed"))
        trained.append(f"flanjax train --config config.py {workdir} {seeds} --config.name=seed-{seed}")
        scored.append(f"flanjax heldout {workdir} --shots")
    first = [trained[0], f"{scored[0]} 0", trained[1], f"{scored[1]} 0"]
    assert commands_in(said) == [*first, *(f"{line} 4" for line in scored)]

    plan, local = make_plan(study({"shots": (0, 4)})), Path("local")
    ran(plan, local)
    missing = plan.cells[-1]
    shutil.rmtree(finished.find(local, missing).folder)
    in_bucket(local)
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "4 evaluations, 3 of them finished" in said
    assert commands_in(said) == [f"flanjax heldout --workdir {place}/runs/{missing.training} --shots 4"]
    page = epath.Path(place) / "index.html"
    assert "1 evaluation not finished" in page.read_text()
    assert re.findall(r'href="(runs/[^"]+)"', page.read_text())

    ran(plan, local)
    in_bucket(local)
    assert main(command) == 0
    said = capsys.readouterr().out
    assert commands_in(said) == []
    assert f"page: {page}" in said
    assert "not finished" not in page.read_text()
    assert main([*command, "--plan"]) == 0
    assert "4 evaluations, 4 of them finished" in capsys.readouterr().out


# ---- what is found


def test_an_axis_that_matters_is_found_and_one_that_does_not_is_not_decisive(here):
    plan = make_plan(study({"templates": (1, 6), "rate": ("own", "equal")}, seeds=3))
    ran(plan, effect=lambda config: 0.2 + 0.4 * config.ablation.templates)
    templates, rate = found(plan)["axes"]
    assert templates["comparisons"][0]["judgement"] == "better"
    assert re.match(r"templates: 6 templates scores \d+\.\d points .* higher than 1 template, in 3 seeds", templates["verdict"])
    assert rate["comparisons"][0]["judgement"] == "not decisive"
    assert "would have been found 8 times in 10" in rate["verdict"]
    shares = templates["comparisons"][0]["shares"]
    assert sum(shares.values()) == pytest.approx(1)


def test_with_one_seed_nothing_is_claimed_of_a_config(here):
    plan = make_plan(study({"templates": (1, 6)}, seeds=1))
    ran(plan, effect=lambda config: config.ablation.templates)
    (axis,) = found(plan)["axes"]
    assert axis["comparisons"][0]["judgement"] == "one seed"
    assert axis["comparisons"][0]["p"] is None
    assert "nothing is claimed" in axis["verdict"]


def test_a_level_with_one_seed_is_named_and_the_others_are_judged(here):
    plan = make_plan(study({"templates": (1, 2, 6)}, seeds=3))
    ran(plan, effect=lambda config: 0.5 * config.ablation.templates, fails=["templates-2_seed-1", "templates-2_seed-2"])
    (axis,) = found(plan)["axes"]
    assert [row["judgement"] for row in axis["comparisons"]] == ["one seed", "better"]
    assert axis["verdict"].startswith("templates: 6 templates scores ")
    assert axis["verdict"].endswith(
        "in 3 seeds and 100 items. One seed compares runs, not configs: nothing is claimed of 2 templates."
    )


def test_a_level_whose_arms_share_no_seed_is_missing(here):
    plan = make_plan(study({"templates": (1, 2, 6), "rate": ("own", "equal")}))
    ran(plan, fails=["templates-2_rate-own_seed-0", "templates-2_rate-equal_seed-1"])
    templates, rate = found(plan)["axes"]
    assert templates["missing"] == ["2"]
    assert [row["label"] for row in templates["comparisons"]] == ["6"]
    assert rate["missing"] == []


def test_one_item_a_task_decides_nothing_and_the_page_is_written(here):
    plan = make_plan(study({"templates": (1, 6)}))
    ran(plan)
    for cell in plan.cells:
        table = predictions("nli", float(cell.labels[0]), cell.training, 40, items=1)
        pq.write_table(table, finished.find("out", cell).predictions)
    (axis,) = found(plan)["axes"]
    assert [(row["judgement"], row["p"], row["detectable"]) for row in axis["comparisons"]] == [("not decisive", None, None)]
    assert "no difference from 1 template is decisive" in axis["verdict"]
    assert write(plan, "out", []) == 0


def test_what_a_study_found_is_json_even_where_likelihoods_are_not_numbers(here):
    plan = make_plan(study({"templates": (1, 6)}))
    ran(plan)
    for cell in plan.cells:
        place = finished.find("out", cell).predictions
        table = pq.read_table(place)
        at = table.column_names.index("option_log_likelihoods")
        nothing = [[float("nan")] * 3] * table.num_rows
        pq.write_table(table.set_column(at, table.schema.field(at), [nothing]), place)
    assert write(plan, "out", []) == 0
    json.dumps(found(plan), allow_nan=False)


def test_the_cluster_that_matters_shows_in_the_leave_one_out_table(here):
    plan = make_plan(study({"leave_one_out": ("clusters",)}, seeds=3))
    ran(plan, effect=lambda config: 2.0 - 1.9 * ("topic" in config.leave_out))
    (axis,) = found(plan)["axes"]
    assert {row["label"]: row["judgement"] for row in axis["comparisons"]}["topic"] == "worse"
    assert [row["against"] for row in axis["comparisons"]] == ["nothing"] * 3
    assert [row["p_holm"] for row in axis["comparisons"]] == pytest.approx(holm([row["p"] for row in axis["comparisons"]]))
    assert "without topic scores" in axis["verdict"]
    assert "lower than nothing left out" in axis["verdict"]


def test_held_out_clusters_are_scored_against_the_most_frequent_answer_and_not_compared(here):
    plan = make_plan(study({"hold_out": ("clusters",)}, seeds=3))
    ran(plan, effect=lambda config: 1.5 * (config.heldout != ("topic",)))
    (axis,) = found(plan)["axes"]
    assert axis["comparisons"] == []
    assert axis["verdict"].startswith("hold_out: 3 of 4 values (nli, sentiment, reading) score above")


def test_the_page_links_each_cell_with_its_reports(here, capsys):
    plan = make_plan(study({"templates": (1, 2), "shots": (0, 2)}))
    ran(plan)
    assert write(plan, "out", []) == 0
    page = Path("out/index.html").read_text()
    links = re.findall(r'href="(runs/[^"]+)"', page)
    assert len(links) == len(set(links)) == 8
    assert all((Path("out") / link).is_file() for link in links)
    assert json.loads(Path("out/study.json").read_text())["axes"][0]["verdict"] in page.replace("&#39;", "'")
    assert "http" not in page.replace("http-equiv", "")


def test_arms_of_other_items_are_refused(here):
    plan = make_plan(study({"templates": (1, 2)}, seeds=2))
    ran(plan)
    place = finished.find("out", plan.cells[0])
    pq.write_table(predictions("nli", 1.0, "x", 40, items=ITEMS - 1), place.predictions)
    with pytest.raises(ValueError, match="other items of task nli_1") as raised:
        found(plan)
    assert raised.value.__notes__ == ["in the runs of 1"]


def test_a_study_waits_for_what_a_killed_one_left_at_work(here):
    """Whoever has the log open and locked is a process of that run."""
    with Path("log").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code = (
            "from pathlib import Path\nfrom flanjax.lab.ablate.runner import Processes\n"
            "print(Processes()(['--version'], Path('log')))"
        )
        waiting = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(6)
        assert Path("log").read_text() == ""
    assert waiting.communicate(timeout=60)[0] == "0\n"
    assert Path("log").read_text().startswith("$ flanjax --version\n")


def test_signals_become_an_orderly_stop(here):
    Path("wait.py").write_text("import time\ntime.sleep(60)\n")
    began = time.monotonic()
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    with pytest.raises(StudyStopped, match="SIGTERM; the same command goes on"):
        Processes()(["show", "wait.py:x"], Path("log"))
    assert time.monotonic() - began < 30
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_real_study_is_measured_run_and_summed_up(tmp_path, monkeypatch, capsys):
    """One run: begun to measure a step, stopped, gone on with, evaluated in the same process."""
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XLA_FLAGS", flags(1))  # of the processes of the runs
    settings = ("train.steps=200", "train.log_every=2", "train.tensorboard=false", "evaluation.items=8")
    command = ["ablate", "--config", "config.py", "--axis", "hold_out=topic", "--seeds", "1", "--out", "out"]
    command += [f"--config.{setting}" for setting in settings]
    assert main(command) == 0
    assert re.search(r"1?\d?\d steps are left: at [\d.e-]+ s a step", capsys.readouterr().out)
    log = (tmp_path / "out/logs/hold_out-topic_seed-0.log").read_text()
    assert log.count("$ flanjax train") == 2
    assert "going on from step" in log
    (axis,) = json.loads((tmp_path / "out/study.json").read_text())["axes"]
    assert axis["levels"][0]["items"] == 2  # one row of each of two tasks
    assert "nothing is claimed of topic" in axis["verdict"]
    (link,) = re.findall(r'href="(runs/[^"]+)"', (tmp_path / "out/index.html").read_text())
    assert "<html" in (tmp_path / "out" / link).read_text()
