"""Layouts: how an example is put together for a model, and how several share a row of a batch.

An encoder-decoder reads inputs on one side and writes targets on the other. A decoder-only model reads one sequence, inputs
then targets, in rows of S + T positions of which at most T are targets: the head is applied to those alone. Masks come from
segment ids, never from the value of a token.

Letters: S input length, T target length, L = S + T.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from flanjax.data.chat import Chat
from flanjax.data.feature_config import Budget, FeatureConfig
from flanjax.data.packing import Encoded
from flanjax.data.tokenizer import ByteTokenizer, Tokenizer

Row = dict[str, np.ndarray]


class Layout(Protocol):
    """What a model's kind decides about examples and rows.

    Attributes:
      config, tokenizer: what it was made from.
      budget: room for the tokens of one example's text.
      limits: of a row, in the two measures of `sizes`.
      stop_ids: the ids that end a generated text.
      chat: the chat template in use, if any.
    """

    config: FeatureConfig
    tokenizer: Tokenizer
    budget: Budget
    limits: tuple[int, int]
    stop_ids: tuple[int, ...]
    chat: Chat | None

    def inputs(self, ids: Sequence[int]) -> list[int]:
        """A prompt's ids with all that the model reads before it writes."""
        ...

    def targets(self, ids: Sequence[int]) -> list[int]:
        """A target's ids with the end that the model learns to write."""
        ...

    def sizes(self, example: Encoded) -> tuple[int, int]:
        """What an example takes of a row's two limits."""
        ...

    def filled(self, inputs: int, targets: int, examples: int) -> dict[str, tuple[int, int]]:
        """Name -> (tokens, room in a row), of the parts that packing fills, from token counts of packed examples."""
        ...

    def row(self, examples: Sequence[Encoded]) -> Row:
        """One row of the batch: arrays of fixed shapes, int32 unless said. Segments count from 1 in the order given."""
        ...


def make_layout(config: FeatureConfig, tokenizer: Tokenizer) -> Layout:
    """The layout of a config. Raises ValueError when the tokenizer's chat template cannot serve it."""
    if config.layout == "auto":  # no model has settled it
        config = dataclasses.replace(config, layout="encoder_decoder")
    return EncoderDecoder(config, tokenizer) if config.layout == "encoder_decoder" else DecoderOnly(config, tokenizer)


def row_shapes(config: FeatureConfig) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """The arrays of a row, name -> (shape, dtype), whatever the tokenizer."""
    empty = make_layout(dataclasses.replace(config, chat=False), ByteTokenizer()).row([])
    return {name: (array.shape, array.dtype) for name, array in empty.items()}


class EncoderDecoder:
    """Rows of inputs [S] and targets [T]: decoder_inputs, targets, segment_ids, positions, task_ids, loss_weights (float32)."""

    chat: Chat | None = None

    def __init__(self, config: FeatureConfig, tokenizer: Tokenizer):
        self.config, self.tokenizer = config, tokenizer
        self.limits = (config.inputs_length, config.targets_length)
        self.budget = Budget(config.inputs_length - config.input_eos, config.targets_length - 1)
        self.stop_ids: tuple[int, ...] = (tokenizer.eos_id,)
        self._start_id = tokenizer.pad_id
        self._input_end = [tokenizer.eos_id] if config.input_eos else []

    def inputs(self, ids: Sequence[int]) -> list[int]:
        return [*ids, *self._input_end]

    def targets(self, ids: Sequence[int]) -> list[int]:
        return [*ids, *self.stop_ids]

    def sizes(self, example: Encoded) -> tuple[int, int]:
        return len(example.inputs), len(example.targets)

    def filled(self, inputs: int, targets: int, examples: int) -> dict[str, tuple[int, int]]:
        return {"encoder_fill": (inputs, self.limits[0]), "decoder_fill": (targets, self.limits[1])}

    def row(self, examples: Sequence[Encoded]) -> Row:
        """An example without inputs keeps its segment. Decoder inputs are the targets shifted right within each segment."""
        inputs_length, targets_length = self.limits
        row = {name: np.zeros(inputs_length, np.int32) for name in ("inputs", "inputs_segment_ids")}
        row |= {name: np.zeros(targets_length, np.int32) for name in ("decoder_inputs", "segment_ids", "positions")}
        row |= _empty_targets(targets_length)
        s = t = 0
        for segment, example in enumerate(examples, 1):
            read, write = slice(s, s + len(example.inputs)), slice(t, t + len(example.targets))
            row["inputs"][read] = example.inputs
            row["inputs_segment_ids"][read] = segment
            row["decoder_inputs"][t] = self._start_id
            row["decoder_inputs"][t + 1 : write.stop] = example.targets[:-1]
            row["segment_ids"][write] = segment
            row["positions"][write] = np.arange(len(example.targets))
            row["targets"][write] = example.targets
            row["loss_weights"][write] = example.weight
            row["task_ids"][write] = example.task
            s, t = read.stop, write.stop
        return row


class DecoderOnly:
    """Rows of one sequence [L] and its targets [T].

    decoder_inputs, segment_ids, positions: [L]. target_positions: [T], where in the row each target is predicted;
    targets, task_ids, loss_weights (float32): [T]. prefix (bool [L]), if the inputs are seen both ways: where they are.
    """

    def __init__(self, config: FeatureConfig, tokenizer: Tokenizer):
        self.config, self.tokenizer = config, tokenizer
        self.limits = (config.inputs_length + config.targets_length, config.targets_length)
        self.chat = Chat(tokenizer) if config.chat else None
        self._prefix = config.layout == "prefix"
        if self.chat:
            self._before, self._after = self.chat.around_prompt
            self._end: list[int] = [self.chat.end_id]
        else:
            self._before = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
            self._after = tokenizer.encode([config.separator])[0] if config.separator else []
            self._end = [tokenizer.eos_id]
            # Something must come before the first target of an example without inputs.
            self._before = self._before or ([] if self._after else [tokenizer.eos_id])
        self.stop_ids = tuple({tokenizer.eos_id, *self._end})
        room = config.inputs_length - len(self._before) - len(self._after)
        if room < 1:
            raise ValueError(f"features.inputs_length is {config.inputs_length}, all of which goes into the chat template")
        self.budget = Budget(room, config.targets_length - 1)

    def inputs(self, ids: Sequence[int]) -> list[int]:
        return [*self._before, *ids, *self._after]

    def targets(self, ids: Sequence[int]) -> list[int]:
        return [*ids, *self._end]

    def sizes(self, example: Encoded) -> tuple[int, int]:
        return example.num_tokens - 1, example.num_trained

    def filled(self, inputs: int, targets: int, examples: int) -> dict[str, tuple[int, int]]:
        return {"row_fill": (inputs + targets - examples, self.limits[0]), "target_fill": (targets, self.limits[1])}

    def row(self, examples: Sequence[Encoded]) -> Row:
        """The last token of an example is a target only, so that it takes one position less than it has tokens."""
        length, targets_length = self.limits
        row = {name: np.zeros(length, np.int32) for name in ("decoder_inputs", "segment_ids", "positions")}
        row |= {"target_positions": np.zeros(targets_length, np.int32), **_empty_targets(targets_length)}
        if self._prefix:
            row["prefix"] = np.zeros(length, bool)
        at = t = 0
        for segment, example in enumerate(examples, 1):
            tokens = np.concatenate([example.inputs, example.targets])
            read = slice(at, at + len(tokens) - 1)
            row["decoder_inputs"][read] = tokens[:-1]
            row["segment_ids"][read] = segment
            row["positions"][read] = np.arange(len(tokens) - 1)
            if self._prefix:
                row["prefix"][at : at + len(example.inputs)] = True
            trained = np.arange(len(example.targets)) if example.trained is None else np.flatnonzero(example.trained)
            write = slice(t, t + len(trained))
            row["target_positions"][write] = at + len(example.inputs) - 1 + trained
            row["targets"][write] = example.targets[trained]
            row["loss_weights"][write] = example.weight
            row["task_ids"][write] = example.task
            at, t = read.stop, write.stop
        return row


def _empty_targets(length: int) -> Row:
    return {
        "targets": np.zeros(length, np.int32),
        "task_ids": np.zeros(length, np.int32),
        "loss_weights": np.zeros(length, np.float32),
    }
