"""Sharding: the mesh, the only table from logical axes to mesh axes, and moving a host's batch onto the mesh.

No other file names a mesh axis. `data` replicates parameters (across slices), `fsdp` splits them, and `tensor` splits the wide
dimensions; the batch is split over data and fsdp. The network between TPU slices is slow, so only `data` crosses slices.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from flanjax import fields
from flanjax.fields import Count

AXES = ("data", "fsdp", "tensor")
ByRows: TypeAlias = Callable[..., Any]  # the function that `by_rows` returns
Size = Count | Literal[-1]

# Logical axis -> mesh axes. An array uses each mesh axis once, for its first dimension that asks for it.
RULES: Mapping[str, tuple[str, ...]] = {
    "batch": ("data", "fsdp"),
    "vocab": ("tensor",),
    "heads": ("tensor",),
    "kv_heads": ("tensor",),
    "mlp": ("tensor",),
    "embed": ("fsdp",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """The mesh's shape. One of the sizes may be -1, which takes the remaining devices.

    On several TPU slices data=1, fsdp=-1 means one replica of the parameters on each slice: data becomes the number of slices.

    Args:
      data: replicas of the parameters, each with its share of the batch; on several TPU slices a multiple of their number.
      fsdp: devices over which parameters and the batch are split.
      tensor: devices over which the wide dimensions of layers are split.
    """

    data: Size = 1
    fsdp: Size = -1
    tensor: Size = 1

    def __post_init__(self) -> None:
        fields.check(self)
        left = [name for name in AXES if getattr(self, name) == -1]
        if len(left) > 1:
            raise fields.FieldError(self, left[1], f"is -1 and so is {left[0]}, expected a size: at most one may be -1")


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Returns the mesh over all devices. Raises ValueError if they do not divide as the config asks."""
    devices = list(jax.devices() if devices is None else devices)
    return Mesh(arrange(config, devices), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def arrange(config: MeshConfig, devices: Sequence[Any]) -> np.ndarray:
    """Returns the devices as an array of the mesh's shape: neighbours on an axis are neighbours in the slice, and only data
    crosses slices."""
    sizes, slices = list(dataclasses.astuple(config)), num_slices(devices)
    if (config.data, config.fsdp) == (1, -1):
        sizes[0] = slices
    fixed = int(np.prod([s for s in sizes if s > 0]))
    if len(devices) % fixed or (-1 not in sizes and fixed != len(devices)):
        raise ValueError(
            f"mesh (data, fsdp, tensor) is {tuple(sizes)}, but there are {len(devices)} devices; their product must match"
        )
    data, *inner = (len(devices) // fixed if s == -1 else s for s in sizes)
    if slices == 1:
        return mesh_utils.create_device_mesh((data, *inner), devices, allow_split_physical_axes=True)
    if data % slices:
        raise ValueError(
            f"mesh.data is {data}, but the {len(devices)} devices are {slices} slices: only data may lie between slices, "
            f"so mesh.data must be a multiple of {slices}"
        )
    shape = (data // slices, *inner)
    return mesh_utils.create_hybrid_device_mesh(shape, (slices, 1, 1), devices, allow_split_physical_axes=True)


def num_slices(devices: Iterable[Any]) -> int:
    """Returns the number of TPU slices. jax calls GPU nodes slices too, but their network is fast enough for fsdp."""
    return len({getattr(d, "slice_index", 0) if d.platform == "tpu" else 0 for d in devices})


def describe(mesh: Mesh) -> str:
    """Returns the mesh in words, such as "data 2 x fsdp 8 x tensor 1 (data between 2 slices)"."""
    slices = num_slices(mesh.devices.flat)
    between = f" (data between {slices} slices)" if slices > 1 else ""
    return " x ".join(f"{axis} {size}" for axis, size in mesh.shape.items()) + between


def partition_spec(logical_axes: Sequence[str | None], shape: Sequence[int], mesh: Mesh) -> PartitionSpec:
    """Returns the spec of an array by RULES. A dimension whose size its mesh axes do not divide is not split.

    Args:
      logical_axes: one name for each dimension; a shorter tuple is padded with None, as for scalars.
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
    """Returns a NamedSharding for every array (or ShapeDtypeStruct) of a tree, from the tree of its logical axes."""
    return jax.tree.map(lambda x, axes: NamedSharding(mesh, partition_spec(axes, x.shape, mesh)), arrays, logical_axes)


def abstract(arrays: Any, placed: Any) -> Any:
    """Returns the arrays (or their shapes) as ShapeDtypeStructs with the given shardings, to compile for or restore into."""
    return jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), arrays, placed)


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def everywhere(arrays: Any, mesh: Mesh) -> Any:
    """Returns a tree of arrays as host arrays, whole on every process. All processes must call it."""
    return jax.device_get(jax.jit(lambda x: x, out_shardings=replicated(mesh))(arrays))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Returns the sharding that splits rows over data and fsdp."""
    return NamedSharding(mesh, PartitionSpec(RULES["batch"]))


def num_batch_shards(mesh: Mesh) -> int:
    return int(np.prod([mesh.shape[a] for a in RULES["batch"]]))


def to_global(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Returns the global arrays of a batch, from this host's rows of it."""
    sharding = batch_sharding(mesh)
    return {name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()}


def data_hosts(mesh: Mesh) -> list[tuple[int, ...]]:
    """Returns the processes that make each share of a batch, with the shares in the order of their rows.

    Processes whose devices hold the same rows (those of one tensor group) all make these rows: together they are one data host.

    Raises:
      ValueError: the shares of two processes overlap without being the same.
    """
    rows: Mapping[Any, Any] = batch_sharding(mesh).devices_indices_map((num_batch_shards(mesh),))
    held: dict[int, set[int]] = {}
    for device, (index,) in rows.items():
        held.setdefault(device.process_index, set()).add(index.start or 0)
    hosts: dict[frozenset[int], list[int]] = {}
    for process in sorted(held):
        hosts.setdefault(frozenset(held[process]), []).append(process)
    if sum(map(len, hosts)) > num_batch_shards(mesh):
        raise ValueError(
            f"mesh {dict(mesh.shape)} splits rows of the batch over processes that hold other rows too; mesh.tensor must "
            f"divide the {len(rows) // len(held)} devices of a process, or be a multiple of them"
        )
    return [tuple(hosts[shards]) for shards in sorted(hosts, key=min)]


def place(x: Any, sharding: NamedSharding) -> jax.Array:
    """Returns a global array from one that every process holds whole. Unlike device_put, it does not check that all processes
    hold the same values."""
    x = np.asarray(x)
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])


def spread(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Returns the global arrays of a batch that every process holds whole."""
    return {name: place(rows, batch_sharding(mesh)) for name, rows in batch.items()}


def largest(mesh: Mesh) -> Callable[[int], jax.Array]:
    """Returns a function from this process's number to the largest of all processes', int32 []; it does not block."""
    each = NamedSharding(mesh, PartitionSpec(AXES))
    reduce = jax.jit(lambda x: x.max(), out_shardings=replicated(mesh))
    rows = len(mesh.local_devices)
    return lambda number: reduce(jax.make_array_from_process_local_data(each, np.full(rows, number, np.int32), (mesh.size,)))


def constrain(mesh: Mesh) -> Callable[[jax.Array, Sequence[str | None]], jax.Array]:
    """Returns the hook that models call on activations with their logical axes, to constrain their sharding."""
    if mesh.size == 1:
        return lambda x, axes: x
    return lambda x, axes: jax.lax.with_sharding_constraint(x, NamedSharding(mesh, partition_spec(axes, x.shape, mesh)))


def platform(mesh: Mesh) -> str:
    """Returns the kind of the mesh's devices, which need not be present: "cpu", "tpu", "hopper", or "gpu" for other GPUs."""
    device = mesh.devices.flat[0]
    hopper = device.platform == "gpu" and str(getattr(device, "compute_capability", "")).startswith("9.")
    return "hopper" if hopper else device.platform


def is_here(mesh: Mesh) -> bool:
    """Whether its devices can compute; those of a described slice cannot."""
    return mesh.devices.flat[0] in jax.devices()


def shard(mesh: Mesh) -> Callable[..., Callable[..., jax.Array]]:
    """Returns the hook by which models run a kernel that XLA cannot split: shard(kernel, in_axes, out_axes)(*arrays).

    The kernel runs on each device's part. A logical axis is split the same way in all arrays or in none, so that query heads
    stay with the key heads that they read.
    """

    def sharded(
        kernel: Callable[..., jax.Array], in_axes: Sequence[Sequence[str]], out_axes: Sequence[str]
    ) -> Callable[..., jax.Array]:
        def call(*arrays: jax.Array) -> jax.Array:
            common: dict[str, int] = {}
            for x, axes in zip(arrays, in_axes, strict=True):
                for name, size in zip(axes, x.shape, strict=True):
                    common[name] = math.gcd(common.get(name, 0), size)
            in_specs, out_specs = (
                tuple(partition_spec(axes, [common[name] for name in axes], mesh) for axes in group)
                for group in (in_axes, (out_axes,))
            )
            return jax.shard_map(kernel, mesh=mesh, in_specs=in_specs, out_specs=out_specs[0], check_vma=False)(*arrays)

        return kernel if mesh.size == 1 else call

    return sharded


def whole_batch(f: Callable[..., Any], kernel: jax.Array, kernel_axes: Sequence[str], dtype: Any) -> Callable[..., Any]:
    """Does what the function of `by_rows` does, where one device holds all rows."""
    del kernel_axes
    return functools.partial(f, kernel.astype(dtype))


def by_rows(mesh: Mesh) -> ByRows:
    """Returns the hook by which a loss runs on each device's own rows: by_rows(f, kernel, kernel_axes, dtype)(rows).

    f(kernel, rows) gets the whole kernel, in `dtype`, and the device's rows, and returns (sums, gradient, tokens). The sums and
    the kernel's gradient are added up over the devices; the gradient is sharded as the kernel is. The tokens belong to the
    device's rows. So what f accumulates in a loop is communicated once. XLA keeps dimensions split that `tensor` splits.
    """
    batch = tuple(a for a in RULES["batch"] if mesh.shape[a] > 1)
    if not batch:
        return whole_batch

    rows = PartitionSpec(batch)

    def on_mesh(f: Callable[..., Any], kernel: jax.Array, kernel_axes: Sequence[str], dtype: Any) -> Callable[..., Any]:
        place = partition_spec(kernel_axes, kernel.shape, mesh)
        unsplit = PartitionSpec(*(None if names in batch else names for names in place))
        whole = jax.lax.with_sharding_constraint(kernel.astype(dtype), NamedSharding(mesh, unsplit))

        def local(whole: jax.Array, arrays: Any) -> Any:
            sums, gradient, tokens = f(whole, arrays)
            return jax.lax.psum(sums, batch), jax.tree.map(lambda g: g[None], gradient), tokens

        specs: dict[str, Any] = {"in_specs": (PartitionSpec(), rows), "out_specs": (PartitionSpec(), rows, rows)}
        run = jax.shard_map(local, mesh=mesh, axis_names=set(batch), check_vma=False, **specs)

        def call(arrays: Any) -> Any:
            sums, parts, tokens = run(whole, arrays)
            add = lambda g: jax.lax.with_sharding_constraint(g.sum(0), NamedSharding(mesh, place))  # noqa: E731
            return sums, jax.tree.map(add, parts), tokens

        return call

    return on_mesh


class Placed(NamedTuple):
    """Where an array of the state lies.

    Attributes:
      logical_axes: the names of its dimensions; None if they have none.
      mesh_axes: the mesh axes that split each dimension.
      bytes_per_device: size of the largest shard.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    logical_axes: tuple[str | None, ...] | None
    mesh_axes: PartitionSpec
    bytes_per_device: int


def placements(arrays: Any, logical_axes: Any = None) -> list[Placed]:
    """Returns one row for each array (or ShapeDtypeStruct) of a tree, read from its sharding.

    Args:
      logical_axes: the tree of the arrays' logical axes, if known.
    """
    found: list[Placed] = []

    def add(path: Any, x: Any, axes: tuple[str | None, ...] | None = None) -> None:
        size = int(np.prod(x.sharding.shard_shape(x.shape))) * x.dtype.itemsize
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        found.append(Placed(name, tuple(x.shape), str(x.dtype), axes, x.sharding.spec, size))

    jax.tree_util.tree_map_with_path(add, arrays, *([] if logical_axes is None else [logical_axes]))
    return found


def table(rows: Sequence[Placed]) -> str:
    """Returns the rows as a text table, with the sum of their bytes on a device."""
    cells = [("array", "shape", "dtype", "logical axes", "mesh axes", "bytes per device")]
    for row in rows:
        spec = (*row.mesh_axes, *(None,) * (len(row.shape) - len(row.mesh_axes)))
        split = ["+".join(axes) if isinstance(axes, tuple) else axes or "-" for axes in spec]
        logical = "" if row.logical_axes is None else " ".join(axis or "-" for axis in row.logical_axes)
        shape = " x ".join(map(str, row.shape)) or "scalar"
        cells.append((row.name, shape, row.dtype, logical, " ".join(split), f"{row.bytes_per_device:,}"))
    cells.append(("all", "", "", "", "", f"{sum(row.bytes_per_device for row in rows):,}"))
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = (
        "  ".join([*(c.ljust(w) for c, w in zip(line[:-1], widths[:-1], strict=True)), line[-1].rjust(widths[-1])])
        for line in cells
    )
    return "\n".join(line.rstrip() for line in lines)
