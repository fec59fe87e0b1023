"""The Tuning of all methods that add parameters beside a model's own.

What is added lies in the trainable tree under the path of the parameter that it changes: `attention/q/a` beside `attention/q`.
"""

import dataclasses
from typing import Any, Protocol

import jax
from flax.nnx.traversals import flatten_mapping, unflatten_mapping

from flanjax.adapt import int8
from flanjax.models.kernels import Adapted
from flanjax.models.params import Params, Path, Tree

Learned = dict[str, Any]  # the parameters added to one of the model's, by name


class Method(Protocol):
    """How one parameter is changed. Its arrays have the layers first if the parameter has."""

    def start(self, base: Any, key: jax.Array) -> Learned:
        """Returns the initial additional parameters."""
        ...

    def axes(self, axes: tuple[str, ...]) -> Learned:
        """Returns the logical axes of the additional parameters, given those of the parameter."""
        ...

    def value(self, base: Any, learned: Learned, key: jax.Array | None) -> Adapted:
        """Returns what takes the parameter's place. Without a key there is no dropout."""
        ...

    def bias(self, base: jax.Array, learned: Learned) -> Adapted | None:
        """Returns what takes the place of the bias that is added to the kernel's product; None leaves it."""
        ...


@dataclasses.dataclass(frozen=True)
class Added:
    """Trains what a method adds to some parameters, and some of the model's own.

    Attributes:
      name: of the method, in records.
      targets: the parameters that are changed, each by its path and how.
      own: paths of the model's parameters that are trained themselves.
      int8: paths of the kernels that are held in eight bits, the changed ones among them.
    """

    name: str
    targets: tuple[tuple[Path, Method], ...]
    own: tuple[Path, ...] = ()
    int8: tuple[Path, ...] = ()

    def split(self, tree: Tree, key: jax.Array) -> Params:
        flat = flatten_mapping(tree)
        trainable: dict[Path, Any] = {path: flat.pop(path) for path in self.own}
        flat |= {path: int8.rounded(flat[path]) for path in self.int8}
        for number, (path, method) in enumerate(self.targets):
            learned = method.start(flat[path], jax.random.fold_in(key, number))
            trainable |= {(*path, name): value for name, value in learned.items()}
        return Params(_tree(trainable), _tree(flat))

    def axes(self, axes: Tree) -> Params:
        flat = flatten_mapping(axes)
        trainable: dict[Path, Any] = {path: flat.pop(path) for path in self.own}
        for path, method in self.targets:
            trainable |= {(*path, name): value for name, value in method.axes(flat[path]).items()}
        flat |= {path: int8.axes_of(flat[path]) for path in self.int8}
        return Params(_tree(trainable), _tree(flat))

    def join(self, params: Params, key: jax.Array | None = None) -> Tree:
        trainable, flat = flatten_mapping(params.trainable), flatten_mapping(params.frozen)
        flat |= {path: trainable[path] for path in self.own}
        for number, (path, method) in enumerate(self.targets):
            learned = {where[-1]: value for where, value in trainable.items() if where[:-1] == path}
            own_key = None if key is None else jax.random.fold_in(key, number)
            flat[path] = method.value(flat[path], learned, own_key)
            beside = (*path[:-1], f"{path[-1]}_bias")
            if beside in flat and (bias := method.bias(flat[beside], learned)) is not None:
                flat[beside] = bias
        return _tree(flat)


def _tree(flat: dict[Path, Any]) -> Tree:
    return unflatten_mapping(dict(sorted(flat.items())))
