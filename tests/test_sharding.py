"""The mesh, the rules from logical axes to mesh axes, and moving a host's batch onto the mesh."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from flanjax.config import ConfigError
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.packing import Encoded
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.models import functional
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import (
    AXES,
    MeshConfig,
    arrange,
    constrain,
    data_hosts,
    describe,
    make_mesh,
    num_batch_shards,
    partition_spec,
    placements,
    shard,
    shardings,
    table,
    to_global,
)
from flanjax.run.starting import open_devices
from flanjax.train.config import TrainConfig
from flanjax.train.optimizer import OptimizerConfig
from flanjax.train.program import Program


def mesh(data=2, fsdp=2, tensor=2):
    return make_mesh(MeshConfig(data=data, fsdp=fsdp, tensor=tensor))


def test_the_size_left_open_takes_the_devices_that_are_left():
    assert dict(make_mesh(MeshConfig()).shape) == {"data": 1, "fsdp": 8, "tensor": 1}
    assert dict(make_mesh(MeshConfig(data=2, fsdp=2, tensor=-1)).shape) == {"data": 2, "fsdp": 2, "tensor": 2}
    assert dict(make_mesh(MeshConfig(), jax.devices()[:1]).shape) == {"data": 1, "fsdp": 1, "tensor": 1}


@pytest.mark.parametrize("sizes", [(3, -1, 1), (2, 2, 1), (16, 1, 1)])
def test_sizes_that_do_not_make_the_number_of_devices_are_an_error(sizes):
    with pytest.raises(ValueError, match="there are 8 devices"):
        make_mesh(MeshConfig(**dict(zip(AXES, sizes, strict=True))))


@pytest.mark.parametrize("sizes", [(0, 1, 1), (-1, -1, 1), (1, -2, 1)])
def test_sizes_that_mean_nothing_are_an_error(sizes):
    with pytest.raises(ValueError, match=r"expected an integer of at least 1 or -1|at most one may be -1"):
        MeshConfig(**dict(zip(AXES, sizes, strict=True)))


@pytest.mark.parametrize(
    ("axes", "shape", "spec"),
    [
        (("vocab", "embed"), (128, 16), ("tensor", "fsdp")),
        (("layers", "embed", "mlp"), (3, 16, 32), (None, "fsdp", "tensor")),
        (("batch", "length", "embed"), (8, 5, 16), (("data", "fsdp"), None, None)),  # fsdp is taken by the batch
        (("heads", "mlp"), (4, 4), ("tensor", None)),  # the first that asks has the axis
        ((), (), ()),
        ((), (4,), (None,)),
        (("unheard_of",), (8,), (None,)),
    ],
)
def test_rules_give_each_mesh_axis_to_the_first_dimension_that_asks(axes, shape, spec):
    assert partition_spec(axes, shape, mesh()) == PartitionSpec(*spec)


def test_a_dimension_that_its_mesh_axes_do_not_divide_is_not_split():
    assert partition_spec(("vocab", "embed"), (129, 16), mesh()) == PartitionSpec(None, "fsdp")
    assert partition_spec(("batch", "embed"), (6, 16), mesh()) == PartitionSpec(None, "fsdp")  # fsdp stays free


@pytest.mark.parametrize("fewer_first", [True, False])
def test_an_axis_of_a_kernel_is_split_the_same_way_in_all_arrays_or_in_none(fewer_first):
    few, many = jnp.arange(4.0).reshape(4, 1), jnp.arange(8.0).reshape(4, 2)
    seen = []

    def kernel(*arrays):
        seen.extend(x.shape for x in arrays)
        return sum(arrays)

    arrays = (few, many) if fewer_first else (many, few)
    four = make_mesh(MeshConfig(data=2, fsdp=1, tensor=2), jax.devices()[:4])
    got = shard(four)(kernel, [("batch", "heads")] * 2, ("batch", "heads"))(*arrays)
    np.testing.assert_array_equal(got, few + many)
    assert set(seen) == {(2, 1), (2, 2)}, "rows are split, and heads of which one array has a single one are not"


def test_mesh_axes_of_one_device_split_nothing():
    alone = make_mesh(MeshConfig(), jax.devices()[:1])
    assert partition_spec(("vocab", "embed"), (128, 16), alone) == PartitionSpec(None, None)
    assert partition_spec(("batch",), (8,), mesh(data=1, fsdp=4, tensor=2)) == PartitionSpec("fsdp")


def test_every_weight_matrix_of_a_model_is_split_over_fsdp_and_tensor():
    config = T5Config(vocab_size=128, d_model=16, d_ff=32, num_layers=2, num_decoder_layers=2, num_heads=2, head_dim=8)
    _, shapes = functional.abstract(config)
    placed = shardings(shapes, functional.logical_axes(config), mesh())
    matrices = 0
    for path, shape in jax.tree_util.tree_leaves_with_path(shapes):
        sharding = placed
        for key in path:
            sharding = sharding[key.key]
        name = jax.tree_util.keystr(path)
        if len(shape.shape) >= 2 and "norm" not in name and "bias" not in name:
            matrices += 1
            assert np.prod(sharding.shard_shape(shape.shape)) * 4 == np.prod(shape.shape), name
    assert matrices == 2 + 2 * (4 + 4 + 3) - 4  # tables; encoder without cross-attention


def test_a_batch_on_the_mesh_is_the_batch_of_the_host():
    batch = {"inputs": np.arange(48, dtype=np.int32).reshape(8, 6), "loss_weights": np.linspace(0, 1, 8, dtype=np.float32)}
    moved = to_global(batch, mesh())
    for name, rows in batch.items():
        np.testing.assert_array_equal(np.asarray(moved[name]), rows)
        assert moved[name].dtype == rows.dtype
    assert num_batch_shards(mesh()) == 4
    assert {s.data.shape for s in moved["inputs"].addressable_shards} == {(2, 6)}


def test_a_batch_that_the_mesh_does_not_divide_is_an_error():
    with pytest.raises(ValueError, match="6"):
        to_global({"inputs": np.zeros((6, 4), np.int32)}, mesh())


def test_constrain_splits_an_activation_and_keeps_its_values():
    x = jnp.arange(8.0 * 16).reshape(8, 16)
    split = jax.jit(lambda x: constrain(mesh())(x, ("batch", "vocab")))(x)
    assert split.sharding.shard_shape(x.shape) == (2, 8)
    np.testing.assert_array_equal(split, x)


@dataclasses.dataclass(frozen=True)
class Chip:
    """What a mesh asks of a TPU chip."""

    id: int
    process_index: int
    slice_index: int
    coords: tuple[int, int, int]
    core_on_chip: int = 0
    platform: str = "tpu"
    device_kind: str = "TPU v4"


def two_slices():
    """Sixteen chips in two cubes; a host has the four of one layer."""
    places = [(s, x, y, z) for s in (0, 1) for z in (0, 1) for y in (0, 1) for x in (0, 1)]
    return [Chip(i, s * 2 + z, s, (x, y, z)) for i, (s, x, y, z) in enumerate(places)]


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ((1, -1, 1), (2, 8, 1)),
        ((1, -1, 2), (2, 4, 2)),
        ((2, 4, 2), (2, 4, 2)),
        ((-1, 2, 2), (4, 2, 2)),
        ((4, 1, -1), (4, 1, 4)),
    ],
)
def test_on_two_slices_only_data_lies_between_them(sizes, shape):
    grid = arrange(MeshConfig(**dict(zip(AXES, sizes, strict=True))), two_slices())
    assert grid.shape == shape
    assert {chip.id for chip in grid.flat} == set(range(16))
    for replica in grid:  # every fsdp group and every tensor group lies within one
        assert len({chip.slice_index for chip in replica.flat}) == 1
    assert {chip.slice_index for chip in grid[:, 0, 0]} == {0, 1}


def test_chips_of_a_tensor_group_are_neighbours_in_their_slice():
    for group in arrange(MeshConfig(data=2, fsdp=4, tensor=2), two_slices()).reshape(8, 2):
        one, two = (np.array(chip.coords) for chip in group)
        assert np.abs(one - two).sum() == 1


@pytest.mark.parametrize("sizes", [(1, 16, 1), (-1, 1, 16), (1, 8, 2)])
def test_fsdp_or_tensor_between_slices_is_an_error_that_names_both(sizes):
    with pytest.raises(ValueError, match=r"mesh.data is 1, but the 16 devices are 2 slices.* multiple of 2"):
        arrange(MeshConfig(**dict(zip(AXES, sizes, strict=True))), two_slices())


def test_nodes_of_gpus_are_no_slices():
    gpus = [dataclasses.replace(c, platform="gpu", device_kind="NVIDIA H100") for c in reversed(two_slices())]
    grid = arrange(MeshConfig(), gpus)
    assert grid.shape == (1, 16, 1)
    assert [gpu.id for gpu in grid.flat] == list(range(16))


def on_hosts(chips_per_host, **sizes):
    chips = [dataclasses.replace(c, process_index=c.id // chips_per_host) for c in two_slices()]
    return Mesh(arrange(MeshConfig(**sizes), chips), AXES)


def test_a_mesh_says_what_lies_between_slices():
    assert describe(on_hosts(4)) == "data 2 x fsdp 8 x tensor 1 (data between 2 slices)"
    assert describe(mesh()) == "data 2 x fsdp 2 x tensor 2"


@pytest.mark.parametrize(
    ("chips_per_host", "sizes", "hosts"),
    [
        (4, {}, [(0,), (1,), (2,), (3,)]),
        (1, {"data": 2, "fsdp": 4, "tensor": 2}, [(0, 1), (4, 5), (2, 3), (6, 7), (8, 9), (12, 13), (10, 11), (14, 15)]),
        (4, {"data": 2, "fsdp": 1, "tensor": 8}, [(0, 1), (2, 3)]),
        (2, {"data": 2, "fsdp": 1, "tensor": 8}, [(0, 1, 2, 3), (4, 5, 6, 7)]),
    ],
)
def test_processes_whose_devices_hold_the_same_rows_are_one_data_host(chips_per_host, sizes, hosts):
    assert data_hosts(on_hosts(chips_per_host, **sizes)) == hosts


def test_processes_that_share_only_some_rows_are_refused():
    shared = Mesh(np.array([Chip(i, i // 3, 0, (i, 0, 0)) for i in range(6)]).reshape(1, 3, 2), AXES)
    with pytest.raises(ValueError, match=r"mesh.tensor must divide the 3 devices of a process"):
        data_hosts(shared)


TINY = T5Config(vocab_size=128, d_model=128, d_ff=256, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8, scan=False)


@pytest.fixture
def quick_to_compile():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.usefixtures("quick_to_compile")
@pytest.mark.parametrize("optimizer", ["adafactor", "adamw"])
@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 4, 2)])
def test_after_a_step_every_array_lies_where_the_plan_says(sizes, optimizer):
    over = mesh(*sizes)
    config = TrainConfig(steps=5, optimizer=OptimizerConfig(name=optimizer, learning_rate=1e-3))
    program = Program(config, TINY, over, num_tasks=1)
    model = jax.jit(functional.init, static_argnums=0)(TINY, jax.random.key(0))
    state = program.init(jax.device_put(model, jax.tree.map(lambda x: x.sharding, program.state.params)))
    layout = make_layout(FeatureConfig(inputs_length=16, targets_length=8), ByteTokenizer())
    row = layout.row(
        [Encoded(np.arange(2, 8, dtype=np.int32), np.arange(3, 7, dtype=np.int32), 1.0, 0, 0, 0)], layout.lengths[0]
    )
    state, metrics = program.step(state, {}, to_global({k: np.stack([v] * 8) for k, v in row.items()}, over))
    assert np.isfinite(metrics.values["loss"])
    planned, found = (jax.tree_util.tree_leaves_with_path(tree) for tree in (program.state, state))
    assert len(planned) == len(found) > 2 * len(jax.tree.leaves(state.params))
    split = 0
    for (path, plan), (same_path, array) in zip(planned, found, strict=True):
        name = jax.tree_util.keystr(path)
        assert path == same_path
        assert array.sharding == plan.sharding, name
        assert {s.data.shape for s in array.addressable_shards} == {plan.sharding.shard_shape(plan.shape)}, name
        split += not array.sharding.is_fully_replicated
    assert split > len(planned) / 2


def test_the_table_names_the_axes_and_the_bytes_of_every_parameter():
    config = T5Config(vocab_size=128, d_model=16, d_ff=32, num_layers=2, num_decoder_layers=2, num_heads=2, head_dim=8)
    program = Program(TrainConfig(optimizer=OptimizerConfig(name="adamw")), config, mesh(), num_tasks=1)
    rows = placements(program.state.params, functional.logical_axes(config))
    assert len(rows) == len(jax.tree.leaves(program.state.params))
    by_name = {row.name: row for row in rows}
    embedding = by_name["embedding"]
    assert embedding.logical_axes == ("vocab", "embed")
    assert embedding.mesh_axes == PartitionSpec("tensor", "fsdp")
    assert embedding.bytes_per_device == 128 * 16 * 4 // 4
    state = [*rows, *placements({"optimizer": program.state.opt_state})]
    held = sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(jax.jit(lambda: zeros(program.state))()))
    text = table(state)
    assert f"{held - 4:,}" == text.splitlines()[-1].split()[-1]  # the step itself is no row
    (line,) = (line.split() for line in text.splitlines() if line.startswith("embedding "))
    assert line == ["embedding", "128", "x", "16", "float32", "vocab", "embed", "tensor", "fsdp", "2,048"]


def zeros(shapes):
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(jnp.zeros(x.shape, x.dtype), x.sharding), shapes)


@pytest.mark.parametrize(("rows", "microbatches", "left"), [(12, 1, 12), (4, "auto", 4), (16, 4, 4)])
def test_a_batch_that_the_devices_do_not_divide_is_refused_before_anything_is_read(rows, microbatches, left):
    config = types.SimpleNamespace(
        mesh=MeshConfig(), data=types.SimpleNamespace(batch_size=rows), train=types.SimpleNamespace(microbatches=microbatches)
    )
    with pytest.raises(ConfigError, match=rf"is {left} rows, which 8 devices \(data x fsdp\) do not divide"):
        open_devices(config)
