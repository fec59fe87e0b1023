"""Finds a model's directory on this machine or on the Hugging Face hub."""

from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HFValidationError

from flanjax.huggingface.weight_files import INDEX, WEIGHTS

CONFIG = "config.json"
_DOWNLOADED = [CONFIG, WEIGHTS, INDEX, "model-*.safetensors"]


def find(name: str) -> Path:
    """Returns the directory of a model: a local one, or else the snapshot of a Hugging Face id, which is downloaded once.

    Args:
      name: a directory, or an id such as "google/flan-t5-base"; "id@revision" for a branch, tag or commit.

    Raises:
      FileNotFoundError: the name is neither; the message has the hub's reason.
    """
    if Path(name).is_dir():
        return Path(name)
    repository, _, revision = name.partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=_DOWNLOADED))
    except (OSError, HFValidationError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise FileNotFoundError(
            f"{name!r} is neither a directory here nor a model on the Hugging Face hub: {reason}"
        ) from error
