"""How examples are put together and share rows, for encoder-decoders and for decoder-only models."""

import dataclasses
import types

import numpy as np
import pytest

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import fits, make_layout, row_shapes
from flanjax.data.packing import Encoded
from flanjax.data.tokenizer import ByteTokenizer

BYTES = ByteTokenizer()
ENCODER_DECODER = make_layout(FeatureConfig(inputs_length=10, targets_length=12), BYTES)


def example(inputs, targets, task=0, weight=1.0):
    return Encoded(np.array(inputs, np.int32), np.array(targets, np.int32), weight, task, 0, 0)


def segments(row):
    """The examples of a row again: per segment its inputs, targets, decoder inputs, positions, weights and tasks."""
    found = []
    for segment in range(1, max(row["segment_ids"].max(), row["inputs_segment_ids"].max()) + 1):
        write = row["segment_ids"] == segment
        names = ("targets", "decoder_inputs", "positions", "loss_weights", "task_ids")
        found.append((row["inputs"][row["inputs_segment_ids"] == segment].tolist(), *(row[n][write].tolist() for n in names)))
    return found


def row_of(layout, examples):
    return layout.row(examples, layout.lengths[0])


EXAMPLES = [
    example([5, 6], [7, 8, 1], task=2, weight=0.5),
    example([], [9, 1], task=1),
    example([4], [0, 3, 0], task=3),  # targets may hold the padding id
]


def test_a_row_holds_each_example_as_its_own_segment_even_without_inputs():
    assert segments(row_of(ENCODER_DECODER, EXAMPLES)) == [
        ([5, 6], [7, 8, 1], [0, 7, 8], [0, 1, 2], [0.5] * 3, [2] * 3),
        ([], [9, 1], [0, 9], [0, 1], [1.0] * 2, [1] * 2),
        ([4], [0, 3, 0], [0, 0, 3], [0, 1, 2], [1.0] * 3, [3] * 3),
    ]


def test_what_is_no_example_is_padding_in_every_array():
    tokenizer = ByteTokenizer()
    tokenizer.pad_id = 99
    layout = make_layout(ENCODER_DECODER.config, tokenizer)
    row = row_of(layout, EXAMPLES)
    assert all(array[8:].tolist() == [0] * 4 for name, array in row.items() if not name.startswith("inputs"))
    assert row["inputs_segment_ids"].tolist() == [1, 1, 3] + [0] * 7
    assert [s[2][0] for s in segments(row)] == [99, 99, 99]
    assert not any(array.any() for array in row_of(layout, []).values())


def test_arrays_have_the_contracts_names_shapes_and_types():
    row = row_of(ENCODER_DECODER, EXAMPLES)
    assert {n: (a.shape, a.dtype.name) for n, a in row.items()} == {
        "inputs": ((10,), "int32"),
        "inputs_segment_ids": ((10,), "int32"),
        **dict.fromkeys(["decoder_inputs", "targets", "segment_ids", "positions", "task_ids"], ((12,), "int32")),
        "loss_weights": ((12,), "float32"),
    }


def test_a_row_may_be_filled_to_the_last_token():
    row = row_of(ENCODER_DECODER, [example([1] * 6, [2] * 8), example([3] * 4, [4] * 4)])
    assert row["segment_ids"].tolist() == [1] * 8 + [2] * 4
    assert row["inputs_segment_ids"].tolist() == [1] * 6 + [2] * 4


CAUSAL = make_layout(FeatureConfig(layout="causal", inputs_length=8, targets_length=8), BYTES)
PREFIX = make_layout(FeatureConfig(layout="prefix", inputs_length=8, targets_length=8), BYTES)


def test_a_decoder_only_row_predicts_each_target_from_the_token_before_it():
    row = row_of(CAUSAL, EXAMPLES[::2])
    assert row["decoder_inputs"].tolist() == [5, 6, 7, 8, 4, 0, 3] + [0] * 9
    assert row["segment_ids"].tolist() == [1] * 4 + [2] * 3 + [0] * 9
    assert row["positions"].tolist() == [0, 1, 2, 3, 0, 1, 2] + [0] * 9
    assert row["target_positions"].tolist() == [1, 2, 3, 4, 5, 6, 0, 0]
    assert row["targets"].tolist() == [7, 8, 1, 0, 3, 0, 0, 0]
    assert row["loss_weights"].tolist() == [0.5] * 3 + [1] * 3 + [0] * 2
    assert row["task_ids"].tolist() == [2] * 3 + [3] * 3 + [0] * 2


def test_a_prefix_row_says_where_the_inputs_are():
    row = row_of(PREFIX, EXAMPLES[::2])
    assert row["prefix"].tolist() == [True, True, False, False, True] + [False] * 11
    assert "prefix" not in row_of(CAUSAL, [])


def test_only_the_targets_marked_as_trained_are_predicted():
    talk = example([5], [6, 7, 8, 9])._replace(trained=np.array([True, False, False, True]))
    row = row_of(CAUSAL, [example([3], [4]), talk])
    assert row["decoder_inputs"][:5].tolist() == [3, 5, 6, 7, 8]
    assert (row["target_positions"][:3].tolist(), row["targets"][:3].tolist()) == ([0, 1, 4], [4, 6, 9])
    assert row["loss_weights"].tolist() == [1] * 3 + [0] * 5
    assert CAUSAL.sizes(talk) == (4, 2)


def test_a_full_example_fits_a_row_of_its_own_layout():
    for layout in (ENCODER_DECODER, CAUSAL, PREFIX):
        inputs = layout.inputs([7] * layout.budget.inputs)
        targets = layout.targets([8] * layout.budget.targets)
        full = example(inputs, targets)
        assert fits(layout, [full])
        assert not fits(layout, [full, full])
        assert row_of(layout, [full])["targets"].tolist() == targets


def reserving(layout, reserved, numbers=()):
    """The layout with positions reserved and with as much room for text as before."""
    config = layout.config
    grown = dataclasses.replace(config, reserved=reserved, inputs_length=config.inputs_length + 3 * reserved)
    return make_layout(grown, BYTES, numbers)


@pytest.mark.parametrize("layout", [ENCODER_DECODER, CAUSAL, PREFIX], ids=["encoder_decoder", "causal", "prefix"])
def test_reserved_positions_open_every_segment_and_leave_targets_as_they_are(layout):
    examples = EXAMPLES if layout is ENCODER_DECODER else EXAMPLES[::2]
    bare, roomy = row_of(layout, examples), row_of(reserving(layout, 2), examples)
    tokens, ids = ("inputs", "inputs_segment_ids") if layout is ENCODER_DECODER else ("decoder_inputs", "segment_ids")
    is_reserved = roomy["reserved"] > 0
    assert is_reserved.sum() == 2 * len(examples)
    assert not roomy[tokens][is_reserved].any()
    for segment in range(1, len(examples) + 1):
        own = roomy[ids] == segment
        assert roomy["reserved"][own][:2].tolist() == [1, 2]
        assert roomy[tokens][own & ~is_reserved].tolist() == bare[tokens][bare[ids] == segment].tolist()
        if layout is not ENCODER_DECODER:
            assert roomy["positions"][own].tolist() == list(range(own.sum()))
    if layout is PREFIX:
        assert roomy["prefix"][is_reserved].all()
        assert roomy["prefix"].sum() == bare["prefix"].sum() + is_reserved.sum()
    for name in ("targets", "loss_weights", "task_ids"):
        assert roomy[name].tolist() == bare[name].tolist()
    if layout is ENCODER_DECODER:
        assert all(roomy[n].tolist() == bare[n].tolist() for n in ("decoder_inputs", "segment_ids", "positions"))
    else:
        before_target = roomy["decoder_inputs"][roomy["target_positions"]][:6]
        assert before_target.tolist() == bare["decoder_inputs"][bare["target_positions"]][:6].tolist()
    assert "reserved" not in bare


@pytest.mark.parametrize("layout", [ENCODER_DECODER, CAUSAL], ids=["encoder_decoder", "causal"])
def test_reserved_positions_are_taken_from_the_room_for_text(layout):
    config = dataclasses.replace(layout.config, inputs_length=16)
    bare, tight = (make_layout(dataclasses.replace(config, reserved=n), BYTES) for n in (0, 3))
    assert tight.budget == (bare.budget.inputs - 3, bare.budget.targets)
    assert tight.sizes(EXAMPLES[0]) == (bare.sizes(EXAMPLES[0])[0] + 3, bare.sizes(EXAMPLES[0])[1])
    full = example(tight.inputs([7] * tight.budget.inputs), tight.targets([8] * tight.budget.targets))
    assert fits(tight, [full])
    assert row_of(tight, [full])["targets"].tolist() == full.targets.tolist()
    with pytest.raises(ValueError, match=r"reserved is 9, expected at most 8: .*inputs_length=16"):
        dataclasses.replace(config, reserved=9)


@pytest.mark.parametrize("layout", [ENCODER_DECODER, CAUSAL], ids=["encoder_decoder", "causal"])
def test_a_number_of_an_example_lies_on_all_its_targets_and_nowhere_else(layout):
    numbered = make_layout(layout.config, BYTES, ["reference", "margin"])
    examples = [e._replace(numbers={"margin": i + 1.0, "reference": -0.5 * i - 1}) for i, e in enumerate(EXAMPLES)]
    row = row_of(numbered, examples)
    assert row["reference"].tolist() == [-1.0] * 3 + [-1.5] * 2 + [-2.0] * 3 + [0.0] * (len(row["targets"]) - 8)
    assert row["margin"].tolist() == [1.0] * 3 + [2.0] * 2 + [3.0] * 3 + [0.0] * (len(row["targets"]) - 8)
    assert {row[n].dtype.name for n in ("reference", "margin")} == {"float32"}
    with pytest.raises(ValueError, match=r"has the numbers \[\], expected those of the layout: \['margin', 'reference'\]"):
        row_of(numbered, EXAMPLES)
    with pytest.raises(ValueError, match=r"has the numbers \['margin', 'reference'\], expected those of the layout: \[\]"):
        row_of(layout, examples)
    with pytest.raises(ValueError, match=r"numbers \['targets'\] have names of arrays that a row has anyway"):
        make_layout(layout.config, BYTES, ["targets"])


def test_the_arrays_of_a_row_are_known_before_there_is_one():
    for layout in (ENCODER_DECODER, CAUSAL, PREFIX, reserving(CAUSAL, 2, ["x"]), reserving(ENCODER_DECODER, 1, ["x", "y"])):
        shapes = row_shapes(layout.config, layout.lengths[0], layout.numbers)
        assert shapes == {n: (a.shape, a.dtype) for n, a in row_of(layout, []).items()}
        assert set(layout.numbers) <= set(shapes)


def test_which_lengths_a_batch_has_follows_from_its_number():
    config = ENCODER_DECODER.config
    assert config.pairs == ENCODER_DECODER.lengths == ((10, 12),)
    assert {config.lengths_of(batch) for batch in range(20)} == set(config.pairs)


@pytest.mark.parametrize("reserved", [0, 2])
@pytest.mark.parametrize("layout", [ENCODER_DECODER, CAUSAL], ids=["encoder_decoder", "causal"])
def test_a_full_row_is_filled_to_exactly_one_and_each_part_by_its_own_tokens(layout, reserved):
    layout = reserving(layout, reserved)
    lengths = layout.lengths[0]
    first, second = layout.limits(lengths)
    own = (first, second) if layout.limits(lengths) == lengths else (first - second + 2, second)
    halves = [example([5] * (n - reserved), [6] * t) for n, t in ((4, 3), (own[0] - 4, own[1] - 3))]
    assert np.sum([layout.sizes(half) for half in halves], axis=0).tolist() == [first, second]
    row = row_of(layout, halves)
    assert all((row[name] > 0).all() for name in ("segment_ids", "inputs_segment_ids") if name in row)
    read, written = sum(len(h.inputs) for h in halves), sum(len(h.targets) for h in halves)
    names = ("encoder_fill", "decoder_fill") if layout.limits(lengths) == lengths else ("row_fill", "target_fill")
    assert layout.filled(lengths, read, written, 2) == {names[0]: (first, first), names[1]: (second, second)}
    fuller, longer = layout.filled(lengths, read + 1, written, 2), layout.filled(lengths, read, written + 1, 2)
    assert fuller[names[0]] == (first + 1, first)
    assert fuller[names[1]] == (second, second)
    assert longer[names[1]] == (second + 1, second)


def test_a_decoder_only_example_begins_with_what_its_tokenizer_begins_with():
    begins = ByteTokenizer()
    begins.bos_id = 50
    config = FeatureConfig(layout="causal", inputs_length=8, targets_length=8)
    assert make_layout(config, begins).inputs([9]) == [50, 9, *BYTES.encode(["\n"])[0]]
    assert CAUSAL.inputs([9]) == [9, *BYTES.encode(["\n"])[0]]


def test_the_first_target_has_something_before_it_even_without_input_and_separator():
    bare = make_layout(FeatureConfig(layout="causal", inputs_length=8, targets_length=8, separator=""), BYTES)
    assert bare.inputs([]) == [BYTES.eos_id]


def test_a_batch_of_an_encoder_decoder_has_no_chat():
    with pytest.raises(ValueError, match="layout='causal'"):
        FeatureConfig(layout="encoder_decoder", chat=True)
    with pytest.raises(ValueError, match="layout='causal'"):
        make_layout(FeatureConfig(chat=True), BYTES)  # without a model rows are an encoder-decoder's


def test_an_unknown_layout_is_named_with_those_known():
    with pytest.raises(ValueError, match="'decoder', expected 'auto', 'encoder_decoder', 'causal' or 'prefix'; did you mean"):
        FeatureConfig(layout="decoder")


def test_chat_needs_a_tokenizer_that_has_a_template():
    with pytest.raises(ValueError, match="chat_template"):
        make_layout(FeatureConfig(layout="causal", chat=True), types.SimpleNamespace(bos_id=None))
