"""Texts written by flanjax's engine beside Hugging Face's `generate`: one model, the same prompts and lengths, in alternation.

    python tests/benchmarks/generation.py                       # about 20 million parameters, T5, on this machine
    python tests/benchmarks/generation.py --model t5_80m --items 256 --rounds 5
    python tests/benchmarks/generation.py --model llama_20m --dtype bfloat16    # on a GPU, with a torch built for CUDA
    python tests/benchmarks/generation.py --model tiny --items 12 --rounds 1    # a smoke test: its figures mean nothing

From the repository root, with `pip install -e '.[test]'`. Weights are random, so no text ends by itself: each request has the
length that a profile draws for it, the same on both sides. Hugging Face gets the prompts sorted by length, in the batch size
that serves it best of 16, 32 and 64, and every batch runs until its longest text is done, as `generate` does. Only tokens
within a request's own length count. Compiling is left out (printed apart), and so is loading; reading the prompts is not.

A decoder is also compared with their continuous batching (`generate_batch`'s manager), once a profile, where it runs.

Before anything is timed, both write the same greedy texts for a few prompts in float32, or the benchmark ends.
"""

import argparse
import dataclasses
import functools
import json
import statistics
import sys
import tempfile
import time
from typing import Any

import jax
import numpy as np
import torch
import transformers

from flanjax import huggingface as hf
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.generate.engine import Engine
from flanjax.generate.request import Request
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import MeshConfig, describe, make_mesh

T5_20M: Any = {"d_model": 256, "d_ff": 640, "num_layers": 5, "num_decoder_layers": 5, "num_heads": 8, "head_dim": 32}
T5_80M: Any = {"d_model": 512, "d_ff": 1024, "num_layers": 8, "num_decoder_layers": 8, "num_heads": 6, "head_dim": 64}
LLAMA: Any = {"d_model": 256, "d_ff": 640, "num_layers": 8, "num_heads": 8, "num_kv_heads": 4, "head_dim": 32}
MODELS: dict[str, Any] = {
    "t5_20m": T5Config(vocab_size=30_000, **T5_20M),
    "t5_80m": T5Config(vocab_size=32_128, **T5_80M),
    "llama_20m": DecoderConfig(vocab_size=30_000, **LLAMA),
    "tiny": T5Config(vocab_size=99, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8),
}
BATCH_SIZES = (16, 32, 64)


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
    def __init__(self, config, params, slots):
        mesh = make_mesh(MeshConfig(), jax.devices()[:1])
        kind: Any = "encoder_decoder" if config.kind == "t5" else "causal"
        layout = make_layout(FeatureConfig(layout=kind), ByteTokenizer())
        self.engine = Engine(config, params, mesh, layout, slots=slots, stop_ids=(), end_repetition=False)

    def write(self, prompts, limits):
        requests = (Request(i, p, int(n)) for i, (p, n) in enumerate(zip(prompts, limits, strict=True)))
        return {text.item: text.ids for text in self.engine.generate(requests)}


class Theirs:
    def __init__(self, config, params, dtype, device):
        with tempfile.TemporaryDirectory() as directory:
            hf.save(directory, config, params)
            kind: Any = transformers.T5ForConditionalGeneration if config.kind == "t5" else transformers.AutoModelForCausalLM
            self.model = kind.from_pretrained(directory, dtype=getattr(torch, dtype)).eval().to(device)
        self.device, self.is_t5, self.batch_size = device, config.kind == "t5", 32

    def write(self, prompts, limits):
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        found: dict[int, list[int]] = {}
        for at in range(0, len(order), self.batch_size):
            found |= self._batch({i: prompts[i] for i in order[at : at + self.batch_size]}, limits)
        return found

    @torch.inference_mode()
    def _batch(self, prompts, limits):
        longest, steps = max(map(len, prompts.values())), int(max(limits[i] for i in prompts))
        ids, mask = torch.zeros((2, len(prompts), longest), dtype=torch.long)
        for row, prompt in enumerate(prompts.values()):
            at = slice(0, len(prompt)) if self.is_t5 else slice(longest - len(prompt), longest)
            ids[row, at], mask[row, at] = torch.tensor(prompt), 1
        ends = {"eos_token_id": None, "pad_token_id": 0, "do_sample": False, "max_new_tokens": steps, "min_new_tokens": steps}
        written = self.model.generate(ids.to(self.device), attention_mask=mask.to(self.device), **ends)
        written = written[:, 1:] if self.is_t5 else written[:, longest:]
        return {i: row[: limits[i]].tolist() for i, row in zip(prompts, written, strict=True)}


def write_continuously(model, prompts, limits):
    """Texts by their continuous batching: a paged cache, and a limit for each request."""
    settings = transformers.GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0, max_new_tokens=int(max(limits)))
    found: dict[int, list[int]] = {}
    with model.continuous_batching_context_manager(generation_config=settings, warmup=False) as manager:
        numbers = {
            manager.add_request(list(prompt), max_new_tokens=int(limit), eos_token_id=-1): i
            for i, (prompt, limit) in enumerate(zip(prompts, limits, strict=True))
        }
        while len(found) < len(prompts):
            result = manager.get_result(timeout=1)
            if result and result.is_finished():
                found[numbers[result.request_id]] = result.generated_tokens
            elif not result and not manager.is_running():
                raise RuntimeError("their background thread has ended")
    return found


def seconds(write, prompts, limits):
    began = time.perf_counter()
    found = write(prompts, limits)
    assert all(len(found[i]) == n for i, n in enumerate(limits))
    return time.perf_counter() - began


def compare(ours, theirs, profile, vocabulary, items, rounds):
    sizes, limits = lengths(profile, items)
    rng = np.random.default_rng(1)
    prompts = [rng.integers(3, vocabulary, n).tolist() for n in sizes]
    compiling = seconds(ours.write, prompts, limits)
    tried = {}
    for size in BATCH_SIZES:
        theirs.batch_size = size
        tried[size] = seconds(theirs.write, prompts, limits)
    theirs.batch_size = min(tried, key=lambda size: tried[size])
    pairs = [(seconds(ours.write, prompts, limits), seconds(theirs.write, prompts, limits)) for _ in range(rounds)]
    ratios = sorted(t / o for o, t in pairs)
    engine, tokens = ours.engine, int(limits.sum())
    continuous = None
    if not theirs.is_t5:
        write = functools.partial(write_continuously, theirs.model)
        try:
            continuous = tokens / min(seconds(write, prompts, limits) for _ in range(2))
        except Exception as error:  # it is not made for every device
            print(f"their continuous batching does not run here: {type(error).__name__}: {error}")
    return {
        "their_continuous_batching_tokens_per_second": continuous,
        "profile": profile,
        "tokens": tokens,
        "ours_tokens_per_second": tokens / statistics.median(o for o, _ in pairs),
        "theirs_tokens_per_second": tokens / statistics.median(t for _, t in pairs),
        "their_batch_size": theirs.batch_size,
        "ratio": statistics.median(ratios),
        "ratio_range": [ratios[0], ratios[-1]],
        "slot_use": engine.useful_steps / engine.slot_steps,
        "first_run_seconds": compiling,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="t5_20m", choices=MODELS)
    parser.add_argument("--items", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--profiles", default="labels,summaries,reasoning")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--output", help="a JSON file for the figures")
    args = parser.parse_args()
    torch.set_flush_denormal(True)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    config = MODELS[args.model]
    params = jax.jit(functional.init, static_argnums=0)(config, jax.random.key(0))
    if config.kind == "t5":  # prompts matter, and texts do not repeat one token for ever
        params["decoder"]["layers"]["cross"]["o"] *= 6
    rng = np.random.default_rng(2)
    few = [rng.integers(3, config.vocab_size, n).tolist() for n in (5, 40, 17)]
    same = [w.write(few, [12] * 3) for w in (Ours(config, params, 4), Theirs(config, params, "float32", device))]
    if same[0] != same[1]:
        sys.exit(f"the two write different texts: {same}")

    computed = dataclasses.replace(config, dtype=args.dtype, scan=False)
    theirs = Theirs(config, params, args.dtype, device)
    count = sum(x.size for x in jax.tree.leaves(params))
    mesh = make_mesh(MeshConfig(), jax.devices()[:1])
    print(
        f"{args.model}: {count / 1e6:.1f}M parameters, {args.dtype}, {args.items} items, {args.slots} slots, {describe(mesh)}"
    )
    print("profile      tokens  ours tok/s  theirs tok/s (batch)  ratio (range)        slots used  first run")
    results = []
    for profile in args.profiles.split(","):
        ours = Ours(computed, params, args.slots)
        r = compare(ours, theirs, profile, config.vocab_size, args.items, args.rounds)
        low, high = r["ratio_range"]
        print(
            f"{profile:10s} {r['tokens']:8,d} {r['ours_tokens_per_second']:11,.0f} {r['theirs_tokens_per_second']:13,.0f} "
            f"({r['their_batch_size']:2d})  {r['ratio']:8.2f} ({low:.2f} to {high:.2f}) {r['slot_use']:12.0%} "
            f"{r['first_run_seconds']:9.1f} s",
            flush=True,
        )
        if r["their_continuous_batching_tokens_per_second"]:
            print(f"           their continuous batching: {r['their_continuous_batching_tokens_per_second']:,.0f} tokens/s")
        results.append(r)
    if args.output:
        with open(args.output, "w") as file:
            json.dump({"model": args.model, "dtype": args.dtype, "parameters": count, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
