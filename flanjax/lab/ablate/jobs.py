"""The runs of a study as jobs for the launchers in launch/: a SLURM array, JobSets, or one TPU slice after another.

A job trains and, where the cell is evaluated as its config says, evaluates. Once the jobs are done, `flanjax ablate` with the
same study and --out finds them finished, evaluates what is left (in a bucket it prints the commands that do), and writes the
page.
"""

import shlex
from collections.abc import Mapping, Sequence

from etils import epath

from flanjax.lab.ablate.finished import workdir_of
from flanjax.lab.ablate.plan import Plan

_SLURM = """#!/usr/bin/env bash
# From the root of the checkout:
#   sbatch --nodes=1 --ntasks-per-node=8 --gpus-per-node=8 --time=4:00:00 THIS_FILE
#SBATCH --job-name=flanjax-study
#SBATCH --array=0-{last}
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log
runs=(
{runs}
)
SLURM_SUBMIT_DIR=${{SLURM_SUBMIT_DIR:-$PWD}}
eval "set -- ${{runs[${{SLURM_ARRAY_TASK_ID:-0}}]}} $*"
. launch/slurm.sbatch
"""
_JOBSET = """#!/usr/bin/env bash
# From the root of the checkout, with the flags that all runs share:
#   bash THIS_FILE --image REGISTRY/flanjax:1 --tpu-type v5e-16 --queue QUEUE
set -euo pipefail
runs=(
{runs}
)
for i in "${{!runs[@]}}"; do
  eval "run=(${{runs[$i]}})"
  python launch/render_jobset.py --name "study-$i" "$@" "${{run[@]}}" | kubectl apply -f -
done
"""
_TPU = """#!/usr/bin/env bash
# From the root of the checkout, with the flags of a slice, on which the runs go one after another:
#   bash THIS_FILE --name study --zone us-east5-b --accelerator-type v6e-8
set -euo pipefail
runs=(
{runs}
)
for line in "${{runs[@]}}"; do
  eval "run=($line)"
  bash launch/tpu_vm.sh run "$@" "${{run[@]}}"
done
"""
SCRIPTS: Mapping[str, str] = {"slurm": _SLURM, "jobset": _JOBSET, "tpu": _TPU}


def script(kind: str, plan: Plan, out: epath.PathLike) -> str:
    """Returns a shell script that starts all trainings of a plan.

    Args:
      kind: a key of SCRIPTS.
    """
    lines = [shlex.join(arguments) for arguments in run_arguments(plan, out)]
    return SCRIPTS[kind].format(last=len(lines) - 1, runs="\n".join(f"  {shlex.quote(line)}" for line in lines))


def run_arguments(plan: Plan, out: epath.PathLike) -> list[Sequence[str]]:
    """Returns the flags of a launcher for each training."""
    plain = {cell.training for cell in plan.cells if not cell.flags}
    return [
        [
            "--config",
            plan.study.config,
            "--workdir",
            str(workdir_of(out, name)),
            *(f"--config.{key}={value}" for key, value in training.overrides.items()),
            *(["--heldout"] if name in plain else []),
        ]
        for name, training in plan.trainings.items()
    ]
