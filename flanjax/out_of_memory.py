"""The error message for a lack of memory, with what would help."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax

from flanjax.config import RunConfig
from flanjax.failures import is_out_of_memory

Work = Literal["training", "scoring"]


class OutOfMemoryError(RuntimeError):
    """A device or this machine has run out of memory; the message says what would help."""


@contextlib.contextmanager
def explained(work: Work, config: RunConfig, **now: Any) -> Iterator[None]:
    """Turns an out-of-memory error in the `with` block, from compiling or running, into one that says what would help.

    Args:
      now: values that differ from the config, such as microbatches=4 if the config says "auto".

    Raises:
      OutOfMemoryError: instead of the device's own error, which is its cause.
    """
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError, ValueError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(_message(work, config, now, error)) from error


def _message(work: Work, config: RunConfig, now: Mapping[str, Any], error: BaseException) -> str:
    reason = str(error).strip().partition("\n")[0][:200].rstrip(".") or "no more memory"
    lengths = f"data.features.inputs_length={config.data.features.inputs_length}"
    if config.data.features.targets_length:
        lengths += f" and targets_length={config.data.features.targets_length}"
    fields = config.model.fields
    microbatches = now.get("microbatches", config.train.microbatches)
    helps = {
        "training": (
            f"more parts of a batch (train.microbatches, now {microbatches}, which changes no result but dropout's draws)",
            f"model.remat=full (now {fields.get('remat', 'none')})",
            f"shorter rows (now {lengths})",
            f"more devices, or mesh.tensor=2 (now {config.mesh.tensor})",
        ),
        "scoring": (
            f"a smaller evaluation.batch_size (now {now.get('batch_size', config.evaluation.batch_size)})",
            f"shorter rows (now {lengths})",
            "more devices",
        ),
    }
    return f"out of memory in {work}: {reason}. Try, in this order: {'; '.join(helps[work])}"
