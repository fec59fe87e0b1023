"""The config of a run: RunConfig composes the modules' frozen dataclasses, and `load_config` makes one from a config file.

model.py       ModelConfig: a published size, or fields, or weights that decide the shape
run_config.py  RunConfig, and its construction from nested dicts
files.py       config files: their variants, overrides from the command line, and the search for their mixture
reference.py   every key with its type, default and meaning: `--help-config` and docs/config.md
"""

from flanjax.config.errors import ConfigError
from flanjax.config.files import load_config, overrides_by_key
from flanjax.config.model import ModelConfig
from flanjax.config.run_config import RunConfig, differences, same_mixture

__all__ = ["ConfigError", "ModelConfig", "RunConfig", "differences", "load_config", "overrides_by_key", "same_mixture"]
