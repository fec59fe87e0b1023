"""Model FLOPs of a training step, from the real segment lengths.

Model FLOPs count the matrix products that the model needs: 2 * m * n * k each, and twice as many in the backward pass as in the
forward pass. Padding, embedding look-ups, softmax, norms, recomputation (remat) and the optimizer do not count. A segment
attends to itself only, so packing changes nothing. The causal attention of a T5 decoder counts in full, T * T, as in PaLM's MFU
(arXiv:2204.02311, appendix B) and in the numbers published for T5; halving it would lower T5-base at 512/114 by 0.2 %. A
decoder-only model has long rows, so its attention counts only the keys that a query sees, about T * T / 2, as in MaxText.

Letters: B batch, S source length, T target length.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

BACKWARD_AND_FORWARD = 3


class StepFlops(NamedTuple):
    """Model FLOPs of a step, forward and backward.

    Attributes:
      attention: the part of the total that a kernel may hide from a compiler: scores and weighted values.
      unbiased: the part of `attention` without a bias. TPUs' kernel with a bias says how much it computes, and hides nothing.
    """

    total: float
    attention: float
    unbiased: float


class Dims(Protocol):
    """The sizes that the FLOPs of any model depend on."""

    @property
    def d_model(self) -> int: ...
    @property
    def d_ff(self) -> int: ...
    @property
    def num_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def num_layers(self) -> int: ...  # in a T5, the encoder's layers
    @property
    def vocab_size(self) -> int: ...
    @property
    def gated(self) -> bool: ...


class T5Dims(Dims, Protocol):
    """The sizes that the FLOPs of an encoder-decoder depend on."""

    @property
    def num_decoder_layers(self) -> int: ...


def t5_step_flops(dims: T5Dims, input_lengths: np.ndarray, target_lengths: np.ndarray) -> float:
    """Returns the model FLOPs, forward and backward, of one step over segments with these lengths.

    input_lengths, target_lengths: int [N], tokens of the N segments of the global batch; 0 where one side is empty.

    >>> from types import SimpleNamespace
    >>> small = SimpleNamespace(d_model=512, d_ff=1024, num_heads=6, head_dim=64, num_layers=8, num_decoder_layers=8,
    ...                         vocab_size=32128, gated=True)
    >>> round(t5_step_flops(small, np.array([512]), np.array([114])) / 1e9)
    106
    """
    source, target = _lengths(input_lengths, target_lengths)  # float64 [N]
    inner = dims.num_heads * dims.head_dim
    projection = dims.d_model * inner  # weights in each of q, k, v and o
    mlp = (3 if dims.gated else 2) * dims.d_model * dims.d_ff

    encoder = 2 * (4 * projection + mlp) * source + _attention(inner, source, source)
    decoder = (
        2 * (4 * projection + mlp) * target
        + _attention(inner, target, target)
        + 2 * 2 * projection * target  # cross-attention, q and o
        + 2 * 2 * projection * source  # cross-attention, k and v of the encoder's output
        + _attention(inner, target, source)
    )
    head = 2 * dims.d_model * dims.vocab_size * target
    forward = dims.num_layers * encoder + dims.num_decoder_layers * decoder + head
    return float(BACKWARD_AND_FORWARD * forward.sum())


class DecoderDims(Dims, Protocol):
    """The sizes that the FLOPs of a decoder-only model depend on."""

    @property
    def num_kv_heads(self) -> int: ...


def decoder_step_flops(dims: DecoderDims, lengths: np.ndarray, num_targets: int) -> float:
    """Returns the model FLOPs, forward and backward, of one step over segments with these lengths.

    Attention counts as causal over the whole segment, also with a sliding window or with inputs that are seen both ways.

    lengths: int [N], positions of the N segments of the global batch.
    num_targets: positions that the head is applied to.

    >>> from types import SimpleNamespace
    >>> llama = SimpleNamespace(d_model=4096, d_ff=14336, num_heads=32, num_kv_heads=8, head_dim=128, num_layers=32,
    ...                         vocab_size=128256, gated=True)
    >>> round(decoder_step_flops(llama, np.array([8192]), 8192) / 8192 / 1e9, 1)  # 6 x 7.5 billion, and attention
    51.5
    """
    length = np.asarray(lengths, np.float64)
    inner, keys = dims.num_heads * dims.head_dim, dims.num_kv_heads * dims.head_dim
    weights = dims.d_model * (2 * inner + 2 * keys) + (3 if dims.gated else 2) * dims.d_model * dims.d_ff
    layer = 2 * weights * length + _attention(inner, length, (length + 1) / 2)
    forward = dims.num_layers * layer.sum() + 2.0 * dims.d_model * dims.vocab_size * num_targets
    return float(BACKWARD_AND_FORWARD * forward)


def t5_attention_flops(dims: T5Dims, input_lengths: np.ndarray, target_lengths: np.ndarray) -> tuple[float, float]:
    """Returns the FLOPs of a T5's attention in a step, and those of its cross-attention, which has no bias."""
    source, target = _lengths(input_lengths, target_lengths)
    inner = dims.num_heads * dims.head_dim
    cross = BACKWARD_AND_FORWARD * dims.num_decoder_layers * _attention(inner, target, source).sum()
    encoder = BACKWARD_AND_FORWARD * dims.num_layers * _attention(inner, source, source).sum()
    decoder = BACKWARD_AND_FORWARD * dims.num_decoder_layers * _attention(inner, target, target).sum()
    return float(encoder + decoder + cross), float(cross)


def decoder_attention_flops(dims: DecoderDims, lengths: np.ndarray) -> float:
    """Returns the FLOPs of a decoder-only model's attention in a step."""
    length = np.asarray(lengths, np.float64)
    inner = dims.num_heads * dims.head_dim
    return float(BACKWARD_AND_FORWARD * dims.num_layers * _attention(inner, length, (length + 1) / 2).sum())


def paired_lengths(
    inputs_segment_ids: np.ndarray,  # int [B, S]
    segment_ids: np.ndarray,  # int [B, T]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (input_lengths, target_lengths), int64 [N], of the N segments, row by row in the order of their ids.

    Segment k of a row's inputs belongs to segment k of its targets; a side without tokens has length 0; id 0 is padding.

    >>> paired_lengths(np.array([[1, 1, 3, 0]]), np.array([[1, 2, 2, 3]]))
    (array([2, 0, 1]), array([1, 2, 1]))
    """
    if inputs_segment_ids.shape[0] != segment_ids.shape[0]:
        raise ValueError(
            f"Inputs and targets must have the same rows, got segment ids of shapes {inputs_segment_ids.shape} and "
            f"{segment_ids.shape}."
        )
    most = int(max(inputs_segment_ids.max(initial=0), segment_ids.max(initial=0)))
    source, target = _counts(inputs_segment_ids, most), _counts(segment_ids, most)
    present = (source + target) > 0
    return source[present], target[present]


def segment_lengths(segment_ids: np.ndarray) -> np.ndarray:
    """Returns the lengths, int64 [N], of all segments of int [B, T] ids, which restart in every row; 0 is padding.

    >>> segment_lengths(np.array([[1, 1, 2, 0], [1, 0, 0, 0]]))
    array([2, 1, 1])
    """
    counts = _counts(segment_ids, int(segment_ids.max(initial=0)))
    return counts[counts > 0]


def _attention(inner: int, queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns the forward FLOPs of the attention scores and of the weighted sums of values."""
    return 2 * 2 * inner * queries * keys


def _lengths(input_lengths: np.ndarray, target_lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns both lengths as float64, because T * T * d_ff of a pod's batch could overflow an integer."""
    source, target = np.asarray(input_lengths, np.float64), np.asarray(target_lengths, np.float64)
    if source.ndim != 1 or source.shape != target.shape:
        raise ValueError(
            f"Input and target lengths must be two arrays [N] of the same segments, got shapes {source.shape} and "
            f"{target.shape}. paired_lengths makes them from segment ids."
        )
    return source, target


def _counts(segment_ids: np.ndarray, most: int) -> np.ndarray:
    """Returns the tokens of segments 1..most of each row, int64 [B, most]."""
    rows = segment_ids.shape[0]
    keys = segment_ids + np.arange(rows)[:, None] * (most + 1)
    return np.bincount(keys.reshape(-1), minlength=rows * (most + 1)).reshape(rows, most + 1)[:, 1:]
