"""Our input pipeline beside SeqIO's on five real tasks: the same rows, wordings, tokenizer file and lengths, packed.

AG News, SST-2, GSM8K, RTE and AESLC at equal rates, one wording with ten prefixes. Ours reads the data sets where they are;
`make` leaves texts and answers of the same rows for SeqIO, and the prompts of some rows are compared token by token.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flanjax import Example, Mixture, StyleShares, Task, Template, equal, hub
from flanjax.data.corpus import Corpus, DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.garbage import collect_rarely
from flanjax.data.pipeline import BatchIterator
from flanjax.data.tokenizer import load_tokenizer

from .input_words import ended
from .sides import serve

PREFIXES = ["Text", "Read this", "Here is a text", "Consider", "Look at this", "Given", "Passage", "Note", "Item", "Say"]
TOPICS = ["World", "Sports", "Business", "Science"]
Read = Callable[[Mapping[str, Any]], tuple[str, str]]
READ: dict[str, tuple[str, str, str, Read]] = {
    "ag_news": ("fancyzhx/ag_news", "default", "test", lambda r: (r["text"], TOPICS[r["label"]])),
    "sst2": ("nyu-mll/glue", "sst2", "validation", lambda r: (r["sentence"], ("negative", "positive")[r["label"]])),
    "gsm8k": ("flan_cot", "gsm8k", "validation", lambda r: (r["source"], f"{r['rationale']} The answer is {r['target']}")),
    "rte": (
        "nyu-mll/glue",
        "rte",
        "validation",
        lambda r: (f"{r['sentence1']} Does it follow that {r['sentence2']}", ("yes", "no")[r["label"]]),
    ),
    "aeslc": ("Yale-LILY/aeslc", "default", "validation", lambda r: (r["email_body"], r["subject_line"])),
}
STREAMS, CHECKED = 2, 40


def mixture(names: Sequence[str], prefixes: Sequence[str] = PREFIXES) -> Mixture:
    styles = StyleShares(few_shot=0, options=0, chain_of_thought=0, inverted=0)
    return Mixture(name="pipeline", parts=[_task(name, prefixes) for name in names], rate=equal(), styles=styles)


def _task(name: str, prefixes: Sequence[str]) -> Task:
    path, config, evaluation, read = READ[name]
    return Task(
        name=name,
        cluster=name,
        source=hub(path, config),
        example=lambda row: Example({"text": read(row)[0]}, read(row)[1]),
        templates=[Template(prefix + ": {{ text }}\nAnswer:") for prefix in prefixes],
        evaluation=evaluation,
        long_fields=["text", "answer"],
    )


class Ours:
    def __init__(self, folder: Path):
        self._folder, self._job = folder, json.loads((folder / "job.json").read_text())
        self._batches: BatchIterator | None = None
        self._fill = {"encoder": 0.0, "decoder": 0.0}

    def make(self) -> dict[str, Any]:
        """Leaves each task's texts and answers in the folder, and where the rows lie whose prompts are compared."""
        counts = {}
        for name in self._job["tasks"]:
            rows, read = open_rows(mixture([name]))[name], READ[name][3]
            with (self._folder / f"{name}.jsonl").open("w") as file:
                for text, answer in (read(rows[i]) for i in range(len(rows))):
                    file.write(json.dumps([text, answer]) + "\n")
            counts[name] = len(rows)
        job, tokenizer = self._job, Path(self._job["tokenizer"]).name
        (self._folder / "made.json").write_text(json.dumps({"prefixes": PREFIXES, "checked": self._where()}))
        said = (
            f"{len(counts)} tasks, {sum(counts.values()):,} rows, {job['inputs_length']} + {job['targets_length']} tokens, "
            f"{tokenizer}, {job['batch_size']} rows a batch"
        )
        return {"said": said, "rows": counts}

    def check(self) -> dict[str, list[Any]]:
        """Token ids of the first rows of the plan in the first wording; those that were shortened are left out.

        The id of the end is one that each side chooses where the vocabulary has none.
        """
        eos = self._corpus(PREFIXES[:1]).tokenizer.eos_id
        sides = {f"{name} {row}": (e.inputs.tolist(), e.targets.tolist()) for name, row, e in self._features()}
        return {where: [ended(ids, eos) for ids in both] for where, both in sides.items()}

    def run(self, key: str, settings: Any = None) -> dict[str, float]:
        """Takes batches for some seconds."""
        del key, settings
        first = self._batches is None
        batches = self._batches = self._batches or BatchIterator(self._corpus(PREFIXES))
        if first:
            collect_rarely()  # as in a training
        began, examples = time.perf_counter(), 0
        tokens, room = np.zeros(2, np.int64), np.zeros(2, np.int64)
        while time.perf_counter() - began < self._job["seconds"]:
            batch = next(batches)
            if first and not examples:
                self._first = time.perf_counter() - began
            examples += int(batch["segment_ids"].max(axis=1).sum())
            tokens += [np.count_nonzero(batch["inputs_segment_ids"]), np.count_nonzero(batch["segment_ids"])]
            room += [batch["inputs"].size, batch["targets"].size]
        seconds = time.perf_counter() - began
        self._fill = dict(zip(("encoder", "decoder"), (tokens / room).tolist(), strict=True))
        return {"seconds": seconds, "work": examples, "encoder_tokens": int(tokens[0])}

    def facts(self) -> dict[str, Any]:
        return {"filled": self._fill, "first_batch_seconds": self._first}

    def _where(self) -> list[tuple[str, int]]:
        return [(name, row) for name, row, _ in self._features()]

    def _features(self) -> list[tuple[str, int, Any]]:
        corpus = self._corpus(PREFIXES[:1])
        visits = corpus.plan.visits(np.arange(CHECKED))
        found = []
        for n in range(CHECKED):
            one = type(visits)(*(part[n : n + 1] for part in visits))
            features = corpus.make_features(corpus.entries, corpus.rows, one, corpus.layout, self._job["seed"])
            whole = not features.cut_examples.any()
            found += [(corpus.names[int(one.task[0])], int(one.row[0]), e) for e in features.examples if whole]
        return found

    def _corpus(self, prefixes: Sequence[str]) -> Corpus:
        job = self._job
        longest = {"inputs_length": job["inputs_length"], "targets_length": job["targets_length"]}
        features = FeatureConfig(**longest, lengths=tuple(map(tuple, job["lengths"])))
        config = DataConfig(batch_size=job["batch_size"], num_streams=STREAMS, seed=job["seed"], features=features)
        config = dataclasses.replace(config, **job["data"])
        chosen = mixture(job["tasks"], prefixes)
        return open_corpus(chosen, open_rows(chosen), load_tokenizer(job["tokenizer"]), config)


if __name__ == "__main__":
    serve(lambda: Ours(Path(sys.argv[1])))
