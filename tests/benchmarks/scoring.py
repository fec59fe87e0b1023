"""Options scored by flanjax's class for lm-evaluation-harness beside that harness's own for Hugging Face: one directory, the
same requests, in alternation.

    python tests/benchmarks/scoring.py                          # an 18.4 million parameter T5, 200 items, 883 options
    python tests/benchmarks/scoring.py --model llama --rounds 5
    python tests/benchmarks/scoring.py --model tiny --items 8 --rounds 1    # a smoke test: its figures mean nothing

From the repository root, with `pip install -e '.[test]'`. Weights are random and words are made up: contexts of 5 to 400 of
them, 2 to 8 options of 1 to 12. Both sides take `--batch-size` requests at a time; what the two say of every option is compared
first, and the benchmark ends if it differs. Compiling and loading are left out.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import torch
import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from flanjax import huggingface as hf
from flanjax.harness.language_model import FlanjaxLM
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config

T5: Any = {"activation": "relu", "gated": False, "tied_embedding": True, "scale_logits": True}
MODELS: dict[str, Any] = {
    "t5": T5Config(
        vocab_size=28_000, d_model=256, d_ff=1024, num_layers=6, num_decoder_layers=6, num_heads=8, head_dim=32, **T5
    ),
    "llama": DecoderConfig(vocab_size=28_000, d_model=256, d_ff=704, num_layers=8, num_heads=8, num_kv_heads=4, head_dim=32),
    "tiny": T5Config(vocab_size=28_000, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8, **T5),
}


def write_model(directory: str, config: Any) -> int:
    """Writes a model with random weights and a tokenizer of made-up words, and returns how many parameters it has."""
    params = jax.jit(functional.init, static_argnums=0)(config, jax.random.key(0))
    if config.kind == "t5":  # the context matters to what is scored
        params["decoder"]["layers"]["cross"]["o"] *= 6
    hf.save(directory, config, params)
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, config.vocab_size)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if config.kind == "t5":
        tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(directory)
    return sum(x.size for x in jax.tree.leaves(params))


def requests(items: int, vocabulary: int) -> list[Instance]:
    """Returns a request for every option of every item."""
    rng = np.random.default_rng(1)

    def words(count: int) -> str:
        return " ".join(f"w{i}" for i in rng.integers(3, vocabulary, count))

    found = []
    for item in range(items):
        context = words(int(np.clip(rng.lognormal(np.log(90), 0.6), 5, 400)))
        options = [words(int(n)) for n in rng.integers(1, 13, rng.integers(2, 8))]
        found += [
            Instance("loglikelihood", {}, (context, " " + option), i, (None, item, 1)) for i, option in enumerate(options)
        ]
    return found


def seconds(model: Any, asked: list[Instance]) -> float:
    began = time.perf_counter()
    model.loglikelihood(asked, disable_tqdm=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="t5", choices=MODELS)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", help="a JSON file for the figures")
    args = parser.parse_args()
    torch.set_flush_denormal(True)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    config = dataclasses.replace(MODELS[args.model], scan=False)
    asked = requests(args.items, config.vocab_size)
    with tempfile.TemporaryDirectory() as directory:
        count = write_model(directory, config)
        backend: Any = "seq2seq" if config.kind == "t5" else "causal"
        theirs = HFLM(pretrained=directory, backend=backend, batch_size=args.batch_size, device=device, dtype="float32")
        ours = FlanjaxLM(str(Path(directory)), batch_size=args.batch_size)
    found = [np.array([score for score, _ in model.loglikelihood(asked, disable_tqdm=True)]) for model in (ours, theirs)]
    worst = float(np.max(np.abs(found[0] - found[1]) / np.abs(found[1])))
    if worst > 1e-4:
        sys.exit(f"the two give different log-likelihoods: up to {worst:.1e} of their size apart")

    pairs = [(seconds(ours, asked), seconds(theirs, asked)) for _ in range(args.rounds)]
    ratios = sorted(t / o for o, t in pairs)
    result = {
        "model": args.model,
        "parameters": count,
        "items": args.items,
        "options": len(asked),
        "batch_size": args.batch_size,
        "largest_relative_difference": worst,
        "ours_items_per_second": args.items / statistics.median(o for o, _ in pairs),
        "theirs_items_per_second": args.items / statistics.median(t for _, t in pairs),
        "ratio": statistics.median(ratios),
        "ratio_range": [ratios[0], ratios[-1]],
    }
    print(
        f"{args.model}: {count / 1e6:.1f}M parameters, {args.items} items, {len(asked)} options, batches of {args.batch_size}, "
        f"{device}; log-likelihoods differ by up to {worst:.0e} of their size\n"
        f"ours {result['ours_items_per_second']:.1f} items/s, lm-eval's {result['theirs_items_per_second']:.1f} items/s: "
        f"ratio {result['ratio']:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    if args.output:
        Path(args.output).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
