"""Throughput is of real work, and of the time that steps took."""

import types

import numpy as np
import pytest

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.packing import Encoded
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config
from flanjax.train.goodput import Goodput
from flanjax.train.meter import Meter, Work, work_of

MODELS = {
    "encoder_decoder": T5Config(
        vocab_size=128, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8
    ),
    "causal": DecoderConfig(
        family="llama", vocab_size=128, d_model=16, d_ff=32, num_layers=1, num_heads=2, num_kv_heads=1, head_dim=8
    ),
}
FILLED = {
    "encoder_decoder": {"encoder_fill": (9, 32), "decoder_fill": (7, 16)},
    "causal": {"row_fill": (13, 48), "target_fill": (7, 16)},  # three examples: each one's last token is only a target
}


@pytest.mark.parametrize("layout", MODELS)
def test_the_work_of_a_batch_is_of_its_examples_and_not_of_padding(layout):
    made = make_layout(FeatureConfig(layout=layout, inputs_length=16, targets_length=8), ByteTokenizer())

    def example(inputs, targets):
        return Encoded(np.arange(inputs, dtype=np.int32), np.arange(targets, dtype=np.int32), 1.0, 0, 0, 0)

    rows = [made.row(examples, made.lengths[0]) for examples in ([example(4, 2), example(3, 4)], [example(2, 1)])]
    batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    work = work_of(batch, MODELS[layout])
    assert (work.examples, work.input_tokens, work.target_tokens) == (3, 9, 7)
    assert work.filled == FILLED[layout]
    assert work.flops == functional.step_flops(MODELS[layout], batch) > 0
    twice = work + work
    assert (twice.examples, twice.target_tokens, twice.flops) == (6, 14, 2 * work.flops)
    assert twice.filled == {name: (2 * tokens, 2 * positions) for name, (tokens, positions) in work.filled.items()}


def test_the_limit_is_that_of_all_devices_whether_it_is_published_or_measured(monkeypatch):
    gpu = types.SimpleNamespace(platform="gpu", device_kind="a card")
    monkeypatch.setattr("flanjax.train.meter.jax.devices", lambda: [gpu] * 8)
    monkeypatch.setattr("flanjax.train.meter.jax.device_count", lambda: 8)
    monkeypatch.setattr("flanjax.train.meter.measured_matmul_flops", lambda: (1e6, "measured"))
    for peak in ((1e6, "published"), None):
        monkeypatch.setattr("flanjax.train.meter.peak_flops", lambda device, peak=peak: peak)
        meter = Meter(1)
        meter.add(Work(flops=8e6))
        meter._began -= 1.0
        assert meter.read(1)["mfu"] == pytest.approx(1.0, rel=0.05)


def test_rates_are_of_all_hosts_over_the_time_of_steps_with_compiling_and_without_pauses(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("flanjax.train.meter.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("flanjax.train.meter.measured_matmul_flops", lambda: (1e6, "a machine of 1 MFLOP/s"))
    meter = Meter(2, Goodput(began=90.0))
    now[0] += 30
    meter.pause(20)  # an evaluation
    meter.compiled(6)
    meter.add(Work(examples=5, input_tokens=80, target_tokens=40, flops=1e6, filled={"fill": (3, 4)}))
    read = meter.read(4)
    assert (read["seconds"], read["target_tokens_per_second"], read["input_tokens_per_second"]) == (2.5, 8.0, 16.0)
    assert (read["examples_per_second"], read["mfu"], read["fill"]) == (1.0, 0.2, 0.75)
    assert read["goodput"] == pytest.approx(4 / 40), "of ten seconds, six went into compiling"
    now[0] += 5
    meter.add(Work(target_tokens=10))
    again = meter.read(1)
    assert (again["seconds"], again["target_tokens_per_second"]) == (5.0, 4.0), "nothing is left of the reading before"
