"""Our side of a training step beside Hugging Face torch: the program of `flanjax train` on the devices at hand.

The work is the shipped config's own: packed rows that the input pipeline makes, of the config's mixture and lengths, and random
weights at the config's size. What differs from the shipped config is in SAME: both sides train with AdamW in float32, without
dropout, on the mean over all targets of a step. Ids that a published vocabulary lacks become its last one.
"""

import dataclasses
import functools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from flanjax import huggingface as hf
from flanjax import parts
from flanjax.config import RunConfig, load_config
from flanjax.data.corpus import open_corpus, open_rows
from flanjax.data.layout import ROW_WEIGHTS
from flanjax.data.pipeline import BatchIterator
from flanjax.data.tokenizer import load_tokenizer
from flanjax.models import functional
from flanjax.parallel import sharding
from flanjax.parallel.hardware import measured_matmul_flops, peak_flops
from flanjax.run.training import use_cores
from flanjax.train.fitting import fit_program
from flanjax.train.meter import Work, work_of
from flanjax.train.program import Program

from .sides import serve
from .torch_rows import read_batches, tokens

LEARNING_RATE, CLIP_NORM = 1e-4, 1.0
SAME = (
    "model.dropout=0.0",
    "train.optimizer.name=adamw",
    f"train.optimizer.learning_rate={LEARNING_RATE}",
    "train.optimizer.schedule=constant",
    "train.optimizer.warmup_steps=0",
    f"train.optimizer.clip_norm={CLIP_NORM}",
    "train.optimizer.momentum_dtype=float32",
    "train.loss.z_loss=0.0",
)
TINY = (
    "mixture=mixtures/quickstart.py:quickstart",
    "heldout=()",
    "tokenizer.path=bytes",
    "model.d_model=32",
    "model.d_ff=64",
    "model.num_heads=2",
    "model.head_dim=16",
    "model.num_layers=1",
    "model.dtype=float32",
    "data.batch_size=4",
    "data.num_streams=1",
    "data.window=64",
    "data.features.inputs_length=192",
    "data.features.targets_length=64",
)
TINY_OF = {"encoder_decoder": ("model.num_decoder_layers=1",), "causal": ("model.num_kv_heads=1",)}


def config_of(job: Mapping[str, Any]) -> RunConfig:
    """The shipped config with what must be the same on both sides."""
    changes = [*SAME, *job["overrides"]]
    if job["tiny"]:
        changes += [*TINY, *TINY_OF[load_config(job["config"]).data.features.layout]]
    elif job["tokenizer"]:
        changes.append(f"tokenizer.path={job['tokenizer']}")
    return load_config(job["config"], changes)


def model_of(config: RunConfig, vocabulary: int, tiny: bool) -> Any:  # a functional.Config
    if not config.model.size or tiny:
        return config.model.build(vocabulary)
    return dataclasses.replace(functional.SIZES[config.model.size], **config.model.fields)  # type: ignore[type-var]


def clipped(batch: Mapping[str, np.ndarray], vocabulary: int) -> dict[str, np.ndarray]:
    ids = ("inputs", "decoder_inputs", "targets")
    return {name: np.minimum(array, vocabulary - 1) if name in ids else array for name, array in batch.items()}


class Ours:
    """Trains on what `make` left in the folder."""

    def __init__(self, folder: Path):
        self._folder, self._job = folder, json.loads((folder / "job.json").read_text())
        self._programs: dict[tuple[str, int], Program] = {}
        self._state: Any = None
        self._losses: list[float] = []
        use_cores(config_of(self._job))

    def make(self) -> dict[str, Any]:
        """Leaves batches, weights and what torch has to know of them in the folder."""
        job, config = self._job, config_of(self._job)
        mixture = parts.split_of(config).train
        corpus = open_corpus(mixture, open_rows(mixture), load_tokenizer(config.tokenizer.path), config.data)
        model = model_of(config, corpus.tokenizer.vocab_size, job["tiny"])
        batches = BatchIterator(corpus)
        chosen = [clipped(next(batches), model.vocab_size) for _ in range(job["batches"])]
        for batch in chosen:
            batch.pop(ROW_WEIGHTS, None)  # torch too divides by the targets of its step, whatever its rows' lengths
        for number, batch in enumerate(chosen):
            np.savez(self._folder / f"batch_{number:03}.npz", **batch)  # type: ignore[arg-type]
        params = jax.jit(functools.partial(functional.init, model))(jax.random.key(0))
        hf.save(self._folder / "model", model, params)
        count = sum(int(x.size) for x in jax.tree.leaves(params))
        made = {
            "config": config.to_dict(),
            "kind": config.data.features.layout,
            "dtype": model.dtype,
            "remat": model.remat,
            "learning_rate": LEARNING_RATE,
            "clip_norm": CLIP_NORM,
            "num_tasks": len(corpus.entries),
            "check_dtypes": sorted({"float32", model.dtype}),
        }
        (self._folder / "made.json").write_text(json.dumps(made))
        work = _work(chosen, model)
        filled = {name: tokens / max(room, 1) for name, (tokens, room) in work.filled.items()}
        shapes = " + ".join(str(chosen[0][name].shape[1]) for name in ("inputs", "decoder_inputs") if name in chosen[0])
        said = (
            f"{config.name}, {count / 1e6:.1f}M parameters, {model.dtype}, batches of {len(chosen[0]['targets'])} rows of "
            f"{shapes}, {work.examples:,} examples in {len(chosen)}"
        )
        return {"said": said, "parameters": count, "filled": filled}

    def check(self) -> dict[str, float]:
        """Losses and gradient norms of two steps on the first rows, by type of the computation: the same for every way."""
        found = {}
        rows = {name: array[: self._job["check_rows"]] for name, array in self._batches[0].items()}
        for dtype in self._made["check_dtypes"]:
            # A GPU's own default for float32 products is TF32.
            with jax.default_matmul_precision("highest" if dtype == "float32" else "default"):
                program = self._program(dtype, rows)
                state = program.init(self._params(dtype))
                for number in (1, 2):
                    state, metrics = program.step(state, {}, sharding.to_global(rows, self._mesh))
                    for name, key in (("loss", "loss"), ("norm", "grad_norm")):
                        for way in sorted(set(self._job["ways"].values())):
                            found[f"{way}, step {number}, {dtype} {name}"] = float(metrics.values[key])
            del state
        return found

    def run(self, key: str, settings: Any = None) -> dict[str, float]:
        """Steps on the key's batches, which are on the devices before."""
        del settings
        batches = self._batches_of(key)
        program = self._program(self._made["dtype"], batches[0])
        if self._state is None:
            self._state = program.init(self._params(self._made["dtype"]))
        ready = jax.block_until_ready([sharding.to_global(batch, self._mesh) for batch in batches])
        began = time.perf_counter()
        losses = []
        for batch in ready:
            self._state, metrics = program.step(self._state, {}, batch)
            losses.append(metrics.values["loss"])
        jax.block_until_ready((self._state, losses))
        seconds = time.perf_counter() - began
        self._losses += map(float, losses)
        work = _work(batches, self._model)
        return {"seconds": seconds, "work": sum(map(tokens, batches)), "steps": len(batches), "flops": work.flops}

    def facts(self) -> dict[str, Any]:
        device = jax.devices()[0]
        limit, named = peak_flops(device) or measured_matmul_flops()
        program = self._program(self._made["dtype"], self._batches[0])
        shapes = self._shapes(self._batches[0])
        facts: dict[str, Any] = {
            "device": device.device_kind,
            "limit_flops": limit,
            "limit": named,
            "attention": program.attention(shapes).removeprefix("attention: "),
            "peak_memory_bytes": (device.memory_stats() or {}).get("peak_bytes_in_use"),
            "first_and_last_loss": [self._losses[0], self._losses[-1]],
        }
        if device.platform != "cpu":
            from .costs import kernels_of, largest_costs

            facts["kernels"] = kernels_of(program.compile(shapes).executable.as_text())
            ready = sharding.to_global(self._batches[0], self._mesh)
            facts["largest_costs"] = largest_costs(lambda: self._step(program, ready))
        return facts

    def _step(self, program: Program, batch: Any) -> None:
        self._state, _ = jax.block_until_ready(program.step(self._state, {}, batch))

    def _batches_of(self, key: str) -> list[dict[str, np.ndarray]]:
        return self._batches[: self._job["steps"][key]]

    def _program(self, dtype: str, batch: Mapping[str, np.ndarray]) -> Program:
        rows = len(batch["targets"])
        if (dtype, rows) not in self._programs:
            model, tasks = self._published(dtype).config, self._made["num_tasks"]
            make = functools.partial(Program, mesh=self._mesh, num_tasks=tasks)
            self._programs[dtype, rows] = fit_program(make, self._config.train, model, self._shapes(batch), self._mesh).program
        return self._programs[dtype, rows]

    def _shapes(self, batch: Mapping[str, np.ndarray]) -> dict[str, jax.ShapeDtypeStruct]:
        placed = sharding.batch_sharding(self._mesh)
        return {name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=placed) for name, x in batch.items()}

    def _published(self, dtype: str) -> hf.PublishedModel:
        fields = {"scan", "remat", "attention", "dropout"} & self._config.model.fields.keys()
        return hf.open_model(self._folder / "model", dtype=dtype, **{name: self._config.model.fields[name] for name in fields})

    def _params(self, dtype: str) -> Any:
        published = self._published(dtype)
        return published.params(parts.param_shardings(published.config, self._mesh))

    @functools.cached_property
    def _made(self) -> dict[str, Any]:
        return json.loads((self._folder / "made.json").read_text())

    @functools.cached_property
    def _config(self) -> RunConfig:
        return RunConfig.from_config_dict(ConfigDict(self._made["config"]))

    @functools.cached_property
    def _model(self) -> functional.Config:
        return self._published(self._made["dtype"]).config

    @functools.cached_property
    def _mesh(self) -> sharding.Mesh:
        return parts.mesh_for(self._config.mesh, self._model)

    @functools.cached_property
    def _batches(self) -> list[dict[str, np.ndarray]]:
        return read_batches(self._folder)


def _work(batches: Sequence[Mapping[str, np.ndarray]], model: functional.Config) -> Work:
    return functools.reduce(Work.__add__, (work_of(batch, model) for batch in batches))


if __name__ == "__main__":
    serve(lambda: Ours(Path(sys.argv[1])))
