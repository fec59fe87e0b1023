"""Importers make tasks of folders and files that exist already. They read data only: nothing in it is executed."""

from flanjax.importers.imported import Imported, Refused
from flanjax.importers.superni import superni

__all__ = ["Imported", "Refused", "superni"]
