"""A checkpoint as a directory that transformers loads."""

import functools
from collections.abc import Mapping
from typing import Any

from etils import epath

from flanjax import huggingface as hf
from flanjax import parts, storage
from flanjax.adapt import peft
from flanjax.config import RunConfig
from flanjax.data.layout import Layout, make_layout
from flanjax.data.tokenizer_export import export_tokenizer
from flanjax.models.params import Full, Tree, Tuning, plain
from flanjax.parallel import distributed, sharding
from flanjax.version import __version__
from flanjax.workdir import open_workdir


def export(
    workdir: epath.PathLike,
    output: epath.PathLike,
    *,
    step: int | None = None,
    dtype: str = "float32",
    licence: str | None = None,
    tuning: Tuning = Full(),
    adapter: bool = False,
    log: Any = print,
) -> None:
    """Writes a checkpoint's model and tokenizer, with a model card, as a directory that transformers loads.

    Several processes read a share each, for a model that the devices of one cannot hold; the first one writes, one tensor at a
    time in its memory.

    Args:
      dtype: of the weights' files, "float32" or "bfloat16".
      licence: for the model card; None says that it is unknown.
      tuning: what the run was trained with; what it learned beside a kernel is merged into it.
      adapter: write the trained weights alone, in the format of Hugging Face's peft, which reads the base by its name.

    Raises:
      ValueError: what was learned cannot be merged, or peft has no format for it.
    """
    workdir = open_workdir(workdir).path
    storage.reach(output)
    log = distributed.first_only(log)
    saved = parts.open_saved(workdir, step, tuning)
    config, model, tokenizer = saved.config, saved.model, saved.tokenizer
    mesh = sharding.make_mesh(sharding.MeshConfig())
    if adapter:
        step, trainable = saved.read_trainable(mesh)
        whole = sharding.everywhere(trainable, mesh)
        write = functools.partial(peft.export, output, saved.tuning, model, whole, base=config.model.init)
        distributed.first_then_others("export", write)
        log(f"few weights of step {step} of {workdir} written to {output}, over the base {config.model.init}")
        if config.adapt.int8:
            log("note: they were trained over that base rounded to eight bits (adapt.int8), and are read over it as it is")
        return
    layout = make_layout(config.data.features, tokenizer)
    step, params = saved.read_params(mesh)
    model_type = "mt5" if (config.model.size or "").startswith("mt5") else None
    ids = hf.SpecialIds(tokenizer.bos_id, layout.stop_ids, tokenizer.pad_id)
    hf.export(
        output,
        model,
        _merged(params, workdir),
        ids,
        _card(config, saved.meta["split"], layout, step, licence),
        model_type=model_type,
        dtype=dtype,
    )
    distributed.first_then_others("export", lambda: export_tokenizer(tokenizer, output, layout))
    log(f"step {step} of {workdir} written to {output}")


def _merged(params: Tree, workdir: epath.Path) -> Tree:
    try:
        return plain(params)
    except ValueError as error:
        raise ValueError(f"{error}: add --adapter, which writes what {workdir} has trained in peft's format") from error


def _card(config: RunConfig, split: Mapping[str, Any], layout: Layout, step: int, licence: str | None) -> hf.Card:
    features = config.data.features
    missing = f", as {split['mixture']}" if split.get("quarantined") else ""
    return hf.Card(
        name=config.name,
        base=config.model.init,
        mixture=f"{config.mixture}{missing}",
        heldout=config.heldout,
        step=step,
        licence=licence,
        prompt_end="" if features.layout == "encoder_decoder" or layout.chat else features.separator,
        chat=layout.chat is not None,
        reads_both_ways=features.layout == "prefix",
        version=__version__,
    )
