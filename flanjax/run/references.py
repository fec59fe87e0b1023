"""The reference of an objective of pairs: what the model that training begins with gives each answer, computed once.

The log-likelihoods lie beside the run in reference.parquet, a row for each pair: its task, split and row, its key, the
log-likelihoods of both answers in nats and their numbers of tokens. The file says of which weights, tokenizer and lengths they
are, and a run that goes on compares these. Of which data they are needs no record: a pair finds its numbers by its tokens.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import pyarrow as pa

from flanjax import parts, storage
from flanjax.config import ConfigError, RunConfig, differences
from flanjax.data.corpus import Corpus
from flanjax.data.layout import group_sizes
from flanjax.data.packing import pack_examples
from flanjax.data.plan import Visits
from flanjax.data.preferences import Pair, PairFeatures, References, read_pairs
from flanjax.data.validation import validation_rows
from flanjax.parallel import distributed, sharding
from flanjax.train.pairwise import Pairwise
from flanjax.train.program import Program
from flanjax.workdir import REFERENCES, Workdir

TRAIN, EVALUATION = "train", "evaluation"
_RECORD = b"flanjax"
_AT_ONCE = 4096  # pairs that are packed together
_DTYPES = {"key": pa.uint64(), "row": pa.int64(), "chosen": pa.float32(), "rejected": pa.float32()}


class _Row(NamedTuple):
    """A pair, and the row that it is of."""

    task: str
    split: str
    row: int
    pair: Pair


def with_references(
    config: RunConfig,
    folder: Workdir,
    corpus: Corpus,
    program: Program,
    weights: parts.Weights,
    mesh: sharding.Mesh,
    log: Callable[[str], None],
    *,
    resumed: bool = False,
) -> Corpus:
    """Returns the corpus with features of pairs that carry their references, from the folder's file or computed now.

    Args:
      resumed: whether the run has checkpoints. The file is then its own, and the weights that it began with, which may be gone,
        are not read again.

    Raises:
      ConfigError: the file is of other weights, or of texts that were made otherwise.
    """
    path = folder.path / REFERENCES
    there = distributed.from_first(path.exists)
    own = there and resumed
    if not own:
        params = program.split(weights.make(mesh), jax.random.key(config.train.seed))
        params = params._replace(trainable=parts.beginning(config, weights.model, params.trainable))
    made = {
        **({} if own else {"weights": parts.fingerprint(params)}),
        "tokenizer": corpus.tokenizer.fingerprint,
        "features": parts.as_json(vars(config.data.features)),
        "seed": config.data.seed,
        "validation_examples": config.train.validation_examples if config.train.validate_every else 0,
    }
    if there:
        table = storage.read_table(path)
        record = json.loads((table.schema.metadata or {}).get(_RECORD, b"{}"))
        _check(path, record, {"weights": record.get("weights"), **made})
    else:
        table = _computed(config, corpus, program, params, mesh, log).replace_schema_metadata({_RECORD: json.dumps(made)})
        if folder.writes:
            folder.check()
            storage.replace_table(path, table)
    keys = table["key"].to_numpy()
    order = np.argsort(keys, kind="stable")
    both = np.stack([table[name].to_numpy() for name in ("chosen", "rejected")], axis=1)
    return corpus._replace(make_features=PairFeatures(References(keys[order], both[order], str(path))))


def _check(path: Any, old: dict[str, Any], new: dict[str, Any]) -> None:
    if changed := differences(old, new):
        raise ConfigError(
            f"{path} has the log-likelihoods of another reference: {'; '.join(changed)}. Set these back, use another "
            "--workdir, or remove the file to compute it again"
        )


def _computed(
    config: RunConfig, corpus: Corpus, program: Program, params: Any, mesh: sharding.Mesh, log: Callable[[str], None]
) -> pa.Table:
    """The table of all pairs, computed by the training's own forward pass in rows packed as the training's."""
    objective = program.objective
    assert isinstance(objective, Pairwise)
    began, size = time.perf_counter(), config.data.batch_size
    compute = program.reading(objective.log_likelihoods)
    columns: dict[str, list[Any]] = {name: [] for name in ("task", "split", "row", "key", *_SIDES, *_TOKENS)}
    source = _all_pairs(config, corpus)
    while some := list(itertools.islice(source, _AT_ONCE)):
        found = np.zeros((len(some), 2), np.float32)
        groups = [one.pair.group((0.0, 0.0)) for one in some]
        (lengths,) = corpus.layout.lengths
        sizes = np.array([group_sizes(corpus.layout, group) for group in groups], np.int64)
        bins = pack_examples(sizes, corpus.layout.limits(lengths))
        for first in range(0, len(bins), size):
            batch_bins = bins[first : first + size]
            rows = [corpus.layout.row([e for i in members for e in groups[i]], lengths) for members in batch_bins]
            rows += [corpus.layout.row([], lengths)] * (size - len(rows))
            batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            values = np.asarray(compute(*params, sharding.spread(batch, mesh)))
            for row, members in enumerate(batch_bins):
                found[members] = values[row, : len(members)]
        for one, (chosen, rejected) in zip(some, found.tolist(), strict=True):
            sides = (one.pair.chosen.num_trained, one.pair.rejected.num_trained)
            cells = (one.task, one.split, one.row, one.pair.key, chosen, rejected, *sides)
            for name, cell in zip(columns, cells, strict=True):
                columns[name].append(cell)
    log(f"log-likelihoods of {len(columns['key']):,} pairs under the reference: {time.perf_counter() - began:.1f} s")
    return pa.table({name: pa.array(values, _DTYPES.get(name)) for name, values in columns.items()})


_SIDES, _TOKENS = ("chosen", "rejected"), ("chosen_tokens", "rejected_tokens")


def _all_pairs(config: RunConfig, corpus: Corpus) -> Iterator[_Row]:
    """Yields the pairs of all training rows, then those of the rows that validation takes."""
    window = config.data.window
    for task, rows in enumerate(corpus.rows):
        for start in range(0, len(rows), window):
            numbers = np.arange(start, min(start + window, len(rows)))
            visits = Visits(np.full(len(numbers), task), numbers, np.zeros_like(numbers))
            yield from _pairs(corpus, corpus.entries, corpus.rows, visits, TRAIN)
    if config.train.validate_every:
        entries, opened, visits = validation_rows(corpus, config.train.validation_examples)
        yield from _pairs(corpus, entries, opened, visits, EVALUATION)


def _pairs(corpus: Corpus, entries: Any, rows: Any, visits: Visits, split: str) -> Iterator[_Row]:
    for task, row, pair in read_pairs(entries, rows, visits, corpus.layout, corpus.config.seed):
        if isinstance(pair, Pair):
            yield _Row(corpus.names[task], split, row, pair)
