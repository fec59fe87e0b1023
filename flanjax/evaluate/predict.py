"""Predictions: every item of a task x template x number of shots, as rows of a table from which all statistics follow."""

import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from flanjax.data.layout import Layout
from flanjax.evaluate.answering import rank, sample, write
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.questions import Item, Questions, canonical
from flanjax.evaluate.results import with_left_out
from flanjax.generate.scorer import Scorer
from flanjax.tasks.draws import hash64

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("step", pa.int64()),
        ("cluster", pa.string()),
        ("task", pa.string()),
        ("template", pa.string()),
        ("template_text", pa.string()),
        ("item", pa.int64()),
        ("group", pa.string()),
        ("shots", pa.int64()),
        ("shots_shown", pa.int64()),
        ("chain_of_thought", pa.bool_()),
        ("scorer", pa.string()),
        ("preset", pa.string()),
        ("normalization", pa.string()),
        ("metrics", pa.list_(pa.string())),
        ("prompt", pa.string()),
        ("prompt_hash", pa.string()),
        ("references", pa.list_(pa.string())),
        ("options", pa.list_(pa.string())),
        ("option_log_likelihoods", pa.list_(pa.float64())),
        ("option_tokens", pa.list_(pa.int64())),
        ("option_characters", pa.list_(pa.int64())),
        ("option_bytes", pa.list_(pa.int64())),
        ("option_unconditional", pa.list_(pa.float64())),
        ("option_content_free", pa.list_(pa.float64())),
        ("prediction", pa.string()),
        ("generated", pa.string()),
        ("parsed", pa.bool_()),
        ("samples", pa.list_(pa.string())),
        ("unparsed_samples", pa.float64()),
        ("stop", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("cut", pa.bool_()),
        ("seconds", pa.float64()),
    ]
)


def predict(asked: Questions, config: EvaluationConfig, layout: Layout, scorer: Scorer, *, model: str, step: int) -> pa.Table:
    """The answers of a model to everything asked, one row each, in the order asked."""
    records: list[dict[str, Any]] = [{}] * len(asked.items)
    how = [_how(item, config) for item in asked.items]
    for answer in (rank, write, sample):
        chosen = [n for n, answered in enumerate(how) if answered is answer]
        if not chosen:
            continue
        items = [asked.items[n] for n in chosen]
        prompts = [layout.inputs(item.prompt.ids) for item in items]
        began = time.perf_counter()
        answers = answer(items, prompts, config, layout, scorer)
        seconds = (time.perf_counter() - began) / len(chosen)
        for n, item, prompt, found in zip(chosen, items, prompts, answers, strict=True):
            records[n] = {**_record(item, len(prompt), config), **found, "model": model, "step": step, "seconds": seconds}
    return with_left_out(pa.Table.from_pylist(records, schema=SCHEMA), asked.left_out)


def _how(item: Item, config: EvaluationConfig) -> Callable[..., list[dict[str, Any]]]:
    if item.is_ranked:
        return rank
    return sample if config.temperature and item.query.wording.chain is not None else write


def _record(item: Item, prompt_tokens: int, config: EvaluationConfig) -> dict[str, Any]:
    task, wording = item.query.task, item.query.wording
    references, options = canonical(item.query)
    return {
        "cluster": task.cluster,
        "task": task.name,
        "template": task.templates[wording.template].name,
        "template_text": task.templates[wording.template].input,
        "item": item.row,
        "group": str(item.row),
        "shots": item.shots,
        "shots_shown": item.prompt.num_shots,
        "chain_of_thought": wording.style.chain_of_thought,
        "preset": config.preset,
        "normalization": config.scoring.normalization,
        "metrics": list(item.query.asked.metrics or task.metrics),
        "prompt": item.prompt.text,
        "prompt_hash": f"{hash64(item.prompt.text):016x}",
        "references": list(references),
        "options": list(options),
        "prompt_tokens": prompt_tokens,
        "cut": item.prompt.cut_tokens > 0,
    }
