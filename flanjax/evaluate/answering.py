"""The answers of a model: options ranked, or texts written and the answer found in them."""

import math
from collections.abc import Sequence
from typing import Any

from flanjax.data.layout import Layout
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.content_free import content_free
from flanjax.evaluate.normalizations import CALIBRATED, PMI, best, compared
from flanjax.evaluate.questions import Item, canonical
from flanjax.generate.request import Text
from flanjax.generate.sampler import Sampler
from flanjax.generate.scorer import Scorer
from flanjax.tasks.answers import AUTO, extract, vote
from flanjax.tasks.draws import hash64

Answers = list[dict[str, Any]]  # columns of predictions, for each item
_NUMBERS = 2**31


def rank(
    items: Sequence[Item], prompts: Sequence[list[int]], config: EvaluationConfig, layout: Layout, scorer: Scorer
) -> Answers:
    """Returns for every item the option that the normalization prefers."""
    scoring = config.scoring
    candidates = [i.query.asked.targets for i in items]
    flat = iter(layout.tokenizer.encode([text for texts in candidates for text in texts]))
    ended = layout.targets if scoring.target_eos else list
    ids = [[ended(next(flat)) for _ in texts] for texts in candidates]
    alone: dict[tuple[int, ...], float] = {}
    if scoring.normalization == PMI:
        distinct = list(dict.fromkeys(tuple(option) for options in ids for option in options))
        *scores, unconditional = scorer.log_likelihoods([*prompts, _premise(config, layout)], [*ids, distinct])
        alone = dict(zip(distinct, unconditional, strict=True))
    else:
        scores = scorer.log_likelihoods(prompts, ids)
    calibrated = scoring.normalization == CALIBRATED
    without = content_free(items, ids, layout, scorer) if calibrated else [list[float]()] * len(items)
    answers = []
    for item, texts, options, found, freed in zip(items, candidates, ids, scores, without, strict=True):
        answer = {
            "scorer": "rank",
            "option_log_likelihoods": found,
            "option_tokens": [len(option) for option in options],
            "option_characters": [len(text) for text in texts],
            "option_bytes": [len(text.encode()) for text in texts],
            "option_unconditional": [alone[tuple(option)] for option in options] if alone else [],
            "option_content_free": freed,
            "generated": "",
            "parsed": True,
            "samples": [],
            "unparsed_samples": None,
            "stop": "",
        }
        if any(map(math.isnan, compared(scoring.normalization, answer))):
            task, template = item.query.task, item.query.wording.template
            raise ValueError(
                f"the options of row {item.row} of task {task.name} have no log-likelihood (NaN) under the template "
                f"{task.templates[template].name}: look for NaN in the weights, or evaluate an earlier checkpoint"
            )
        answers.append({**answer, "prediction": canonical(item.query)[1][best(scoring.normalization, answer)]})
    return answers


def _premise(config: EvaluationConfig, layout: Layout) -> list[int]:
    """Returns the ids of the prompt after which options are scored alone."""
    ids = layout.inputs(layout.tokenizer.encode([config.premise])[0])
    if not ids:
        raise ValueError(
            f"evaluation.premise is {config.premise!r}, and the preset {config.preset!r} ends no input: the encoder would read "
            "nothing. Give a premise, such as 'Answer:', or use another preset"
        )
    return ids


def write(
    items: Sequence[Item], prompts: Sequence[list[int]], config: EvaluationConfig, layout: Layout, scorer: Scorer
) -> Answers:
    """Returns for every item the answer in its greedy text."""
    del layout
    texts = scorer.generate(prompts, config.max_target_tokens)
    return [_answer(item, [text], config) for item, text in zip(items, texts, strict=True)]


def sample(
    items: Sequence[Item], prompts: Sequence[list[int]], config: EvaluationConfig, layout: Layout, scorer: Scorer
) -> Answers:
    """Returns for every item the answer that most of its sampled texts give.

    Self-consistency (Wang et al. 2022, https://arxiv.org/abs/2203.11171). A text does not depend on what else is evaluated.
    """
    del layout
    sampler = Sampler(temperature=config.temperature, seed=config.seed)
    texts = scorer.sample(prompts, config.max_target_tokens, sampler, samples=config.samples, numbers=_numbers(items))
    return [_answer(item, those, config) for item, those in zip(items, texts, strict=True)]


def _numbers(items: Sequence[Item]) -> list[int]:
    """Returns a number for every item, by which its noise is drawn: its own, except where two items would have the same."""
    taken: dict[int, None] = {}
    for item in items:
        number = hash64(*item.key) % _NUMBERS
        while number in taken:
            number = (number + 1) % _NUMBERS
        taken[number] = None
    return list(taken)


def _answer(item: Item, texts: Sequence[Text], config: EvaluationConfig) -> dict[str, Any]:
    found = [_extracted(item, text.text, config) for text in texts]
    chosen = vote(found)
    prediction, parsed = found[chosen]
    options = item.query.asked.options
    if prediction in options:
        prediction = canonical(item.query)[1][options.index(prediction)]
    return {
        "scorer": "generate",
        "prediction": prediction,
        "generated": texts[chosen].text,
        "parsed": parsed,
        "samples": [text.text for text in texts] if len(texts) > 1 else [],
        "unparsed_samples": sum(not parsed for _, parsed in found) / len(found),
        "stop": texts[chosen].stop,
        "option_log_likelihoods": [],
        "option_tokens": [],
        "option_characters": [],
        "option_bytes": [],
        "option_unconditional": [],
        "option_content_free": [],
    }


def _extracted(item: Item, text: str, config: EvaluationConfig) -> tuple[str, bool]:
    query = item.query
    name = query.task.extractor if config.extractor == AUTO else config.extractor
    chain = query.wording.chain
    return extract(text, query.asked.options, reasoned=chain is not None, chain=chain, extractor=name)
