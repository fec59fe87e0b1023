"""A run at Weights & Biases, if train.wandb names a project: the numbers of metrics.jsonl, under the names of TensorBoard's."""

import uuid
from collections.abc import Mapping
from typing import Any

from flanjax import records, storage
from flanjax.workdir import WANDB, Workdir

_FORMAT = 1


def open_wandb(project: str, folder: Workdir, *, name: str, config: Mapping[str, Any], start: int) -> Any:
    """Returns a run of the `wandb` package. A run that goes on is the same one there; a new one in the same folder is not.

    Raises:
      RuntimeError: the package is missing, or it does not start; the message has the way out.
    """
    try:
        import wandb
    except ImportError as error:
        raise RuntimeError(
            f"train.wandb={project} needs the package wandb: pip install 'flanjax[wandb]', or leave train.wandb out"
        ) from error
    known = folder.read_record(WANDB, _FORMAT).get("id") if start else None
    run_id = known or uuid.uuid4().hex[:12]
    directory = None if storage.is_remote(folder.path) else str(folder.path)
    try:
        run = wandb.init(project=project, name=name, id=run_id, resume="allow", dir=directory, config=dict(config))
    except Exception as error:
        raise RuntimeError(
            f"train.wandb={project}: Weights & Biases does not start: {error}. Log in with `wandb login`, set "
            "WANDB_MODE=offline, or leave train.wandb out"
        ) from error
    folder.write_record(WANDB, records.stamped({"id": run_id, "project": project}, _FORMAT))
    return run
