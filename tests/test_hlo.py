"""What a compiled program computes, moves and sends, counted from its text; and the roofline drawn from it."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from flanjax.aot import roofline as chips
from flanjax.aot.cuda import is_gpu
from flanjax.aot.hlo import Collective, Counts, both, count
from flanjax.parallel.hardware import CHIPS, PEAK_BF16_FLOPS

L, B, D = 7, 32, 64
PRODUCT = 2 * B * D * D
X, W = np.zeros((B, D), np.float32), np.zeros((L, D, D), np.float32)


def text_of(f, *arguments) -> str:
    return jax.jit(f).lower(*arguments).compile().as_text()


def layer(x, w):
    return jnp.tanh(x @ w), None


def scanned(x, ws, step=layer):
    return jax.lax.scan(step, x, ws)[0]


def loss(x, ws, step=layer):
    return scanned(x, ws, step).sum()


@functools.cache
def scan_text() -> str:
    return text_of(scanned, X, W)


# Products


def test_a_scan_over_layers_counts_every_layer():
    found = count(scan_text())
    assert found.matmul_flops == L * PRODUCT
    assert (found.unknown, found.unparsed, found.custom_calls) == ((), 0, {})


def test_without_xlas_note_the_trips_come_from_the_condition():
    silent = re.sub(r'"known_trip_count":\{[^}]*\},?', "", scan_text())
    assert silent != scan_text()
    assert count(silent) == count(scan_text())


@pytest.mark.parametrize(("step", "products"), [(layer, 3), (jax.checkpoint(layer), 4)])
def test_a_gradient_is_three_forwards_and_with_remat_one_more(step, products):
    found = count(text_of(jax.grad(functools.partial(loss, step=step), argnums=(0, 1)), X, W))
    assert found.matmul_flops == products * L * PRODUCT


def test_loops_in_loops_multiply():
    def twice(x, ws):
        return jax.lax.fori_loop(0, 3, lambda _, y: scanned(y, ws), x)

    assert count(text_of(twice, X, W)).matmul_flops == 3 * L * PRODUCT


def test_a_loop_that_the_data_ends_counts_once_and_is_named():
    def until(x, w):
        return jax.lax.while_loop(lambda y: y.sum() < 1, lambda y: jnp.tanh(y @ w), x)

    found = count(text_of(until, X, W[0]))
    assert found.matmul_flops == PRODUCT
    assert len(found.unknown) == 1
    assert found.unknown[0].startswith("while")


def test_a_conditional_counts_its_branch_of_most_work_and_is_named():
    def either(go, x, w):
        return jax.lax.cond(go, lambda: jnp.tanh(x @ w) @ w, lambda: x @ w)

    found = count(text_of(either, True, X, W[0]))
    assert found.matmul_flops == 2 * PRODUCT
    assert len(found.unknown) == 1


@pytest.mark.parametrize(
    ("spec", "left", "right"),
    [("btd,df->btf", (2, 8, 16), (16, 24)), ("btnh,bsnh->bnts", (2, 8, 4, 16), (2, 32, 4, 16))],
)
def test_einsums_count_two_for_each_multiplication(spec, left, right):
    sizes = dict(zip(spec.replace(",", "").split("->")[0], left + right, strict=True))
    found = count(text_of(functools.partial(jnp.einsum, spec), np.zeros(left, np.float32), np.zeros(right, np.float32)))
    assert found.matmul_flops == 2 * np.prod(list(sizes.values()))


def test_a_convolution_counts_the_places_inside_the_image_only():
    def convolve(x, w):
        return jax.lax.conv_general_dilated(x, w, (1,), [(1, 1)], dimension_numbers=("NWC", "WIO", "NWC"))

    found = count(text_of(convolve, np.zeros((2, 10, 4), np.float32), np.zeros((3, 4, 8), np.float32)))
    assert found.matmul_flops == 2 * 2 * 4 * 8 * (3 * 10 - 2)


def test_a_tpus_batched_product_is_a_convolution_with_windows():
    # Weighted values, bkgts,bskh->btkgh with B 4, S 1024, heads 12, H 64, T 256, as libtpu writes it.
    found = count("""
ENTRY %main (v: bf16[4,1024,12,64], p: bf16[4,12,256,1024]) -> bf16[4,12,64,256] {
  %v = bf16[4,1024,12,64]{3,1,2,0} parameter(0)
  %p = bf16[4,12,256,1024]{3,2,1,0} parameter(1)
  ROOT %y = bf16[4,12,64,256]{3,2,1,0} convolution(%v, %p), window={size=4x12 stride=3x11 lhs_dilate=4x12}, \
dim_labels=0f1b_01oi->01bf
}""")
    assert found.matmul_flops == 2 * 4 * 12 * 256 * 64 * 1024


# Main memory


def test_a_scan_reads_each_layers_weights_once_not_all_of_them_each_time():
    layers = 64
    weights = layers * D * D * 4
    found = count(text_of(scanned, np.zeros((1, D), np.float32), np.zeros((layers, D, D), np.float32)))
    assert weights <= found.hbm_bytes < 4 * weights  # the slice may be copied on the way


def test_a_scan_writes_each_layers_output_once():
    def collecting(x, ws):
        return jax.lax.scan(lambda y, w: (y * w, y), x, ws)[1]

    layers, size = 64, 1024
    stacked = layers * size * 4
    found = count(text_of(collecting, np.zeros(size, np.float32), np.zeros((layers, 1), np.float32)))
    assert stacked <= found.hbm_bytes < 8 * stacked


def test_what_stays_in_vmem_is_not_main_memory():
    found = count("""
HloModule jit_f, is_scheduled=true, num_partitions=16

%sliced (stack: bf16[12,768,48], layer: s32[]) -> bf16[1,768,48] {
  %stack = bf16[12,768,48]{2,1,0:T(8,128)(2,1)} parameter(0)
  %layer = s32[]{:T(128)S(6)} parameter(1)
  %zero = s32[]{:T(128)} constant(0)
  ROOT %slice = bf16[1,768,48]{2,1,0:T(8,128)(2,1)S(1)} dynamic-slice(%stack, %layer, %zero, %zero), \
dynamic_slice_sizes={1,768,48}
}

%updated (kept: bf16[12,768,48], new: bf16[768,48], layer: s32[]) -> bf16[12,768,48] {
  %kept = bf16[12,768,48]{2,1,0:T(8,128)(2,1)} parameter(0)
  %new = bf16[768,48]{1,0:T(8,128)(2,1)S(1)} parameter(1)
  %layer.1 = s32[]{:T(128)S(6)} parameter(2)
  %zero.1 = s32[]{:T(128)} constant(0)
  %one = bf16[1,768,48]{2,1,0:T(8,128)(2,1)} bitcast(%new)
  ROOT %update = bf16[12,768,48]{2,1,0:T(8,128)(2,1)} dynamic-update-slice(%kept, %one, %layer.1, %zero.1, %zero.1)
}

ENTRY %main (w: bf16[12,768,48], k: bf16[12,768,48]) -> (bf16[12,768,48], s4[3,5]) {
  %w = bf16[12,768,48]{2,1,0:T(8,128)(2,1)} parameter(0)
  %k = bf16[12,768,48]{2,1,0:T(8,128)(2,1)} parameter(1)
  %i = s32[]{:T(128)S(6)} constant(3)
  %part = bf16[1,768,48]{2,1,0:T(8,128)(2,1)S(1)} fusion(%w, %i), kind=kLoop, calls=%sliced
  %flat = bf16[768,48]{1,0:T(8,128)(2,1)S(1)} bitcast(%part)
  %twice = bf16[768,48]{1,0:T(8,128)(2,1)S(1)} add(%flat, %flat)
  %new.1 = bf16[12,768,48]{2,1,0:T(8,128)(2,1)} fusion(%k, %twice, %i), kind=kLoop, calls=%updated
  %out = (bf16[768,48]{1,0:T(8,128)(2,1)}, bf16[768,48]{1,0:T(8,128)(2,1)S(1)}, u32[]{:S(2)}) copy-start(%twice)
  %done = bf16[768,48]{1,0:T(8,128)(2,1)} copy-done(%out)
  %piece = ((bf16[768,48]{1,0:T(8,128)(2,1)}), bf16[8,48]{1,0:T(8,128)(2,1)S(1)}, s32[]{:S(2)}) slice-start(%done), \
slice={[0:8], [0:48]}
  %there = bf16[8,48]{1,0:T(8,128)(2,1)S(1)} slice-done(%piece)
  %odd = s4[3,5]{1,0:T(8,128)(8,1)} custom-call(%there), custom_call_target="tpu_custom_call"
  %says = s4[3,5]{1,0:T(8,128)(8,1)S(1)} custom-call(%odd), custom_call_target="tpu_custom_call", \
backend_config={"custom_call_config":{"body":"TUz","cost_estimate":{"flops":"640","transcendentals":"3"}}}
  ROOT %both = (bf16[12,768,48]{2,1,0}, s4[3,5]{1,0}) tuple(%new.1, %odd)
}""")
    one = 768 * 48 * 2
    # The slice read, the update written, the copy written, eight rows read, fifteen half bytes written and read.
    assert found.hbm_bytes == 3 * one + 8 * 48 * 2 + 8 + 8
    assert (found.custom_calls, found.kernels, found.matmul_flops) == ({"odd": 1}, {"says": 1}, 640)
    assert found.unparsed == 0


# Collectives


def test_collectives_in_a_loop_count_each_time_with_what_a_device_receives():
    mesh = jax.make_mesh((8,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))

    def body(_, x):  # f32 [16, 128] on each device
        whole = jax.lax.all_gather(jnp.sin(x), "x", tiled=True)
        part = jax.lax.psum_scatter(jnp.cos(whole), "x", tiled=True)
        return part + jax.lax.psum(jnp.tan(part), "x")

    loop = jax.shard_map(lambda x: jax.lax.fori_loop(0, 5, body, x), mesh=mesh, in_specs=P("x"), out_specs=P("x"))
    one = 16 * 128 * 4
    assert count(text_of(loop, np.zeros((128, 128), np.float32))).collectives == {
        "all-gather": Collective(5, 8 * one, 5 * 7 * one),
        "all-reduce": Collective(5, one, 5 * 2 * one * 7 // 8),
        "reduce-scatter": Collective(5, one, 5 * 7 * one),
    }


STEP = """
  %a = bf16[48,2048]{1,0:T(8,128)(2,1)} parameter(0)
  %g = bf16[768,2048]{1,0:T(8,128)(2,1)} all-gather(%a), channel_id=CHANNEL, replica_groups=mesh['axis_0'=16] {'axis_0'}, \
dimensions={0}, use_global_device_ids=true, frontend_attributes={chain_id="CHAIN"}
"""
STATE = "(bf16[48,2048]{1,0:T(8,128)(2,1)}, bf16[768,2048]{1,0:T(8,128)(2,1)}, u32[]{:S(2)})"
STEPPED = f"""
HloModule jit_f, is_scheduled=true, num_partitions=16

%first (a: bf16[48,2048]) -> (bf16[48,2048], bf16[768,2048], u32[]) {{{STEP}
  ROOT %c = {STATE} custom-call(%g), custom_call_target="AsyncCollectiveStart"
}}

%between (a: bf16[48,2048], b: bf16[8,128]) -> (bf16[8,128], bf16[48,2048], bf16[768,2048]) {{{STEP}
  %b = bf16[8,128]{{1,0:T(8,128)(2,1)S(1)}} parameter(1)
  %n = bf16[8,128]{{1,0:T(8,128)(2,1)S(1)}} negate(%b)
  ROOT %t = (bf16[8,128]{{1,0}}, bf16[48,2048]{{1,0}}, bf16[768,2048]{{1,0}}) tuple(%n, %a, %g)
}}

%last (a: bf16[48,2048]) -> bf16[768,2048] {{{STEP}
  ROOT %c = bf16[768,2048]{{1,0:T(8,128)(2,1)}} custom-call(%a, %g), custom_call_target="AsyncCollectiveDone"
}}

%body (s: (u32[], bf16[48,2048], bf16[8,128])) -> (u32[], bf16[48,2048], bf16[8,128]) {{
  %s = (u32[], bf16[48,2048]{{1,0}}, bf16[8,128]{{1,0:S(1)}}) parameter(0)
  %two = u32[]{{:T(128)}} constant(2)
  %i = u32[]{{:T(128)}} get-tuple-element(%s), index=0
  %j = u32[]{{:T(128)S(6)}} add(%i, %two)
  %shard = bf16[48,2048]{{1,0:T(8,128)(2,1)}} get-tuple-element(%s), index=1
  %x = bf16[8,128]{{1,0:T(8,128)(2,1)S(1)}} get-tuple-element(%s), index=2
  %start = {STATE} fusion(%shard), kind=kCustom, calls=%first
  %own = bf16[48,2048]{{1,0:T(8,128)(2,1)}} get-tuple-element(%start), index=0
  %on = (bf16[8,128]{{1,0:S(1)}}, bf16[48,2048]{{1,0}}, bf16[768,2048]{{1,0}}) fusion(%own, %x), kind=kOutput, calls=%between
  %y = bf16[8,128]{{1,0:T(8,128)(2,1)S(1)}} get-tuple-element(%on), index=0
  %ring = (bf16[8,128]{{1,0:S(1)}}, bf16[8,128]{{1,0:S(1)}}, u32[]{{:S(2)}}) collective-permute-start(%y), channel_id=4, \
source_target_pairs={{{{0,1}},{{1,0}}}}
  %z = bf16[8,128]{{1,0:T(8,128)(2,1)S(1)}} collective-permute-done(%ring)
  %end = bf16[768,2048]{{1,0:T(8,128)(2,1)}} fusion(%own), kind=kCustom, calls=%last
  ROOT %next = (u32[], bf16[48,2048]{{1,0}}, bf16[8,128]{{1,0:S(1)}}) tuple(%j, %shard, /*index=2*/%z)
}}

%goes_on (s: (u32[], bf16[48,2048], bf16[8,128])) -> pred[] {{
  %s = (u32[], bf16[48,2048]{{1,0}}, bf16[8,128]{{1,0:S(1)}}) parameter(0)
  %eight = u32[]{{:T(128)}} constant(8)
  %i = u32[]{{:T(128)}} get-tuple-element(%s), index=0
  ROOT %c = pred[]{{:T(512)}} compare(%i, %eight), direction=LT
}}

ENTRY %main (w: bf16[48,2048], x: bf16[8,128]) -> (u32[], bf16[48,2048], bf16[8,128]) {{
  %w = bf16[48,2048]{{1,0:T(8,128)(2,1)}} parameter(0)
  %x = bf16[8,128]{{1,0:T(8,128)(2,1)S(1)}} parameter(1)
  %one = u32[]{{:T(128)}} constant(1)
  %from = u32[]{{:T(128)}} copy(%one)
  %state = (u32[], bf16[48,2048]{{1,0}}, bf16[8,128]{{1,0:S(1)}}) tuple(%from, %w, %x)
  ROOT %loop = (u32[], bf16[48,2048]{{1,0}}, bf16[8,128]{{1,0:S(1)}}) while(%state), condition=%goes_on, body=%body
}}
""".replace("CHANNEL", "413").replace("CHAIN", "4")


def test_a_collective_in_steps_of_fusions_is_one_and_a_windowed_loop_runs_by_its_condition():
    found = count(STEPPED)  # i = 1, 3, 5, 7: four trips
    shard = 48 * 2048 * 2
    assert found.unknown == ()
    assert found.collectives == {
        "all-gather": Collective(4, 16 * shard, 4 * 15 * shard),
        "collective-permute": Collective(4, 8 * 128 * 2, 4 * 8 * 128 * 2),
    }
    scalars = 100
    assert 0 <= found.hbm_bytes - 4 * 17 * shard < scalars  # each gather reads its shard and writes the whole


def test_collectives_that_only_share_a_channel_all_count():
    found = count("""
HloModule jit_f, num_partitions=8

ENTRY %main (x: f32[8,4]) -> f32[8,4] {
  %x = f32[8,4]{1,0} parameter(0)
  %s = f32[1,4]{1,0} reduce-scatter(%x), channel_id=1, replica_groups={{0,1,2,3,4,5,6,7}}, dimensions={0}, to_apply=%add
  %q = f32[1,4]{1,0} all-reduce(%s), channel_id=1, replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  %r = f32[1,4]{1,0} all-reduce(%q), channel_id=1, replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  ROOT %g = f32[8,4]{1,0} all-gather(%r), channel_id=1, replica_groups=[1,8]<=[8], dimensions={0}
}""")
    assert found.collectives == {
        "all-gather": Collective(1, 128, 7 * 16),
        "all-reduce": Collective(2, 16, 2 * 2 * 16 * 3 // 4),
        "reduce-scatter": Collective(1, 16, 128 * 7 // 8),
    }


# Text


def test_a_line_that_cannot_be_read_is_counted_and_the_others_still_are():
    found = count("""
ENTRY %main (x: f32[8,4]) -> f32[8,8] {
  %x = f32[8,4]{1,0} parameter(0)
  %new = q9[3]{0} quantise(%x)
  %worse = f32[8,4]{1,0} <<mystery>>
  %sum = f32[8,4]{1,0} add(%x, %new)
  %y = f32[8,8]{1,0} dot(%worse, %x), lhs_contracting_dims={1}, rhs_contracting_dims={1}
  ROOT %z = f32[8,8]{1,0} dot(%x, %x), lhs_contracting_dims={1}, rhs_contracting_dims={1}
}""")
    assert found.unparsed == 2
    assert found.matmul_flops == 2 * 8 * 8 * 4


def test_what_is_not_a_program_is_refused():
    with pytest.raises(ValueError, match="ENTRY"):
        count("module @jit_f { func.func @main() }")


# Roofline

COUNTS = Counts(
    matmul_flops=int(197e12),
    int8_flops=0,
    hbm_bytes=int(2 * 819e9),
    collectives={"all-gather": Collective(3, 8, int(100e9)), "all-reduce": Collective(1, 4, int(500e9))},
    kernels={},
    custom_calls={"splash": 24},
    unknown=("while.3",),
    unparsed=0,
)


def test_a_step_lies_between_the_largest_part_and_the_sum():
    found = chips.roofline(COUNTS, CHIPS["v5e"])
    assert found == pytest.approx((1.0, 2.0, 3.0))
    assert (found.overlapped_seconds, found.serial_seconds) == pytest.approx((3.0, 6.0))
    assert found.bound == "interconnect"
    assert chips.roofline(COUNTS, CHIPS["v5e"], kernel_flops=2.5 * 197e12).bound == "compute"


def test_products_of_eight_bit_integers_are_counted_apart_and_take_their_own_rate():
    text = text_of(lambda x, w: jax.lax.dot(x, w, preferred_element_type=jnp.int32), X.astype(jnp.int8), W[0].astype(jnp.int8))
    assert count(text).int8_flops == count(text).matmul_flops == PRODUCT
    assert count(text_of(lambda x, w: x @ w, X, W[0])).int8_flops == 0
    half = COUNTS._replace(int8_flops=COUNTS.matmul_flops // 2)
    assert chips.roofline(half, CHIPS["v5e"]).compute_seconds == pytest.approx(0.75)
    assert chips.roofline(half, CHIPS["v4"]).compute_seconds == pytest.approx(197 / 275)  # a v4 has one rate for both
    assert "98.50 of them at 394 TOP/s int8" in chips.explain(half, CHIPS["v5e"], 1e12)


def test_the_words_give_mfu_at_both_ends_and_name_what_is_assumed_and_what_is_missing():
    words = chips.explain(COUNTS, CHIPS["v5e"], model_flops=0.75 * 197e12)
    for part in ("3000.0 ms, MFU 25%", "6000.0 ms, MFU 12%", "bound by interconnect", "splash x 24", "not counted", "while.3"):
        assert part in words
    assert 3 <= len(words.splitlines()) <= 5
    assert "1.00 TFLOP (splash" in chips.explain(COUNTS, CHIPS["v5e"], 1e12, kernel_flops=1e12)
    stated = chips.explain(COUNTS._replace(kernels={"relative": 2}), CHIPS["v5e"], 1e12)
    assert "kernels counted as they state (relative x 2), kernels whose FLOPs are not counted (splash x 24)" in stated


def test_the_chips_peaks_are_those_that_training_reports_against():
    names = {name: name.upper() if is_gpu(name) else f"TPU {name}" for name in CHIPS}
    assert {names[name]: chip.bf16_flops / chip.devices for name, chip in CHIPS.items()}.items() <= PEAK_BF16_FLOPS.items()


def test_two_programs_add_up():
    one = Counts(5, 2, 7, {"all-gather": Collective(2, 10, 20)}, {"k": 1}, {"a": 1}, ("while",), 0)
    other = Counts(
        1, 1, 1, {"all-gather": Collective(1, 30, 30), "all-reduce": Collective(1, 4, 8)}, {"k": 3}, {"a": 2, "b": 1}, (), 3
    )
    together = {"all-gather": Collective(3, 30, 50), "all-reduce": Collective(1, 4, 8)}
    assert both(one, other) == Counts(6, 3, 8, together, {"k": 4}, {"a": 3, "b": 1}, ("while",), 3)


def test_a_kernels_metadata_over_several_lines_does_not_end_its_computation():
    text = """
ENTRY %main (x: bf16[8,8]) -> bf16[8,8] {
  %x = bf16[8,8]{1,0} parameter(0)
  %k = bf16[8,8]{1,0} custom-call(%x), custom_call_target="tpu_custom_call", metadata={op_name="k"
"xprof_metadata":"{...}"
}}, backend_config={}
  ROOT %y = bf16[8,8]{1,0} dot(%k, %x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}
"""
    assert count(text).matmul_flops == 2 * 8**3


def test_a_product_by_cublas_counts_as_one_without_its_workspace():
    found = count("""
ENTRY %main (x: bf16[16,8], w: bf16[16,32]) -> bf16[8,32] {
  %x = bf16[16,8]{1,0} parameter(0)
  %w = bf16[16,32]{1,0} parameter(1)
  %y = (bf16[8,32]{1,0}, s8[4194304]{0}) custom-call(%x, %w), custom_call_target="__cublas$lt$matmul", \
backend_config={"gemm_backend_config":{"dot_dimension_numbers":{"lhs_contracting_dimensions":["0"],"rhs_contracting_dimensions":["0"]}}}
  ROOT %z = bf16[8,32]{1,0} get-tuple-element(%y), index=0
}""")
    assert found.matmul_flops == 2 * 8 * 32 * 16
    assert found.hbm_bytes == 2 * (16 * 8 + 16 * 32 + 8 * 32)
    assert not found.custom_calls


def test_a_triton_kernel_is_called_by_its_own_name():
    found = count("""
ENTRY %main (x: bf16[16,8]) -> bf16[16,8] {
  %x = bf16[16,8]{1,0} parameter(0)
  ROOT %y = bf16[16,8]{1,0} custom-call(%x), custom_call_target="__gpu$xla.gpu.triton", \
backend_config={debug = false, grid_x = 1 : i32, name = "triton_attention_read_block", num_stages = 2 : i32}
}""")
    assert found.custom_calls == {"triton_attention_read_block": 1}
