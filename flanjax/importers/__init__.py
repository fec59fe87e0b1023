"""Importers make tasks of folders and files that exist already. They read data only: nothing in it is executed."""

from flanjax.importers.chat import chat_file
from flanjax.importers.cot import flan_cot
from flanjax.importers.flan_tasks import FLAN_TASKS, Origin
from flanjax.importers.imported import Imported, Refused
from flanjax.importers.instructions import alpaca, dolly
from flanjax.importers.promptsource import promptsource
from flanjax.importers.rendered import rendered
from flanjax.importers.superni import TEST_CLUSTERS, superni

__all__ = [
    "FLAN_TASKS",
    "TEST_CLUSTERS",
    "Imported",
    "Origin",
    "Refused",
    "alpaca",
    "chat_file",
    "dolly",
    "flan_cot",
    "promptsource",
    "rendered",
    "superni",
]
