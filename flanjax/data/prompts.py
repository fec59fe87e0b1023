"""Builds prompts within a token budget.

The instruction, the question and the options are never cut. Exemplars are added as long as everything fits. If the query alone
does not fit, only the fields that its task declares long are shortened, at white space where there is any. If that is not
enough, the row is skipped. Cut tokens are counted.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from flanjax.data.feature_config import Budget
from flanjax.data.queries import Query, broken_text, read_examples, render_query
from flanjax.data.tokenizer import Tokenizer
from flanjax.tasks.demonstrations import GOLD, altered
from flanjax.tasks.draws import Draws
from flanjax.tasks.equal_rows import same_question
from flanjax.tasks.example import ANSWER, RATIONALE, BadRow, Example
from flanjax.tasks.exemplars import Shot, candidate_rows
from flanjax.tasks.filters import first_reason
from flanjax.tasks.render import Rendered, ask, render

_SHRINK_ROUNDS = 12
_WORDS = re.compile(r".*\s", re.DOTALL)


class TooLong(BadRow):
    """A row that does not fit even with its long fields shortened. Its data is not bad, but it is not trained on."""


class Prompt(NamedTuple):
    """A query as text and ids, within the budget.

    Attributes:
      text: the whole input, exemplars included.
      ids, target_ids: ids without end of sequence.
      num_shots: number of exemplars that fitted.
      cut_tokens: number of tokens that its long fields lost.
      cut_target: whether the target lost tokens.
    """

    text: str
    rendered: Rendered
    ids: list[int]
    target_ids: list[int]
    num_shots: int = 0
    cut_tokens: int = 0
    cut_target: bool = False


def build_prompts(queries: Sequence[Query], tokenizer: Tokenizer, budget: Budget) -> list[Prompt | BadRow]:
    """Returns a prompt for every query, or the reason why it has none. All queries are tokenised together."""
    rendered = [render_query(q) for q in queries]
    good = [r for r in rendered if isinstance(r, Rendered)]
    texts = [_joined(q, (), r) for q, r in zip(queries, rendered, strict=True) if isinstance(r, Rendered)]
    encoded = iter(tokenizer.encode([text for pair in zip(texts, good, strict=True) for text in (pair[0], pair[1].target)]))
    whole = iter(texts)
    results: list[Prompt | BadRow] = []
    for query, text in zip(queries, rendered, strict=True):
        if isinstance(text, Rendered):
            prompt = Prompt(next(whole), text, next(encoded), next(encoded))
            results.append(prompt if _fits(prompt, budget) else _shorten(query, prompt, tokenizer, budget))
        else:
            results.append(text)
    _add_exemplars(queries, results, tokenizer, budget)
    return results


def _fits(prompt: Prompt, budget: Budget) -> bool:
    return len(prompt.ids) <= budget.inputs and (budget.targets is None or len(prompt.target_ids) <= budget.targets)


def _shorten(query: Query, full: Prompt, tokenizer: Tokenizer, budget: Budget) -> Prompt | BadRow:
    """Returns the prompt of a query with its long fields shortened until it fits, or the reason why it cannot fit."""
    texts = _long_texts(query)
    prompt, shortened = full, dict(texts)
    for _ in range(_SHRINK_ROUNDS):
        if not any(shortened.values()):
            break
        keep = _share_to_keep(query, prompt, budget)
        shortened = {name: _cut(text, int(len(text) * keep(name))) for name, text in shortened.items()}
        shorter = query.shortened(shortened)
        rendered = render_query(shorter) if isinstance(shorter, Query) else shorter
        if isinstance(rendered, BadRow):
            return rendered
        text = _joined(query, (), rendered)
        ids, target_ids = tokenizer.encode([text, rendered.target])
        prompt = Prompt(text, rendered, ids, target_ids)
        if _fits(prompt, budget):
            lost = len(full.ids) - len(ids) + len(full.target_ids) - len(target_ids)
            return prompt._replace(cut_tokens=max(lost, 0), cut_target=_loses_end(query, rendered, full))
    return TooLong(
        f"{len(full.ids)} input and {len(full.target_ids)} target tokens do not fit {budget.inputs} and {budget.targets}"
        + ("" if texts else "; the task declares no long field that could be shortened")
    )


def _loses_end(query: Query, shortened: Rendered, full: Prompt) -> bool:
    """Whether a shortened target loses its end. After a shortened rationale it does not, because the answer still follows."""
    chain = query.wording.chain
    return shortened.target != full.rendered.target and (chain is None or chain.order != "reason first")


def _share_to_keep(query: Query, prompt: Prompt, budget: Budget) -> Callable[[str], float]:
    """Returns a function from a long field to the share of it to keep: what its texts have room for, slightly reduced so that
    repeated shortening converges."""
    template = query.task.templates[query.wording.template]
    read = budget.inputs / max(len(prompt.ids), 1)
    write = float("inf") if budget.targets is None else budget.targets / max(len(prompt.target_ids), 1)
    reasoned = {RATIONALE} if query.wording.chain is not None else set()

    def keep(name: str) -> float:
        shares = [read] * (name in template.input_variables) + [write] * (name in template.target_variables | reasoned)
        tightest = min(shares, default=1.0)
        return 1.0 if tightest >= 1 else 0.97 * tightest

    return keep


def _long_texts(query: Query) -> dict[str, str]:
    example = query.example
    answer = "" if example.options else example.references[query.reference]
    known = {**example.fields, RATIONALE: example.rationale, ANSWER: answer}
    return {n: known[n] for n in query.task.long_fields if isinstance(known.get(n), str) and known[n]}


def _cut(text: str, length: int) -> str:
    """Returns at most `length` characters of a text, ending with a whole word; part of a word if the first is longer."""
    if len(text) <= length:
        return text
    length = max(length, 0)
    words = _WORDS.match(text[: length + 1])
    return (words[0].rstrip() if words else "") or text[:length].rstrip()


def _add_exemplars(queries: Sequence[Query], results: list[Prompt | BadRow], tokenizer: Tokenizer, budget: Budget) -> None:
    """Adds to each prompt as many exemplars as fit beside it."""
    prompts = {
        i: prompt
        for i, (query, prompt) in enumerate(zip(queries, results, strict=True))
        if isinstance(prompt, Prompt) and query.wording.num_shots and (query.pool or query.task.exemplars)
    }
    shots = {i: list(_shots(queries[i])) for i in prompts}
    flat = [queries[i].wording.exemplars.block(s) for i in prompts for s in shots[i]]
    bare = [queries[i].wording.exemplars.join([], *_query_shot(prompts[i].rendered)) for i in prompts]
    above = [f"{text}\n\n" if (text := queries[i].wording.exemplars.preamble) else "" for i in prompts]
    between = [queries[i].wording.exemplars.separator for i in prompts]
    lengths = iter([len(ids) for ids in tokenizer.encode([*flat, *bare, *above, *between])])
    sizes = {i: [next(lengths) for _ in shots[i]] for i in prompts}
    rooms = {i: budget.inputs - next(lengths) for i in prompts}
    rooms = {i: room - next(lengths) for i, room in rooms.items()}
    chosen = {i: _take(queries[i], shots[i], sizes[i], rooms[i], next(lengths)) for i in prompts}
    chosen = {i: c for i, c in chosen.items() if c}
    texts = [_joined(queries[i], chosen[i], prompts[i].rendered) for i in chosen]
    for i, ids in zip(chosen, tokenizer.encode(texts), strict=True):
        results[i] = _within(queries[i], chosen[i], prompts[i], ids, tokenizer, budget)


def _take(query: Query, shots: list[Shot], sizes: list[int], room: int, separator: int) -> list[Shot]:
    """Returns the first exemplars, at most as many as wanted, that fit together. A task's own are taken in their order, up to
    the first that does not fit."""
    taken: list[Shot] = []
    wanted = query.wording.num_shots + (query.wording.exemplars.negatives if query.task.exemplars else 0)
    for shot, size in zip(shots, sizes, strict=True):
        if len(taken) < wanted and size + separator <= room:
            taken.append(shot)
            room -= size + separator
        elif query.task.exemplars:
            break
    return taken


def _joined(query: Query, exemplars: Sequence[Shot], rendered: Rendered) -> str:
    """Returns the whole input: in the exemplar format if there are exemplars, or if the wording always has that format."""
    if not exemplars and query.task.templates[query.wording.template].shots is None:
        return rendered.text
    return query.wording.exemplars.join(exemplars, *_query_shot(rendered))


def _query_shot(rendered: Rendered) -> tuple[Shot, str]:
    return rendered.shot(), rendered.preamble


def _within(
    query: Query, exemplars: list[Shot], prompt: Prompt, ids: list[int], tokenizer: Tokenizer, budget: Budget
) -> Prompt:
    """Returns the joined prompt. The whole may tokenise differently from its pieces, so it is checked as well."""
    while len(ids) > budget.inputs and exemplars:
        exemplars = exemplars[:-1]
        ids = tokenizer.encode([_joined(query, exemplars, prompt.rendered)])[0]
    if not exemplars:
        return prompt
    return prompt._replace(text=_joined(query, exemplars, prompt.rendered), ids=ids, num_shots=len(exemplars))


def _shots(query: Query) -> Iterator[Shot]:
    """Yields the exemplars that may be shown, in the query's wording: those of the task, or drawn training rows."""
    if query.task.exemplars:
        yield from _own_shots(query)
        return
    assert query.pool is not None
    assert query.draws is not None
    numbers = list(candidate_rows(query.draws, len(query.pool), query.pool_row, query.wording.num_shots))
    draws = [Draws(query.draws.bits("exemplar_options"), number) for number in numbers]
    taken = 0
    for (_, example), drawn in zip(read_examples(query.task, query.pool, numbers, draws), draws, strict=True):
        if taken == query.wording.num_shots + 1:
            return
        if not isinstance(example, Example) or (query.wording.chain is not None and not example.rationale):
            continue
        if not _may_show(query, example):
            continue
        if (shown := _shown(query, example, drawn)) is not None:
            taken += 1
            yield shown


def _own_shots(query: Query) -> Iterator[Shot]:
    """Yields the task's own exemplars, the right ones first, as many as the wording and its format want."""
    wanted = ((False, query.wording.num_shots), (True, query.wording.exemplars.negatives))
    for is_negative, count in wanted:
        own = [e for e in query.task.exemplars if e.is_negative == is_negative]
        for exemplar in own[:count]:
            if _may_show(query, exemplar.example) and (shown := _shown(query, exemplar.example, None)) is not None:
                yield shown._replace(explanation=exemplar.explanation, is_negative=is_negative)


def _may_show(query: Query, example: Example) -> bool:
    """Whether an example may be shown before the query: it is not the query itself under another number, nor left out."""
    if same_question(example, query.example):
        return False
    try:
        return first_reason(query.filters, example) is None
    except Exception:  # a filter that fails, for which the row is bad where it is the query
        return False


def _shown(query: Query, example: Example, draws: Draws | None) -> Shot | None:
    """Returns an exemplar's text in the query's wording; None if the wording cannot be used for it."""
    try:
        asked = ask(query.task, example, query.wording, draws)
        shown = None if asked is None else render(asked, query.wording)
    except BadRow:
        return None
    if asked is None or shown is None or broken_text(shown[:3]):
        return None
    if query.demonstrations == GOLD:
        return shown.shot()
    assert query.draws is not None, "only training is without draws, and it shows right examples"
    drawn = Draws(query.draws.bits("demonstration"), shown.input)
    return altered(query.demonstrations, shown.shot(), asked.targets, drawn)
