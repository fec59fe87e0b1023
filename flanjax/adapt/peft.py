"""Few weights in the format of Hugging Face's peft (https://github.com/huggingface/peft), both ways.

A directory holds adapter_config.json, which names the base and the method, and adapter_model.safetensors. LoRA and (IA)^3 have
tensors under the names of the base's modules; soft tokens and prefixes are one table, `prompt_embeddings`. peft has no format
for bottleneck adapters.

peft gives layer i of a T5's decoder the 2 i-th block of a prefix, counted modulo their number, because it cuts the table as if
every second block were one of cross-attention. So twice as many blocks are written, and read as peft reads them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from etils import epath
from flax.nnx.traversals import flatten_mapping, unflatten_mapping
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from flanjax.adapt.added import Added
from flanjax.adapt.config import AdaptConfig
from flanjax.adapt.ia3 import IA3
from flanjax.adapt.lora import Lora
from flanjax.adapt.prefix import Prefix
from flanjax.adapt.prompt import Prompt
from flanjax.huggingface.families import family_of
from flanjax.huggingface.settings import FLAG, NUMBER, SIZE, TEXT, read_settings
from flanjax.huggingface.tensors import Tensor
from flanjax.huggingface.weight_files import DTYPES
from flanjax.models.functional import Config
from flanjax.models.params import Path as TreePath
from flanjax.models.params import Tree, Tuning

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_BEFORE, _TABLE = "base_model.model.", "prompt_embeddings"
_MAGNITUDE = "lora_magnitude_vector"
_BESIDE = {"a": "lora_A.weight", "b": "lora_B.weight", "magnitude": _MAGNITUDE, "scale": "ia3_l"}  # our names, peft's
_NAMES = {"LORA": "lora", "IA3": "ia3", "PROMPT_TUNING": "prompt", "PREFIX_TUNING": "prefix"}
_NEUTRAL: dict[str, tuple[Any, ...]] = {  # settings with which a LoRA is more, or other, than what is here
    "bias": ("none", None),
    "modules_to_save": (None, []),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "fan_in_fan_out": (False, None),
    "lora_bias": (False, None),
    "alora_invocation_tokens": (None, []),
}
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")  # values of init_lora_weights


_KINDS = {
    "peft_type": TEXT,
    "base_model_name_or_path": TEXT,
    "num_virtual_tokens": SIZE,
    "r": SIZE,
    "lora_alpha": NUMBER,
    "use_rslora": FLAG,
    "use_dora": FLAG,
    "lora_dropout": NUMBER,
}
_NEEDED = {"lora": ("r", "lora_alpha"), "ia3": (), "prompt": ("num_virtual_tokens",), "prefix": ("num_virtual_tokens",)}


class Imported(NamedTuple):
    """What a directory holds.

    Attributes:
      base: the name of the weights that it was trained over; "" if it names none.
      trainable: the tree that the method's Tuning trains, float32 on the host.
    """

    method: str
    config: AdaptConfig
    base: str
    trainable: Tree


def is_adapter(directory: epath.PathLike) -> bool:
    """Whether it is a directory in peft's format."""
    return (epath.Path(directory) / CONFIG).exists()


def base_of(directory: epath.PathLike) -> str:
    """Returns the name of the weights that a directory was trained over; "" if it names none."""
    return str(_settings(epath.Path(directory)).get("base_model_name_or_path") or "")


def load(directory: epath.PathLike, model: Config) -> Imported:
    """Returns what a directory in peft's format holds, for a base of a model's shape.

    Raises:
      ValueError: a file is damaged, its method is not known here, or its tensors are not those of the base; names them.
    """
    place = epath.Path(directory)
    settings, arrays = _settings(place), _arrays(place)
    kind = settings.get("peft_type")
    if kind not in _NAMES:
        raise ValueError(f"{place / CONFIG}: peft_type is {kind!r}, expected one of {sorted(_NAMES)}")
    for name, neutral in _NEUTRAL.items():
        if settings.get(name) not in neutral:
            raise ValueError(f"{place / CONFIG}: {name} is {settings[name]!r}, which is not known here")
    if str(start := settings.get("init_lora_weights")).lower().startswith(_CHANGES_BASE):
        raise ValueError(
            f"{place / CONFIG}: init_lora_weights is {start!r}, which changes the base's own weights; save it over the "
            "unchanged base by peft's save_pretrained(..., path_initial_model_for_weight_conversion=...), or merge it into its "
            "own base by merge_and_unload()"
        )
    method = _NAMES[kind]
    if missing := [name for name in _NEEDED[method] if settings.get(name) is None]:
        raise ValueError(f"{place / CONFIG} has no {missing[0]}, which {kind} needs")
    if method in ("prompt", "prefix"):
        found = _table(method, settings, arrays, model, place)
    else:
        found = dict(_beside_kernels(method, settings, arrays, model, place))
    made = _config(method, settings, found)
    return Imported(method, made, base_of(place), unflatten_mapping(dict(sorted(found.items()))))


def export(directory: epath.PathLike, tuning: Tuning, model: Config, trainable: Tree, *, base: str) -> None:
    """Writes the few weights of a tuning in peft's format.

    Args:
      trainable: of host arrays.
      base: name of the weights that they were trained over.

    Raises:
      ValueError: peft has no format for the tuning.
    """
    place = epath.Path(directory)
    method = tuning.targets[0][1] if isinstance(tuning, Added) and tuning.name in _NAMES.values() else None
    flat = flatten_mapping(trainable)
    tensors = {tensor.path: tensor for tensor in family_of(model).tensors(model, family_of(model).family_of(model))}
    is_decoder = model.layouts[0] != "encoder_decoder"
    settings = {
        "base_model_name_or_path": base,
        "inference_mode": True,
        "task_type": "CAUSAL_LM" if is_decoder else "SEQ_2_SEQ_LM",
    }
    if isinstance(method, Lora | IA3):
        assert isinstance(tuning, Added)
        more, arrays = _of_kernels(tuning, flat, tensors)
    elif isinstance(method, Prompt | Prefix):
        more, arrays = _of_tokens(method, flat, model)
    else:
        name = tuning.name if isinstance(tuning, Added) else type(tuning).__name__
        raise ValueError(f"peft has no format for the tuning {name}; it has one for {', '.join(sorted(_NAMES.values()))}")
    place.mkdir(parents=True, exist_ok=True)
    (place / WEIGHTS).write_bytes(save({name: np.ascontiguousarray(x) for name, x in arrays.items()}, {"format": "pt"}))
    (place / CONFIG).write_text(json.dumps({**settings, **more}, indent=2, sort_keys=True) + "\n")


def _of_kernels(
    tuning: Added, flat: Mapping[TreePath, Any], tensors: Mapping[TreePath, Tensor]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns settings and tensors of LoRA or (IA)^3."""
    arrays: dict[str, np.ndarray] = {}
    modules: dict[bool, list[str]] = {False: [], True: []}  # by whether (IA)^3 scales their inputs
    for path, method in tuning.targets:
        learned = {name: np.asarray(flat[*path, name]) for name in ("a", "b", "magnitude", "scale") if (*path, name) in flat}
        inputs = isinstance(method, IA3) and method.inputs
        for number, module in enumerate(_modules(tensors[path])):
            modules[inputs].append(module)
            if isinstance(method, IA3):
                arrays[f"{_BEFORE}{module}.ia3_l"] = learned["scale"][number].reshape((1, -1) if inputs else (-1, 1))
            else:
                arrays[f"{_BEFORE}{module}.lora_A.weight"] = learned["a"][number].T
                arrays[f"{_BEFORE}{module}.lora_B.weight"] = learned["b"][number].T
                if "magnitude" in learned:
                    arrays[f"{_BEFORE}{module}.{_MAGNITUDE}"] = learned["magnitude"][number]
    every = [name for tensor in tensors.values() if tensor.transpose for name in _modules(tensor)]
    both = modules[False] + modules[True]
    lora = next((method for _, method in tuning.targets if isinstance(method, Lora)), None)
    if lora is None:
        return {
            "peft_type": "IA3",
            "target_modules": _shortest(both, every),
            "feedforward_modules": _shortest(modules[True], every),
        }, arrays
    return {
        "peft_type": "LORA",
        "target_modules": _shortest(both, every),
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "use_rslora": lora.rank_stabilized,
        "use_dora": lora.dora,
        "bias": "none",
    }, arrays


def _of_tokens(
    method: Prompt | Prefix, flat: Mapping[TreePath, Any], model: Any
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns settings and tensors of prompt or prefix tuning."""
    is_decoder = model.layouts[0] != "encoder_decoder"
    if isinstance(method, Prompt):
        table = np.asarray(flat["embedding", "soft"])
        heads, layers = model.num_heads, model.num_layers
        more: dict[str, Any] = {"peft_type": "PROMPT_TUNING", "prompt_tuning_init": "RANDOM", "token_dim": model.d_model}
    else:
        learned = {path[-1]: value for path, value in flat.items()}
        stacked = model.num_layers if is_decoder else model.num_decoder_layers
        keys, values = (np.asarray(x) for x in method.keys_values(learned, stacked))  # [L, n, M]
        both = np.stack([keys, values], axis=2)  # [L, n, 2, M]
        blocks = both if is_decoder else np.stack([both, np.zeros_like(both)], axis=1).reshape(-1, *both.shape[1:])
        table = blocks.swapaxes(0, 1).reshape(method.tokens, -1)
        heads, layers = method.size // model.head_dim, len(blocks)
        more = {"peft_type": "PREFIX_TUNING", "prefix_projection": False, "token_dim": method.size}
        more["encoder_hidden_size"] = method.size
    more |= {"num_virtual_tokens": method.tokens, "num_attention_heads": heads, "num_layers": layers}
    more["num_transformer_submodules"] = 1 if is_decoder or isinstance(method, Prompt) else 2
    return more, {_TABLE: table}


def _table(
    method: str, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], model: Any, place: epath.Path
) -> dict[TreePath, np.ndarray]:
    """Returns the trainable arrays of soft tokens or of a prefix, by path."""
    if set(arrays) != {_TABLE}:
        raise ValueError(f"{place / WEIGHTS} has the tensors {sorted(arrays)}, expected {_TABLE} alone")
    tokens, table = settings["num_virtual_tokens"], np.asarray(arrays[_TABLE], np.float32)
    if method == "prompt":
        if table.shape[1] != model.d_model:
            raise ValueError(f"{place}: soft tokens of {table.shape[1]} features, the base has {model.d_model}")
        return {("embedding", "soft"): table[:tokens]}  # peft keeps a second half for a T5's decoder, and uses it nowhere
    is_decoder = model.layouts[0] != "encoder_decoder"
    layers = model.num_layers if is_decoder else model.num_decoder_layers
    size = getattr(model, "num_kv_heads", model.num_heads) * model.head_dim
    if table.shape[1] % (2 * size) or (is_decoder and table.shape[1] != 2 * size * layers):
        raise ValueError(
            f"{place}: a prefix of {table.shape[1]} numbers a token, expected {2 * size} for each of {layers} layers"
        )
    blocks = table.reshape(tokens, -1, 2, size)
    block = np.arange(layers) if is_decoder else 2 * np.arange(layers) % blocks.shape[1]
    path = (*(() if is_decoder else ("decoder",)), "layers", "attention", "o")
    return {(*path, name): blocks[:, block, i].swapaxes(0, 1) for i, name in enumerate(("keys", "values"))}


def _beside_kernels(
    method: str, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], model: Any, place: epath.Path
) -> Iterator[tuple[TreePath, np.ndarray]]:
    """Yields the trainable arrays of LoRA or (IA)^3, by path."""
    family, left = family_of(model), set(arrays)
    for tensor in family.tensors(model, family.family_of(model)):
        for ours, theirs in _BESIDE.items():
            names = [f"{_BEFORE}{module}.{theirs}" for module in _modules(tensor)]
            if not left.intersection(names):
                continue
            if missing := [name for name in names if name not in arrays]:
                raise ValueError(f"{place / WEIGHTS} has only some layers of {tensor.name}: {missing[0]} is missing")
            left.difference_update(names)
            each = np.stack([np.asarray(arrays[name], np.float32) for name in names])
            if ours == "scale":
                inputs, expected = tensor.path[-2:] == ("mlp", "wo"), [(1, tensor.shape[1]), (tensor.shape[0], 1)]
                if each.shape[1:] != expected[not inputs]:
                    raise ValueError(f"{place / WEIGHTS}: {names[0]} is {each.shape[1:]}, expected {expected[not inputs]}")
                yield (*tensor.path, ours), each.reshape(len(each), -1)
            elif ours == "magnitude":
                if each.shape[1:] != tensor.shape[:1]:
                    raise ValueError(f"{place / WEIGHTS}: {names[0]} is {each.shape[1:]}, expected {tensor.shape[:1]}")
                yield (*tensor.path, ours), each
            else:
                yield (*tensor.path, ours), each.swapaxes(1, 2)
    if left:
        raise ValueError(f"{place / WEIGHTS} has tensors that the base has no place for: {', '.join(sorted(left)[:3])}")


def _config(method: str, settings: Mapping[str, Any], found: Mapping[TreePath, np.ndarray]) -> AdaptConfig:
    """Returns the config with which the method trains what was found."""
    if method in ("prompt", "prefix"):
        tokens = settings["num_virtual_tokens"]
        return AdaptConfig(tokens=tokens, hidden=0) if method == "prefix" else AdaptConfig(tokens=tokens)
    targets = tuple(dict.fromkeys("/".join(path[:-1]) for path in found))
    if method == "ia3":
        return AdaptConfig(targets=targets)
    return AdaptConfig(
        targets=targets,
        rank=settings["r"],
        alpha=float(settings["lora_alpha"]),
        rank_stabilized=bool(settings.get("use_rslora")),
        dora=bool(settings.get("use_dora")),
        dropout=float(settings.get("lora_dropout") or 0.0),
    )


def _settings(place: epath.Path) -> dict[str, Any]:
    return read_settings(place / CONFIG, _KINDS)


def _arrays(place: epath.Path) -> dict[str, np.ndarray]:
    try:
        found = dict(deserialize((place / WEIGHTS).read_bytes()))
    except SafetensorError as error:
        raise ValueError(f"{place / WEIGHTS} is damaged, or no safetensors file: {error}") from error
    for name, tensor in found.items():
        if tensor["dtype"] not in DTYPES:
            raise ValueError(f"{place / WEIGHTS}: {name} has the type {tensor['dtype']}, expected one of {', '.join(DTYPES)}")
    return {
        name: np.frombuffer(tensor["data"], DTYPES[tensor["dtype"]]).reshape(tensor["shape"]).astype(np.float32)
        for name, tensor in found.items()
    }


def _modules(tensor: Tensor) -> list[str]:
    return [name.removesuffix(".weight") for name in tensor.names]


def _shortest(chosen: list[str], every: list[str]) -> list[str]:
    """Returns the last names of modules if they name no other module, else the whole names: peft compares the ends."""
    last = {name.rpartition(".")[2] for name in chosen}
    return sorted(last if {name for name in every if name.rpartition(".")[2] in last} == set(chosen) else chosen)
