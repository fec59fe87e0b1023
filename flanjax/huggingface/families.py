"""The model families with a Hugging Face format: one module for each of our kinds of model, by `config.kind`.

Such a module has MODEL_TYPES (of config.json), AUTO_CLASS (the class of transformers that loads it), and the functions
config_of, config_json, tensors, ignored, head_and_embedding, says_untied and family_of. t5.py is the shorter example.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from flanjax.huggingface import decoder, t5
from flanjax.models.functional import Config

FAMILIES: Mapping[str, ModuleType] = {"t5": t5, "decoder": decoder}
_BY_TYPE = {model_type: family for family in FAMILIES.values() for model_type in family.MODEL_TYPES}


def family_of(config: Config) -> ModuleType:
    """Returns the family of one of our models."""
    return FAMILIES[config.kind]


def family_of_type(model_type: Any, path: Path) -> ModuleType:
    """Returns the family of config.json's model_type. Raises ValueError naming the known ones if it is unknown."""
    if not isinstance(model_type, str) or model_type not in _BY_TYPE:
        raise ValueError(f"{path}: model_type is {model_type!r}, expected one of {sorted(_BY_TYPE)}")
    return _BY_TYPE[model_type]
