"""Our logits beside those of transformers' model in torch, where that is installed."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from flanjax import huggingface as hf
from flanjax.check.findings import Example, Finding
from flanjax.data.layout import Layout, make_layout
from flanjax.data.packing import Encoded
from flanjax.lab.doctor.outcome import NotChecked, Outcome
from flanjax.lab.doctor.patient import Patient, packed
from flanjax.models import functional

TOLERANCE = 1e-3  # of the logits' deviation, at least of 1
_EXAMPLES = 4
_COPIES = 3  # of the weights in memory: the files read, torch's, and room


def check_transformers(patient: Patient) -> Outcome:
    """Compares logits with those of transformers' model of the published directory, or of the weights written out as one."""
    torch, transformers = _libraries()
    _check_room(patient)
    features = dataclasses.replace(patient.layout.config, layout=patient.model.layouts[0], reserved=0)  # type: ignore[arg-type]
    layout = make_layout(features, patient.layout.tokenizer)
    examples = [e for e in patient.features_in(layout).examples if e.trained is None][:_EXAMPLES]
    if not examples:
        raise NotChecked("the first examples are all conversations")
    with tempfile.TemporaryDirectory(prefix="flanjax-doctor-") as folder:
        directory = patient.directory or folder
        if patient.directory is None:
            hf.save(folder, patient.exact, patient.params)
        kind = transformers.T5ForConditionalGeneration if "inputs" in layout.row([], layout.lengths[0]) else None
        with _quiet(transformers.utils.logging):
            model = (kind or transformers.AutoModelForCausalLM).from_pretrained(str(directory), dtype=torch.float32).eval()
        theirs = [_theirs(torch, model, e, layout) for e in examples]
    with jax.default_matmul_precision("highest"):
        ours = _ours(patient, examples, layout)
    apart = max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    deviation = max(float(b.std()) for b in theirs)
    source = f"of {patient.directory}" if patient.directory else "of the weights written out"
    said = (
        f"logits of {len(examples)} examples beside transformers' {source}: up to {apart:.1g} apart, deviation {deviation:.1g}"
    )
    if apart <= TOLERANCE * max(1.0, deviation):
        return Outcome(said)
    texts = tuple(Example(patient.corpus.names[e.task], layout.tokenizer.decode(e.targets.tolist())) for e in examples[:1])
    detail = f"logits are up to {apart:.2g} away from those of transformers, whose deviation is {deviation:.2g}"
    return Outcome(said, (Finding(kind="transformers", task="", detail=detail, examples=texts),))


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
    except ImportError as error:
        raise NotChecked("torch is not installed") from error
    import transformers  # whose model classes import torch

    return torch, transformers


@contextlib.contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Without the bar and the advice that transformers prints while it loads weights."""
    level, shows = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shows:
            logging.enable_progress_bar()


def _check_room(patient: Patient) -> None:
    needed = _COPIES * 4 * patient.program.num_parameters
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > free:
        raise NotChecked(f"torch would need {needed / 2**30:.1f} GiB of memory beside ours, {free / 2**30:.1f} GiB are free")


def _theirs(torch: Any, model: Any, example: Encoded, layout: Layout) -> np.ndarray:
    """Returns torch's logits of an example's targets: float32 [T, V]."""
    whole = [*example.inputs.tolist(), *example.targets[:-1].tolist()]
    with torch.no_grad():
        if not model.config.is_encoder_decoder:
            return model(input_ids=torch.tensor([whole])).logits[0, len(example.inputs) - 1 :].numpy()
        written = torch.tensor([[*layout.before_text([]), *example.targets[:-1].tolist()]])
        read = torch.tensor([example.inputs.tolist()])
        return model(input_ids=read, decoder_input_ids=written).logits[0].numpy()


def _ours(patient: Patient, examples: Sequence[Encoded], layout: Layout) -> list[np.ndarray]:
    """Returns our logits of the examples' targets, float32 [T, V] each, from rows of one example."""

    def logits(params: Any, batch: Any) -> jax.Array:
        model = functional.bind(patient.exact, params)
        return model.logits(model.hidden(batch)[0])

    compiled = jax.jit(logits)
    rows = [row for e in examples for row, _ in packed([e], layout)]
    batches = ({name: array[None] for name, array in row.items()} for row in rows)
    return [np.asarray(compiled(patient.params, b))[0, : len(e.targets)] for e, b in zip(examples, batches, strict=True)]
