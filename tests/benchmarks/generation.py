"""Texts that our engine writes beside Hugging Face's `generate`: one model, the same prompts and lengths.

Weights are random, so no text ends by itself: each request has the length that a profile draws for it, the same on both sides.
Only tokens within a request's own length count. Reading the prompts is timed, compiling and loading are not.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from flanjax import huggingface as hf
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.generate.engine import Engine
from flanjax.generate.request import Request
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import MeshConfig, make_mesh

from .sides import serve

T5_20M: Any = {"d_model": 256, "d_ff": 640, "num_layers": 5, "num_decoder_layers": 5, "num_heads": 8, "head_dim": 32}
T5_77M: Any = {"d_model": 512, "d_ff": 1024, "num_layers": 8, "num_decoder_layers": 8, "num_heads": 6, "head_dim": 64}
LLAMA: Any = {"d_model": 256, "d_ff": 640, "num_layers": 8, "num_heads": 8, "num_kv_heads": 4, "head_dim": 32}
TINY: Any = {"vocab_size": 99, "d_model": 16, "d_ff": 32, "num_layers": 1, "num_heads": 2, "head_dim": 8}
MODELS: dict[str, Any] = {
    "t5_20m": T5Config(vocab_size=30_000, **T5_20M),
    "t5_base": functional.SIZES["t5_v1_1_base"],
    "qwen3_0_6b": functional.SIZES["qwen3_0_6b"],
    "t5_77m": T5Config(vocab_size=32_128, **T5_77M),  # the shape of T5-v1.1-small
    "llama_20m": DecoderConfig(vocab_size=30_000, **LLAMA),
    "tiny": T5Config(num_decoder_layers=1, **TINY),
    "tiny_llama": DecoderConfig(num_kv_heads=2, **TINY),
}
SLOTS = 32


def lengths(profile: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the lengths of prompts and of texts, in tokens: int [count] each."""
    rng = np.random.default_rng(0)
    prompts = np.clip(rng.lognormal(np.log(90), 0.6, count), 8, 400).astype(int)
    if profile == "labels":
        return prompts, rng.integers(2, 6, count)
    median, cap = {"summaries": (35, 128), "reasoning": (70, 256)}[profile]
    texts = np.clip(rng.lognormal(np.log(median), 0.6, count), 4, cap).astype(int)
    texts[rng.random(count) < 0.03] = cap  # those that find no end
    return prompts, texts


class Ours:
    def __init__(self, folder: Path):
        self._folder, self._job = folder, json.loads((folder / "job.json").read_text())
        config = MODELS[self._job["model"]]
        params = jax.jit(functional.init, static_argnums=0)(config, jax.random.key(0))
        if config.kind == "t5":  # prompts matter, and texts do not repeat one token for ever
            params["decoder"]["layers"]["cross"]["o"] *= 6
        self._config, self._params = config, params
        self._engine: Engine | None = None

    def make(self) -> dict[str, Any]:
        """Leaves the model and the requests of each profile in the folder."""
        config, rng = self._config, np.random.default_rng(1)
        hf.save(self._folder / "model", config, self._params)
        requests, tokens = {}, {}
        for profile in self._job["profiles"]:
            sizes, limits = lengths(profile, self._job["items"])
            prompts = [rng.integers(3, config.vocab_size, n).tolist() for n in sizes]
            requests[profile] = {"prompts": prompts, "limits": limits.tolist()}
            tokens[profile] = int(limits.sum())
        few = [rng.integers(3, config.vocab_size, n).tolist() for n in (5, 40, 17)]
        requests["few"] = {"prompts": few, "limits": [12] * len(few)}
        (self._folder / "requests.json").write_text(json.dumps(requests))
        count = sum(int(x.size) for x in jax.tree.leaves(self._params))
        said = (
            f"{self._job['model']}, {count / 1e6:.1f}M parameters, {self._job['dtype']}, {self._job['items']} prompts a profile"
        )
        return {"said": said, "parameters": count, "tokens": tokens}

    def check(self) -> dict[str, Any]:
        """The greedy texts of a few prompts, in float32 with exact products."""
        with jax.default_matmul_precision("highest"):
            return {"texts": self._written("few", self._make_engine("float32", 4))}

    def run(self, key: str, settings: Any = None) -> dict[str, Any]:
        """Writes the texts of the key's profiles, one profile after another."""
        del settings
        engine = self._engine = self._engine or self._make_engine(self._job["dtype"], self._job["slots"])
        parts = {}
        for profile in self._job["keys"][key]:
            began = time.perf_counter()
            texts = self._written(profile, engine)
            parts[profile] = {"seconds": time.perf_counter() - began, "work": sum(map(len, texts))}
        return {name: sum(p[name] for p in parts.values()) for name in ("seconds", "work")} | {"parts": parts}

    def facts(self) -> dict[str, Any]:
        assert self._engine
        return {"slot_use": self._engine.useful_steps / self._engine.slot_steps, "device": jax.devices()[0].device_kind}

    def _make_engine(self, dtype: str, slots: int) -> Engine:
        config = dataclasses.replace(self._config, dtype=dtype, scan=False)
        kind: Any = "encoder_decoder" if config.kind == "t5" else "causal"
        layout = make_layout(FeatureConfig(layout=kind), ByteTokenizer())
        mesh = make_mesh(MeshConfig(), jax.devices()[:1])
        params = jax.tree.map(lambda x: x.astype(dtype), self._params)  # as the peer's weights are
        return Engine(config, params, mesh, layout, slots=slots, stop_ids=(), end_repetition=False)

    def _written(self, profile: str, engine: Engine) -> list[list[int]]:
        asked = json.loads((self._folder / "requests.json").read_text())[profile]
        pairs = zip(asked["prompts"], asked["limits"], strict=True)
        found = {t.item: list(map(int, t.ids)) for t in engine.generate(Request(i, p, n) for i, (p, n) in enumerate(pairs))}
        return [found[i] for i in range(len(found))]


if __name__ == "__main__":
    serve(lambda: Ours(Path(sys.argv[1])))
