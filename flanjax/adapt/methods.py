"""The Tuning of a config: which parameters of a model its method changes, and how."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from flax.nnx.traversals import flatten_mapping

from flanjax.adapt.adapter import Bottleneck
from flanjax.adapt.added import Added, Method
from flanjax.adapt.config import METHODS, NORMS, AdaptConfig
from flanjax.adapt.ia3 import IA3
from flanjax.adapt.lora import Lora
from flanjax.adapt.prefix import Prefix
from flanjax.adapt.prompt import Prompt
from flanjax.adapt.targets import chosen, matches
from flanjax.models import functional
from flanjax.models.kernels import is_kernel
from flanjax.models.params import Path, Selected, Tuning

_INNER = ("mlp/wo",)  # kernels whose inputs (IA)^3 scales
Encode = Callable[[str], Sequence[int]]


def make_tuning(method: str, config: AdaptConfig, model: functional.Config, encode: Encode) -> Tuning:
    """Returns the Tuning of a method for a model.

    Args:
      encode: a text's ids, for `config.words`.

    Raises:
      ValueError: a pattern of the config matches nothing, or its words have no ids.
    """
    axes = flatten_mapping(functional.logical_axes(model))
    patterns, given = config.targets or METHODS[method].targets, bool(config.targets)
    if method == "select":
        chosen(patterns, axes, each=given)
        return Selected(functools.partial(matches, patterns))
    kernels = [path for path, names in axes.items() if is_kernel(path, names)]
    if method == "prompt":
        targets: tuple[Path, ...] = (("embedding",),)
    elif method == "prefix":
        targets = tuple(path for path in chosen(patterns, kernels, each=True) if path[0] != "encoder")
    else:
        targets = chosen(patterns, kernels, each=given)
    make = functools.partial(_method, method, config, model, encode)
    own = chosen(NORMS, axes, each=False) if method == "adapter" else ()
    return Added(method, tuple((path, make(path)) for path in targets), own, tuple(kernels) if config.int8 else ())


def reserved(method: str | None, config: AdaptConfig, kind: Any) -> int:
    """Returns how many places each segment's inputs keep free for a method, in a kind of model."""
    in_rows = method == "prompt" or (method == "prefix" and kind.layouts[0] != "encoder_decoder")
    return config.num_tokens(method) if method and in_rows else 0


def _method(method: str, config: AdaptConfig, model: Any, encode: Encode, path: Path) -> Method:
    if method == "lora":
        return Lora(config.rank, config.alpha or config.rank, config.rank_stabilized, config.dropout, config.dora)
    if method == "ia3":
        return IA3(inputs=matches(_INNER, path))
    if method == "adapter":
        return Bottleneck(config.bottleneck)
    tokens = config.num_tokens(method)
    if method == "prefix":
        return Prefix(tokens, getattr(model, "num_kv_heads", model.num_heads) * model.head_dim, config.hidden)
    ids = tuple(encode(config.words)) if config.words else ()
    if config.words and not ids:
        raise ValueError(f"adapt.words is {config.words!r}, of which the tokenizer makes no ids")
    return Prompt(tokens, ids)
