"""Reads RoPE and sliding windows of decoders from config.json.

RoPE's settings have two forms, and both are read: transformers 4 writes rope_theta and rope_scaling (GPT-NeoX: rotary_emb_base
and rotary_pct), and transformers 5 writes one dict, rope_parameters.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flanjax.huggingface.decoder_tensors import is_neox
from flanjax.huggingface.settings import NUMBER, SIZE, TEXT, check_kinds

LLAMA3 = {  # DecoderConfig -> the dict of RoPE settings
    "rope_factor": "factor",
    "rope_low_frequency": "low_freq_factor",
    "rope_high_frequency": "high_freq_factor",
    "rope_original_positions": "original_max_position_embeddings",
}
_ROPE_KINDS = {
    **dict.fromkeys(("rope_theta", "partial_rotary_factor", *LLAMA3.values()), NUMBER),
    **dict.fromkeys(("rope_type", "type"), TEXT),
    "original_max_position_embeddings": SIZE,
}


def rope(family: str, source: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Returns the fields of DecoderConfig about RoPE, from either form."""
    key = "rope_scaling" if source.get("rope_scaling") else "rope_parameters"
    settings = source.get(key) or {}
    kind = settings.get("rope_type", settings.get("type", "default"))
    if kind not in ("default", "llama3") or any(isinstance(value, Mapping) for value in settings.values()):
        raise ValueError(f"{path}: {key} is {settings}, expected one for all layers of rope_type 'default' or 'llama3'")
    check_kinds(settings, _ROPE_KINDS, path, f"{key}.")
    theta, fraction = ("rotary_emb_base", "rotary_pct") if is_neox(family) else ("rope_theta", "partial_rotary_factor")
    found = {
        "rope_theta": float(_first(settings.get("rope_theta"), source.get(theta), 10_000.0)),
        "rope_fraction": float(_first(settings.get("partial_rotary_factor"), source.get(fraction), 1.0)),
    }
    if found["rope_fraction"] != 1.0 and not is_neox(family):
        raise ValueError(f"{path}: partial_rotary_factor is {found['rope_fraction']}, only gpt_neox rotates a part of a head")
    if kind == "llama3":
        full = {"original_max_position_embeddings": source.get("max_position_embeddings"), **settings}
        if missing := [theirs for theirs in LLAMA3.values() if full.get(theirs) is None]:
            raise ValueError(f"{path}: {key} of rope_type 'llama3' has no {', '.join(missing)}, it is {settings}")
        found |= {ours: full[theirs] for ours, theirs in LLAMA3.items()}
    return found


def windows(family: str, source: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Returns `window` and `global_every`, from the layers' types or from the older fields for them."""
    window, count = source.get("sliding_window"), source["num_hidden_layers"]
    types = source.get("layer_types")
    if family in ("qwen2", "qwen3"):
        window = window if source.get("use_sliding_window") else None
        types = types or ["sliding_attention" if i >= _first(source.get("max_window_layers"), 28) else "" for i in range(count)]
    elif family == "gemma2":
        types = types or ["" if i % 2 else "sliding_attention" for i in range(count)]
    elif family == "mistral":
        types = ["sliding_attention"] * count
    local = [window is not None and kind == "sliding_attention" for kind in types or [""] * count]
    if not any(local):
        return {}
    if all(local):
        return {"window": window}
    every = local.index(False) + 1
    if local != [bool((i + 1) % every) for i in range(count)]:
        raise ValueError(f"{path}: layers with a sliding window are {local}, expected all of them, none, or all but every n-th")
    return {"window": window, "global_every": every}


def _first(*values: Any) -> Any:
    """The first of some values that is not None."""
    return next(value for value in values if value is not None)
