"""Sources give rows by index: from the Hugging Face hub or its mirror, from files, and from Python."""

from flanjax.sources.base import Range, Row, RowError, Rows, Source, SourceError, known_rows, where
from flanjax.sources.files import csv, jsonl, parquet, tsv
from flanjax.sources.hub import hub
from flanjax.sources.memory import rows

__all__ = [
    "Range",
    "Row",
    "RowError",
    "Rows",
    "Source",
    "SourceError",
    "csv",
    "hub",
    "jsonl",
    "known_rows",
    "parquet",
    "rows",
    "tsv",
    "where",
]
