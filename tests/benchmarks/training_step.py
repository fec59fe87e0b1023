"""Training steps of flanjax beside those of Hugging Face torch: one model, one optimizer, the same examples, one GPU.

    python tests/benchmarks/training_step.py --model flan_t5_base --tokenizer TOKENIZER
    python tests/benchmarks/training_step.py --model qwen3_0_6b --tokenizer TOKENIZER --output qwen3.json
    python tests/benchmarks/training_step.py --model flan_t5_base --tiny    # a smoke test on a CPU: its figures mean nothing

From the repository root, with `pip install -e '.[cuda,test]'` ([hopper] adds our kernel for H100 and H200, flash-attn torch's),
and with a torch that was built for CUDA. Weights are random, at the published size, and nothing is downloaded where TOKENIZER
is a SentencePiece .model or a directory and FLANJAX_HUB_MIRROR holds the mixture's datasets. XLA's flags are those of the
environment: eval "$(python launch/xla_flags.py h100)" sets ours. --config.KEY=VALUE sets any key of the shipped config, as in
`flanjax train`; model.remat=full also turns gradient checkpointing on in torch.

Every batch is one of the shipped config's: packed rows made by the input pipeline. flanjax trains on those; torch gets the same
examples in microbatches padded to their longest and, for a decoder, packed as well (training_step_torch.py). Both have float32
weights, bfloat16 in between (torch: autocast), AdamW in float32, no dropout, and one loss: the mean over all targets of a step.

Before anything is timed, two whole steps on the first rows are compared in float32 and in the type to be timed: losses and
gradient norms must agree. Each framework and each way runs in a process of its own, so that none holds another's memory. "With
input" adds what the host does: here the whole pipeline, from stored text to arrays, while torch only collates ready ids. MFU
counts the real lengths of the segments, by one formula for all (flanjax/models/flops.py).
"""

import argparse
import dataclasses
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import jax
import numpy as np
from ml_collections import ConfigDict

from flanjax import huggingface as hf
from flanjax import parts
from flanjax.config import ConfigError, RunConfig, load_config
from flanjax.data.pipeline import BatchIterator, open_corpus, open_rows
from flanjax.data.tokenizer import load_tokenizer
from flanjax.models import functional
from flanjax.names import nearest
from flanjax.parallel import sharding
from flanjax.parallel.hardware import measured_matmul_flops, peak_flops
from flanjax.train.meter import Work, work_of
from flanjax.train.microbatches import fit_program
from flanjax.train.program import Program

MODELS = {
    "flan_t5_small": "configs/flan_t5.py:small",
    "flan_t5_base": "configs/flan_t5.py:base",
    "flan_t5_large": "configs/flan_t5.py:large",
    "qwen3_0_6b": "configs/flan_decoder.py:qwen3_0_6b",
    "pythia_1b": "configs/flan_decoder.py:pythia_1b",
}
LEARNING_RATE, CLIP_NORM = 1e-4, 1.0
SAME = (
    "heldout=()",
    "model.remat='none'",
    "model.dropout=0.0",
    "data.num_streams=1",  # windows as they are needed, not one of each of 64 streams at once
    "train.optimizer.name=adamw",
    f"train.optimizer.learning_rate={LEARNING_RATE}",
    "train.optimizer.schedule=constant",
    "train.optimizer.warmup_steps=0",
    f"train.optimizer.clip_norm={CLIP_NORM}",
    "train.optimizer.momentum_dtype=float32",
    "train.loss.z_loss=0.0",
)
TINY = (
    "model.d_model=64",
    "model.d_ff=128",
    "model.num_heads=4",
    "model.head_dim=32",
    "model.num_layers=2",
    "model.dtype=float32",
    "data.window=128",
    "data.features.inputs_length=192",
    "data.features.targets_length=64",
)
TINY_OF = {"encoder_decoder": ("model.num_decoder_layers=2",), "causal": ("model.num_kv_heads=2",)}
CHECK_ROWS = 4
TOLERANCE = {"float32": {"loss": 1e-4, "norm": 1e-3}, "bfloat16": {"loss": 3e-3, "norm": 3e-2}}  # relative
HERE = Path(__file__).resolve()
TORCH = HERE.with_name("training_step_torch.py")
REMEDY = {
    "flanjax": "--config.model.remat=full, a smaller --rows, XLA_PYTHON_CLIENT_MEM_FRACTION=0.95",
    "torch": "--config.model.remat=full (gradient checkpointing), PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
}


def config_of(args: argparse.Namespace, overrides: Sequence[str]) -> RunConfig:
    """The shipped config with what must be the same on both sides."""
    rows, mixture, tokenizer = args.rows, args.mixture, args.tokenizer
    size = list(SAME)
    if args.tiny:
        rows, mixture = rows or 8, mixture or "mixtures/quickstart.py:quickstart"
        tokenizer = tokenizer or "bytes"
        layout = load_config(MODELS[args.model]).data.features.layout
        size += [*TINY, *TINY_OF[layout]]
    size.append(f"data.batch_size={rows or 64}")
    size += [f"mixture={mixture}"] * bool(mixture) + [f"tokenizer.path={tokenizer}"] * bool(tokenizer)
    return load_config(MODELS[args.model], [*size, *overrides])


def make_work(folder: Path, config: RunConfig, args: argparse.Namespace) -> dict[str, Any]:
    """Leaves batches, weights and the job in the folder; returns the job and what was seen of the data."""
    corpus = _corpus(config)
    tokens = corpus.tokenizer.vocab_size
    model: Any
    if args.tiny:
        model = config.model.build(tokens)
    else:
        assert config.model.size
        model = dataclasses.replace(functional.SIZES[config.model.size], **config.model.fields)  # type: ignore[type-var]
    vocabulary = model.vocab_size
    if tokens > vocabulary:
        print(f"the tokenizer has {tokens:,} ids, {args.model} has {vocabulary:,}: ids from there on become the last one")
    batches = BatchIterator(corpus)
    began = time.perf_counter()
    chosen = [_clipped(next(batches), vocabulary) for _ in range(args.warmup + args.steps)]
    host_seconds = (time.perf_counter() - began) / len(chosen)
    stacked: dict[str, Any] = {name: np.stack([b[name] for b in chosen]) for name in chosen[0]}
    np.savez(folder / "batches.npz", **stacked)
    params = jax.jit(functools.partial(functional.init, model))(jax.random.key(0))
    hf.save(folder / "model", model, params)
    features = config.data.features
    job = {
        "model": args.model,
        "kind": features.layout,
        "dtype": model.dtype,
        "remat": model.remat,
        "warmup": args.warmup,
        "steps": args.steps,
        "compile": args.compile,
        "tiny": args.tiny,
        "learning_rate": LEARNING_RATE,
        "clip_norm": CLIP_NORM,
        "check_rows": min(CHECK_ROWS, config.data.batch_size),
        "check_positions": features.inputs_length + features.targets_length,
        "check_dtypes": sorted({"float32", model.dtype}),
        "config": config.to_dict(),
        "vocabulary": vocabulary,
    }
    (folder / "job.json").write_text(json.dumps(job))
    work = functools.reduce(Work.__add__, (work_of(b, model) for b in chosen[args.warmup :]))
    return {
        "job": job,
        "work": dataclasses.asdict(work),
        "host_seconds": host_seconds,
        "parameters": sum(int(x.size) for x in jax.tree.leaves(params)),
    }


def _corpus(config: RunConfig) -> Any:
    try:
        tokenizer = load_tokenizer(config.tokenizer.path)
    except FileNotFoundError as error:
        raise SystemExit(f"{error}\ngive --tokenizer a SentencePiece .model, or a directory with a tokenizer") from error
    mixture = parts.split_of(config).train
    return open_corpus(mixture, open_rows(mixture), tokenizer, config.data)


def _clipped(batch: Mapping[str, np.ndarray], vocabulary: int) -> dict[str, np.ndarray]:
    ids = ("inputs", "decoder_inputs", "targets")
    return {name: np.minimum(array, vocabulary - 1) if name in ids else array for name, array in batch.items()}


class Side:
    """flanjax's own process: the program of `flanjax train` on the devices at hand."""

    def __init__(self, folder: Path):
        self.job = json.loads((folder / "job.json").read_text())
        self.config = RunConfig.from_config_dict(ConfigDict(self.job["config"]))
        self.mesh = sharding.make_mesh(self.config.mesh)
        with np.load(folder / "batches.npz") as stored:
            arrays = {name: stored[name] for name in stored}
        self.batches = [{name: array[i] for name, array in arrays.items()} for i in range(len(arrays["targets"]))]
        self.folder = folder
        self.num_tasks = max(int(arrays["task_ids"].max()) + 1, 1)

    def open(self, dtype: str) -> hf.PublishedModel:
        fields = {"scan", "remat", "attention", "dropout"} & self.config.model.fields.keys()
        return hf.open_model(self.folder / "model", dtype=dtype, **{name: self.config.model.fields[name] for name in fields})

    def params(self, published: hf.PublishedModel) -> Any:
        return published.params(parts.param_shardings(published.config, self.mesh))

    def check(self) -> dict[str, Any]:
        """Losses and gradient norms of two steps on the first rows, by type of the computation."""
        found = {}
        batch = {name: array[: self.job["check_rows"]] for name, array in self.batches[0].items()}
        train = dataclasses.replace(self.config.train, microbatches=len(batch["targets"]))
        for dtype in self.job["check_dtypes"]:
            published = self.open(dtype)
            # A GPU's own default for float32 products is TF32.
            with jax.default_matmul_precision("highest" if dtype == "float32" else "default"):
                program = Program(train, published.config, self.mesh, num_tasks=self.num_tasks)
                state = program.init(self.params(published))
                seen = []
                for _ in range(2):
                    state, metrics = program.step(state, {}, sharding.to_global(batch, self.mesh))
                    seen += [float(metrics.values["loss"]), float(metrics.values["grad_norm"])]
            found[dtype] = dict(zip(("loss", "norm", "second loss", "second norm"), seen, strict=True))
            del state, program
        return {"check": found}

    def time(self) -> dict[str, Any]:
        published = self.open(self.job["dtype"])
        make = functools.partial(Program, model=published.config, mesh=self.mesh, num_tasks=self.num_tasks)
        shapes = parts.batch_shapes(self.config, self.mesh)
        began = time.perf_counter()
        program, microbatches, why = fit_program(make, self.config.train, shapes, self.mesh)
        compiled = program.compile(shapes)
        if compiled.executable is None:
            return {"out_of_memory": compiled.message}
        compile_seconds = time.perf_counter() - began
        state = program.init(self.params(published))

        warmup, losses = self.job["warmup"], []
        for number, batch in enumerate(self.batches[:warmup]):
            began = time.perf_counter()
            state, metrics = program.step(state, {}, sharding.to_global(batch, self.mesh))
            losses.append(jax.block_until_ready(metrics.values["loss"]))
            if not number:
                first_seconds = time.perf_counter() - began

        ready = jax.block_until_ready([sharding.to_global(b, self.mesh) for b in self.batches[warmup:]])
        seconds = []
        for batch in ready:
            began = time.perf_counter()
            state, metrics = jax.block_until_ready(program.step(state, {}, batch))
            seconds.append(time.perf_counter() - began)
            losses.append(metrics.values["loss"])
        del ready, batch

        # The same batches once more, as they are made.
        live = BatchIterator(_corpus(self.config))
        for _ in range(warmup):
            next(live)
        began = time.perf_counter()
        for _ in range(self.job["steps"]):
            batch = sharding.to_global(_clipped(next(live), self.job["vocabulary"]), self.mesh)
            state, metrics = program.step(state, {}, batch)
        jax.block_until_ready(state)
        with_input = time.perf_counter() - began
        filled = functools.reduce(Work.__add__, (work_of(b, published.config) for b in self.batches[warmup:])).filled
        return {
            "losses": [float(x) for x in losses],
            "compile_seconds": compile_seconds,
            "first_step_seconds": first_seconds,
            "step_seconds": seconds,
            "with_input_seconds": with_input,
            "attention": program.attention(shapes).removeprefix("attention: "),
            "microbatches": f"{microbatches} ({why})",
            "filled": {name: pair for name, pair in filled.items() if name != "target_fill"},
            "memory_bytes": (self.mesh.local_devices[0].memory_stats() or {}).get("peak_bytes_in_use"),
        }


def about() -> dict[str, Any]:
    """What this jax has to work with."""
    device = jax.devices()[0]
    published = peak_flops(device)
    limit, named = published or measured_matmul_flops()
    several = jax.device_count() if published else 1  # a CPU's devices share the cores that were measured
    return {
        "platform": device.platform,
        "devices": jax.device_count(),
        "kind": device.device_kind,
        "versions": {"jax": jax.__version__, "python": platform.python_version()},
        "limit": [limit * several, named],
    }


def run_stage(folder: Path, stage: str) -> None:
    """What a process of flanjax does: its answer goes into the folder."""
    try:
        answer = about() if stage == "about" else getattr(Side(folder), stage)()
    except (ValueError, jax.errors.JaxRuntimeError) as error:
        if "RESOURCE_EXHAUSTED" not in str(error) and "not even one row" not in str(error):
            raise
        answer = {"out_of_memory": str(error)}
    (folder / "answer.json").write_text(json.dumps(answer))


def ask(folder: Path, command: Sequence[str], name: str) -> dict[str, Any]:
    """A child process's answer; {"failed": why} if it has none. What it prints is shown."""
    place = folder / "answer.json"
    place.unlink(missing_ok=True)
    print(f"... {name}", flush=True)
    status = subprocess.run([sys.executable, *command], env={**os.environ, "TOKENIZERS_PARALLELISM": "false"}).returncode
    return json.loads(place.read_text()) if place.exists() else {"failed": f"exit status {status}, see above"}


def ways_of(seq2seq: bool, torch: Mapping[str, Any] | None, asked: str | None) -> dict[str, tuple[str, str]]:
    """Name -> (way, attention) of torch's runs: the best attention that there is, packed too where transformers can do that."""
    if torch is None:
        return {}
    flash = None if seq2seq else asked or torch["flash"]
    ways = {"torch, padded": ("padded", flash or asked or "sdpa")}
    if not seq2seq:
        several = [flash] if flash else ["sdpa", "flex_attention"][: 2 if torch["platform"] == "gpu" else 1]
        ways |= {f"torch, packed, {a}": ("packed", a) for a in several}
    return ways


def check_devices(found: Mapping[str, Mapping[str, Any]], tiny: bool) -> None:
    platforms = {name: about["platform"] for name, about in found.items()}
    kinds = set(platforms.values())
    if len(kinds) > 1:
        version, better = found["torch"]["versions"]["torch"], max(platforms, key=lambda name: platforms[name] != "cpu")
        fix = "install a torch built for CUDA" if better == "flanjax" else "pip install 'flanjax[cuda]'"
        where = f"jax is on a {platforms['flanjax']}, torch {version} on a {platforms['torch']}"
        fail(f"{where}; to compare them, {fix}; --only {better} measures one alone")
    if "torch" in found and any(about["devices"] > 1 for about in found.values()) and "gpu" in kinds:
        fail("several GPUs are visible, but the torch side trains on one: set CUDA_VISIBLE_DEVICES=0, or use --only flanjax")
    if kinds == {"cpu"} and not tiny:
        fail("no accelerator for jax or torch: whole models take hours a step here; --tiny is a smoke test for a CPU")


def compare(checks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What differs from the first side by more than rounding; all figures are printed."""
    wrong: list[str] = []
    first = next(iter(checks), "")
    for dtype, expected in checks.get(first, {}).items():
        print(f"\ntwo steps on the first rows in {dtype}, loss and gradient norm of each:")
        for name, figures in checks.items():
            print(f"  {name:28}" + "".join(f"{x:14.6f}" for x in figures[dtype].values()))
            for what, value in figures[dtype].items():
                allowed = TOLERANCE[dtype][what.split()[-1]] * abs(expected[what])
                if not abs(value - expected[what]) <= allowed:  # NaN, too
                    wrong.append(f"{dtype} {what}: {name} {value:.6f}, {first} {expected[what]:.6f}, allowed {allowed:.2g}")
    return wrong


def summary_of(answer: Mapping[str, Any], work: Mapping[str, Any], limit: float | None) -> dict[str, Any]:
    """The figures of a run; all runs did the same work."""
    tokens, seconds = work["input_tokens"] + work["target_tokens"], sum(answer["step_seconds"])
    steps = len(answer["step_seconds"])
    return {
        **{name: answer.get(name) for name in ("attention", "microbatches", "compile_seconds", "first_step_seconds")},
        "first_loss": answer["losses"][0],
        "last_loss": answer["losses"][-1],
        "step_seconds": dict(
            zip(("least", "median", "most"), np.quantile(answer["step_seconds"], (0, 0.5, 1)).tolist(), strict=True)
        ),
        "examples_per_second": work["examples"] / seconds,
        "target_tokens_per_second": work["target_tokens"] / seconds,
        "tokens_per_second": tokens / seconds,
        "mfu": limit and work["flops"] / seconds / limit,
        "with_input": {
            "step_seconds": answer["with_input_seconds"] / steps,
            "tokens_per_second": tokens / answer["with_input_seconds"],
            "mfu": limit and work["flops"] / answer["with_input_seconds"] / limit,
        },
        "peak_memory_bytes": answer["memory_bytes"],
        "filled": {name: used / max(room, 1) for name, (used, room) in answer["filled"].items()},
        "tried_positions": answer.get("tried_positions"),
    }


def table(runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line a figure, one column a run."""
    figures = {name: run for name, run in runs.items() if "mfu" in run}

    def line(title: str, show: Any) -> str:
        return f"{title:32}" + "".join(f"{show(run):>32}" for run in figures.values())

    sides = sorted({name for run in figures.values() for name in run["filled"]})
    return [
        f"{'':32}" + "".join(f"{name:>32}" for name in figures),
        line("examples/s", lambda r: f"{r['examples_per_second']:,.1f}"),
        line("target tokens/s", lambda r: f"{r['target_tokens_per_second']:,.0f}"),
        line("all real tokens/s", lambda r: f"{r['tokens_per_second']:,.0f}"),
        line("MFU, real lengths", lambda r: _share(r["mfu"])),
        line("seconds a step, median", lambda r: f"{r['step_seconds']['median']:.4f}"),
        line("  least to most", lambda r: f"{r['step_seconds']['least']:.4f} to {r['step_seconds']['most']:.4f}"),
        line("with input: real tokens/s", lambda r: f"{r['with_input']['tokens_per_second']:,.0f}"),
        line("with input: MFU", lambda r: _share(r["with_input"]["mfu"])),
        line("peak device memory", lambda r: _gib(r["peak_memory_bytes"])),
        *(line(f"{side.replace('_', ' ')}ed", lambda r, side=side: f"{r['filled'][side]:.1%}") for side in sides),
        line("compiled in, seconds", lambda r: "-" if r["compile_seconds"] is None else f"{r['compile_seconds']:.1f}"),
        line("first step, seconds", lambda r: f"{r['first_step_seconds']:.2f}"),
        line("loss of the first step", lambda r: f"{r['first_loss']:.5f}"),
        line("loss of the last timed step", lambda r: f"{r['last_loss']:.5f}"),
        *(f"{name}: attention {r['attention']}; microbatches {r['microbatches']}" for name, r in figures.items()),
    ]


def _share(number: float | None) -> str:
    return "not known" if number is None else f"{number:.2%}"


def _gib(number: int | None) -> str:
    return "not told" if number is None else f"{number / 2**30:.2f} GiB"


def fail(message: str) -> NoReturn:
    raise SystemExit(f"training_step: {message}")


def parse() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help=", ".join(MODELS))
    parser.add_argument("--mixture", help="path/to/file.py:name; default: the shipped config's")
    parser.add_argument("--tokenizer", help="a SentencePiece .model, a directory, or a hub id; default: the shipped config's")
    parser.add_argument("--rows", type=int, help="packed rows of a step; default 64")
    parser.add_argument("--steps", type=int, default=20, help="timed, after --warmup")
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--only", choices=("flanjax", "torch"))
    parser.add_argument("--torch-attention", help="of transformers, such as sdpa; default: the best that is installed")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--tiny", action="store_true", help="a small model of the family: a smoke test")
    parser.add_argument("--output", type=Path, help="a JSON file with all figures")
    parser.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)
    args, rest = parser.parse_known_args()
    if unknown := [word for word in rest if not (word.startswith("--config.") and "=" in word)]:
        parser.error(f"unknown arguments {unknown}; keys of the config are --config.KEY=VALUE")
    if not args.stage and args.model not in MODELS:
        parser.error(f"--model is {args.model!r}; {nearest(args.model or '', MODELS)}")
    if args.steps < 1 or args.warmup < 1 or (args.rows or 1) < 1:
        parser.error(f"--steps {args.steps}, --warmup {args.warmup} and --rows {args.rows} must be at least 1")
    return args, [word.removeprefix("--config.") for word in rest]


def main() -> None:
    args, overrides = parse()
    if args.stage:
        run_stage(Path(args.stage[1]), args.stage[0])
        return
    try:
        config = config_of(args, overrides)
    except ConfigError as error:
        fail(str(error))
    jax.config.update("jax_platforms", "cpu")  # of this process alone: the devices are its children's
    with tempfile.TemporaryDirectory(prefix="training_step_") as name:
        report = compare_sides(Path(name), config, args)
    if args.output:
        args.output.write_text(json.dumps(report, indent=1))
    if bad := [name for name, run in report["runs"].items() if "mfu" not in run]:
        fail(f"no figures of {', '.join(bad)}")


def compare_sides(folder: Path, config: RunConfig, args: argparse.Namespace) -> dict[str, Any]:
    """The report: devices, data, the check, and every run's figures."""
    # Who is there.
    commands = {
        "flanjax": lambda stage: [str(HERE), "--stage", stage, str(folder)],
        "torch": lambda stage: [str(TORCH), stage, str(folder)],
    }
    sides = [args.only] if args.only else ["flanjax", "torch"]
    found = {side: ask(folder, commands[side]("about"), f"{side}: devices") for side in sides}
    if lost := [side for side, answer in found.items() if "failed" in answer]:
        fail(f"{lost[0]} does not start: {found[lost[0]]['failed']}")
    check_devices(found, args.tiny)
    kind = found[sides[0]]["kind"]
    if kind.lower() == "cpu":
        print("on a CPU: a check that both sides compute the same; these speeds say nothing about accelerators")
    limit, named = _limit(found)
    ways = ways_of(config.data.features.layout == "encoder_decoder", found.get("torch"), args.torch_attention)
    runs = {"flanjax": commands["flanjax"]} if "flanjax" in sides else {}
    runs |= {name: functools.partial(lambda how, s: [*commands["torch"](s), *how], how) for name, how in ways.items()}

    # The same work for all.
    data = make_work(folder, config, args)
    work, job = data["work"], data["job"]
    tokens = work["input_tokens"] + work["target_tokens"]
    print(
        f"{args.model}{' (tiny)' if args.tiny else ''}: {data['parameters'] / 1e6:.1f}M parameters, {job['dtype']}, remat "
        f"{job['remat']}; {args.steps} steps of {config.data.batch_size} packed rows: {work['examples']:,} examples, "
        f"{tokens:,} tokens, {work['target_tokens']:,} of them targets; made in {data['host_seconds']:.3f} s a batch"
    )

    # The same figures from all, or none.
    answers = {name: ask(folder, command("check"), f"{name}: check") for name, command in runs.items()}
    checks = {name: answer["check"] for name, answer in answers.items() if "check" in answer}
    if wrong := compare(checks):
        fail("the sides do not compute the same, so nothing was timed:\n  " + "\n  ".join(wrong))
    print("they agree\n" if len(checks) > 1 else "one side alone: its losses were compared with nothing\n")

    # One after another.
    results: dict[str, Any] = {name: answer for name, answer in answers.items() if name not in checks}
    for name in checks:
        command = runs[name]
        answer = ask(folder, command("time"), f"{name}: {args.warmup} + 2 x {args.steps} steps")
        results[name] = summary_of(answer, work, limit) if "losses" in answer else answer
    for name, run in results.items():
        if "out_of_memory" in run:
            print(f"{name}: out of memory. What helps: {REMEDY[name.split(',')[0]]}\n  {run['out_of_memory'].splitlines()[0]}")
        elif "failed" in run:
            print(f"{name}: {run['failed']}")
    _check_first_losses(results, job["dtype"])
    print(f"\n{kind}; MFU against {named}; {_versions(found)}")
    print("\n".join(table(results)))
    for name, run in results.items():
        if run.get("tried_positions"):
            print(f"{name}: positions of a microbatch tried: {run['tried_positions']}")
    about = {"device": kind, "limit_flops": limit, "limit": named, "versions": _versions(found), "tiny": args.tiny}
    return {**about, **data, "checks": checks, "runs": results}


def _limit(found: Mapping[str, Mapping[str, Any]]) -> tuple[float | None, str]:
    if "flanjax" in found:
        limit, named = found["flanjax"]["limit"]
        return limit, named
    kind = found["torch"]["kind"]
    if published := peak_flops(SimpleNamespace(device_kind=kind)):  # type: ignore[arg-type]
        return published
    return None, f"{kind}: no published figure is known"


def _versions(found: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{name} {version}" for answer in found.values() for name, version in answer["versions"].items())


def _check_first_losses(runs: Mapping[str, Mapping[str, Any]], dtype: str) -> None:
    """Ends the program where the whole first batch gave one side another loss than the other."""
    losses = {name: run["first_loss"] for name, run in runs.items() if "mfu" in run}
    allowed = TOLERANCE[dtype]["loss"] * max(map(abs, losses.values()), default=0.0)
    if losses and not max(losses.values()) - min(losses.values()) <= allowed:
        fail(f"the losses of the first whole batch differ by more than {allowed:.2g}: {losses}; no speeds are shown")


if __name__ == "__main__":
    main()
