"""A checkpoint as a directory that transformers loads."""

from etils import epath

from flanjax import checkpoint, parts
from flanjax.config import RunConfig
from flanjax.huggingface import directory as hf
from flanjax.models import functional
from flanjax.parallel import distributed, sharding


def export(
    workdir: epath.PathLike, output: epath.PathLike, *, step: int | None = None, dtype: str = "float32", say=print
) -> None:
    """Writes a checkpoint's model and tokenizer as a directory that transformers loads.

    Several processes read a share each, for a model that the devices of one cannot hold; the first one writes, one tensor at a
    time in its memory.

    Args:
      dtype: of the weights' files, "float32" or "bfloat16".
    """
    workdir, say = epath.Path(workdir), distributed.first_only(say)
    step, meta = checkpoint.read_meta(workdir, step)
    config = RunConfig.from_config_dict(meta["config"])
    model = functional.config_from(meta["model"])
    tokenizer = parts.saved_tokenizer(workdir, config, meta)
    params = parts.read_params(workdir, step, model, sharding.make_mesh(sharding.MeshConfig()))
    model_type = "mt5" if (config.model.size or "").startswith("mt5") else None
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_id") for name in ("bos", "eos", "pad")}
    if "encoder_decoder" in model.layouts:
        ids["decoder_start_token_id"] = tokenizer.pad_id
    hf.save(output, model, params, model_type=model_type, settings=ids, dtype=dtype)
    distributed.first_then_others("export", lambda: tokenizer.save(output))
    say(f"step {step} of {workdir} written to {output}")
