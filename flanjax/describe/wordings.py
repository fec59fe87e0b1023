"""Renders a task in every template and style, and counts how many of its prompts differ once they are tokenised."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from flanjax.data.corpus import Corpus
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query, read_examples
from flanjax.describe.samples import Sample, sample_of
from flanjax.sources import Rows, where
from flanjax.tasks.asked import Wording
from flanjax.tasks.draws import Draws
from flanjax.tasks.mixture import Entry
from flanjax.tasks.render import ask, draw_wording, render
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import BadRow, Example

_READ = 16  # rows of a task
_TRIES = 4  # rows for a template, which may not apply to the first
_MOST_WORDINGS = 500


class Drawn(NamedTuple):
    """A row that was read, with the draws of its wordings."""

    row: int
    example: Example
    draws: Draws


class Distinct(NamedTuple):
    """How many prompts of one row differ.

    Attributes:
      wordings: its zero-shot wordings: templates, layouts of options, requests for reasoning.
      prompts, tokenised: how many of them differ as texts, and as token ids.
    """

    wordings: int
    prompts: int
    tokenised: int


def read_some(corpus: Corpus, number: int) -> list[Drawn]:
    """Returns some rows of the corpus's `number`-th task that give an example, spread over its training split."""
    task, rows, seed = corpus.entries[number].task, corpus.rows[number], corpus.config.seed
    numbers = np.unique(np.linspace(0, len(rows), _READ, endpoint=False).astype(np.int64)).tolist()
    draws = [Draws(seed, task.name, row, 0) for row in numbers]
    read = read_examples(task, rows, numbers, draws)
    return [Drawn(row, found, drawn) for (row, found), drawn in zip(read, draws, strict=True) if isinstance(found, Example)]


def render_styles(corpus: Corpus, number: int, drawn: list[Drawn], each: int = 2) -> tuple[Sample, ...]:
    """Returns rendered examples of the corpus's `number`-th task.

    Every template has `each`, in one style after the other, so that the styles are spread over the templates. A style that
    would not be shown is added.
    """
    entry, rows = corpus.entries[number], corpus.rows[number]
    chosen: list[Query] = []
    others: dict[str, Query] = {}
    for template in range(len(entry.task.templates)):
        offered = _offered(entry, rows, drawn, template)
        for at, query in enumerate(offered):
            wanted = (at - template * each) % len(offered) < each
            if wanted:
                chosen.append(query)
            else:
                others.setdefault(query.wording.style.name, query)
    shown = {query.wording.style.name for query in chosen}
    chosen += [query for name, query in others.items() if name not in shown]
    prompts = build_prompts(chosen, corpus.tokenizer, corpus.layout.budget)
    return tuple(
        sample_of(query, prompt, where(rows, query.pool_row or 0))
        for query, prompt in zip(chosen, prompts, strict=True)
        if isinstance(prompt, Prompt)
    )


def count_distinct(corpus: Corpus, number: int, drawn: list[Drawn]) -> Distinct:
    """Returns how many prompts of one row of the corpus's `number`-th task differ."""
    entry = corpus.entries[number]
    texts = [text for one in drawn[:1] for text in itertools.islice(_texts(entry, one), _MOST_WORDINGS)]
    ids = {tuple(one) for one in corpus.tokenizer.encode(texts)}
    return Distinct(len(texts), len(set(texts)), len(ids))


def _offered(entry: Entry, rows: Rows, drawn: list[Drawn], template: int) -> list[Query]:
    """Returns a query in each style in which the mixture may show this template, of the first row to which it applies."""
    if entry.styles.inverted == 0 and entry.task.templates[template].kind == "inverted":
        return []
    for one in (drawn[(template + turn) % len(drawn)] for turn in range(min(_TRIES, len(drawn)))):
        found: dict[str, Query] = {}
        for shares in _certain(entry.styles):
            wording = draw_wording(entry.task, template, one.example, shares, one.draws)
            if wording.style.name not in found and (query := _query(entry, rows, one, wording)):
                found[wording.style.name] = query
        if found:
            return list(found.values())
    return []


def _query(entry: Entry, rows: Rows, one: Drawn, wording: Wording) -> Query | None:
    try:
        asked = ask(entry.task, one.example, wording, one.draws)
    except BadRow:
        return None
    return asked and Query(entry.task, one.example, wording, asked, one.draws, rows, one.row)


def _certain(shares: StyleShares) -> Iterator[StyleShares]:
    """Yields the shares with each of its possible choices made certain."""
    choices = {name: _possible(getattr(shares, name)) for name in ("few_shot", "options", "chain_of_thought")}
    for chosen in itertools.product(*choices.values()):
        certain: dict[str, Any] = dict(zip(choices, chosen, strict=True))
        yield dataclasses.replace(shares, **certain)


def _possible(share: float) -> list[float]:
    return [share] if share in (0, 1) else [0.0, 1.0]


def _texts(entry: Entry, one: Drawn) -> Iterator[str]:
    """Yields the row's prompt in every zero-shot wording."""
    for template in range(len(entry.task.templates)):
        for wording in _zero_shot(entry, one, template):
            try:
                asked = ask(entry.task, one.example, wording, one.draws)
                if asked is not None:
                    yield render(asked, wording).text
            except BadRow:
                continue


def _zero_shot(entry: Entry, one: Drawn, template: int) -> Iterator[Wording]:
    shares = dataclasses.replace(entry.styles, few_shot=0.0)
    seen: set[Wording] = set()
    for certain in _certain(shares):
        wording = draw_wording(entry.task, template, one.example, certain, one.draws)
        layouts = shares.option_styles if wording.style.options else (wording.options,)
        chains = shares.chains_of_thought if wording.chain else (None,)
        if entry.task.templates[template].lists_choices:
            layouts = (wording.options,)
        for layout, chain in itertools.product(layouts, chains):
            worded = wording._replace(options=layout, chain=chain)
            if worded not in seen:
                seen.add(worded)
                yield worded
