"""Compiling for a TPU slice that this machine does not have."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import tpu_compiler

from flanjax import parts
from flanjax.aot import compile as aot
from flanjax.aot import hlo
from flanjax.config import ConfigError, RunConfig
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.parallel import sharding
from flanjax.parallel.hardware import CHIPS
from flanjax.train.program import Program

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "name": "tiny",
    "mixture": str(ROOT / "mixtures" / "quickstart.py") + ":quickstart",
    "heldout": ("topic",),
    "model": {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8},
    "data": {"batch_size": 8, "num_streams": 4, "features": {"inputs_length": 32, "targets_length": 16}},
}


def config(**changes):
    return RunConfig.from_config_dict({**TINY, **changes})


CAUSAL = {"batch_size": 8, "num_streams": 4, "features": {"layout": "causal", "inputs_length": 32, "targets_length": 16}}
DECODER = {"family": "llama", "d_model": 16, "d_ff": 32, "num_layers": 2, "num_heads": 2, "num_kv_heads": 1, "head_dim": 8}
KINDS = {"t5": {}, "decoder": {"model": DECODER, "data": CAUSAL}}


def test_few_weights_over_eight_bits_take_the_memory_that_they_have():
    """What `flanjax compile` counts of the state, for training all weights, few, and few over a base in eight bits."""
    held = []
    few = {"init": "base", "adapt": "lora"}
    for model, adapt in (({}, {}), (few, {}), (few, {"int8": True})):
        made = config(model={**TINY["model"], **model}, adapt=adapt)
        built = aot.model_of(made)
        mesh = sharding.make_mesh(made.mesh)
        program = Program(made.train, built, mesh, num_tasks=3, tuning=aot._tuning(made, built))
        held.append(aot._bytes_per_device((program.state, program.params.frozen)))
    everything, lora, in_eight_bits = held
    assert in_eight_bits < lora < 0.6 * everything


@pytest.mark.parametrize("kind", KINDS)
def test_the_shapes_compiled_for_are_those_of_a_real_batch(kind):
    made = config(**KINDS[kind])
    shapes = parts.batch_shapes(made, sharding.make_mesh(made.mesh))
    row = make_layout(made.data.features, ByteTokenizer()).row([], made.data.features.longest)
    assert {k: (v.shape[1:], v.dtype) for k, v in shapes.items()} == {k: (v.shape, v.dtype) for k, v in row.items()}
    assert {v.shape[0] for v in shapes.values()} == {8}


def test_the_program_of_training_compiles_from_shapes_alone_and_shards_its_state():
    mesh = sharding.make_mesh(config().mesh)
    program = Program(config().train, aot.model_of(config()), mesh, num_tasks=3)
    compiled = program.compile(parts.batch_shapes(config(), mesh))
    assert hlo.count(compiled.executable.as_text()).collectives  # eight devices cannot share a batch without talking
    whole = sum(int(np.prod(x.shape)) * x.dtype.itemsize for x in jax.tree.leaves(program.state))
    assert aot._bytes_per_device(program.state) < whole / 4


@pytest.mark.parametrize("kind", KINDS)
def test_both_steps_are_compiled_and_described(kind, eight_fake_chips):
    for compiled in (aot.compile_training, aot.compile_scoring):
        found = compiled(config(**KINDS[kind]), "v5e:2x4")
        assert found.chips == 8
        assert 0 < found.state_bytes < found.peak_bytes
        told = aot.describe(config(), "v5e:2x4", found)
        assert all(word in told for word in (found.what, "GiB a chip: fits", "all-", "MFU", "assumes published peaks"))
        assert aot.table_row(config(), "v5e:2x4", found).count("|") == aot.TABLE_HEAD.splitlines()[0].count("|")


def test_every_length_pair_has_a_program_and_the_step_takes_that_of_its_batch(eight_fake_chips):
    features = {"inputs_length": 32, "targets_length": 16, "lengths": ((32, 8), (32, 16), (32, 8))}
    made = config(data={"batch_size": 8, "num_streams": 4, "features": features})
    found = aot.compile_training(made, "v5e:2x4")
    assert [each.what for each in (found, *found.shorter)] == [f"{aot.TRAINING}, rows of 32 + {t}" for t in (16, 8)]
    assert found.shorter[0].peak_bytes < found.peak_bytes
    assert aot.describe(made, "v5e:2x4", found).count("GiB a chip: fits") == 2
    assert len(aot.table_row(made, "v5e:2x4", found).splitlines()) == 2


def test_a_program_that_cannot_be_printed_is_compiled_once_more_so_that_it_can(eight_fake_chips, monkeypatch):
    class Unprintable:
        def __init__(self, executable):
            self.__dict__.update({"memory_analysis": executable.memory_analysis})

        def as_text(self):
            raise jax.errors.JaxRuntimeError("INTERNAL: async-update instruction should have 1 operands but sees 3")

    compile_plainly = jax.stages.Lowered.compile

    def compile_once(lowered, compiler_options=None):
        asked.append(compiler_options)
        executable = compile_plainly(lowered)
        return executable if compiler_options else Unprintable(executable)

    asked: list[dict[str, bool] | None] = []
    monkeypatch.setattr(jax.stages.Lowered, "compile", compile_once)
    found = aot.compile_training(config(), "v5e:2x4")
    assert found.texts_differ
    assert list(asked[-1]) == ["xla_tpu_offload_gather_to_sparsecore", "xla_tpu_enable_offloading_scatter_to_sparsecore"]
    assert "without look-ups on SparseCores" in aot.describe(config(), "v5e:2x4", found)
    monkeypatch.setattr(jax.stages.Lowered, "compile", lambda lowered, **_: Unprintable(compile_plainly(lowered)))
    found = aot.compile_training(config(), "v5e:2x4")
    assert "collectives and time are not known" in aot.describe(config(), "v5e:2x4", found)
    assert "not known" in aot.table_row(config(), "v5e:2x4", found)


def test_every_parameter_is_listed_with_where_it_lies(eight_fake_chips):
    listed = aot.parameters(config(), "v5e:2x4")
    assert "encoder/layers/mlp/wi_0" in listed
    assert "layers embed mlp" in listed
    assert "fsdp" in listed


def test_what_does_not_fit_is_refused_with_what_helps(eight_fake_chips, monkeypatch):
    monkeypatch.setitem(CHIPS, "v5e", CHIPS["v5e"]._replace(hbm_gib=1e-5))
    with pytest.raises(ConfigError, match=r"training step does not fit a chip of v5e:2x4.*auto, model\.remat=full"):
        aot.compile_training(config(), "v5e:2x4")
    with pytest.raises(ConfigError, match=r"scoring does not fit.*evaluation\.batch_size"):
        aot.compile_scoring(config(), "v5e:2x4")
    with pytest.raises(ConfigError, match="does not fit"):
        aot.compile_training(config(train={"microbatches": "auto"}), "v5e:2x4")


def test_a_batch_that_the_chips_do_not_divide_is_named(eight_fake_chips):
    with pytest.raises(ConfigError, match="4 rows, which 8 devices"):
        aot.compile_training(config(train={"microbatches": 2}), "v5e:2x4")
    with pytest.raises(ConfigError, match=r"v5e:2x4: mesh .* there are 8 devices"):
        aot.compile_training(config(mesh={"tensor": 3}), "v5e:2x4")


@pytest.mark.parametrize("topology", ["v5e", "v6:4x4", "h900:8"])
def test_an_unknown_topology_is_named_with_what_is_known(topology):
    with pytest.raises(ConfigError, match=r"v5e:4x4"):
        aot.compile_training(config(), topology)


@tpu_compiler.needed
def test_what_a_chip_with_sparse_cores_would_run_is_known():
    command = [sys.executable, "-m", "flanjax.cli", "compile", "--config", "configs/flan_t5.py:small", "--topology", "v6e:2x2"]
    few = {"num_layers": 1, "num_decoder_layers": 1, "d_model": 128, "d_ff": 256, "num_heads": 2}
    small = [f"--config.model.{name}={value}" for name, value in few.items()]
    small += ["--config.data.batch_size=8", "--config.data.num_streams=8", "--config.train.microbatches=1"]
    small += ["--config.data.features.inputs_length=128", "--config.data.features.targets_length=64"]
    # As a user who has taken the documented step and no other: libtpu lies in its folder, and nothing points jax to it.
    bare = {"FLANJAX_LIBTPU": tpu_compiler.PLACE, "XLA_FLAGS": "", "PYTHONPATH": str(ROOT)}
    environment = {k: v for k, v in os.environ.items() if k != "JAX_PLATFORMS"} | bare
    ran = subprocess.run([*command, *small], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert "compiling training of flan_t5_small for v6e:2x2 ..." in ran.stderr
    assert ran.stdout.count("MFU") == 4
    assert "not known" not in ran.stdout


def test_weights_bring_their_vocabulary_and_a_model_from_scratch_has_the_trained_one():
    def vocabulary(**model):
        made = {
            "name": "x",
            "mixture": "m.py:m",
            "model": {"size": "t5_v1_1_small", **model},
            "tokenizer": {"vocab_size": 8192},
        }
        return aot.model_of(RunConfig.from_config_dict(made)).vocab_size

    assert (vocabulary(init="google/t5-v1_1-small"), vocabulary()) == (32_128, 8192)
