"""The Hugging Face side of generation.py: prompts sorted by length, in the batches that serve it best.

Every batch runs until its longest text is done, as `generate` does. A decoder is also tried with their continuous batching, and
the faster way counts. It imports neither jax nor flanjax.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from .sides import serve

CONTINUOUS = "continuous batching"


class Theirs:
    def __init__(self, folder: Path):
        torch.set_flush_denormal(True)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._job = json.loads((folder / "job.json").read_text())
        self._requests = json.loads((folder / "requests.json").read_text())
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._is_t5 = json.loads((folder / "model" / "config.json").read_text())["model_type"] == "t5"
        self._kind: Any = transformers.T5ForConditionalGeneration if self._is_t5 else transformers.AutoModelForCausalLM
        self._folder = folder
        self._model = self._load(self._job["dtype"])

    def check(self) -> dict[str, Any]:
        model, kept = self._load("float32"), self._model
        self._model = model
        texts = self._write("few", self._job["batch_sizes"][0])
        self._model = kept
        return {"texts": texts}

    def tune(self, keys: Sequence[str]) -> dict[str, Any]:
        """Key -> the batch size, or continuous batching, that takes least time."""
        ways = [*self._job["batch_sizes"], *([] if self._is_t5 else [CONTINUOUS])]
        if len(ways) == 1:
            return {key: {"way": ways[0], "tried": "nothing else"} for key in keys}
        found = {}
        for key in keys:
            tried: dict[Any, Any] = {}
            for way in ways:
                try:
                    tried[way] = self.run(key, {"way": way})["seconds"]
                except Exception as error:  # continuous batching is not made for every device
                    if way != CONTINUOUS:
                        raise
                    tried[way] = f"{type(error).__name__}: {error}"
            best = min((way for way in tried if isinstance(tried[way], float)), key=lambda way: tried[way])
            found[key] = {"way": best, "tried": {str(way): told for way, told in tried.items()}}
        return found

    def run(self, key: str, settings: dict[str, Any]) -> dict[str, Any]:
        parts = {}
        for profile in self._job["keys"][key]:
            began = time.perf_counter()
            texts = self._write(profile, settings["way"])
            parts[profile] = {"seconds": time.perf_counter() - began, "work": sum(map(len, texts))}
        return {name: sum(p[name] for p in parts.values()) for name in ("seconds", "work")} | {"parts": parts}

    def facts(self) -> dict[str, Any]:
        return {"device": self._device}

    def _load(self, dtype: str) -> Any:
        return self._kind.from_pretrained(self._folder / "model", dtype=getattr(torch, dtype)).eval().to(self._device)

    def _write(self, profile: str, way: int | str) -> list[list[int]]:
        prompts, limits = self._requests[profile]["prompts"], self._requests[profile]["limits"]
        if way == CONTINUOUS:
            return self._write_continuously(prompts, limits)
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        found: dict[int, list[int]] = {}
        for at in range(0, len(order), int(way)):
            found |= self._batch({i: prompts[i] for i in order[at : at + int(way)]}, limits)
        return [found[i] for i in range(len(prompts))]

    @torch.inference_mode()
    def _batch(self, prompts: dict[int, list[int]], limits: Sequence[int]) -> dict[int, list[int]]:
        longest, steps = max(map(len, prompts.values())), max(limits[i] for i in prompts)
        ids, mask = torch.zeros((2, len(prompts), longest), dtype=torch.long)
        for row, prompt in enumerate(prompts.values()):
            at = slice(0, len(prompt)) if self._is_t5 else slice(longest - len(prompt), longest)
            ids[row, at], mask[row, at] = torch.tensor(prompt), 1
        ends: Any = {"eos_token_id": None, "pad_token_id": 0, "max_new_tokens": steps, "min_new_tokens": steps}
        written = self._model.generate(ids.to(self._device), attention_mask=mask.to(self._device), do_sample=False, **ends)
        written = written[:, 1:] if self._is_t5 else written[:, longest:]
        return {i: row[: limits[i]].tolist() for i, row in zip(prompts, written, strict=True)}

    def _write_continuously(self, prompts: Sequence[list[int]], limits: Sequence[int]) -> list[list[int]]:
        """Texts by their continuous batching: a paged cache, and a limit for each request."""
        settings = transformers.GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0, max_new_tokens=max(limits))
        found: dict[int, list[int]] = {}
        with self._model.continuous_batching_context_manager(generation_config=settings, warmup=False) as manager:
            numbers = {
                manager.add_request(list(prompt), max_new_tokens=limit, eos_token_id=-1): i
                for i, (prompt, limit) in enumerate(zip(prompts, limits, strict=True))
            }
            while len(found) < len(prompts):
                result = manager.get_result(timeout=1)
                if result and result.is_finished():
                    found[numbers[result.request_id]] = list(result.generated_tokens)
                elif not result and not manager.is_running():
                    raise RuntimeError("their background thread has ended")
        return [found[i] for i in range(len(prompts))]


if __name__ == "__main__":
    serve(lambda: Theirs(Path(sys.argv[1])))
