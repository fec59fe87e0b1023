"""The input pipeline on five real tasks, as SeqIO was measured on them: examples/s, fill, seconds to the first batch.

    FLANJAX_HUB_MIRROR=... python tests/benchmarks/input_pipeline.py --tokenizer english_unigram_30k.model [--workers 1]

AG News, SST-2, GSM8K, RTE and AESLC at equal rates, one wording with ten prefixes, 512 input and 128 target tokens, packed.
With --targets rows have several lengths (data.features.lengths). With --known every row is looked up among the evaluation
rows of the same data sets, as if these were held out.
"""

import argparse
import dataclasses
import time

START = time.perf_counter()

import numpy as np  # noqa: E402

from flanjax import Example, Mixture, StyleShares, Task, Template, equal, hub  # noqa: E402
from flanjax.data.feature_config import FeatureConfig  # noqa: E402
from flanjax.data.pipeline import BatchIterator, DataConfig, open_corpus, open_rows  # noqa: E402
from flanjax.data.tokenizer import load_tokenizer  # noqa: E402
from flanjax.tasks.filters import EvaluationRows  # noqa: E402

PREFIXES = ["Text", "Read this", "Here is a text", "Consider", "Look at this", "Given", "Passage", "Note", "Item", "Say"]
TOPICS = ["World", "Sports", "Business", "Science"]


def _task(name: str, path: str, config: str, read, evaluation: str = "validation") -> Task:
    templates = [Template(prefix + ": {{ text }}\nAnswer:") for prefix in PREFIXES]
    return Task(
        name=name,
        cluster=name,
        source=hub(path, config),
        example=lambda row: Example({"text": read(row)[0]}, read(row)[1]),
        templates=templates,
        evaluation=evaluation,
        long_fields=["text", "answer"],
    )


def mixture() -> Mixture:
    tasks = [
        _task("ag_news", "fancyzhx/ag_news", "default", lambda r: (r["text"], TOPICS[r["label"]]), "test"),
        _task("sst2", "nyu-mll/glue", "sst2", lambda r: (r["sentence"], ("negative", "positive")[r["label"]])),
        _task("gsm8k", "flan_cot", "gsm8k", lambda r: (r["source"], r["rationale"] + " The answer is " + r["target"])),
        _task(
            "rte",
            "nyu-mll/glue",
            "rte",
            lambda r: (f"{r['sentence1']} Does it follow that {r['sentence2']}", ("yes", "no")[r["label"]]),
        ),
        _task("aeslc", "Yale-LILY/aeslc", "default", lambda r: (r["email_body"], r["subject_line"])),
    ]
    return Mixture(
        name="pipeline", parts=tasks, rate=equal(), styles=StyleShares(few_shot=0, options=0, chain_of_thought=0, inverted=0)
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--targets", type=int, nargs="*", default=(), help="target lengths of a round of rows, 128 among them")
    args = parser.parse_args()
    config = DataConfig(
        batch_size=64,
        num_streams=2,
        num_workers=args.workers,
        num_threads=args.threads,
        features=FeatureConfig(inputs_length=512, targets_length=128, lengths=[(512, length) for length in args.targets]),
    )
    chosen = mixture()
    if args.known:
        known = EvaluationRows(tuple(task for task in chosen.tasks() if task.name != "gsm8k"))
        chosen = dataclasses.replace(chosen, filters=[known])
    corpus = open_corpus(chosen, open_rows(chosen), load_tokenizer(args.tokenizer), config)
    batches = BatchIterator(corpus)
    next(batches)
    print(f"first batch after {time.perf_counter() - START:.1f} s, imports included")
    examples = tokens = filled = read = written = 0
    began = time.perf_counter()
    while time.perf_counter() - began < args.seconds:
        batch = next(batches)
        examples += int(batch["segment_ids"].max(axis=1).sum())
        tokens += int((batch["inputs_segment_ids"] > 0).sum())
        filled += int((batch["segment_ids"] > 0).sum())
        read, written = read + batch["inputs"].size, written + batch["targets"].size
    seconds = time.perf_counter() - began
    print(f"{examples / seconds:,.0f} examples/s, {tokens / seconds:,.0f} encoder tokens/s")
    print(f"encoder positions filled {tokens / read:.1%}, decoder positions {filled / written:.1%}")
    stats = batches.state().stats.counts
    print(
        "skipped:",
        {n: int(b) for n, b in zip(corpus.names, stats["bad"], strict=True)},
        "cut:",
        stats["cut_examples"].tolist(),
        np.sum(stats["examples"]),
    )


if __name__ == "__main__":
    main()
