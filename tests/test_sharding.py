"""The mesh, the rules from logical axes to it, and the way of a host's batch onto it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from flanjax.models import functional
from flanjax.models.t5 import T5Config
from flanjax.sharding import (
    AXES,
    MeshConfig,
    constrain,
    make_mesh,
    num_batch_shards,
    partition_spec,
    shardings,
    to_global,
)


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
    with pytest.raises(ValueError, match="positive sizes, at most one of them -1"):
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
