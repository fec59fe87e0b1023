"""The Hugging Face torch side of step.py; it imports neither jax nor flanjax.

The job names a way for each key, in which the same examples are given:

  packed   our rows as they are, with masks for their segments (T5) or position_ids that start again in every example, which go
           without padding in one row to a flash attention
  padded   the examples of each of our batches as one step: one a row, sorted by length, in microbatches of so many positions,
           each padded to its longest
  grouped  the examples of all our batches in as many steps, as Trainer's `group_by_length` cuts them, padded to the longest

Weights are float32, under bfloat16 autocast where the job says so, and denormals are flushed, as XLA does. A decoder's head is
applied to the targets alone, which takes less than transformers' own loss. Microbatches of as many positions as a step has,
of half as many and so on are tried, and the fastest that fit count; so are the attentions that can serve.
"""

import functools
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.nn import functional
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

from .sides import serve
from .torch_rows import Batch, examples_of, flattened, packed, padded, positions, read_batches, rows, tokens

FLASH = {"flash_attention_3": is_flash_attn_3_available, "flash_attention_2": is_flash_attn_2_available}
NOT_READ = ("targets", "at", "read_segments", "written_segments")  # what does not go into the model as it is
LOSS_TOLERANCE = 1e-2  # of another attention that is tried, in the type that is timed


class Theirs:
    def __init__(self, folder: Path):
        torch.set_flush_denormal(True)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._folder = folder
        self._job = json.loads((folder / "job.json").read_text())
        self._made = json.loads((folder / "made.json").read_text())
        self._batches = read_batches(folder)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if self._job["needs_gpu"] and self._device == "cpu":
            raise ValueError(f"jax has a GPU and torch {torch.__version__} has none: install a torch built for CUDA")
        self._trainers: dict[str, Trainer] = {}
        self._kernels: dict[str, str] = {}

    def check(self) -> dict[str, float]:
        """As ours; in each way, in which float32 takes the plain attention with the same masks (flash kernels have none)."""
        found = {}
        first = {name: array[: self._job["check_rows"]] for name, array in self._batches[0].items()}
        for way in sorted(set(self._job["ways"].values())):
            for dtype in self._made["check_dtypes"]:
                attention = "sdpa" if dtype == "float32" else self._attentions(way)[0]
                trainer = self._make_trainer(attention, dtype)
                cut = trainer.put(self._cut(way, attention, first, positions(first)))
                for number in (1, 2):
                    loss, norm = trainer.step(cut)
                    found[f"{way}, step {number}, {dtype} loss"] = float(loss)
                    found[f"{way}, step {number}, {dtype} norm"] = float(norm)
                del trainer, cut
                self._free()
        return found

    def tune(self, keys: Sequence[str]) -> dict[str, Any]:
        """Key -> the attention and the positions of a microbatch that take least time for a step."""
        return {key: self._tuned(self._job["ways"][key]) for key in keys}

    def _tuned(self, way: str) -> dict[str, Any]:
        best, tried, losses = dict[str, Any](), dict[str, str](), list[float]()
        batch = self._batches[0]
        if len(self._attentions(way)) == 1 and way == "grouped":
            return {"attention": self._attentions(way)[0], "budget": positions(batch)}
        for attention in self._attentions(way):
            for half in range(1 if way == "grouped" else self._job["budgets"]):
                budget = positions(batch) >> half
                name = f"{attention}, {budget:,} positions"
                try:
                    trainer = self._trainer(attention)
                    cut = trainer.put(self._cut(way, attention, batch, budget))
                    trainer.step(cut)
                    if half == 0 and len(self._attentions(way)) > 1:
                        losses.append(trainer.sum_of_losses(cut))
                    seconds = self._seconds(trainer, [cut])
                except torch.OutOfMemoryError:
                    tried[name] = "out of memory"
                    self._trainers.clear()
                    self._free()
                    continue
                tried[name] = f"{seconds:.4f} s a step"
                if not best or seconds < best["seconds"]:
                    best = {"attention": attention, "budget": budget, "seconds": seconds}
        if not best:
            raise MemoryError(f"no microbatch fits: {tried}")
        if max(losses, default=0) - min(losses, default=0) > LOSS_TOLERANCE * max(losses, default=0):
            raise ValueError(f"attentions of torch give other losses than each other: {losses}")
        return {**best, "tried": tried}

    def run(self, key: str, settings: dict[str, Any]) -> dict[str, float]:
        way, batches = self._job["ways"][key], self._batches[: self._job["steps"][key]]
        attention, budget = settings["attention"], settings["budget"]
        trainer = self._trainer(attention)
        if way == "grouped":
            steps = [trainer.put([group]) for group in self._grouped(key)]
        else:
            steps = [trainer.put(self._cut(way, attention, batch, budget)) for batch in batches]
        seconds = self._seconds(trainer, steps)
        if self._device == "cuda" and key not in self._kernels:
            self._kernels[key] = kernels_of(trainer, steps[0])
        room = sum(m[name].numel() for step in steps for m in step for name in ("input_ids", "decoder_input_ids") if name in m)
        return {"seconds": seconds, "work": sum(map(tokens, batches)), "steps": len(steps), "positions": room}

    def facts(self) -> dict[str, Any]:
        return {
            "device": torch.cuda.get_device_name() if self._device == "cuda" else "cpu",
            "kernels": self._kernels,
            "peak_memory_bytes": torch.cuda.max_memory_allocated() if self._device == "cuda" else None,
        }

    def _attentions(self, way: str) -> list[str]:
        flash = next((name for name, available in FLASH.items() if self._device == "cuda" and available()), None)
        if self._made["kind"] == "encoder_decoder":
            return ["sdpa"]  # none of the flash attentions takes T5's bias
        if flash:
            return [flash]
        return ["sdpa", "flex_attention"] if self._device == "cuda" and way == "packed" else ["sdpa"]

    def _cut(self, way: str, attention: str, batch: Batch, budget: int) -> list[Batch]:
        if way == "packed":
            return list(flattened(examples_of(batch), budget) if attention in FLASH else packed(batch, budget))
        return list(padded(examples_of(batch), budget)) if way == "padded" else [rows(examples_of(batch))]

    def _grouped(self, key: str) -> list[Batch]:
        batches = self._batches[: self._job["steps"][key]]
        examples = [example for batch in batches for example in examples_of(batch)]
        size = -(-len(examples) // len(batches))
        lengths = [e.lengths[0] or e.lengths[1] for e in examples]
        # Of a whole dataset Trainer sorts 50 steps at a time, here all.
        order = get_length_grouped_indices(lengths, size, 50, torch.Generator().manual_seed(0))
        return [rows([examples[i] for i in order[at : at + size]]) for at in range(0, len(order), size)]

    def _trainer(self, attention: str) -> "Trainer":
        if attention not in self._trainers:
            self._trainers.clear()  # or the next one would have to fit beside it
            self._free()
            self._trainers[attention] = self._make_trainer(attention, self._made["dtype"])
        return self._trainers[attention]

    def _make_trainer(self, attention: str, dtype: str) -> "Trainer":
        made, seq2seq = self._made, self._made["kind"] == "encoder_decoder"
        kind = transformers.AutoModelForSeq2SeqLM if seq2seq else transformers.AutoModelForCausalLM
        model: Any = kind.from_pretrained(self._folder / "model", dtype=torch.float32, attn_implementation=attention)
        model = model.to(self._device).train()
        if made["remat"] != "none":
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        losses = functools.partial(seq2seq_losses if seq2seq else causal_losses, model)
        return Trainer(model, losses, dtype, made["learning_rate"], made["clip_norm"], self._device)

    def _seconds(self, trainer: "Trainer", steps: Sequence[Any]) -> float:
        self._synchronize()
        began = time.perf_counter()
        for step in steps:
            trainer.step(step)
        self._synchronize()
        return time.perf_counter() - began

    def _synchronize(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()

    def _free(self) -> None:
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()


class Trainer:
    """A model with its optimizer, as a torch program has them.

    Args:
      losses: (microbatch) -> the losses of its targets.
    """

    def __init__(
        self,
        model: Any,
        losses: Callable[[dict[str, torch.Tensor]], torch.Tensor],
        dtype: str,
        learning_rate: float,
        clip_norm: float,
        device: str,
    ):
        self.model, self._losses, self._clip_norm, self._device = model, losses, clip_norm, device
        self._half = dtype == "bfloat16"
        rates: Any = {"lr": learning_rate, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
        self.optimizer = torch.optim.AdamW(model.parameters(), **rates, fused=True)

    def losses(self, microbatch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.autocast(self._device, torch.bfloat16, enabled=self._half):
            return self._losses(microbatch)

    def step(self, microbatches: Sequence[dict[str, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
        """(loss a target, norm of its gradient) of an optimizer step on all microbatches together."""
        weight = sum(len(m["targets"]) for m in microbatches)
        total = torch.zeros((), device=self._device)
        for microbatch in microbatches:
            loss = self.losses(microbatch).sum() / weight
            loss.backward()
            total += loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total, norm

    @torch.no_grad()
    def sum_of_losses(self, microbatches: Sequence[dict[str, torch.Tensor]]) -> float:
        return float(sum(self.losses(m).sum() for m in microbatches))

    def put(self, microbatches: Sequence[Batch]) -> list[dict[str, torch.Tensor]]:
        return [
            {k: torch.as_tensor(v, dtype=torch.int64).to(self._device, non_blocking=True) for k, v in m.items()}
            for m in microbatches
        ]


def causal_losses(model: Any, microbatch: dict[str, torch.Tensor]) -> torch.Tensor:
    reads = {name: array for name, array in microbatch.items() if name not in NOT_READ}
    hidden = model.base_model(**reads, use_cache=False).last_hidden_state.flatten(0, 1)[microbatch["at"]]
    logits = model.get_output_embeddings()(hidden)
    return functional.cross_entropy(logits.float(), microbatch["targets"], reduction="none")


def seq2seq_losses(model: Any, microbatch: dict[str, torch.Tensor]) -> torch.Tensor:
    reads = {name: array for name, array in microbatch.items() if name not in NOT_READ}
    if "read_segments" in microbatch:
        read, written = microbatch["read_segments"], microbatch["written_segments"]
        causal = torch.ones((written.shape[1], written.shape[1]), dtype=torch.bool, device=written.device).tril()
        encoded = model.encoder(input_ids=reads["input_ids"], attention_mask=_mask(read, read))
        hidden = model.decoder(
            input_ids=reads["decoder_input_ids"],
            attention_mask=_mask(written, written, causal),
            encoder_hidden_states=encoded.last_hidden_state,
            encoder_attention_mask=_mask(written, read),
            use_cache=False,
        ).last_hidden_state
        if model.config.scale_decoder_outputs:
            hidden = hidden * model.model_dim**-0.5
        logits = model.lm_head(hidden)
    else:
        logits = model(**reads, use_cache=False).logits
    return functional.cross_entropy(logits.flatten(0, 1)[microbatch["at"]].float(), microbatch["targets"], reduction="none")


def _mask(queries: torch.Tensor, keys: torch.Tensor, allowed: torch.Tensor | None = None) -> torch.Tensor:
    """What is added to scores [B, 1, queries, keys]: 0 within a segment; padding sees padding, or everything alike."""
    same = queries[:, None, :, None] == keys[:, None, None, :]
    same = same if allowed is None else same & allowed
    half = torch.is_autocast_enabled(queries.device.type)
    dtype = torch.bfloat16 if half else torch.float32
    return torch.zeros(same.shape, dtype=dtype, device=same.device).masked_fill(~same, torch.finfo(dtype).min)


def kernels_of(trainer: Trainer, microbatches: Sequence[dict[str, torch.Tensor]]) -> str:
    """The attention kernels that torch really ran in the first and the last microbatch of a step."""
    with torch.profiler.profile() as profile:
        for microbatch in (microbatches[0], microbatches[-1]):
            trainer.losses(microbatch).sum().backward()
        torch.cuda.synchronize()
    trainer.optimizer.zero_grad(set_to_none=True)
    names = {e.key.removeprefix("aten::") for e in profile.key_averages()}
    ran = sorted(n for n in names if "attention" in n.lower() or "flash" in n.lower())
    short = [n for n in ran if "backward" not in n.lower() and n != "scaled_dot_product_attention"]
    return ", ".join(n[:60] for n in short[:3]) or "its own matrix products"


if __name__ == "__main__":
    serve(lambda: Theirs(Path(sys.argv[1])))
