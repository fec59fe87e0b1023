"""A SentencePiece vocabulary for benchmarks where none is given: trained once on the input pipeline's texts, and kept."""

import random
from pathlib import Path

import sentencepiece

from flanjax.data.corpus import open_rows

from .input_pipeline import READ, mixture
from .seqio_environment import cache

SIZE, TEXTS = 30_000, 40_000


def vocabulary(size: int = SIZE, tasks: tuple[str, ...] = tuple(READ)) -> Path:
    """Returns the model file. It has T5's special ids: padding 0, end 1, unknown 2."""
    path = cache() / f"unigram-{size}-{len(tasks)}.model"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(_texts(tasks)),
                model_writer=file,
                vocab_size=size,
                pad_id=0,
                eos_id=1,
                unk_id=2,
                bos_id=-1,
                minloglevel=2,
                hard_vocab_limit=False,
            )
        partial.rename(path)
    return path


def _texts(tasks: tuple[str, ...]) -> list[str]:
    found = []
    for name in tasks:
        rows, read = open_rows(mixture([name]))[name], READ[name][3]
        chosen = random.Random(0).sample(range(len(rows)), min(TEXTS // len(tasks), len(rows)))
        found += [" ".join(read(rows[i])) for i in chosen]
    return found


if __name__ == "__main__":
    print(vocabulary())
