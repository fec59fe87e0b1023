"""Sources give rows by index: from the Hugging Face hub or its mirror, from files, and from Python."""

from flanjax.sources.base import Range, Row, RowError, Rows, Source, SourceError, known_rows, where
from flanjax.sources.disk import disk
from flanjax.sources.files import arrayrecord, csv, json_file, jsonl, parquet, tsv
from flanjax.sources.hub import hub
from flanjax.sources.memory import rows
from flanjax.sources.prepared_tfds import tfds

__all__ = [
    "Range",
    "Row",
    "RowError",
    "Rows",
    "Source",
    "SourceError",
    "arrayrecord",
    "csv",
    "disk",
    "hub",
    "json_file",
    "jsonl",
    "known_rows",
    "parquet",
    "rows",
    "tfds",
    "tsv",
    "where",
]
