"""Options scored by our class for lm-evaluation-harness beside that harness's own for Hugging Face, of one directory.

Weights are random and words are made up: contexts of 5 to 400 of them, 2 to 8 options of 1 to 12. Both sides take equally many
requests at a time. Compiling and loading are not timed. `python -m tests.benchmarks.scoring ours|theirs FOLDER` is a side.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance

from .sides import serve

VOCABULARY = 28_000
SIZES: dict[str, dict[str, Any]] = {
    "t5_18m": {"d_model": 256, "d_ff": 1024, "num_layers": 6, "num_decoder_layers": 6, "num_heads": 8, "head_dim": 32},
    "llama": {"d_model": 256, "d_ff": 704, "num_layers": 8, "num_heads": 8, "num_kv_heads": 4, "head_dim": 32},
    "tiny": {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8},
}


def requests(items: int) -> list[Instance]:
    """Returns a request for every option of every item."""
    rng = np.random.default_rng(1)

    def words(count: int) -> str:
        return " ".join(f"w{i}" for i in rng.integers(3, VOCABULARY, count))

    found = []
    for item in range(items):
        context = words(int(np.clip(rng.lognormal(np.log(90), 0.6), 5, 400)))
        options = [words(int(n)) for n in rng.integers(1, 13, rng.integers(2, 8))]
        found += [
            Instance("loglikelihood", {}, (context, " " + option), i, (None, item, 1)) for i, option in enumerate(options)
        ]
    return found


class Scoring:
    """What both sides share: the requests, and how they are timed. `self.model` is the harness's LM."""

    def __init__(self, folder: Path):
        self.folder, self.job = folder, json.loads((folder / "job.json").read_text())
        self.asked = requests(self.job["items"])
        self.model: Any = None

    def check(self) -> dict[str, Any]:
        return {"log-likelihoods": [score for score, _ in self._scores()]}

    def run(self, key: str, settings: Any = None) -> dict[str, float]:
        del key, settings
        began = time.perf_counter()
        self._scores()
        return {"seconds": time.perf_counter() - began, "work": self.job["items"]}

    def _scores(self) -> list[tuple[float, bool]]:
        return self.model.loglikelihood(self.asked, disable_tqdm=True)


class Ours(Scoring):
    def make(self) -> dict[str, Any]:
        """Leaves a model with random weights and a tokenizer of made-up words in the folder."""
        import jax
        import transformers
        from tokenizers import Tokenizer, models, pre_tokenizers, processors

        from flanjax import huggingface as hf
        from flanjax.harness.language_model import FlanjaxLM
        from flanjax.models import functional
        from flanjax.models.decoder import DecoderConfig
        from flanjax.models.t5 import T5Config

        size, directory = SIZES[self.job["model"]], str(self.folder / "model")
        is_t5 = "num_decoder_layers" in size
        published: Any = {"activation": "relu", "gated": False, "tied_embedding": True, "scale_logits": True}
        kind: Any = T5Config if is_t5 else DecoderConfig
        config = kind(vocab_size=VOCABULARY, scan=False, **size, **(published if is_t5 else {}))
        params = jax.jit(functional.init, static_argnums=0)(config, jax.random.key(0))
        if is_t5:  # the context matters to what is scored
            params["decoder"]["layers"]["cross"]["o"] *= 6
        hf.save(directory, config, params)
        words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
        tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        if is_t5:
            tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
        special: Any = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(directory)
        count = sum(int(x.size) for x in jax.tree.leaves(params))
        self.model = FlanjaxLM(directory, batch_size=self.job["batch_size"])
        said = (
            f"{self.job['model']}, {count / 1e6:.1f}M parameters, {self.job['items']} items with {len(self.asked)} options, "
            f"{self.job['batch_size']} requests at a time"
        )
        return {"said": said, "parameters": count, "options": len(self.asked)}

    def facts(self) -> dict[str, Any]:
        import jax

        return {"device": jax.devices()[0].device_kind}


class Theirs(Scoring):
    def __init__(self, folder: Path):
        import torch
        from lm_eval.models.huggingface import HFLM

        super().__init__(folder)
        torch.set_flush_denormal(True)
        backend: Any = "seq2seq" if "num_decoder_layers" in SIZES[self.job["model"]] else "causal"
        device = "cuda" if torch.cuda.is_available() else "cpu"
        size = self.job["batch_size"]
        self.model = HFLM(pretrained=str(folder / "model"), backend=backend, batch_size=size, device=device, dtype="float32")

    def tune(self, keys: list[str]) -> dict[str, Any]:
        del keys
        return {}

    def facts(self) -> dict[str, Any]:
        return {"device": str(self.model.device)}


if __name__ == "__main__":
    serve(lambda: {"ours": Ours, "theirs": Theirs}[sys.argv[1]](Path(sys.argv[2])))
