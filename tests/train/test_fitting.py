"""The number of microbatches and the recomputation, chosen by what the compiler says of memory."""

import dataclasses
import functools

import jax
import pytest

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import row_shapes
from flanjax.models.decoder import DecoderConfig
from flanjax.models.stack import REMAT
from flanjax.models.t5 import T5Config
from flanjax.parallel import sharding
from flanjax.train.config import TrainConfig
from flanjax.train.fitting import fit_program
from flanjax.train.program import Program

MODEL = T5Config(vocab_size=512, scan=False, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)
CONFIG = TrainConfig(microbatches="auto")
AUTO = DecoderConfig(
    family="llama", vocab_size=64, d_model=16, d_ff=128, num_layers=4, num_heads=2, num_kv_heads=1, head_dim=8, remat="auto"
)
ROWS, DEVICES = 8, 2


@pytest.fixture(scope="module")
def mesh():
    return sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:DEVICES])


def batch_of(mesh, layout):
    placed = sharding.batch_sharding(mesh)
    config = FeatureConfig(layout=layout, inputs_length=64, targets_length=64)
    shapes = row_shapes(config, config.longest)
    return {n: jax.ShapeDtypeStruct((ROWS, *s), dtype, sharding=placed) for n, (s, dtype) in shapes.items()}


@pytest.fixture(scope="module")
def batch(mesh):
    return batch_of(mesh, "encoder_decoder")


@pytest.fixture(scope="module")
def positions(mesh):
    """A batch of the decoder."""
    return batch_of(mesh, "causal")


@pytest.fixture(scope="module")
def peaks(mesh, batch):
    """What the step needs with each number of microbatches."""
    programs = {n: program(mesh, dataclasses.replace(CONFIG, microbatches=n), MODEL) for n in (1, 4)}
    return {n: p.compile(batch).peak_bytes for n, p in programs.items()}


@functools.cache  # a program keeps what was compiled
def program(mesh, config, model):
    return Program(config, model, mesh, num_tasks=2)


def fit(mesh, batch, limit, config=CONFIG, model=MODEL):
    return fit_program(functools.partial(program, mesh), config, model, batch, mesh, limit)


def test_more_microbatches_need_less_memory(peaks):
    assert peaks[1] > peaks[4]


def test_auto_takes_the_fewest_that_fit_and_says_what_it_tried(mesh, batch, peaks):
    for number, peak in peaks.items():
        found = fit(mesh, batch, peak)
        assert found.microbatches == number
        assert found.reason.count("would need") == {1: 0, 4: 2}[number]


def test_what_fits_in_no_way_says_what_helps(mesh, batch, peaks):
    with pytest.raises(ValueError, match=r"does not fit .*4 with none would need.*model.remat=full"):
        fit(mesh, batch, peaks[4] - 1)


def test_a_device_that_does_not_tell_its_memory_takes_the_batch_whole(mesh, batch):
    found = fit(mesh, batch, None)
    assert (found.microbatches, found.remat, found.reason) == (1, "none", "this device does not report its memory")
    found = fit(mesh, batch, None, model=AUTO)
    assert (found.microbatches, found.remat) == (1, "none")


def test_a_number_is_taken_as_it_is_and_a_wrong_word_refused(mesh, batch):
    config = dataclasses.replace(CONFIG, microbatches=4)
    assert fit(mesh, batch, 1, config).microbatches == 4
    with pytest.raises(ValueError, match="'many', expected an integer of at least 1 or 'auto'"):
        TrainConfig(microbatches="many")


def test_auto_recomputes_the_least_that_fits_with_the_fewest_microbatches(mesh, positions):
    def peak(number, remat):
        config, model = dataclasses.replace(CONFIG, microbatches=number), dataclasses.replace(AUTO, remat=remat)
        return program(mesh, config, model).compile(positions).peak_bytes

    least = {remat: peak(1, remat) for remat in REMAT}
    assert sorted(least.values(), reverse=True) == [*least.values()]
    assert len(set(least.values())) == len(REMAT)
    for place, remat in ((1, "dots"), (3, "full")):
        found = fit(mesh, positions, least[remat], model=AUTO)
        assert (found.microbatches, found.remat) == (1, remat)
        assert found.reason.count("would need") == place
    two = fit(mesh, positions, least["full"] - 1, model=AUTO)
    assert two.microbatches == 2
    assert peak(2, two.remat) < least["full"]
    only = fit(mesh, positions, least["attention"], dataclasses.replace(CONFIG, microbatches=1), AUTO)
    assert (only.microbatches, only.remat) == (1, "attention")


def test_where_nothing_is_decided_nothing_is_recomputed(mesh, batch):
    config = dataclasses.replace(CONFIG, microbatches=1)
    undecided, named = (program(mesh, config, dataclasses.replace(MODEL, remat=remat)) for remat in ("auto", "none"))
    assert undecided.compile(batch).lowered.as_text() == named.compile(batch).lowered.as_text()
