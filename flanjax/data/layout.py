"""Layouts: how an example is arranged for a model, and how several examples share a row of a batch.

An encoder-decoder reads inputs on one side and writes targets on the other. A decoder-only model reads one sequence, inputs
then targets, in rows of S + T positions. At most T of them are targets, and the head is applied only to these. Masks come from
segment ids, never from the value of a token.

Positions may be reserved at the start of every segment's inputs, for vectors that a model puts there instead of embeddings.
They hold the padding id and have the segment's id, and `reserved` counts them from 1. An example's numbers are stored at its
targets.

Letters: S input length, T target length, L = S + T.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from flanjax.data.chat import Chat
from flanjax.data.feature_config import Budget, FeatureConfig, Lengths
from flanjax.data.packing import Encoded
from flanjax.data.tokenizer import ByteTokenizer, Tokenizer

PackedRow = dict[str, np.ndarray]
ROW_WEIGHTS = "row_weights"  # float32 [] of a row, if rows have several lengths; see flanjax.data.windows.pack


class Layout(Protocol):
    """How examples and rows are arranged for one kind of model.

    Attributes:
      config, tokenizer: those that the layout was made from.
      lengths: the length pairs of a round of batches: the n-th batch of it has rows of the n-th pair.
      numbers: the names of the numbers that every example carries.
      budget: room for the tokens of one example's text.
      stop_ids: the ids that end a generated text.
      chat: the chat template in use, if any.
      reads_one_way: whether what a model makes of a prompt's beginning does not depend on the rest of it.
    """

    config: FeatureConfig
    tokenizer: Tokenizer
    lengths: tuple[Lengths, ...]
    numbers: tuple[str, ...]
    budget: Budget
    stop_ids: tuple[int, ...]
    chat: Chat | None
    reads_one_way: bool

    def inputs(self, ids: Sequence[int]) -> list[int]:
        """Returns a prompt's ids with everything that the model reads before it writes."""
        ...

    def targets(self, ids: Sequence[int]) -> list[int]:
        """Returns a target's ids with the end token that the model learns to write."""
        ...

    def before_text(self, prompt: Sequence[int]) -> list[int]:
        """Returns the ids that stand before a text in the sequence that it continues, for a prompt as `inputs` gives it."""
        ...

    def sizes(self, example: Encoded) -> tuple[int, int]:
        """Returns an example's size in the two measures that a row limits, reserved positions included."""
        ...

    def limits(self, lengths: Lengths) -> tuple[int, int]:
        """Returns the limits of a row of these lengths, in the two measures of `sizes`."""
        ...

    def filled(self, lengths: Lengths, inputs: int, targets: int, examples: int) -> dict[str, tuple[int, int]]:
        """Returns name -> (filled positions, room in a row) for the parts that packing fills, from examples' token counts."""
        ...

    def row(self, examples: Sequence[Encoded], lengths: Lengths) -> PackedRow:
        """Returns one row of the batch: arrays of fixed shapes, int32 unless noted. Segments count from 1 in the given order.

        Raises:
          ValueError: an example does not carry exactly the numbers of the layout.
        """
        ...

    def prompts(self, prompts: Sequence[Sequence[int]], rows: int, length: int) -> PackedRow:
        """Returns prompts as a model reads them, one a row: int32 [rows, reserved + length] unless noted.

        Args:
          prompts: ids, as `inputs` gives them, none longer than `length` and no more than `rows`; other rows are empty.
        """
        ...


def make_layout(config: FeatureConfig, tokenizer: Tokenizer, numbers: Sequence[str] = ()) -> Layout:
    """Returns the layout of a config.

    Args:
      numbers: names of additional float32 arrays [T] of a row; an example's value is repeated on all its targets.

    Raises:
      ValueError: the tokenizer's chat template does not work with the layout, or a number has the name of another array.
    """
    if config.layout == "auto":  # no model has decided it
        config = dataclasses.replace(config, layout="encoder_decoder")
    make = EncoderDecoder if config.layout == "encoder_decoder" else DecoderOnly
    layout: Layout = make(config, tokenizer)
    own = layout.row([], layout.lengths[0])
    if taken := [name for name in numbers if name in {*own, ROW_WEIGHTS}]:
        raise ValueError(f"numbers {taken} have names of arrays that a row has anyway: {sorted(own)}; give them other names")
    layout.numbers = tuple(numbers)
    return layout


def row_shapes(
    config: FeatureConfig, lengths: Lengths, numbers: Sequence[str] = ()
) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Returns the arrays of a row of these lengths, name -> (shape, dtype). They do not depend on the tokenizer."""
    empty = make_layout(dataclasses.replace(config, chat=False, separator=""), ByteTokenizer(), numbers).row([], lengths)
    return {name: (array.shape, array.dtype) for name, array in empty.items()}


def group_sizes(layout: Layout, group: Sequence[Encoded]) -> tuple[int, int]:
    """Returns the total size of examples that share a row, in the two measures that a row limits."""
    first, second = zip(*map(layout.sizes, group), strict=True)
    return sum(first), sum(second)


def fits(layout: Layout, group: Sequence[Encoded]) -> bool:
    """Whether a row of one of the layout's length pairs has room for these examples together."""
    sizes = group_sizes(layout, group)
    limits = [layout.limits(lengths) for lengths in layout.lengths]
    return any(sizes[0] <= first and sizes[1] <= second for first, second in limits)


class EncoderDecoder:
    """The layout of encoder-decoders: rows with an input side and a target side.

    inputs, inputs_segment_ids and, if positions are reserved, reserved: [S]. decoder_inputs, targets, segment_ids, positions,
    task_ids, loss_weights (float32) and the layout's numbers (float32): [T].
    """

    chat: Chat | None = None
    reads_one_way = False
    numbers: tuple[str, ...] = ()

    def __init__(self, config: FeatureConfig, tokenizer: Tokenizer):
        self.config, self.tokenizer, self.lengths = config, tokenizer, config.pairs
        self.budget = Budget(config.inputs_length - config.input_eos - config.reserved, config.targets_length - 1)
        self.stop_ids: tuple[int, ...] = (tokenizer.eos_id,)
        self._start_id = tokenizer.pad_id
        self._input_end = [tokenizer.eos_id] if config.input_eos else []

    def inputs(self, ids: Sequence[int]) -> list[int]:
        return [*ids, *self._input_end]

    def targets(self, ids: Sequence[int]) -> list[int]:
        return [*ids, *self.stop_ids]

    def before_text(self, prompt: Sequence[int]) -> list[int]:
        del prompt  # the encoder has read it
        return [self._start_id]

    def sizes(self, example: Encoded) -> tuple[int, int]:
        return self.config.reserved + len(example.inputs), len(example.targets)

    def limits(self, lengths: Lengths) -> tuple[int, int]:
        return lengths.inputs, lengths.targets

    def filled(self, lengths: Lengths, inputs: int, targets: int, examples: int) -> dict[str, tuple[int, int]]:
        read = inputs + examples * self.config.reserved
        return {"encoder_fill": (read, lengths.inputs), "decoder_fill": (targets, lengths.targets)}

    def row(self, examples: Sequence[Encoded], lengths: Lengths) -> PackedRow:
        """Returns a row. Decoder inputs are the targets shifted right within each segment. An example without inputs keeps its
        segment."""
        row = {name: np.zeros(lengths.inputs, np.int32) for name in ("inputs", "inputs_segment_ids")}
        row |= {name: np.zeros(lengths.targets, np.int32) for name in ("decoder_inputs", "segment_ids", "positions")}
        row |= _empty_targets(lengths.targets, self.numbers)
        if self.config.reserved:
            row["reserved"] = np.zeros(lengths.inputs, np.int32)
        s = t = 0
        for segment, example in enumerate(examples, 1):
            begin = s + self.config.reserved
            read, write = slice(s, begin + len(example.inputs)), slice(t, t + len(example.targets))
            if self.config.reserved:
                _reserve(row, "inputs", slice(s, begin), self.tokenizer.pad_id)
            row["inputs"][begin : read.stop] = example.inputs
            row["inputs_segment_ids"][read] = segment
            row["decoder_inputs"][t] = self._start_id
            row["decoder_inputs"][t + 1 : write.stop] = example.targets[:-1]
            row["segment_ids"][write] = segment
            row["positions"][write] = np.arange(len(example.targets))
            _set_targets(row, write, example, example.targets, self.numbers)
            s, t = read.stop, write.stop
        return row

    def prompts(self, prompts: Sequence[Sequence[int]], rows: int, length: int) -> PackedRow:
        """Returns inputs, inputs_segment_ids, and starts [rows], the token with which each text begins."""
        inputs, real, soft = _padded(prompts, rows, length, self.config.reserved, self.tokenizer.pad_id)
        return {"inputs": inputs, "inputs_segment_ids": real, "starts": np.full(rows, self._start_id, np.int32), **soft}


class DecoderOnly:
    """The layout of decoder-only models: rows of one sequence [L] and its targets [T].

    decoder_inputs, segment_ids, positions: [L]. target_positions: [T], the position in the row that predicts each target.
    targets, task_ids, loss_weights (float32) and the layout's numbers (float32): [T]. prefix (bool [L], only for the layout
    "prefix"): whether a position is an input. reserved: [L], if positions are reserved; these come first in a segment.
    """

    numbers: tuple[str, ...] = ()

    def __init__(self, config: FeatureConfig, tokenizer: Tokenizer):
        self.config, self.tokenizer, self.lengths = config, tokenizer, config.pairs
        self.chat = Chat(tokenizer) if config.chat else None
        self._prefix = config.layout == "prefix"
        self.reads_one_way = not (self._prefix or config.reserved)
        if self.chat:
            self._before, self._after = self.chat.around_prompt
            self._end: list[int] = [self.chat.end_id]
        else:
            self._before = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
            self._after = tokenizer.encode([config.separator])[0] if config.separator else []
            self._end = [tokenizer.eos_id]
            # Without inputs some token must still come before the first target.
            self._before = self._before or ([] if self._after else [tokenizer.eos_id])
        self.stop_ids = tuple({tokenizer.eos_id, *self._end})
        room = config.inputs_length - config.reserved - len(self._before) - len(self._after)
        if room < 1:
            raise ValueError(
                f"features.inputs_length is {config.inputs_length}, all of which goes into the chat template "
                f"and features.reserved={config.reserved}"
            )
        self.budget = Budget(room, config.targets_length - 1)

    def inputs(self, ids: Sequence[int]) -> list[int]:
        return [*self._before, *ids, *self._after]

    def targets(self, ids: Sequence[int]) -> list[int]:
        return [*ids, *self._end]

    def before_text(self, prompt: Sequence[int]) -> list[int]:
        return list(prompt)

    def sizes(self, example: Encoded) -> tuple[int, int]:
        return self.config.reserved + example.num_tokens - 1, example.num_trained

    def limits(self, lengths: Lengths) -> tuple[int, int]:
        return lengths.inputs + lengths.targets, lengths.targets

    def filled(self, lengths: Lengths, inputs: int, targets: int, examples: int) -> dict[str, tuple[int, int]]:
        length, targets_length = self.limits(lengths)
        taken = inputs + targets + examples * (self.config.reserved - 1)
        return {"row_fill": (taken, length), "target_fill": (targets, targets_length)}

    def row(self, examples: Sequence[Encoded], lengths: Lengths) -> PackedRow:
        """Returns a row. An example takes one position less than it has tokens, because its last token is only a target."""
        row, reserved = self._empty(lengths), self.config.reserved
        at = t = 0
        for segment, example in enumerate(examples, 1):
            begin = at + reserved  # where the example's own tokens begin
            answer = begin + len(example.inputs)
            read = slice(at, answer + len(example.targets) - 1)
            if reserved:
                _reserve(row, "decoder_inputs", slice(at, begin), self.tokenizer.pad_id)
            row["decoder_inputs"][begin : read.stop] = np.concatenate([example.inputs, example.targets[:-1]])
            row["segment_ids"][read] = segment
            row["positions"][read] = np.arange(read.stop - at)
            if self._prefix:
                row["prefix"][at:answer] = True
            trained = np.arange(len(example.targets)) if example.trained is None else np.flatnonzero(example.trained)
            write = slice(t, t + len(trained))
            row["target_positions"][write] = answer - 1 + trained
            _set_targets(row, write, example, example.targets[trained], self.numbers)
            at, t = read.stop, write.stop
        return row

    def prompts(self, prompts: Sequence[Sequence[int]], rows: int, length: int) -> PackedRow:
        """Returns decoder_inputs, segment_ids, positions, and for the layout "prefix" also prefix (bool)."""
        inputs, real, soft = _padded(prompts, rows, length, self.config.reserved, self.tokenizer.pad_id)
        positions = np.broadcast_to(np.arange(inputs.shape[1], dtype=np.int32), inputs.shape)
        both_ways = {"prefix": real > 0} if self._prefix else {}
        return {"decoder_inputs": inputs, "segment_ids": real, "positions": positions, **both_ways, **soft}

    def _empty(self, lengths: Lengths) -> PackedRow:
        length, targets_length = self.limits(lengths)
        row = {name: np.zeros(length, np.int32) for name in ("decoder_inputs", "segment_ids", "positions")}
        row |= {"target_positions": np.zeros(targets_length, np.int32), **_empty_targets(targets_length, self.numbers)}
        if self._prefix:
            row["prefix"] = np.zeros(length, bool)
        if self.config.reserved:
            row["reserved"] = np.zeros(length, np.int32)
        return row


def _padded(
    prompts: Sequence[Sequence[int]], rows: int, length: int, reserved: int, pad_id: int
) -> tuple[np.ndarray, np.ndarray, PackedRow]:
    """Returns the prompts after their reserved positions, and their mask (1 on both): int32 [rows, reserved + length] each.

    The third value is the array of reserved positions, counted from 1; it is empty if none are reserved.
    """
    ids, real = np.zeros((2, rows, reserved + length), np.int32)
    for i, prompt in enumerate(prompts):
        ids[i, :reserved] = pad_id
        ids[i, reserved : reserved + len(prompt)] = prompt
        real[i, : reserved + len(prompt)] = 1
    if not reserved:
        return ids, real, {}
    places = np.arange(1, ids.shape[1] + 1, dtype=np.int32)
    return ids, real, {"reserved": np.where(places <= reserved, places, 0) * real}


def _empty_targets(length: int, numbers: tuple[str, ...]) -> PackedRow:
    row = {"targets": np.zeros(length, np.int32), "task_ids": np.zeros(length, np.int32)}
    return row | {name: np.zeros(length, np.float32) for name in ("loss_weights", *numbers)}


def _set_targets(row: PackedRow, write: slice, example: Encoded, targets: np.ndarray, numbers: tuple[str, ...]) -> None:
    row["targets"][write] = targets
    row["loss_weights"][write] = example.weight
    row["task_ids"][write] = example.task
    if example.numbers.keys() != set(numbers):
        raise ValueError(
            f"an example has the numbers {sorted(example.numbers)}, expected those of the layout: {sorted(numbers)}"
        )
    for name in numbers:
        row[name][write] = example.numbers[name]


def _reserve(row: PackedRow, tokens: str, where: slice, pad_id: int) -> None:
    row[tokens][where] = pad_id
    row["reserved"][where] = np.arange(1, where.stop - where.start + 1)
