"""Activations in the type that the run computes in."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flanjax.check.findings import Example, Finding
from flanjax.lab.doctor.outcome import NotChecked, Outcome
from flanjax.lab.doctor.patient import Patient, packed
from flanjax.models import functional
from flanjax.models.context import Context

_ROOM = 0.5  # of a device's memory that the weights may take
FURTHEST = 0.1  # nats a token that the compute type may change a loss by


class Place(NamedTuple):
    """Activations at one place of the model: their axes, the largest value, and how many are not finite."""

    axes: tuple[str, ...]
    largest: float
    wild: int


def check_numerics(patient: Patient) -> Outcome:
    """Looks whether embeddings, residual streams and logits are finite in the compute type, and the losses near float32's."""
    rows = [row for row, _ in packed(patient.compared, patient.layout)]
    batch = next(iter(patient.spread(rows)))
    places = activations(patient, batch)
    named = patient.model.dtype
    wild = [(n, p) for n, p in enumerate(places) if p.wild]
    findings = []
    if wild:
        cases = tuple(
            Example(f"place {n + 1} of {len(places)}", f"{p.wild:,} values of {' x '.join(p.axes)}") for n, p in wild[:3]
        )
        detail = f"activations are not finite in {named}"
        findings.append(Finding(kind="compute type", task="", detail=detail, count=len(wild), of=len(places), examples=cases))
    own, exact = (_loss(program, patient, batch) for program in (patient.program, patient.exact_program))
    if not wild and not abs(own - exact) <= FURTHEST:
        detail = f"the loss is {own:.3f} nats a token in {named} and {exact:.3f} in float32"
        findings.append(Finding(kind="compute type", task="", detail=detail))
    largest = max(p.largest for p in places)
    said = f"{len(places)} places in {named}: largest value {largest:.3g}; loss {own:.4f} nats a token, {exact:.4f} in float32"
    return Outcome(said, tuple(findings))


def activations(patient: Patient, batch: Any) -> list[Place]:
    """Returns what a forward pass holds at every place where the model lets its activations be seen, in their order."""
    found: list[Place] = []

    def note(axes: tuple[str, ...], largest: Any, wild: Any) -> None:
        found.append(Place(axes, float(largest), int(wild)))

    def watch(x: jax.Array, axes: tuple[str, ...]) -> jax.Array:
        values = x.astype(jnp.float32)
        is_finite = jnp.isfinite(values)
        largest = jnp.max(jnp.where(is_finite, jnp.abs(values), 0))
        jax.debug.callback(lambda a, b: note(axes, a, b), largest, jnp.sum(~is_finite), ordered=True)
        return x

    def forward(params: Any, batch: Any) -> jax.Array:
        model, context = functional.bind(patient.model, params), Context(constrain=watch)
        return jnp.sum(model.logits(model.hidden(batch, context)[0], context))

    device = jax.devices()[0]
    needed, stats = sum(x.nbytes for x in jax.tree.leaves(patient.params)), device.memory_stats() or {}
    if patient.mesh.size > 1 and needed > _ROOM * stats.get("bytes_limit", needed / _ROOM):
        raise NotChecked(f"it looks at one device, which has no room for weights of {needed / 2**30:.1f} GiB")
    one = jax.tree.map(lambda x: jax.device_put(np.asarray(x), device), (patient.params, batch))
    jax.block_until_ready(jax.jit(forward)(*one))
    jax.effects_barrier()
    return found


def _loss(program: Any, patient: Patient, batch: Any) -> float:
    sums = program.validate(patient.params, {}, batch)
    return float(np.sum(sums.by_task["loss"].total) / max(float(np.sum(sums.by_task["loss"].weight)), 1e-9))
