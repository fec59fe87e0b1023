"""A few steps of training, as the run would take them: what they cost, whether they learn, and whether they can be resumed."""

import functools
import tempfile
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flanjax import parts
from flanjax.check.findings import Example, Finding
from flanjax.checkpoint import CheckpointConfig, Checkpoints
from flanjax.data.pipeline import DataState
from flanjax.data.windows import Batch
from flanjax.lab.doctor.outcome import Outcome
from flanjax.lab.doctor.patient import Patient
from flanjax.models import functional
from flanjax.models.params import Full
from flanjax.parallel import sharding
from flanjax.train.meter import Meter
from flanjax.train.step import TrainState

STEPS = 4
SAVED = 2  # after so many steps
MEMORY = 1.25  # times the prediction that a step may take
FASTER = 1.5  # times the machine's measured rate, at which the count of FLOPs is wrong


class Walk(NamedTuple):
    """The first steps of training.

    Attributes:
      losses: of each step.
      batches: that they were taken on.
      updates: path of a parameter -> RMS of its change over all steps, one number for each layer of stacked ones.
      weights: path -> RMS of its first value, likewise.
      final: the parameters afterwards, on the host.
      resumed: what the same steps give if they are resumed after SAVED of them.
      seconds: of each step, the first without its compilation.
      predicted_bytes, bytes: of a device's memory, by the compiler and as the device says; None if it does not say.
    """

    losses: list[float]
    batches: list[Batch]
    updates: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    final: Any
    resumed: "Resumed"
    seconds: list[float]
    predicted_bytes: int
    bytes: int | None


class Resumed(NamedTuple):
    """The steps after a checkpoint that was read again."""

    losses: list[float]
    batches: list[Batch]
    final: Any


@functools.lru_cache(maxsize=1)
def walk(patient: Patient) -> Walk:
    """Takes the first steps, saves in the middle, goes on; then takes the last ones again from what was saved."""
    program, mesh = patient.program, patient.mesh
    compiled = program.compile(patient.batch)
    first = jax.device_get(patient.params)
    with tempfile.TemporaryDirectory(prefix="flanjax-doctor-") as folder:
        checkpoints = Checkpoints(folder, CheckpointConfig())
        state, source = program.init(jax.tree.map(jnp.copy, patient.params)), patient.make_batches(patient, None)
        losses, batches, seconds = list[float](), list[Batch](), list[float]()
        for step in range(1, STEPS + 1):
            state, batch, loss, took = _step(patient, state, source)
            losses, batches, seconds = [*losses, loss], [*batches, batch], [*seconds, took]
            if step == SAVED:
                _save(patient, checkpoints, state, source, loss)
        memory = (mesh.local_devices[0].memory_stats() or {}).get("peak_bytes_in_use")
        final = jax.device_get(state.params)
        del state
        resumed = _resume(patient, checkpoints)
        checkpoints.close()
    changes = jax.tree.map(lambda a, b: np.asarray(a, np.float64) - b, final, first)
    held = sum(x.nbytes for x in jax.tree.leaves(patient.params)) // max(mesh.size, 1)
    return Walk(losses, batches, rms(changes), rms(first), final, resumed, seconds, compiled.peak_bytes + held, memory)


def _step(patient: Patient, state: TrainState, source: Iterator[Batch]) -> tuple[TrainState, Batch, float, float]:
    batch = next(source)
    placed = sharding.to_global(batch, patient.mesh)
    began = time.perf_counter()
    state, metrics = patient.program.step(state, {}, placed)
    loss = float(metrics.values["loss"])
    return state, batch, loss, time.perf_counter() - began


def _save(patient: Patient, checkpoints: Checkpoints, state: TrainState, source: Any, loss: float) -> None:
    rest = {"step": state.step, "opt_state": state.opt_state}
    position = source.state().to_json()
    meta = parts.meta_of(patient.config, patient.split, patient.corpus, patient.model, Full())
    checkpoints.save(SAVED, params=state.params, rest=rest, data=position, meta=meta, validation_loss=loss)
    checkpoints.wait()


def _resume(patient: Patient, checkpoints: Checkpoints) -> Resumed:
    shapes = patient.program.state
    found = checkpoints.restore(shapes.params, {"step": shapes.step, "opt_state": shapes.opt_state})
    assert found is not None
    state = TrainState(found.rest["step"], found.params, found.rest["opt_state"])
    source = patient.make_batches(patient, DataState.from_json(found.data))
    losses, batches = list[float](), list[Batch]()
    for _ in range(STEPS - SAVED):
        state, batch, loss, _ = _step(patient, state, source)
        losses, batches = [*losses, loss], [*batches, batch]
    return Resumed(losses, batches, jax.device_get(state.params))


def rms(tree: Any) -> dict[str, np.ndarray]:
    """Returns the root mean square of every array by its path; of stacked layers, one number for each layer.

    >>> rms({"layers": {"q": np.array([[3.0, 4.0], [0.0, 0.0]])}})
    {'layers/q': array([3.53553391, 0.        ])}
    """
    found = {}
    for path, value in jax.tree_util.tree_leaves_with_path(tree):
        names = [str(key.key) for key in path]
        axes = tuple(range("layers" in names, np.ndim(value)))
        found["/".join(names)] = np.atleast_1d(np.sqrt(np.mean(np.square(np.asarray(value, np.float64)), axis=axes)))
    return found


def check_updates(patient: Patient) -> Outcome:
    """Looks whether the steps change every parameter, and stay finite."""
    taken = walk(patient)
    if not np.isfinite(taken.losses).all():
        detail = f"losses of the first steps are not finite: {taken.losses}"
        return Outcome(detail, (Finding(kind="updates", task="", detail=detail),))
    still = [
        f"{path}{f', layer {n}' if len(r) > 1 else ''}" for path, r in taken.updates.items() for n in np.flatnonzero(r == 0)
    ]
    wild = [path for path, r in taken.updates.items() if not np.isfinite(r).all()]
    total = sum(map(len, taken.updates.values()))
    findings = [
        Finding(kind="updates", task="", detail=what, count=len(names), of=total, examples=_named(names))
        for what, names in (
            (f"parameters that {STEPS} steps leave as they were", still),
            ("parameters that are not finite after the steps", wild),
        )
        if names
    ]
    shares = np.concatenate([r / np.maximum(taken.weights[path], 1e-12) for path, r in taken.updates.items()])
    said = (
        f"{STEPS} steps, losses {', '.join(f'{x:.3f}' for x in taken.losses)}; RMS of the change beside that of the weight: "
        f"median {np.median(shares):.1g}, from {shares.min():.1g} to {shares.max():.1g}"
    )
    return Outcome(said, tuple(findings))


def _named(names: list[str]) -> tuple[Example, ...]:
    return tuple(Example("", name) for name in names[:3])


def check_resume(patient: Patient) -> Outcome:
    """Looks whether steps after a restored checkpoint are those of the run that was not stopped, bit for bit."""
    taken, again = walk(patient), walk(patient).resumed
    findings = []
    for step, (one, other) in enumerate(zip(taken.batches[SAVED:], again.batches, strict=True), SAVED + 1):
        if other_arrays := [name for name in one if not np.array_equal(one[name], other[name])]:
            detail = f"step {step} is taken on another batch after a resume: {', '.join(other_arrays)} differ"
            findings.append(Finding(kind="resume", task="", detail=detail))
    if not findings and taken.losses[SAVED:] != again.losses:
        detail = f"on the same batches the losses are {again.losses} after a resume, and {taken.losses[SAVED:]} without it"
        findings.append(Finding(kind="resume", task="", detail=detail))
    same = jax.tree.map(np.array_equal, taken.final, again.final)
    if not findings and not all(jax.tree.leaves(same)):
        findings.append(Finding(kind="resume", task="", detail="parameters differ after a resume, although the losses do not"))
    return Outcome(
        f"{STEPS} steps at once, and {STEPS - SAVED} of them again from the checkpoint of step {SAVED}", tuple(findings)
    )


def check_cost(patient: Patient) -> Outcome:
    """Compares a step's memory with the compiler's prediction, and its time with its FLOPs at the machine's rate."""
    taken, meter = walk(patient), Meter(1)
    seconds = float(np.median(taken.seconds[1:]))
    flops = float(np.mean([functional.step_flops(patient.model, batch) for batch in taken.batches]))
    # All CPU "devices" share the same cores, whose rate was measured together.
    least = flops / (meter.limit * (patient.mesh.size if taken.bytes is not None else 1))
    predicted = f"{taken.predicted_bytes / 2**20:,.0f} MiB a device"
    measured = f"{taken.bytes / 2**20:,.0f} MiB" if taken.bytes is not None else "not checked: this device does not report it"
    said = (
        f"memory: {predicted} predicted, {measured}; time: {1e3 * seconds:,.1f} ms a step, at least {1e3 * least:,.2f} ms at "
        f"{meter.limit_named}: {least / seconds:.1%} of it"
    )
    findings = []
    if taken.bytes is not None and taken.bytes > MEMORY * taken.predicted_bytes:
        detail = f"a step takes {measured} of a device, {predicted} were predicted"
        findings.append(Finding(kind="cost", task="", detail=detail))
    if least > FASTER * seconds:
        detail = f"a step of {1e3 * seconds:.1f} ms is faster than its FLOPs allow ({1e3 * least:.1f} ms): they are miscounted"
        findings.append(Finding(kind="cost", task="", detail=detail))
    return Outcome(said, tuple(findings))
