"""Checkpoints with Orbax: parameters, the rest of the state, the position in the data, and the run's record, as separate items.

A step that is incomplete, damaged or unreadable is passed over with a warning that names it. When a run continues from an older
step, the unreadable one is renamed, so that it neither blocks the step's next checkpoint nor counts as one to keep. Every step
has the checksums of its files, which are written before the step counts as complete and compared when it is read.

config.py       when they are written and which are kept
checkpoints.py  those of a run that writes them
reading.py      one step, or its parameters alone, for whoever needs them
step_folder.py  the folder of one step: what is in it, whether it is complete and undamaged
checksums.py    whether files are as they were written
"""

from flanjax.checkpoint.checkpoints import Checkpoints, Restored
from flanjax.checkpoint.config import VALIDATION_LOSS, CheckpointConfig
from flanjax.checkpoint.reading import (
    CheckpointError,
    StepGoneError,
    read_meta,
    read_newest_params,
    read_params,
    steps_of,
)

__all__ = [
    "VALIDATION_LOSS",
    "CheckpointConfig",
    "CheckpointError",
    "Checkpoints",
    "Restored",
    "StepGoneError",
    "read_meta",
    "read_newest_params",
    "read_params",
    "steps_of",
]
