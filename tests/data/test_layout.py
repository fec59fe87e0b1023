"""How examples are put together and share rows, for encoder-decoders and for decoder-only models."""

import types

import numpy as np
import pytest

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
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


EXAMPLES = [
    example([5, 6], [7, 8, 1], task=2, weight=0.5),
    example([], [9, 1], task=1),
    example([4], [0, 3, 0], task=3),  # targets may hold the padding id
]


def test_a_row_holds_each_example_as_its_own_segment_even_without_inputs():
    assert segments(ENCODER_DECODER.row(EXAMPLES)) == [
        ([5, 6], [7, 8, 1], [0, 7, 8], [0, 1, 2], [0.5] * 3, [2] * 3),
        ([], [9, 1], [0, 9], [0, 1], [1.0] * 2, [1] * 2),
        ([4], [0, 3, 0], [0, 0, 3], [0, 1, 2], [1.0] * 3, [3] * 3),
    ]


def test_what_is_no_example_is_padding_in_every_array():
    tokenizer = ByteTokenizer()
    tokenizer.pad_id = 99
    layout = make_layout(ENCODER_DECODER.config, tokenizer)
    row = layout.row(EXAMPLES)
    assert all(array[8:].tolist() == [0] * 4 for name, array in row.items() if not name.startswith("inputs"))
    assert row["inputs_segment_ids"].tolist() == [1, 1, 3] + [0] * 7
    assert [s[2][0] for s in segments(row)] == [99, 99, 99]
    assert not any(array.any() for array in layout.row([]).values())


def test_arrays_have_the_contracts_names_shapes_and_types():
    row = ENCODER_DECODER.row(EXAMPLES)
    assert {n: (a.shape, a.dtype.name) for n, a in row.items()} == {
        "inputs": ((10,), "int32"),
        "inputs_segment_ids": ((10,), "int32"),
        **dict.fromkeys(["decoder_inputs", "targets", "segment_ids", "positions", "task_ids"], ((12,), "int32")),
        "loss_weights": ((12,), "float32"),
    }


def test_a_row_may_be_filled_to_the_last_token():
    row = ENCODER_DECODER.row([example([1] * 6, [2] * 8), example([3] * 4, [4] * 4)])
    assert row["segment_ids"].tolist() == [1] * 8 + [2] * 4
    assert row["inputs_segment_ids"].tolist() == [1] * 6 + [2] * 4


CAUSAL = make_layout(FeatureConfig(layout="causal", inputs_length=8, targets_length=8), BYTES)
PREFIX = make_layout(FeatureConfig(layout="prefix", inputs_length=8, targets_length=8), BYTES)


def test_a_decoder_only_row_predicts_each_target_from_the_token_before_it():
    row = CAUSAL.row(EXAMPLES[::2])
    assert row["decoder_inputs"].tolist() == [5, 6, 7, 8, 4, 0, 3] + [0] * 9
    assert row["segment_ids"].tolist() == [1] * 4 + [2] * 3 + [0] * 9
    assert row["positions"].tolist() == [0, 1, 2, 3, 0, 1, 2] + [0] * 9
    assert row["target_positions"].tolist() == [1, 2, 3, 4, 5, 6, 0, 0]
    assert row["targets"].tolist() == [7, 8, 1, 0, 3, 0, 0, 0]
    assert row["loss_weights"].tolist() == [0.5] * 3 + [1] * 3 + [0] * 2
    assert row["task_ids"].tolist() == [2] * 3 + [3] * 3 + [0] * 2


def test_a_prefix_row_says_where_the_inputs_are():
    row = PREFIX.row(EXAMPLES[::2])
    assert row["prefix"].tolist() == [True, True, False, False, True] + [False] * 11
    assert "prefix" not in CAUSAL.row([])


def test_only_the_targets_marked_as_trained_are_predicted():
    talk = example([5], [6, 7, 8, 9])._replace(trained=np.array([True, False, False, True]))
    row = CAUSAL.row([example([3], [4]), talk])
    assert row["decoder_inputs"][:5].tolist() == [3, 5, 6, 7, 8]
    assert (row["target_positions"][:3].tolist(), row["targets"][:3].tolist()) == ([0, 1, 4], [4, 6, 9])
    assert row["loss_weights"].tolist() == [1] * 3 + [0] * 5
    assert CAUSAL.sizes(talk) == (4, 2)


def test_a_full_example_fits_a_row_of_its_own_layout():
    for layout in (ENCODER_DECODER, CAUSAL, PREFIX):
        inputs = layout.inputs([7] * layout.budget.inputs)
        targets = layout.targets([8] * layout.budget.targets)
        full = example(inputs, targets)
        assert all(size <= limit for size, limit in zip(layout.sizes(full), layout.limits, strict=True))
        assert layout.row([full])["targets"].tolist() == targets


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
