"""Samples examples of a mixture as a model would read and write them.

sample(mixture, load_tokenizer("bytes"), task="reviews", style="few-shot")[0].input
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from flanjax.data.corpus import Corpus, DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import Skipped
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.quarantine import find_causes, quarantine
from flanjax.data.queries import Query, read_queries
from flanjax.data.tokenizer import Tokenizer
from flanjax.describe.reasons import count_reasons
from flanjax.names import nearest
from flanjax.sources import where
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.styles import NUM_STYLES, Style
from flanjax.tasks.task import Task

_TRIES = 2000  # examples of the plan that are tried


class Sample(NamedTuple):
    """One training example as text.

    Attributes:
      input, target: without what the layout adds; the token counts are of these texts.
      cut_tokens: number of tokens that its long fields lost.
      where: the file and line of its row, or the file and the row's number.
    """

    task: str
    template: str
    style: str
    num_shots: int
    input: str
    target: str
    input_tokens: int
    target_tokens: int
    cut_tokens: int
    where: str


def sample(
    mixture: Mixture,
    tokenizer: Tokenizer,
    *,
    task: str | None = None,
    template: str | None = None,
    style: str | None = None,
    count: int = 3,
    features: FeatureConfig | None = None,
    seed: int = 0,
    on_error: Literal["stop", "quarantine"] = "stop",
) -> tuple[Sample, ...]:
    """Returns the plan's first `count` examples of this task, template and style.

    Args:
      style: a style's name or any parts of it, such as "few-shot" or "options/direct".
      on_error: "quarantine" passes over tasks whose data cannot be opened.

    Raises:
      KeyError: there is no such task, template or style; the message has the nearest ones.
      ValueError: none of the examples that were tried matches; the message says what they were instead.
    """
    tasks = [mixture.task(task)] if task else list(mixture.tasks())
    _check_asked(tasks, template, style)
    alone = _alone(mixture, tasks)
    alone = quarantine(alone, find_causes(alone.tasks()) if on_error == "quarantine" else {}).mixture
    tasks = list(alone.tasks())
    corpus = open_corpus(alone, open_rows(alone), tokenizer, DataConfig(seed=seed, features=features or FeatureConfig()))
    found: list[Sample] = []
    skipped: list[Skipped] = []
    others = 0
    visits = corpus.plan.visits(np.arange(_TRIES))
    for number, row, query in read_queries(corpus.entries, corpus.rows, visits, corpus.config.seed):
        if not isinstance(query, Query):
            skipped.append(Skipped.because(number, row, query))
        elif not _is_as_asked(query, template, style):
            others += 1
        else:
            (prompt,) = build_prompts([query], corpus.tokenizer, corpus.layout.budget)
            if isinstance(prompt, Prompt):
                found.append(sample_of(query, prompt, where(corpus.rows[number], row)))
            else:
                skipped.append(Skipped.because(number, row, prompt))
        if len(found) == count:
            break
    if not found:
        raise ValueError(_none_found(corpus, tasks, template, style, others, skipped))
    return tuple(found)


def _alone(mixture: Mixture, tasks: Sequence[Task]) -> Mixture:
    """Returns a mixture of only these tasks, with their styles and filters, so that other tasks need not be opened."""
    entries = {e.task.name: e for e in mixture.resolve({t.name: 1 for t in mixture.tasks()})}
    parts = [Mixture(name=t.name, parts=[t], styles=entries[t.name].styles, filters=entries[t.name].filters) for t in tasks]
    return Mixture(name=mixture.name, parts=parts)


def _check_asked(tasks: Sequence[Task], template: str | None, style: str | None) -> None:
    templates = [t.name for task in tasks for t in task.templates]
    if template and template not in templates:
        raise KeyError(f"no template {template!r}; {nearest(template, templates)}")
    words = [word for number in range(NUM_STYLES) for word in Style.from_id(number).name.split("/")]
    for word in style.split("/") if style else ():
        if word not in words:
            raise KeyError(f"no style {word!r}; {nearest(word, words)}")


def _is_as_asked(query: Query, template: str | None, style: str | None) -> bool:
    words = query.wording.style.name.split("/")
    named = query.task.templates[query.wording.template].name
    return (not template or named == template) and all(word in words for word in (style.split("/") if style else ()))


def sample_of(query: Query, prompt: Prompt, place: str) -> Sample:
    """Returns a prompt as text; `place` is where its row is."""
    return Sample(
        query.task.name,
        query.task.templates[query.wording.template].name,
        query.wording.style._replace(few_shot=prompt.num_shots > 0).name,
        prompt.num_shots,
        prompt.text,
        prompt.rendered.target,
        len(prompt.ids),
        len(prompt.target_ids),
        prompt.cut_tokens,
        place,
    )


def _none_found(
    corpus: Corpus, tasks: Sequence[Task], template: str | None, style: str | None, others: int, skipped: Sequence[Skipped]
) -> str:
    names = ", ".join(t.name for t in tasks[:5]) + (", ..." if len(tasks) > 5 else "")
    asked = " and ".join(f"{what} {name!r}" for what, name in (("template", template), ("style", style)) if name)
    reasons = "; ".join(f"{r.rows} {r.kind}: {r.text} ({r.where})" for r in count_reasons(corpus, skipped)[:3])
    return (
        f"no example of {names}{f' with {asked}' if asked else ''} among {_TRIES:,} tried"
        + (f"; {others} have other templates or styles" if others else "")
        + (f"; {len(skipped)} rows give none ({reasons})" if skipped else "")
    )
