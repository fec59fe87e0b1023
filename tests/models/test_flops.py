"""FLOPs against the published sizes and XLA's own count, lengths from packed rows, peaks by device."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanjax.models.flops import (
    decoder_attention_flops,
    decoder_step_flops,
    paired_lengths,
    segment_lengths,
    t5_attention_flops,
    t5_step_flops,
)
from flanjax.parallel.hardware import measured_matmul_flops, peak_flops


def t5(d_model, d_ff, num_heads, layers, head_dim=64, vocab_size=32128, gated=True):
    return SimpleNamespace(
        d_model=d_model,
        d_ff=d_ff,
        num_heads=num_heads,
        head_dim=head_dim,
        num_layers=layers,
        num_decoder_layers=layers,
        vocab_size=vocab_size,
        gated=gated,
    )


# T5 v1.1 at 512 input and 114 target tokens: GFLOPs of one sequence, counted apart from this code.
KNOWN = {
    "small": (t5(512, 1024, 6, 8), 106),
    "base": (t5(768, 2048, 12, 12), 426),
    "large": (t5(1024, 2816, 16, 24), 1470),
    "xl": (t5(2048, 5120, 32, 24), 5350),
    "xxl": (t5(4096, 10240, 64, 24), 20900),
}


@pytest.mark.parametrize("size", KNOWN)
def test_the_flops_of_the_published_sizes(size):
    dims, gigaflops = KNOWN[size]
    assert t5_step_flops(dims, np.array([512]), np.array([114])) / 1e9 == pytest.approx(gigaflops, rel=0.005)


def test_attentions_part_is_what_halves_where_segments_are_half_as_long():
    """All other products depend on the number of tokens alone."""
    dims, whole, halves = KNOWN["base"][0], (np.array([512]), np.array([128])), (np.array([256, 256]), np.array([64, 64]))
    (attention, cross), (half, _) = t5_attention_flops(dims, *whole), t5_attention_flops(dims, *halves)
    assert half == attention / 2
    assert t5_step_flops(dims, *whole) - t5_step_flops(dims, *halves) == pytest.approx(attention / 2)
    assert cross == 3 * 12 * 2 * 2 * 768 * 512 * 128
    dims = SimpleNamespace(**vars(dims), num_kv_heads=12)
    attention, half = (decoder_attention_flops(dims, lengths) for lengths in (whole[0], halves[0]))
    rest = [decoder_step_flops(dims, lengths, 512) for lengths in (whole[0], halves[0])]
    assert rest[0] - rest[1] == pytest.approx(attention - half)


def t5_products(dims, blocks, head, source, target):
    """The matrix products of one T5 forward pass and nothing else, with a loss of their squares.

    Every block has weights of its own: XLA would compute the shared keys and values of one encoder output once.
    """
    blocks = iter(blocks)

    def attend(x, memory):
        w = next(blocks)
        q, k, v = (jnp.einsum("td,dnh->tnh", y, w[name]) for y, name in ((x, "q"), (memory, "k"), (memory, "v")))
        mixed = jnp.einsum("nts,snh->tnh", jnp.einsum("tnh,snh->nts", q, k), v)
        return jnp.einsum("tnh,nhd->td", mixed, w["o"])

    def mlp(x):
        w = next(blocks)
        hidden = x @ w["wi_0"]
        return (hidden * (x @ w["wi_1"]) if dims.gated else hidden) @ w["wo"]

    for _ in range(dims.num_layers):
        source = mlp(attend(source, source))
    for _ in range(dims.num_decoder_layers):
        target = mlp(attend(attend(target, target), source))
    return jnp.sum(jnp.square(target @ head))


@pytest.mark.parametrize("gated", [True, False])
def test_forward_and_backward_equal_the_count_of_xla(gated):
    dims = t5(64, 160, 3, 2, head_dim=24, vocab_size=512, gated=gated)
    attention = {name: jnp.ones((64, 3, 24)) for name in ("q", "k", "v")} | {"o": jnp.ones((3, 24, 64))}
    mlp = {"wi_0": jnp.ones((64, 160)), "wi_1": jnp.ones((64, 160)), "wo": jnp.ones((160, 64))}
    blocks = [attention, mlp] * 2 + [attention, attention, mlp] * 2
    arguments = blocks, jnp.ones((64, 512)), jnp.ones((96, 64)), jnp.ones((40, 64))
    step = jax.jit(jax.value_and_grad(lambda *arrays: t5_products(dims, *arrays), argnums=(0, 1, 2, 3)))
    counted = step.lower(*arguments).compile().cost_analysis()["flops"]
    assert t5_step_flops(dims, np.array([96]), np.array([40])) == pytest.approx(counted, rel=0.01)


def test_flops_add_up_over_segments_and_count_empty_sides():
    dims, _ = KNOWN["small"]
    source, target = np.array([512, 30, 0]), np.array([114, 0, 7])
    parts = [t5_step_flops(dims, source[i : i + 1], target[i : i + 1]) for i in range(3)]
    assert t5_step_flops(dims, source, target) == pytest.approx(sum(parts), rel=1e-12)
    assert min(parts) > 0
    assert t5_step_flops(dims, np.array([], int), np.array([], int)) == 0


def test_a_packed_batch_costs_what_its_segments_cost_alone():
    inputs = np.array([[1, 1, 1, 2, 2, 0], [1, 1, 3, 3, 3, 3]])
    targets = np.array([[1, 2, 2, 2], [1, 2, 3, 0]])
    source, target = paired_lengths(inputs, targets)
    assert (source.tolist(), target.tolist()) == ([3, 2, 2, 0, 4], [1, 3, 1, 1, 1])
    dims, _ = KNOWN["small"]
    packed = t5_step_flops(dims, *paired_lengths(inputs, targets))
    assert packed < t5_step_flops(dims, np.array([6, 6]), np.array([4, 4]))


def test_segment_ids_restart_in_every_row():
    assert segment_lengths(np.array([[1, 1, 2, 0], [1, 0, 0, 0]])).tolist() == [2, 1, 1]
    assert segment_lengths(np.zeros((2, 3), int)).tolist() == []
    source, target = paired_lengths(np.zeros((2, 3), int), np.zeros((2, 4), int))
    assert source.size == target.size == 0


def test_mismatched_lengths_are_an_error():
    with pytest.raises(ValueError, match=r"got shapes \(2,\) and \(1,\)"):
        t5_step_flops(KNOWN["small"][0], np.array([1, 2]), np.array([1]))
    with pytest.raises(ValueError, match=r"got segment ids of shapes \(2, 3\) and \(1, 4\)"):
        paired_lengths(np.zeros((2, 3), int), np.zeros((1, 4), int))


@pytest.mark.parametrize(
    ("kind", "teraflops"),
    [
        ("TPU v2", 23),
        ("TPU v3", 61.5),
        ("TPU v4", 275),
        ("TPU v5 lite", 197),
        ("TPU v5", 459),
        ("TPU v5p", 459),
        ("TPU v6 lite", 918),
        ("TPU7x", 1153.5),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10G", 70),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989.4),
        ("NVIDIA GH200 480GB", 989.4),
    ],
)
def test_the_longest_known_name_gives_the_peak(kind, teraflops):
    flops, line = peak_flops(SimpleNamespace(device_kind=kind))
    assert flops == teraflops * 1e12
    assert line.startswith(f"{kind}: {teraflops} TFLOP/s")


@pytest.mark.parametrize("kind", ["cpu", "TPU v9", "Tesla T4", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"])
def test_no_peak_is_made_up_for_an_unknown_device(kind):
    assert peak_flops(SimpleNamespace(device_kind=kind)) is None


def test_a_measured_rate_is_a_plausible_limit():
    rate, line = measured_matmul_flops(0.05, sizes=(64, 256))
    assert 1e8 < rate < 1e16
    assert "float32" in line


LLAMA3_8B = SimpleNamespace(
    d_model=4096, d_ff=14336, num_heads=32, num_kv_heads=8, head_dim=128, num_layers=32, vocab_size=128256, gated=True
)


def test_a_decoder_costs_six_flops_a_weight_and_target_and_its_causal_attention():
    length = 8192
    weights = 8.03e9 - 128256 * 4096  # published parameters without the look-up table
    attention = 3 * 2 * 2 * 32 * 4096 * length * (length + 1) / 2
    got = decoder_step_flops(LLAMA3_8B, np.array([length]), length)
    assert got == pytest.approx(6 * weights * length + attention, rel=0.002)


def test_the_head_of_a_decoder_counts_at_targets_only_and_packing_changes_nothing():
    lengths = np.array([100, 60])
    head = 3 * 2 * 4096 * 128256
    some, more = (decoder_step_flops(LLAMA3_8B, lengths, n) for n in (10, 30))
    assert more - some == pytest.approx(20 * head)
    apart = sum(decoder_step_flops(LLAMA3_8B, np.array([n]), 5) for n in lengths)
    assert some == pytest.approx(apart)
