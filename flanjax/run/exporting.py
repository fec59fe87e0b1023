"""A checkpoint as a directory that transformers loads."""

from typing import Any

from etils import epath

from flanjax import checkpoint, parts, storage
from flanjax import huggingface as hf
from flanjax.config import RunConfig
from flanjax.data.layout import Layout, make_layout
from flanjax.data.tokenizer_export import export_tokenizer
from flanjax.models import functional
from flanjax.models.params import Full, Tuning, plain
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
    say: Any = print,
) -> None:
    """Writes a checkpoint's model and tokenizer, with a model card, as a directory that transformers loads.

    Several processes read a share each, for a model that the devices of one cannot hold; the first one writes, one tensor at a
    time in its memory.

    Args:
      dtype: of the weights' files, "float32" or "bfloat16".
      licence: for the model card; None says that it is unknown.
      tuning: what the run was trained with; what it learned beside a kernel is merged into it.
    """
    workdir = open_workdir(workdir).path
    storage.reach(output)
    say, fixed = distributed.first_only(say), step is not None
    step, meta = checkpoint.read_meta(workdir, step)
    config = RunConfig.from_config_dict(meta["config"])
    model = functional.config_from(meta["model"])
    tokenizer = parts.saved_tokenizer(workdir, config, meta)
    layout = make_layout(config.data.features, tokenizer)
    mesh = sharding.make_mesh(sharding.MeshConfig())

    def base() -> Any:
        return parts.weights_of(config, tokenizer, mesh).make()

    how: dict[str, Any] = {"fixed": fixed, "tuning": tuning, "base": base, "seed": config.train.seed}
    step, params = parts.read_newest_params(workdir, step, model, mesh, **how)
    model_type = "mt5" if (config.model.size or "").startswith("mt5") else None
    ids = hf.SpecialIds(tokenizer.bos_id, layout.stop_ids, tokenizer.pad_id)
    hf.export(output, model, plain(params), ids, _card(config, layout, step, licence), model_type=model_type, dtype=dtype)
    distributed.first_then_others("export", lambda: export_tokenizer(tokenizer, output, layout))
    say(f"step {step} of {workdir} written to {output}")


def _card(config: RunConfig, layout: Layout, step: int, licence: str | None) -> hf.Card:
    features = config.data.features
    return hf.Card(
        name=config.name,
        base=config.model.init,
        mixture=config.mixture,
        heldout=config.heldout,
        step=step,
        licence=licence,
        prompt_end="" if features.layout == "encoder_decoder" or layout.chat else features.separator,
        chat=layout.chat is not None,
        reads_both_ways=features.layout == "prefix",
        version=__version__,
    )
