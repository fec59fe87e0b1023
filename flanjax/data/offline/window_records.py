"""Encodes a window as bytes and back: a record of a prepared shard, and what worker processes send. It needs no pickle, and its
format has a version.

4 bytes   length of the header, little-endian
header    JSON: format, the data's digest, stream, window, number of rows, arrays, stats
arrays    one after the other, little-endian, each [rows, ...], integers in the narrowest type that holds them; with several
          length pairs ("round": their number) the arrays of the first pair's rows, then those of the second's, and so on
"""

import json
import struct
from typing import Any, NamedTuple

import numpy as np

from flanjax.data.data_stats import DataStats
from flanjax.data.windows import Batch, Window

FORMAT = 2
_LENGTH = struct.Struct("<I")
_NARROW = ("u1", "i1", "<u2", "<i2")


class Label(NamedTuple):
    """Which window a record holds, and of which data (`prepared.digest`)."""

    data: str
    stream: int
    window: int


def encode_window(window: Window, label: Label) -> bytes:
    """Returns the record of a window. All its rows must have the same arrays, with any names; those of one length pair have the
    same shapes."""
    arrays, described = [], []
    for pair in range(window.round if window.rows else 0):
        rows = window.rows[pair :: window.round]
        for name in rows[0]:
            whole = np.stack([row[name] for row in rows])
            kept = _narrowed(whole)
            arrays.append(kept.tobytes())
            described.append([name, _little(whole.dtype).str, list(whole.shape[1:]), kept.dtype.str])
    header = {
        "format": FORMAT,
        **label._asdict(),
        "rows": len(window.rows),
        **({"round": window.round} if window.round > 1 else {}),
        "arrays": described,
        "tally": window.stats.to_json(),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *arrays])


def decode_window(record: bytes) -> tuple[Label, Window]:
    """Returns a record's label and window. Raises ValueError if it is not a record of this format."""
    header, at = _header(record)
    size = header.get("round", 1)
    names = len(header["arrays"]) // size
    whole: list[dict[str, np.ndarray]] = [{} for _ in range(size)]
    for i, (name, dtype, shape, kept) in enumerate(header["arrays"]):
        shape = (header["rows"] // size, *shape)
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(record, np.dtype(kept), count, at).reshape(shape).astype(np.dtype(dtype), copy=False)
        whole[i // names][name] = array
        at += count * np.dtype(kept).itemsize
    if at != len(record):
        raise ValueError(f"the record has {len(record)} bytes, its header accounts for {at}")
    rows: list[Batch] = [
        {name: array[i] for name, array in arrays.items()} for i in range(header["rows"] // size) for arrays in whole
    ]
    return Label(header["data"], header["stream"], header["window"]), Window(rows, DataStats.from_json(header["tally"]), size)


def row_arrays(window: Window) -> dict[str, list[Any]]:
    """Returns name -> [dtype, shape] of the arrays of a first row; {} for a window without rows."""
    return {name: [_little(a.dtype).str, list(a.shape)] for name, a in window.rows[0].items()} if window.rows else {}


def _header(record: bytes) -> tuple[dict[str, Any], int]:
    if len(record) < _LENGTH.size:
        raise ValueError(f"the record has {len(record)} bytes, expected a header")
    end = _LENGTH.size + _LENGTH.unpack_from(record)[0]
    try:
        header = json.loads(record[_LENGTH.size : end])
    except ValueError as error:
        raise ValueError(f"the record's header is not JSON: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"the record has format {header.get('format')!r}, expected {FORMAT}")
    return header, end


def _narrowed(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iu" or not array.size:
        return array.astype(_little(array.dtype), copy=False)
    low, high = int(array.min()), int(array.max())
    for name in _NARROW:
        if np.dtype(name).itemsize < array.itemsize and np.iinfo(name).min <= low and high <= np.iinfo(name).max:
            return array.astype(name)
    return array.astype(_little(array.dtype), copy=False)


def _little(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder("<")
