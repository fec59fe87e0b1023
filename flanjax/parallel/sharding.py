"""Where arrays live: the mesh, the one table from logical axes to mesh axes, and moving a host's batch onto it.

Nothing else names a mesh axis. `data` replicates parameters (across slices), `fsdp` splits them, `tensor` splits the wide
dimensions; the batch is split over data and fsdp. Between TPU slices, whose network is slow, only `data` lies.
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
ByRows: TypeAlias = Callable[..., Any]  # of the signature of what `by_rows` returns
Size = Count | Literal[-1]

# Logical axis -> mesh axes. Within an array each mesh axis is used once, by the first dimension that asks for it.
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
    """The mesh's shape; one of the sizes may be -1, which takes the devices that are left.

    On several TPU slices data=1, fsdp=-1 means one replica of the parameters on each: data is the number of slices.

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
            raise fields.FieldError(self, left[1], f"is -1 as {left[0]} is, expected a size: at most one of them -1")


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh over all devices. Raises ValueError when they do not divide as asked."""
    devices = list(jax.devices() if devices is None else devices)
    return Mesh(arrange(config, devices), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def arrange(config: MeshConfig, devices: Sequence[Any]) -> np.ndarray:
    """The devices in the mesh's shape: neighbours on an axis are neighbours in the slice, and only data crosses slices."""
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
    """TPU slices among the devices. jax calls GPU nodes slices too, but their network carries fsdp well."""
    return len({getattr(d, "slice_index", 0) if d.platform == "tpu" else 0 for d in devices})


def describe(mesh: Mesh) -> str:
    """The mesh in words, such as "data 2 x fsdp 8 x tensor 1 (data between 2 slices)"."""
    slices = num_slices(mesh.devices.flat)
    between = f" (data between {slices} slices)" if slices > 1 else ""
    return " x ".join(f"{axis} {size}" for axis, size in mesh.shape.items()) + between


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


def data_hosts(mesh: Mesh) -> list[tuple[int, ...]]:
    """The processes that make each share of a batch, shares in the order of their rows.

    Processes whose devices hold the same rows (those of one tensor group) make them alike: together they are one data host.

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


def platform(mesh: Mesh) -> str:
    """What the mesh's devices are, also where they are only described: "cpu", "tpu", "hopper" or "gpu", any other one."""
    device = mesh.devices.flat[0]
    hopper = device.platform == "gpu" and str(getattr(device, "compute_capability", "")).startswith("9.")
    return "hopper" if hopper else device.platform


def is_here(mesh: Mesh) -> bool:
    """Whether its devices can compute; those of a described slice cannot."""
    return mesh.devices.flat[0] in jax.devices()


def shard(mesh: Mesh) -> Callable[..., Callable[..., jax.Array]]:
    """The hook by which models run a kernel that XLA cannot split: shard(kernel, in_axes, out_axes)(*arrays).

    The kernel sees each device's part. A logical axis is split alike in all arrays, or in none: query heads stay with the key
    heads that they read.
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
    """What `by_rows` returns where one device holds all rows."""
    del kernel_axes
    return functools.partial(f, kernel.astype(dtype))


def by_rows(mesh: Mesh) -> ByRows:
    """The hook by which a loss runs on each device's own rows: by_rows(f, kernel, kernel_axes, dtype)(rows).

    f(kernel, rows) sees the kernel whole, in `dtype`, and the device's rows, and returns (sums, gradient, tokens): sums are
    added up over the devices, the kernel's gradient too, and lies where the kernel does; tokens are of its rows. So what f adds
    up over many steps is communicated once. Dimensions that `tensor` splits stay split, by XLA.
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
      logical_axes: its dimensions' names; None where they have none.
      mesh_axes: what splits each dimension.
      bytes_per_device: of the largest shard.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    logical_axes: tuple[str | None, ...] | None
    mesh_axes: PartitionSpec
    bytes_per_device: int


def placements(arrays: Any, logical_axes: Any = None) -> list[Placed]:
    """One row for each array (or ShapeDtypeStruct) of a tree, as its sharding says.

    Args:
      logical_axes: the tree of their logical axes, where they are known.
    """
    found: list[Placed] = []

    def add(path: Any, x: Any, axes: tuple[str | None, ...] | None = None) -> None:
        size = int(np.prod(x.sharding.shard_shape(x.shape))) * x.dtype.itemsize
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        found.append(Placed(name, tuple(x.shape), str(x.dtype), axes, x.sharding.spec, size))

    jax.tree_util.tree_map_with_path(add, arrays, *([] if logical_axes is None else [logical_axes]))
    return found


def table(rows: Sequence[Placed]) -> str:
    """The rows as text, with the sum of their bytes on a device."""
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
