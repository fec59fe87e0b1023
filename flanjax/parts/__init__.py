"""The parts of a run, each made from its config: what it trains on, its tokenizer, its weights, and what is recorded of it."""

from flanjax.parts.base import base_record, base_step, beginning, check_base, tuning_of
from flanjax.parts.data import (
    MADE_IN_PYTHON,
    as_json,
    batch_shapes,
    check_batch,
    check_identity,
    earlier_quarantine,
    prepared_of,
    quarantine_lines,
    split_of,
    without_unopened,
)
from flanjax.parts.fingerprint import fingerprint
from flanjax.parts.meta import check_same_run, meta_of
from flanjax.parts.mixture_record import mixture_record, num_visits, training_prompts
from flanjax.parts.objective import numbers_of, objective_of
from flanjax.parts.saved import SavedRun, open_saved
from flanjax.parts.tokenizer import keep_tokenizer, template_warnings, tokenizer_of
from flanjax.parts.weights import (
    Weights,
    abstract_pair,
    frozen_params,
    is_run,
    mesh_for,
    param_shardings,
    read_params,
    settled,
    weights_of,
)

__all__ = [
    "MADE_IN_PYTHON",
    "SavedRun",
    "Weights",
    "abstract_pair",
    "as_json",
    "base_record",
    "base_step",
    "batch_shapes",
    "beginning",
    "check_base",
    "check_batch",
    "check_identity",
    "check_same_run",
    "earlier_quarantine",
    "fingerprint",
    "frozen_params",
    "is_run",
    "keep_tokenizer",
    "mesh_for",
    "meta_of",
    "mixture_record",
    "num_visits",
    "numbers_of",
    "objective_of",
    "open_saved",
    "param_shardings",
    "prepared_of",
    "quarantine_lines",
    "read_params",
    "settled",
    "split_of",
    "template_warnings",
    "tokenizer_of",
    "training_prompts",
    "tuning_of",
    "weights_of",
    "without_unopened",
]
