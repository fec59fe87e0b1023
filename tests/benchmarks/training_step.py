"""One training step on packed real data, beside Hugging Face's torch model on the same examples, padded, on one device.

    python tests/benchmarks/training_step.py --model flan_t5_base --tokenizer PATH.model
    python tests/benchmarks/training_step.py --model qwen3_0_6b --tokenizer PATH.model
    python tests/benchmarks/training_step.py --model qwen3_0_6b --tokenizer PATH.model --tiny   # a minute on a CPU, float32

Weights are random, of the published size, the same on both sides; the tokenizer need not be the model's. A step is one AdamW
step on all examples of the batch: float32 weights, bfloat16 products, no dropout, the mean loss of a target token. Each side
runs in a process of its own. The two must agree on the loss of the first step: else they compute different things.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
CONFIGS = {"flan_t5_base": "configs/flan_t5.py:base", "qwen3_0_6b": "configs/flan_decoder.py:qwen3_0_6b"}
TINY = {"d_model": 64, "d_ff": 128, "num_layers": 2, "num_heads": 4, "head_dim": 16}
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
RATE = 1e-4
BATCH, MODEL, FACTS = "batch.npz", "model", "facts.json"


def prepare(args: argparse.Namespace, folder: Path) -> None:
    """Leaves a packed batch, a model directory and what both sides must know in the folder."""
    import jax

    from flanjax.config import load_config
    from flanjax.data.pipeline import BatchIterator, open_corpus, open_rows
    from flanjax.data.tokenizer import load_tokenizer
    from flanjax.models import functional, hf
    from flanjax.tasks.registry import load_mixture
    from flanjax.train.meter import work_of

    config = load_config(str(ROOT / CONFIGS[args.model]))
    features, model = config.data.features, functional.SIZES[args.model]
    rows = 4 if args.tiny else args.rows
    if args.tiny:
        small = TINY | ({"num_decoder_layers": 2} if hasattr(model, "num_decoder_layers") else {"num_kv_heads": 2})
        model = dataclasses.replace(model, **small)
        features = dataclasses.replace(features, inputs_length=192, targets_length=64)
    data = dataclasses.replace(config.data, batch_size=rows, num_streams=1, features=features)
    mixture, tokenizer = load_mixture(args.mixture), load_tokenizer(args.tokenizer)
    if tokenizer.vocab_size > model.vocab_size:
        raise SystemExit(f"{args.tokenizer} has {tokenizer.vocab_size} ids, {args.model} {model.vocab_size} embeddings")
    batch = next(BatchIterator(open_corpus(mixture, open_rows(mixture), tokenizer, data)))
    np.savez(folder / BATCH, **batch)
    params = jax.jit(functional.init, static_argnums=0)(model, jax.random.key(0))
    hf.save(folder / MODEL, model, params)
    work = work_of(batch, model)
    facts = {"examples": work.examples, "targets": work.target_tokens, "tokens": work.input_tokens + work.target_tokens}
    fill = {name: tokens / positions for name, (tokens, positions) in work.filled.items()}
    settings = {"steps": args.steps, "dtype": "float32" if args.tiny else "bfloat16", "rows": rows}
    (folder / FACTS).write_text(json.dumps({**facts, "flops": work.flops, "fill": fill, **settings}))


def run_flanjax(folder: Path) -> dict:
    import jax

    from flanjax import assemble, sharding
    from flanjax.models import hf
    from flanjax.train.config import TrainConfig
    from flanjax.train.flops import measured_matmul_flops, peak_flops
    from flanjax.train.losses import LossConfig
    from flanjax.train.microbatches import fit_program
    from flanjax.train.optimizer import OptimizerConfig
    from flanjax.train.program import Program

    facts, batch = json.loads((folder / FACTS).read_text()), dict(np.load(folder / BATCH))
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    published = hf.open_model(folder / MODEL, dtype=facts["dtype"], dropout=0.0)
    optimizer = OptimizerConfig(name="adamw", learning_rate=RATE)
    config = TrainConfig(microbatches="auto", optimizer=optimizer, loss=LossConfig(z_loss=0.0))
    placed = sharding.batch_sharding(mesh)
    shapes = {name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=placed) for name, x in batch.items()}
    num_tasks = int(batch["task_ids"].max()) + 1
    began = time.perf_counter()
    fitted = fit_program(lambda c: Program(c, published.config, mesh, num_tasks=num_tasks), config, shapes, mesh)
    program = fitted.program
    state = program.init(published.params(assemble.param_shardings(published.config, mesh)))
    on_device = sharding.to_global(batch, mesh)
    sums = program.validate(state.params, on_device)
    loss = float(sums.loss / sums.weight)
    state, figures = jax.block_until_ready(program.step(state, on_device))
    compile_seconds = time.perf_counter() - began
    times = []
    for _ in range(facts["steps"]):
        start = time.perf_counter()
        state, figures = jax.block_until_ready(program.step(state, sharding.to_global(batch, mesh)))
        times.append(time.perf_counter() - start)
    device = jax.devices()[0]
    limit, named = peak_flops(device) or measured_matmul_flops()
    return {
        "loss": loss,
        "loss_after": float(figures["loss"]),
        "seconds": float(np.median(times)),
        "before_seconds": compile_seconds,
        "peak_bytes": (device.memory_stats() or {}).get("peak_bytes_in_use"),
        "attention": program.attention(shapes),
        "batches": f"{fitted.microbatches} of packed rows",
        "limit": limit,
        "limit_named": named,
        "padding": 1 - min(facts["fill"].values()),
        "versions": f"jax {jax.__version__}, {device.device_kind}",
    }


def examples_of(batch: dict[str, np.ndarray]) -> list[dict[str, list[int]]]:
    """The examples of packed rows, as a torch user has them: ids, and labels that are -100 where nothing is predicted."""
    found = []
    for row in range(len(batch["targets"])):
        one = {name: x[row] for name, x in batch.items()}
        for segment in range(1, one["segment_ids"].max() + 1):
            at = np.flatnonzero(one["segment_ids"] == segment)
            if "inputs" in one:
                example = {"ids": one["inputs"][one["inputs_segment_ids"] == segment].tolist()}
                example |= {"decoder_ids": one["decoder_inputs"][at].tolist(), "labels": one["targets"][at].tolist()}
            else:
                labels = np.full(len(at), -100)
                mine = (one["loss_weights"] > 0) & np.isin(one["target_positions"], at)
                labels[one["target_positions"][mine] - at[0]] = one["targets"][mine]
                example = {"ids": one["decoder_inputs"][at].tolist(), "labels": labels.tolist()}
            found.append(example)
    return found


def padded_batches(examples: list[dict[str, list[int]]], positions: int) -> list[dict[str, np.ndarray]]:
    """Examples of like length together, padded to the longest, at most so many positions a batch."""
    ordered = sorted(examples, key=lambda e: (len(e["ids"]), len(e["labels"])), reverse=True)
    batches: list[list[dict[str, list[int]]]] = [[]]
    for example in ordered:
        longest = len(batches[-1][0]["ids"]) if batches[-1] else 0
        if (len(batches[-1]) + 1) * longest > positions:
            batches.append([])
        batches[-1].append(example)

    def padded(group: list[dict[str, list[int]]], name: str, fill: int) -> np.ndarray:
        width = max(len(e[name]) for e in group)
        return np.array([e[name] + [fill] * (width - len(e[name])) for e in group])

    made = []
    for group in batches:
        arrays = {name: padded(group, name, -100 if name == "labels" else 0) for name in group[0]}
        arrays["mask"] = padded([{"ids": [1] * len(e["ids"])} for e in group], "ids", 0)
        made.append(arrays)
    return made


def run_torch(folder: Path) -> dict:
    import torch
    import transformers

    from flanjax.train.flops import peak_flops

    facts, batch = json.loads((folder / FACTS).read_text()), dict(np.load(folder / BATCH))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    is_t5 = "inputs" in batch
    kind = transformers.AutoModelForSeq2SeqLM if is_t5 else transformers.AutoModelForCausalLM
    attention = "flash_attention_2" if device == "cuda" and importlib.util.find_spec("flash_attn") else "sdpa"
    try:
        model = kind.from_pretrained(folder / MODEL, attn_implementation=attention, dtype=torch.float32)
    except (ValueError, ImportError):  # a family without it
        attention = "eager"
        model = kind.from_pretrained(folder / MODEL, attn_implementation=attention, dtype=torch.float32)
    model = model.to(device).eval()  # eval: no dropout; gradients are taken all the same
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    rows, length = batch["inputs" if is_t5 else "decoder_inputs"].shape
    made = padded_batches(examples_of(batch), max(rows // 4, 1) * length)
    tensors = [{name: torch.tensor(x, device=device) for name, x in one.items()} for one in made]
    cast = torch.autocast(device, torch.bfloat16, enabled=facts["dtype"] == "bfloat16")

    def loss_of(one: dict[str, "torch.Tensor"]) -> "torch.Tensor":
        more = {"decoder_input_ids": one["decoder_ids"]} if is_t5 else {}
        with cast:
            logits = model(input_ids=one["ids"], attention_mask=one["mask"], use_cache=False, **more).logits
        flat, labels = logits.float().flatten(0, 1), one["labels"].flatten()
        return torch.nn.functional.cross_entropy(flat, labels, ignore_index=-100, reduction="sum")

    def step() -> float:
        total = 0.0
        for one in tensors:
            loss = loss_of(one) / facts["targets"]
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device == "cuda":
            torch.cuda.synchronize()
        return total

    began = time.perf_counter()
    loss = step()
    before = time.perf_counter() - began
    times, after = [], 0.0
    for _ in range(facts["steps"]):
        start = time.perf_counter()
        after = step()
        times.append(time.perf_counter() - start)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    limit = peak_flops(SimpleNamespace(device_kind=name)) if device == "cuda" else None  # type: ignore[arg-type]
    real, positions = sum(int((x["labels"] != -100).sum()) for x in made), sum(x["ids"].size for x in made)
    assert real == facts["targets"], f"{real} targets, expected {facts['targets']}"
    return {
        "loss": loss,
        "loss_after": after,
        "seconds": float(np.median(times)),
        "before_seconds": before,
        "peak_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None,
        "attention": f"attention: {attention}",
        "batches": f"{len(made)} of padded examples",
        "limit": limit[0] if limit else None,
        "limit_named": limit[1] if limit else None,
        "padding": 1 - sum(int(x["mask"].sum()) for x in made) / positions,
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}, {name}",
    }


SIDES = {"flanjax": run_flanjax, "torch": run_torch}


def report(facts: dict, found: dict[str, dict]) -> str:
    limit = next((f["limit"] for f in found.values() if f.get("limit")), None)
    lines = [
        f"{facts['examples']} examples, {facts['targets']:,} target tokens, {facts['tokens']:,} tokens a step, {facts['dtype']}"
    ]
    for side, f in found.items():
        if "error" in f:
            lines.append(f"{side}: {f['error']}")
            continue
        rate = 1 / f["seconds"]
        memory = f"{f['peak_bytes'] / 2**30:.1f} GiB" if f["peak_bytes"] else "not told"
        lines += [
            f"{side}: {f['seconds']:.3f} s a step ({f['batches']}, {f['padding']:.0%} padding); {f['versions']}",
            f"  {facts['examples'] * rate:,.1f} examples/s, {facts['targets'] * rate:,.0f} target tokens/s, "
            f"{facts['tokens'] * rate:,.0f} tokens/s",
            f"  MFU {facts['flops'] * rate / limit:.1%}, memory {memory}, first step after {f['before_seconds']:.1f} s"
            if limit
            else f"  memory {memory}",
            f"  loss {f['loss']:.5f}, at the end {f['loss_after']:.5f}; {f['attention']}",
        ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(CONFIGS), required=True)
    parser.add_argument("--tokenizer", required=True, help="a SentencePiece .model, or a directory with a tokenizer")
    parser.add_argument("--mixture", default=str(ROOT / "mixtures/flan_mini.py") + ":flan_mini")
    parser.add_argument("--rows", type=int, default=64, help="packed rows of a step (default 64)")
    parser.add_argument("--steps", type=int, default=20, help="timed steps (default 20)")
    parser.add_argument("--only", choices=sorted(SIDES))
    parser.add_argument("--tiny", action="store_true", help="a small model of the family, in float32: does it run?")
    parser.add_argument("--output", help="a JSON file for the figures")
    parser.add_argument("--side", choices=sorted(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(SIDES[args.side](Path(args.folder))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        accelerators = dict(os.environ)
        os.environ["JAX_PLATFORMS"] = "cpu"  # this process only makes the data
        os.chdir(ROOT)
        prepare(args, Path(folder))
        facts, found = json.loads((Path(folder) / FACTS).read_text()), {}
        for side in [args.only] if args.only else sorted(SIDES):
            command = [sys.executable, __file__, *sys.argv[1:], "--side", side, "--folder", folder]
            ran = subprocess.run(command, env=accelerators, capture_output=True, text=True)
            last = (ran.stdout if not ran.returncode else ran.stderr).strip().splitlines()[-1]
            found[side] = json.loads(last) if not ran.returncode else {"error": f"{last[:300]} (fewer --rows?)"}
    print(report(facts, found))
    if args.tiny:
        print("A tiny model on whatever is here: these rates say nothing of accelerators.")
    if args.output:
        Path(args.output).write_text(json.dumps({"facts": facts, **found}, indent=1))
    losses = [f["loss"] for f in found.values() if "loss" in f]
    if len(losses) == 2 and abs(losses[0] / losses[1] - 1) > TOLERANCE[facts["dtype"]]:
        print(f"the losses {losses} are of two different computations", file=sys.stderr)
        return 1
    return int(any("error" in f for f in found.values()))


if __name__ == "__main__":
    sys.exit(main())
