"""Prompts of the training mixture with the data's answers, drawn as training draws them; written once for all rounds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from etils import epath

from flanjax import parts, storage
from flanjax.data.corpus import Corpus, open_corpus, open_rows
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query, read_queries
from flanjax.data.tokenizer import load_tokenizer
from flanjax.lab.spin.play import Play
from flanjax.tasks.task import Message

DATA, PROMPTS = "data.parquet", "prompts.jsonl"
_AT_ONCE = 2048  # examples of the plan read together
SCHEMA = pa.schema(
    {
        "number": pa.int64(),
        "task": pa.string(),
        "cluster": pa.string(),
        "row": pa.int64(),
        "template": pa.string(),
        "prompt": pa.string(),
        "messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
        "answer": pa.string(),
    }
)


def write_prompts(play: Play, out: Path) -> pa.Table:
    """Returns the data of a play, from the folder or drawn now: one row for each prompt, columns as SCHEMA says.

    A conversation has its messages before the last answer in `messages`, if the config trains in a chat template.

    Raises:
      ValueError: no example of the mixture gives a prompt.
    """
    path, lines = epath.Path(out / DATA), epath.Path(out / PROMPTS)
    if path.exists():
        return storage.read_table(path)
    tokenizer = load_tokenizer(play.config.tokenizer.path)
    mixture = parts.split_of(play.config).train
    corpus = open_corpus(mixture, open_rows(mixture), tokenizer, play.config.data)
    rows = [{"number": number, **row} for number, row in enumerate(_rows(corpus, play.prompts))]
    if not rows:
        raise ValueError(f"none of {play.prompts} examples of {mixture.name} gives a prompt; `flanjax show` says why")
    asked = (
        {"messages" if row["messages"] else "prompt": row["messages"] or row["prompt"], "number": row["number"]} for row in rows
    )
    storage.replace_text(lines, "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in asked))
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    storage.replace_table(path, table)
    return table


def _rows(corpus: Corpus, count: int) -> Iterator[dict[str, Any]]:
    """Yields a row for each of the first `count` examples of the plan that has a prompt."""
    for start in range(0, count, _AT_ONCE):
        visits = corpus.plan.visits(np.arange(start, min(start + _AT_ONCE, count)))
        visited = list(read_queries(corpus.entries, corpus.rows, visits, corpus.config.seed))
        found = [(v.row, v.found) for v in visited if isinstance(v.found, Query)]
        prompts = build_prompts([query for _, query in found], corpus.tokenizer, corpus.layout.budget)
        for (number, query), prompt in zip(found, prompts, strict=True):
            talk = [*query.example.messages] if corpus.layout.chat else []
            if talk:
                text, answer = "", talk[-1].content
            elif isinstance(prompt, Prompt) and not prompt.cut_target and prompt.text.strip():
                text, answer = prompt.text.strip(), prompt.rendered.target
            else:
                continue
            yield {
                "task": query.task.name,
                "cluster": query.task.cluster,
                "row": number,
                "template": query.task.templates[query.wording.template].name,
                "prompt": text,
                "messages": [_plain(message) for message in talk[:-1]],
                "answer": answer,
            }


def _plain(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}
