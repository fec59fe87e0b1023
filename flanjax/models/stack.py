"""Runs a stack of layers, scanned or unrolled, and decides what the backward pass recomputes."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

_ATTENDED = "attended"

# What the forward pass of a layer keeps for the backward pass; the rest is recomputed. From most memory to least.
REMAT: Mapping[str, Any] = {
    "none": jax.checkpoint_policies.everything_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,  # every projection, but no attention scores
    "attention": jax.checkpoint_policies.save_only_these_names(_ATTENDED),  # the heads' outputs and the layer's input
    "full": jax.checkpoint_policies.nothing_saveable,  # only the layer's input
}
AUTO = "auto"  # training puts a name of REMAT in its place (flanjax.train.fitting); nothing else has a backward pass


def keep_attended(x: jax.Array) -> jax.Array:
    """Returns `x`, the outputs of a layer's heads, under the name by which the policy "attention" keeps it."""
    return checkpoint_name(x, _ATTENDED)


def run_layers(
    layers: nnx.Module, body: Callable, x: jax.Array, per_layer: Any, *, scan: bool, remat: str = "none", period: int = 1
) -> tuple[jax.Array, Any]:
    """Returns (x, stacked outputs) of `x, output = body(layer, x, slice of per_layer, kind)` for each layer in turn.

    Args:
      layers: a module whose parameters have the layers first.
      scan: compile one loop body for all layers, which saves compile time and program size; otherwise layers are unrolled.
      remat: a name of REMAT, or AUTO, with which nothing is recomputed.
      period: number of kinds of layer, which alternate: `kind` is the layer's number modulo this, a Python integer.
    """
    graphdef, stacked = nnx.split(layers)
    policy = REMAT["none" if remat == AUTO else remat]

    def layer_step(kind: int) -> Callable:
        def step(x, sliced):
            values, given = sliced
            return body(nnx.merge(graphdef, values), x, given, kind)

        return step if remat in ("none", AUTO) else jax.checkpoint(step, prevent_cse=not scan, policy=policy)

    steps = [layer_step(kind) for kind in range(period)]
    tree = (stacked, per_layer)
    if not scan:
        leaves, structure = jax.tree.flatten(tree)
        outputs = []
        for number, sliced in enumerate(zip(*(jnp.unstack(leaf) for leaf in leaves), strict=True)):
            x, output = steps[number % period](x, jax.tree.unflatten(structure, sliced))
            outputs.append(output)
        return x, jax.tree.map(lambda *each: jnp.stack(each), *outputs)
    if period == 1:
        return jax.lax.scan(steps[0], x, tree)

    def turn(x, group):
        outputs = []
        for kind, step in enumerate(steps):
            x, output = step(x, jax.tree.map(lambda leaf, kind=kind: leaf[kind], group))
            outputs.append(output)
        return x, jax.tree.map(lambda *each: jnp.stack(each), *outputs)

    x, outputs = jax.lax.scan(turn, x, jax.tree.map(lambda leaf: leaf.reshape(-1, period, *leaf.shape[1:]), tree))
    return x, jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), outputs)


def apart(layers: nnx.Module, count: int) -> list[Any]:
    """Returns each of `count` stacked layers as a module of its own."""
    graphdef, stacked = nnx.split(layers)
    return [nnx.merge(graphdef, jax.tree.map(lambda leaf, n=n: leaf[n], stacked)) for n in range(count)]
