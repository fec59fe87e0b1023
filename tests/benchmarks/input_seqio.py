"""SeqIO's side of input_pipeline.py. It runs in an environment of its own (seqio_environment.py), without flanjax.

The rows lie in TFRecord files, as SeqIO's users have them, are worded by TensorFlow's string operations with a seeded choice,
tokenised, trimmed, packed by SeqIO's own converter for encoder-decoders, and taken as numpy arrays with prefetching on.
"""

import functools
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import seqio
import tensorflow as tf

from .input_words import ended
from .sides import serve

SPLIT = "train"


class Theirs:
    def __init__(self, folder: Path):
        self._folder = folder
        self._job = json.loads((folder / "job.json").read_text())
        self._made = json.loads((folder / "made.json").read_text())
        vocabulary = seqio.SentencePieceVocabulary(self._job["tokenizer"])
        self._features = {name: seqio.Feature(vocabulary, add_eos=True) for name in ("inputs", "targets")}
        for name in self._job["tasks"]:
            self._write(name)
            seqio.TaskRegistry.add(
                name,
                source=seqio.TFExampleDataSource(
                    {SPLIT: str(folder / f"{name}.tfrecord")},
                    {"text": tf.io.FixedLenFeature([], tf.string), "answer": tf.io.FixedLenFeature([], tf.string)},
                ),
                preprocessors=[
                    functools.partial(worded, prefixes=self._made["prefixes"]),
                    seqio.preprocessors.tokenize,
                    seqio.preprocessors.append_eos_after_trim,
                ],
                output_features=self._features,
            )
        seqio.MixtureRegistry.add("pipeline", self._job["tasks"], default_rate=1.0)
        self._batches: Any = None
        self._first = 0.0
        self._fill: dict[str, float] = {}

    def check(self) -> dict[str, list[Any]]:
        """Token ids of the rows that `make` named, in the first wording."""
        found = {}
        for name, row in self._made["checked"]:
            text, answer = json.loads(self._lines(name)[row])
            texts = {"inputs": f"{self._made['prefixes'][0]}: {text}\nAnswer:", "targets": answer}
            made = seqio.preprocessors.tokenize(tf.data.Dataset.from_tensors(texts), self._features)
            made = seqio.preprocessors.append_eos_after_trim(made, self._features, self._lengths)
            (example,) = made.as_numpy_iterator()
            eos = self._features["inputs"].vocabulary.eos_id
            found[f"{name} {row}"] = [ended(example[side].tolist(), eos) for side in ("inputs", "targets")]
        return found

    def tune(self, keys: Sequence[str]) -> dict[str, Any]:
        del keys
        return {}

    def run(self, key: str, settings: Any = None) -> dict[str, float]:
        """Takes batches for some seconds."""
        del key, settings
        began, examples, rows = time.perf_counter(), 0, 0
        first = self._batches is None
        batches = self._batches = self._batches or self._open()
        tokens = np.zeros(2, np.int64)
        while time.perf_counter() - began < self._job["seconds"]:
            batch = next(batches)
            if first and not rows:
                self._first = time.perf_counter() - began
            examples += int(batch["decoder_segment_ids"].max(axis=1).sum())
            tokens += [np.count_nonzero(batch[f"{side}_segment_ids"]) for side in ("encoder", "decoder")]
            rows += len(batch["encoder_input_tokens"])
        seconds = time.perf_counter() - began
        room = rows * np.array(list(self._lengths.values()))
        self._fill = dict(zip(("encoder", "decoder"), (tokens / room).tolist(), strict=True))
        return {"seconds": seconds, "work": examples, "encoder_tokens": int(tokens[0])}

    def facts(self) -> dict[str, Any]:
        return {
            "filled": self._fill,
            "first_batch_seconds": self._first,
            "seqio": seqio.__version__,
            "tensorflow": tf.__version__,
        }

    @property
    def _lengths(self) -> dict[str, int]:
        return {"inputs": self._job["inputs_length"], "targets": self._job["targets_length"]}

    @functools.lru_cache(maxsize=1)  # noqa: B019 (there is one side a process)
    def _lines(self, name: str) -> list[str]:
        return (self._folder / f"{name}.jsonl").read_text().split("\n")

    def _open(self) -> Any:
        made = seqio.get_dataset(
            "pipeline",
            self._lengths,
            dataset_split=SPLIT,
            shuffle=True,
            num_epochs=None,
            feature_converter=seqio.EncDecFeatureConverter(pack=True),
            seed=self._job["seed"],
        )
        batches = made.batch(self._job["batch_size"], drop_remainder=True).prefetch(tf.data.AUTOTUNE)
        return batches.as_numpy_iterator()

    def _write(self, name: str) -> None:
        def coded(text: str) -> tf.train.Feature:
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))

        rows = (json.loads(line) for line in (self._folder / f"{name}.jsonl").open())
        with tf.io.TFRecordWriter(str(self._folder / f"{name}.tfrecord")) as file:
            for text, answer in rows:
                features = tf.train.Features(feature={"text": coded(text), "answer": coded(answer)})
                file.write(tf.train.Example(features=features).SerializeToString())


def worded(dataset: tf.data.Dataset, prefixes: Sequence[str]) -> tf.data.Dataset:
    @seqio.map_over_dataset(num_seeds=1)
    def word(row: dict[str, tf.Tensor], seed: tf.Tensor) -> dict[str, tf.Tensor]:
        drawn = tf.random.stateless_uniform([], seed, 0, len(prefixes), tf.int32)
        prefix = tf.gather(tf.constant(prefixes), drawn)
        return {"inputs": tf.strings.join([prefix, ": ", row["text"], "\nAnswer:"]), "targets": row["answer"]}

    return word(dataset)


if __name__ == "__main__":
    serve(lambda: Theirs(Path(sys.argv[1])))
