"""Config files: Python files with a `get_config()`, their variants, overrides from the command line, and their mixture's path.

With `get_config(variant)` one file has several configs, such as configs/flan_t5.py:base. The file lists them in `VARIANTS`, so
that the error for a misspelt one names the nearest.
"""

import ast
import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_collections

from flanjax import fields
from flanjax.config.errors import ConfigError
from flanjax.config.model import field_types
from flanjax.config.run_config import RunConfig, plain
from flanjax.names import nearest
from flanjax.tasks import user_code


def load_config(path: str, overrides: Sequence[str] = (), *, with_mixture: bool = True) -> RunConfig:
    """Returns the config of a file with `get_config()`, after overrides such as "train.steps=100".

    Args:
      path: "configs/x.py", or "configs/x.py:variant" for a `get_config(variant)`, as in ml_collections.
      with_mixture: whether the mixture's file is looked for; not needed if a mixture object takes its place.

    Raises:
      ConfigError: the file, the variant, a key or the mixture's file does not exist, or a value is invalid for its key.
    """
    name, _, variant = path.partition(":")
    file = Path(name)
    if not file.is_file():
        raise ConfigError(f"no config file {name}; {_near(file)}")
    config = plain(_get_config(file, variant))
    for override in overrides:
        _override(config, override)
    made = RunConfig.from_config_dict(config)
    return dataclasses.replace(made, mixture=find_mixture(made.mixture, file)) if with_mixture else made


def find_mixture(address: str, config_file: Path) -> str:
    """Returns the address unchanged if its file is found from the current directory, else with the path where it was found.

    Raises:
      ConfigError: the file is in none of the searched places, which are named.
    """
    path, _, name = address.rpartition(":")
    folder = config_file.resolve().parent
    places = list(dict.fromkeys((Path.cwd(), folder, folder.parent)))
    found = next((place / path for place in places if path and (place / path).is_file()), None)
    if found is None and path:
        near = next((_near(place / path) for place in places if (place / path).parent.is_dir()), "none of them has that folder")
        raise ConfigError(
            f"mixture is {address!r}, but there is no file {path} in {', '.join(map(str, places))}; {near}. Give its path from "
            "the current directory, or an absolute one"
        )
    return address if found is None or found == places[0] / path else f"{found}:{name}"


def _near(file: Path) -> str:
    if not file.parent.is_dir():
        return f"no folder {file.parent}"
    return nearest(file.name, (p.name for p in file.parent.glob("*.py")))


def _get_config(file: Path, variant: str) -> Any:
    module = user_code.run_file(file, f"flanjax_config_{file.stem}")
    get_config = getattr(module, "get_config", None)
    if not callable(get_config):
        raise ConfigError(f"{file} has no get_config(); a config file defines one that returns an ml_collections.ConfigDict")
    known = list(getattr(module, "VARIANTS", ()))
    if variant and not inspect.signature(get_config).parameters:
        raise ConfigError(f"{file} has no variant {variant!r}: its get_config() takes none. Leave out :{variant}")
    if variant and known and variant not in known:
        raise ConfigError(f"{file} has no variant {variant!r}; {nearest(variant, known)}")
    found = user_code.call(get_config, *([variant] if variant else []))
    if not isinstance(found, Mapping | ml_collections.ConfigDict):
        where = user_code.located(get_config.__code__.co_filename, get_config.__code__.co_firstlineno)
        raise ConfigError(f"{where}: get_config() returned {found!r:.100}, expected an ml_collections.ConfigDict or a dict")
    return found


def overrides_by_key(overrides: Sequence[str]) -> dict[str, str]:
    """Returns key -> text of overrides such as "train.steps=100"; a key without a value is a switch: "true"."""
    split = (override.partition("=") for override in overrides)
    return {key: value if equals else "true" for key, equals, value in split}


def _override(config: dict[str, Any], override: str) -> None:
    """Sets the key of an override such as "train.steps=100"; a key without a value is a switch and becomes True."""
    key, equals, text = override.partition("=")
    hint = _hint(key)
    if not equals and hint is not bool:
        expected = f" (expected {fields.describe(hint)})" if hint is not None else ""
        raise ConfigError(f"override {key} has no value{expected}; give it as --config.{key}=VALUE")
    *parents, last = key.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
        if not isinstance(config, dict):
            raise ConfigError(f"override {key}: {parent} is a value, not a group of keys")
    config[last] = _parsed(key, hint, text) if equals else True


def _parsed(key: str, hint: Any, text: str) -> Any:
    if hint is None:  # an unknown key; it is reported later, when all keys are known
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
    value = fields.parse(hint, text)
    if not text:
        try:
            fields.fit(hint, value)
        except ValueError:
            raise ConfigError(f"override {key} has an empty value, expected {fields.describe(hint)}") from None
    return value


def _hint(key: str) -> Any:
    """Returns the type of a config key; None if there is no such key or it is a group."""
    group, _, name = key.partition(".")
    if group == "model" and name in (model := field_types()):
        return model[name]
    hint: Any = RunConfig
    for part in key.split("."):
        known = fields.hints(hint) if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__") else {}
        if part not in known:
            return None
        hint = known[part]
    return None if hasattr(hint, "__dataclass_fields__") else hint
