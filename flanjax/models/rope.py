"""Rotary position embedding: rotates queries and keys by angles that grow with position (https://arxiv.org/abs/2104.09864).

Scores then depend only on the difference of two positions, so a packed segment's positions may start at any number. As in
Hugging Face's checkpoints, feature i is rotated together with feature i + R / 2, not with its neighbour.

Axes: B batch, T length, N heads, H head size, R rotated features of a head.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flanjax.models.decoder_config import DecoderConfig


class Rotation(NamedTuple):
    """The angles of a batch's positions: float32 [B, T, 1, R / 2] each."""

    cos: jax.Array
    sin: jax.Array


def frequencies(config: DecoderConfig) -> np.ndarray:
    """Returns the frequencies in radians a position, float32 [R / 2], from fast to slow.

    Llama 3.1 divides frequencies by `rope_factor` if they make few turns within the positions of its first training, keeps
    those that make many turns, and interpolates linearly between the two
    (https://github.com/meta-llama/llama-models/blob/main/models/llama3/model.py, apply_scaling).
    """
    exponents = np.arange(0, config.rotary_dim, 2, dtype=np.float32) / np.float32(config.rotary_dim)
    fast = 1 / np.float32(config.rope_theta) ** exponents
    if config.rope_factor == 1.0:
        return fast
    low, high = config.rope_low_frequency, config.rope_high_frequency
    turns = config.rope_original_positions * fast / (2 * math.pi)
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return ((1 - kept) * fast / config.rope_factor + kept * fast).astype(np.float32)


def rotation(config: DecoderConfig, positions: jax.Array) -> Rotation:
    """Returns the rotation of `positions`, int32 [B, T]. All layers share it."""
    angles = positions[..., None, None].astype(jnp.float32) * frequencies(config)  # float32: bfloat16 cannot represent 257
    return Rotation(jnp.cos(angles), jnp.sin(angles))


def rotate(x: jax.Array, by: Rotation) -> jax.Array:
    """Returns `x` [B, T, N, H] with the first R features of each head rotated, in float32, and the rest unchanged."""
    half = by.cos.shape[-1]
    first, second, rest = x[..., :half].astype(jnp.float32), x[..., half : 2 * half].astype(jnp.float32), x[..., 2 * half :]
    turned = jnp.concatenate([first * by.cos - second * by.sin, second * by.cos + first * by.sin], axis=-1)
    return jnp.concatenate([turned.astype(x.dtype), rest], axis=-1)
