"""The Hugging Face torch side of training_step.py, which starts it; it imports neither jax nor flanjax.

    python tests/benchmarks/training_step_torch.py about|check|time FOLDER [WAY ATTENTION]

FOLDER holds job.json, batches.npz (packed rows) and model/, and takes the answer. WAY is how the examples of a step are given:

  padded  one example a row, sorted by length, cut into microbatches of so many positions, each padded to its longest
  packed  rows as they are with position_ids that start again in every example; without padding in one row for a flash attention

Weights are float32, with the model under bfloat16 autocast where the job says so. A decoder's head is applied
to the targets alone, which takes less than transformers' own loss. Microbatches of as many positions as a step has, of half
as many and so on are tried, each from the first weights, and the fastest that fits counts: larger ones pad more.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from torch.nn import functional
from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

FLASH = {"flash_attention_3": is_flash_attn_3_available, "flash_attention_2": is_flash_attn_2_available}
_SIZES = 64  # the smallest microbatch tried is over this part of a step's positions
TARGETS = ("targets", "at")  # what the loss reads; all else goes into the model


class Example(NamedTuple):
    """One segment of a packed row; `at` are the positions of `reads` whose prediction is a target."""

    inputs: np.ndarray | None  # of an encoder
    reads: np.ndarray  # decoder inputs
    targets: np.ndarray
    at: np.ndarray

    @property
    def lengths(self) -> tuple[int, int]:
        return (0 if self.inputs is None else len(self.inputs)), len(self.reads)


def about() -> dict[str, Any]:
    """What this torch has to work with."""
    there = torch.cuda.is_available()
    return {
        "platform": "gpu" if there else "cpu",
        "devices": torch.cuda.device_count() if there else 1,
        "kind": torch.cuda.get_device_name() if there else "cpu",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "flash": next((name for name, is_available in FLASH.items() if there and is_available()), None),
    }


def examples_of(batch: dict[str, np.ndarray]) -> list[Example]:
    """The segments of packed rows of either layout (flanjax/data/layout.py)."""
    found: list[Example] = []
    for row in range(len(batch["targets"])):
        here = {name: array[row] for name, array in batch.items()}
        segments = here["segment_ids"]
        of_target = segments if "target_positions" not in here else segments[here["target_positions"]]
        for segment in range(1, segments.max() + 1):
            own = np.flatnonzero(segments == segment)
            inputs = here["inputs"][here["inputs_segment_ids"] == segment] if "inputs" in here else None
            trained = np.flatnonzero((of_target == segment) & (here["loss_weights"] > 0))
            at = here["target_positions"][trained] if "target_positions" in here else trained
            found.append(Example(inputs, here["decoder_inputs"][own], here["targets"][trained], at - own[0]))
    return found


def padded(examples: Sequence[Example], budget: int) -> Iterator[dict[str, np.ndarray]]:
    """Microbatches of examples of about the same length, of at most `budget` positions unless one example has more."""
    chosen: list[Example] = []
    longest: tuple[int, ...] = (0, 0)
    for example in sorted(examples, key=lambda e: (sum(e.lengths), e.lengths)):
        longer = tuple(max(pair) for pair in zip(longest, example.lengths, strict=True))
        if chosen and sum(longer) * (len(chosen) + 1) > budget:
            yield _rows(chosen)
            chosen, longer = [], example.lengths
        chosen.append(example)
        longest = longer
    yield _rows(chosen)


def _rows(examples: Sequence[Example]) -> dict[str, np.ndarray]:
    length = max(len(e.reads) for e in examples)
    targets = np.concatenate([e.targets for e in examples])
    at = np.concatenate([number * length + e.at for number, e in enumerate(examples)])
    reads, reads_mask = _pad([e.reads for e in examples], length)
    if examples[0].inputs is None:
        return {"input_ids": reads, "attention_mask": reads_mask, "targets": targets, "at": at}
    inputs, inputs_mask = _pad([e.inputs for e in examples], max(e.lengths[0] for e in examples))
    return {"input_ids": inputs, "attention_mask": inputs_mask, "decoder_input_ids": reads, "targets": targets, "at": at}


def _pad(sequences: Sequence[Any], length: int) -> tuple[np.ndarray, np.ndarray]:
    ids, mask = (np.zeros((len(sequences), length), np.int64) for _ in range(2))
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return ids, mask


def packed(batch: dict[str, np.ndarray], budget: int) -> Iterator[dict[str, np.ndarray]]:
    """The rows of a decoder as they are, so many at a time as have at most `budget` positions."""
    length = batch["decoder_inputs"].shape[1]
    step = max(budget // length, 1)
    for start in range(0, len(batch["targets"]), step):
        some = {name: array[start : start + step] for name, array in batch.items()}
        trained = some["loss_weights"] > 0
        at = some["target_positions"] + length * np.arange(len(trained))[:, None]
        ids = {"input_ids": some["decoder_inputs"], "position_ids": some["positions"]}
        yield {**ids, "targets": some["targets"][trained], "at": at[trained]}


def flattened(examples: Sequence[Example], budget: int) -> Iterator[dict[str, np.ndarray]]:
    """One row without padding of at most `budget` positions, unless one example has more."""
    chosen: list[Example] = []
    for example in examples:
        if chosen and sum(len(e.reads) for e in chosen) + len(example.reads) > budget:
            yield _flat(chosen)
            chosen = []
        chosen.append(example)
    yield _flat(chosen)


def _flat(examples: Sequence[Example]) -> dict[str, np.ndarray]:
    starts = np.cumsum([0, *[len(e.reads) for e in examples[:-1]]])
    return {
        "input_ids": np.concatenate([e.reads for e in examples])[None],
        "position_ids": np.concatenate([np.arange(len(e.reads)) for e in examples])[None],
        "targets": np.concatenate([e.targets for e in examples]),
        "at": np.concatenate([start + e.at for start, e in zip(starts, examples, strict=True)]),
    }


class Trainer(NamedTuple):
    """A model with its optimizer, as a torch program has them.

    Attributes:
      losses: (microbatch) -> the sum of the targets' losses.
      cut: (batch, positions) -> its microbatches.
    """

    model: Any
    optimizer: torch.optim.Optimizer
    losses: Callable[[dict[str, torch.Tensor]], torch.Tensor]
    cut: Callable[[dict[str, np.ndarray], int], list[dict[str, np.ndarray]]]
    clip_norm: float
    device: str

    def step(self, microbatches: Sequence[dict[str, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
        """(loss a target, norm of its gradient) of an optimizer step on all microbatches together."""
        weight = sum(len(m["targets"]) for m in microbatches)
        total = torch.zeros((), device=self.device)
        for microbatch in microbatches:
            loss = self.losses(microbatch) / weight
            loss.backward()
            total += loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total, norm

    def put(self, microbatches: Sequence[dict[str, np.ndarray]]) -> list[dict[str, torch.Tensor]]:
        return [
            {k: torch.as_tensor(v, dtype=torch.int64).to(self.device, non_blocking=True) for k, v in m.items()}
            for m in microbatches
        ]


def make_trainer(folder: Path, job: dict[str, Any], way: str, attention: str, dtype: str, *, compiled: bool = False) -> Trainer:
    device = about()["platform"].replace("gpu", "cuda")
    seq2seq = job["kind"] == "encoder_decoder"
    kind = transformers.AutoModelForSeq2SeqLM if seq2seq else transformers.AutoModelForCausalLM
    model = kind.from_pretrained(folder / "model", dtype=torch.float32, attn_implementation=attention).to(device).train()
    if job["remat"] != "none":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    inner = model if seq2seq else model.base_model
    forward = torch.compile(inner, dynamic=way == "padded") if compiled else inner
    rates = {"lr": job["learning_rate"], "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    optimizer = torch.optim.AdamW(model.parameters(), **rates, fused=device == "cuda")

    def losses(microbatch: dict[str, torch.Tensor]) -> torch.Tensor:
        reads = {name: array for name, array in microbatch.items() if name not in TARGETS}
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            if seq2seq:
                logits = forward(**reads, use_cache=False).logits.flatten(0, 1)[microbatch["at"]]
            else:
                hidden = forward(**reads, use_cache=False).last_hidden_state.flatten(0, 1)[microbatch["at"]]
                logits = model.get_output_embeddings()(hidden)
        return functional.cross_entropy(logits.float(), microbatch["targets"], reduction="sum")

    def cut(batch: dict[str, np.ndarray], budget: int) -> list[dict[str, np.ndarray]]:
        if way == "padded":
            return list(padded(examples_of(batch), budget))
        return list(flattened(examples_of(batch), budget) if attention in FLASH else packed(batch, budget))

    return Trainer(model, optimizer, losses, cut, job["clip_norm"], device)


def check(folder: Path, job: dict[str, Any], way: str, attention: str) -> dict[str, Any]:
    """Losses and gradient norms of two steps on the first rows, by type of the computation."""
    found = {}
    rows = {name: array[: job["check_rows"]] for name, array in batches_of(folder)[0].items()}
    for dtype in job["check_dtypes"]:
        # Flash kernels have no float32, flex_attention's hardly fit; the same masks are checked in it by the plain ones.
        plain = dtype == "float32" and attention in (*FLASH, "flex_attention")
        trainer = make_trainer(folder, job, way, "sdpa" if plain else attention, dtype)
        microbatches = trainer.put(trainer.cut(rows, job["check_positions"]))
        figures = [float(x) for _ in range(2) for x in trainer.step(microbatches)]
        found[dtype] = dict(zip(("loss", "norm", "second loss", "second norm"), figures, strict=True))
        del trainer, microbatches
        free()
    return {"check": found}


def measure(folder: Path, job: dict[str, Any], way: str, attention: str) -> dict[str, Any]:
    """The answer of the job with that size of microbatch which takes least time, of several that fit."""
    batches = batches_of(folder)
    most, longest = (max(f(batches)) for f in (_positions, _longest))
    budget, tried, best, message = most, dict[int, str](), dict[str, Any](), ""
    while budget >= longest and budget * _SIZES > most:
        trainer: Trainer | None = None
        try:
            trainer = make_trainer(folder, job, way, attention, job["dtype"], compiled=job["compile"])
            found = measure_with(trainer, batches, budget, job)
            seconds = sum(found["step_seconds"])
            tried[budget] = f"{seconds / job['steps']:.4f} s a step"
            if not best or seconds < sum(best["step_seconds"]):
                best = found
            if job["tiny"]:
                break
        except torch.OutOfMemoryError as error:
            tried[budget], message = "out of memory", str(error)
        trainer = None  # or the next one would have to fit beside it
        free()
        budget //= 2
    return best | {"tried_positions": tried} if best else {"out_of_memory": message, "tried_positions": tried}


def measure_with(trainer: Trainer, batches: list[dict[str, np.ndarray]], budget: int, job: dict[str, Any]) -> dict[str, Any]:
    warmup, timed = batches[: job["warmup"]], batches[job["warmup"] :]
    if trainer.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    losses: list[torch.Tensor] = []
    first = time.perf_counter()
    for number, batch in enumerate(warmup):
        losses.append(trainer.step(trainer.put(trainer.cut(batch, budget)))[0])
        if not number:
            synchronize(trainer)
            first_seconds = time.perf_counter() - first

    ready = [trainer.put(trainer.cut(batch, budget)) for batch in timed]
    synchronize(trainer)
    seconds = []
    for microbatches in ready:
        began = time.perf_counter()
        losses.append(trainer.step(microbatches)[0])
        synchronize(trainer)
        seconds.append(time.perf_counter() - began)
    kernels = kernels_of(trainer, ready[0])
    del ready

    began = time.perf_counter()
    for batch in timed:
        trainer.step(trainer.put(trainer.cut(batch, budget)))
    synchronize(trainer)
    with_input = time.perf_counter() - began

    cut = [trainer.cut(batch, budget) for batch in timed]
    return {
        "losses": [float(x) for x in losses],
        "first_step_seconds": first_seconds,
        "step_seconds": seconds,
        "with_input_seconds": with_input,
        "attention": f"{trainer.model.config._attn_implementation}: {kernels}",
        "microbatches": f"{np.mean([len(c) for c in cut]):.1f} of at most {budget:,} positions",
        "filled": fill_of(timed, cut),
        "memory_bytes": torch.cuda.max_memory_allocated() if trainer.device == "cuda" else None,
    }


def fill_of(batches: list[dict[str, np.ndarray]], cut: list[list[dict[str, np.ndarray]]]) -> dict[str, tuple[int, int]]:
    """Name -> (tokens, positions) of all microbatches."""
    sides = {"decoder_fill" if "inputs" in batches[0] else "row_fill": ("segment_ids", "decoder_input_ids")}
    if "inputs" in batches[0]:
        sides["encoder_fill"] = ("inputs_segment_ids", "input_ids")
    return {
        side: (
            sum(int(np.count_nonzero(b[segments])) for b in batches),
            sum(m.get(ids, m["input_ids"]).size for microbatches in cut for m in microbatches),
        )
        for side, (segments, ids) in sides.items()
    }


def kernels_of(trainer: Trainer, microbatches: list[dict[str, torch.Tensor]]) -> str:
    """The attention kernels that torch really ran in the first and the last microbatch of a step."""
    with torch.profiler.profile() as profile:
        for microbatch in (microbatches[0], microbatches[-1]):
            trainer.losses(microbatch).backward()
        synchronize(trainer)
    trainer.optimizer.zero_grad(set_to_none=True)
    names = {e.key.removeprefix("aten::") for e in profile.key_averages()}
    ran = sorted(n for n in names if "attention" in n.lower() or "flash" in n.lower())
    short = [n for n in ran if "backward" not in n.lower() and n != "scaled_dot_product_attention"]
    return ", ".join(n[:60] for n in short[:3]) or "its own matrix products"


def batches_of(folder: Path) -> list[dict[str, np.ndarray]]:
    with np.load(folder / "batches.npz") as stored:
        arrays = {name: stored[name] for name in stored}
    return [{name: array[i] for name, array in arrays.items()} for i in range(len(arrays["targets"]))]


def _positions(batches: list[dict[str, np.ndarray]]) -> list[int]:
    return [sum(b[name].size for name in ("inputs", "decoder_inputs") if name in b) for b in batches]


def _longest(batches: list[dict[str, np.ndarray]]) -> list[int]:
    return [sum(e.lengths) for b in batches for e in examples_of(b)]


def synchronize(trainer: Trainer) -> None:
    if trainer.device == "cuda":
        torch.cuda.synchronize()


def free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def main() -> None:
    stage, folder, *how = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if stage == "about":
        answer = about()
    else:
        job = json.loads((folder / "job.json").read_text())
        try:
            answer = {"check": check, "time": measure}[stage](folder, job, *how)
        except torch.OutOfMemoryError as error:
            answer = {"out_of_memory": str(error)}
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
