"""Reads and writes models in Hugging Face's format, without torch and without transformers' model classes.

A directory holds config.json and model.safetensors, or shards of it with model.safetensors.index.json.

    directory = find("google/flan-t5-base")  # hub.py: downloads it once; a local directory is returned as it is
    model = open_model(directory, dtype="bfloat16")  # read.py: the headers of the files, checked against config.json
    params = model.params(shardings_of(model.config))  # each process reads what its devices need
    save(another, model.config, params)  # write.py; export.py adds generation_config.json and a model card

Each family has a module with its names of settings and tensors (t5.py, decoder.py; families.py lists them). Reading and writing
go through the same table in two directions. Neither holds a whole model in host memory: a reader holds one device's shard of
one parameter, and a writer one tensor.
"""

from flanjax.huggingface.export import Card, SpecialIds, export
from flanjax.huggingface.hub import CONFIG, find
from flanjax.huggingface.read import PublishedModel, load, open_model
from flanjax.huggingface.write import save

__all__ = ["CONFIG", "Card", "PublishedModel", "SpecialIds", "export", "find", "load", "open_model", "save"]
