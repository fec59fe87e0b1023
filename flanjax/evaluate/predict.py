"""Predictions: every item of a task x template x number of shots, as rows of a table from which all statistics follow."""

import time
from collections.abc import Callable, Sequence
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
        ("demonstrations", pa.string()),
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
        ("prompt_log_likelihood", pa.float64()),
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
    if config.perplexity:
        prompts = [layout.inputs(item.prompt.ids) for item in asked.items]
        for row, likelihood in zip(records, prompt_log_likelihoods(prompts, layout, scorer), strict=True):
            row["prompt_log_likelihood"] = likelihood
    return with_left_out(pa.Table.from_pylist(records, schema=SCHEMA), asked.left_out)


def prompt_log_likelihoods(prompts: Sequence[list[int]], layout: Layout, scorer: Scorer) -> list[float]:
    """Returns the log-likelihood of each prompt after its first token, in nats.

    Raises:
      ValueError: the model reads its prompts both ways, and so gives their tokens no likelihood.
    """
    if layout.config.layout != "causal":
        raise ValueError(
            f"evaluation.perplexity needs a decoder that reads from left to right (layout 'causal'); this one's layout is "
            f"{layout.config.layout!r}, and its prompts have no perplexity: leave it out"
        )
    found = scorer.log_likelihoods([ids[:1] for ids in prompts], [[ids[1:]] for ids in prompts])
    return [one for (one,) in found]


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
        "demonstrations": item.query.demonstrations,
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
