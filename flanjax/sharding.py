"""Where arrays live: the mesh, the one table from logical axes to mesh axes, and moving a host's batch onto it.

Nothing else names a mesh axis. `data` replicates parameters (across slices), `fsdp` splits them, `tensor` splits the wide
dimensions; the batch is split over data and fsdp.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

AXES = ("data", "fsdp", "tensor")

# Logical axis -> mesh axes. Within an array each mesh axis is used once, by the first dimension that asks for it.
RULES: Mapping[str, tuple[str, ...]] = {
    "batch": ("data", "fsdp"),
    "vocab": ("tensor",),
    "heads": ("tensor",),
    "mlp": ("tensor",),
    "embed": ("fsdp",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """The mesh's shape; one of the sizes may be -1, which takes the devices that are left."""

    data: int = 1
    fsdp: int = -1
    tensor: int = 1

    def __post_init__(self) -> None:
        sizes = dataclasses.astuple(self)
        if any(s == 0 or s < -1 for s in sizes) or sizes.count(-1) > 1:
            raise ValueError(f"mesh (data, fsdp, tensor) is {sizes}, expected positive sizes, at most one of them -1")


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh over all devices. Raises ValueError when they do not divide as asked."""
    devices = list(jax.devices() if devices is None else devices)
    sizes = list(dataclasses.astuple(config))
    fixed = int(np.prod([s for s in sizes if s > 0]))
    if len(devices) % fixed or (-1 not in sizes and fixed != len(devices)):
        raise ValueError(
            f"mesh (data, fsdp, tensor) is {tuple(sizes)}, but there are {len(devices)} devices; their product must match"
        )
    sizes = [len(devices) // fixed if s == -1 else s for s in sizes]
    return jax.make_mesh(tuple(sizes), AXES, axis_types=(AxisType.Auto,) * len(AXES), devices=devices)


def partition_spec(logical_axes: Sequence[str | None], shape: Sequence[int], mesh: Mesh) -> PartitionSpec:
    """The spec of an array by RULES. A dimension that its mesh axes do not divide is not split.

    Args:
      logical_axes: one name a dimension; shorter is padded with None, as for scalars.
    """
    used: set[str] = set()
    spec: list[tuple[str, ...] | str | None] = []
    for name, size in zip((*logical_axes, *(None,) * (len(shape) - len(logical_axes))), shape, strict=True):
        axes = tuple(a for a in RULES.get(name or "", ()) if a not in used and mesh.shape[a] > 1)
        if axes and size % int(np.prod([mesh.shape[a] for a in axes])) == 0:
            used.update(axes)
            spec.append(axes[0] if len(axes) == 1 else axes)
        else:
            spec.append(None)
    return PartitionSpec(*spec)


def shardings(arrays: Any, logical_axes: Any, mesh: Mesh) -> Any:
    """NamedSharding for every array (or ShapeDtypeStruct) of a tree, from the tree of its logical axes."""
    return jax.tree.map(lambda x, axes: NamedSharding(mesh, partition_spec(axes, x.shape, mesh)), arrays, logical_axes)


def abstract(arrays: Any, placed: Any) -> Any:
    """The arrays (or their shapes) as ShapeDtypeStructs with the given shardings: what is compiled for and restored to."""
    return jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), arrays, placed)


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows over data and fsdp."""
    return NamedSharding(mesh, PartitionSpec(RULES["batch"]))


def num_batch_shards(mesh: Mesh) -> int:
    return int(np.prod([mesh.shape[a] for a in RULES["batch"]]))


def to_global(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """This host's rows of a batch as part of the global arrays."""
    sharding = batch_sharding(mesh)
    return {name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()}


def check_hosts(mesh: Mesh) -> None:
    """Raises ValueError where several processes would have to give the same rows of a batch: each makes rows of its own."""
    rows: Mapping[Any, Any] = batch_sharding(mesh).devices_indices_map((num_batch_shards(mesh),))
    owners: dict[int, set[int]] = {}
    for device, (index,) in rows.items():
        owners.setdefault(index.start or 0, set()).add(device.process_index)
    if any(len(processes) > 1 for processes in owners.values()):
        raise ValueError(
            f"mesh {dict(mesh.shape)} splits rows of the batch over several processes; "
            f"mesh.tensor must divide the {jax.local_device_count()} devices of a process"
        )


def place(x: Any, sharding: NamedSharding) -> jax.Array:
    """An array that every process holds whole, on devices of all processes. Unlike device_put it compares nothing."""
    x = np.asarray(x)
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])


def spread(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """A batch that every process holds whole, as global arrays."""
    return {name: place(rows, batch_sharding(mesh)) for name, rows in batch.items()}


def largest(mesh: Mesh) -> Callable[[int], jax.Array]:
    """A function from a number of each process to the largest of all, int32 []; it waits for nothing."""
    each = NamedSharding(mesh, PartitionSpec(AXES))
    reduce = jax.jit(lambda x: x.max(), out_shardings=replicated(mesh))
    rows = len(mesh.local_devices)
    return lambda number: reduce(jax.make_array_from_process_local_data(each, np.full(rows, number, np.int32), (mesh.size,)))


def constrain(mesh: Mesh) -> Callable[[jax.Array, Sequence[str | None]], jax.Array]:
    """The hook that models call on activations with their logical axes."""
    if mesh.size == 1:
        return lambda x, axes: x
    return lambda x, axes: jax.lax.with_sharding_constraint(x, NamedSharding(mesh, partition_spec(axes, x.shape, mesh)))
