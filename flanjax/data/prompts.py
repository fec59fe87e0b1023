"""Builds prompts within a token budget.

The instruction, the question and the options are never cut. Exemplars are added as long as everything fits. If the query alone
does not fit, only the fields that its task declares long are shortened, at white space. If that is not enough, the row is
skipped. Cut tokens are counted.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from flanjax.data.feature_config import Budget
from flanjax.data.queries import Query, read_examples, render_query
from flanjax.data.tokenizer import Tokenizer
from flanjax.tasks.draws import Draws
from flanjax.tasks.exemplars import candidate_rows
from flanjax.tasks.render import Rendered, with_fields
from flanjax.tasks.task import BadRow, Example
from flanjax.tasks.template import ANSWER, RATIONALE

_SHRINK_ROUNDS = 12


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
    encoded = iter(tokenizer.encode([text for r in good for text in r]))
    results: list[Prompt | BadRow] = []
    for query, text in zip(queries, rendered, strict=True):
        if isinstance(text, Rendered):
            prompt = Prompt(text.input, text, next(encoded), next(encoded))
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
        rendered = render_query(query._replace(example=with_fields(query.example, shortened)))
        if isinstance(rendered, BadRow):
            return rendered
        ids, target_ids = tokenizer.encode([rendered.input, rendered.target])
        prompt = Prompt(rendered.input, rendered, ids, target_ids)
        if _fits(prompt, budget):
            lost = len(full.ids) - len(ids) + len(full.target_ids) - len(target_ids)
            return prompt._replace(cut_tokens=max(lost, 0), cut_target=_loses_end(query, rendered, full))
    return TooLong(
        f"{len(full.ids)} input and {len(full.target_ids)} target tokens do not fit {budget.inputs} and {budget.targets}"
        + ("" if texts else "; the task declares no long field that could be shortened")
    )


def _loses_end(query: Query, shortened: Rendered, full: Prompt) -> bool:
    """Whether a shortened target loses its end. After a shortened rationale it does not, because the answer still follows."""
    return shortened.target != full.rendered.target and not query.wording.style.chain_of_thought


def _share_to_keep(query: Query, prompt: Prompt, budget: Budget) -> Callable[[str], float]:
    """Returns a function from a long field to the share of it to keep: what its texts have room for, slightly reduced so that
    repeated shortening converges."""
    template = query.task.templates[query.wording.template]
    read = budget.inputs / max(len(prompt.ids), 1)
    write = float("inf") if budget.targets is None else budget.targets / max(len(prompt.target_ids), 1)
    reasoned = {RATIONALE} if query.wording.style.chain_of_thought else set()

    def keep(name: str) -> float:
        shares = [read] * (name in template.input_variables) + [write] * (name in template.target_variables | reasoned)
        tightest = min(shares, default=1.0)
        return 1.0 if tightest >= 1 else 0.97 * tightest

    return keep


def _long_texts(query: Query) -> dict[str, str]:
    example = query.example
    known = {**example.fields, RATIONALE: example.rationale, ANSWER: "" if example.options else example.references[0]}
    return {n: known[n] for n in query.task.long_fields if isinstance(known.get(n), str) and known[n]}


def _cut(text: str, length: int) -> str:
    """Returns at most `length` characters of a text, ending with a whole word."""
    if len(text) <= length:
        return text
    return text[: max(length, 0) + 1].rpartition(" ")[0].rstrip()


def _add_exemplars(queries: Sequence[Query], results: list[Prompt | BadRow], tokenizer: Tokenizer, budget: Budget) -> None:
    wanted = [i for i, q in enumerate(queries) if q.wording.num_shots and q.pool and isinstance(results[i], Prompt)]
    blocks = {i: list(_exemplar_texts(queries[i])) for i in wanted}
    bare = {i: queries[i].wording.exemplars.join([], results[i].text) for i in wanted}  # type: ignore[union-attr]
    flat = [queries[i].wording.exemplars.block(*b) for i in wanted for b in blocks[i]] + [bare[i] for i in wanted]
    lengths = iter([len(ids) for ids in tokenizer.encode([*flat, "\n\n"])])
    sizes = {i: [next(lengths) for _ in blocks[i]] for i in wanted}
    bare_sizes = {i: next(lengths) for i in wanted}
    separator = next(lengths)
    chosen = {
        i: _take(queries[i].wording.num_shots, blocks[i], sizes[i], budget.inputs - bare_sizes[i], separator) for i in wanted
    }
    chosen = {i: c for i, c in chosen.items() if c}
    for i, ids in zip(chosen, tokenizer.encode([_joined(queries[i], chosen[i], results[i]) for i in chosen]), strict=True):
        results[i] = _within(queries[i], chosen[i], results[i], ids, tokenizer, budget)


def _take(shots: int, blocks: list[tuple[str, str]], sizes: list[int], room: int, separator: int) -> list[tuple[str, str]]:
    """Returns the first exemplars, at most `shots`, that fit together."""
    taken: list[tuple[str, str]] = []
    for block, size in zip(blocks, sizes, strict=True):
        if len(taken) < shots and size + separator <= room:
            taken.append(block)
            room -= size + separator
    return taken


def _joined(query: Query, exemplars: Sequence[tuple[str, str]], prompt: Prompt | BadRow) -> str:
    assert isinstance(prompt, Prompt)
    return query.wording.exemplars.join(exemplars, prompt.rendered.input)


def _within(
    query: Query,
    exemplars: list[tuple[str, str]],
    prompt: Prompt | BadRow,
    ids: list[int],
    tokenizer: Tokenizer,
    budget: Budget,
) -> Prompt:
    """Returns the joined prompt. The whole may tokenise differently from its pieces, so it is checked as well."""
    assert isinstance(prompt, Prompt)
    while len(ids) > budget.inputs and exemplars:
        exemplars = exemplars[:-1]
        ids = tokenizer.encode([_joined(query, exemplars, prompt)])[0]
    if not exemplars:
        return prompt
    return prompt._replace(text=_joined(query, exemplars, prompt), ids=ids, num_shots=len(exemplars))


def _exemplar_texts(query: Query) -> Iterable[tuple[str, str]]:
    """Yields rendered rows of the query's task in the query's wording; each has its own order of options."""
    assert query.pool is not None
    assert query.draws is not None
    numbers = list(candidate_rows(query.draws, len(query.pool), query.pool_row, query.wording.num_shots))
    taken = 0
    for number, example in read_examples(query.task, query.pool, numbers):
        if taken == query.wording.num_shots + 1:
            return
        if not isinstance(example, Example) or (query.wording.style.chain_of_thought and not example.rationale):
            continue
        draws = Draws(query.draws.bits("exemplar_options"), number)
        shown = render_query(Query(query.task, example, query.wording, draws))
        if isinstance(shown, Rendered):
            taken += 1
            yield shown.input, shown.target
