"""Renders every task in every template and style, and looks at what came out."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.check.findings import Collector, Example, excerpt
from flanjax.check.traps import traps
from flanjax.data.queries import read_examples
from flanjax.data.tokenizer import Tokenizer, survives
from flanjax.names import shown
from flanjax.sources import Rows, where
from flanjax.tasks import example as examples
from flanjax.tasks.asked import AnyTemplate, Asked, Wording
from flanjax.tasks.draws import Draws
from flanjax.tasks.render import ask, render, shows_options
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import BadRow, SkipRow, Task

_LEAKED_WORDS = 4  # a target of fewer words may stand in its input by chance
_MAJORITY = 0.95
_BALANCED_FROM = 50  # rows
_WORDS = re.compile(r"\w+")


class Rendering(NamedTuple):
    """One example in one template and style."""

    template: AnyTemplate
    wording: Wording
    style: str
    asked: Asked
    input: str
    target: str


def spread(length: int, count: int | None) -> list[int]:
    """Returns so many row numbers, spread over all; every one if count is None."""
    if count is None or count >= length:
        return list(range(length))
    return sorted({int(i) for i in np.linspace(0, length - 1, count)})


def check_task(
    task: Task,
    splits: Mapping[str, Rows],
    shares: StyleShares,
    found: Collector,
    *,
    rows: int | None,
    tokenizer: Tokenizer | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Counter[str]:
    """Adds a task's findings to `found`, and returns the numbers of rows, examples and renders.

    Args:
      splits: the rows of the task's splits, by their expressions.
      rows: how many rows of each split are rendered, spread over it; None for all.
      advance: is called once a row.
    """
    counted: Counter[str] = Counter()
    applied: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    options: set[tuple[str, ...]] = set()
    for split, opened in splits.items():
        numbers = spread(len(opened), rows)
        draws = [Draws("check", task.name, split, n) for n in numbers]
        for at, (number, example) in enumerate(read_examples(task, opened, numbers, draws)):
            advance()
            counted["rows"] += 1
            place = where(opened, number)
            if isinstance(example, SkipRow):
                counted["left out"] += 1
            elif isinstance(example, BadRow):
                found.add("bad row", task.name, detail=_pattern(str(example)), example=Example(place, str(example)))
            else:
                counted["examples"] += 1
                if example.options:
                    options.add(tuple(example.options))
                    answers[example.references[0]] += 1
                counted += _check_example(task, example, at, shares, draws[at], place, found, applied)
    _check_whole(task, options, answers, applied, counted, tokenizer, found)
    return counted


def _check_example(
    task: Task,
    example: examples.Example,
    at: int,
    shares: StyleShares,
    draws: Draws,
    place: str,
    found: Collector,
    applied: Counter[str],
) -> Counter[str]:
    counted: Counter[str] = Counter()
    own = _own_texts(example)
    plain: dict[Hashable, str] = {}
    for number, template in enumerate(task.templates):
        renderings = list(_renderings(task, number, example, at, shares, draws, place, found))
        counted["renders"] += len(renderings)
        applied[template.name] += bool(renderings)
        for rendering in renderings:
            _check_rendering(task, example, rendering, own, place, found)
        if renderings:
            shown_alike = template.shots, tuple(template.exemplars)  # templates may differ in nothing but their exemplars
            text = (" ".join(renderings[0].input.split()), renderings[0].target, shown_alike)
            if (other := plain.setdefault(text, template.name)) != template.name:
                shown_as = Example(place, renderings[0].input)
                found.add("renders alike", task.name, template.name, detail=f"as template {other}", example=shown_as)
    return counted


def _renderings(
    task: Task, number: int, example: examples.Example, at: int, shares: StyleShares, draws: Draws, place: str, found: Collector
) -> Iterator[Rendering]:
    """Yields the example in each style that can be applied; where there are many layouts, one row shows one of them."""
    template = task.templates[number]
    for style, wording in _wordings(template, number, example, at, shares):
        try:
            asked = ask(task, example, wording, draws)
            if asked is None:
                return
            rendered = render(asked, wording)
        except BadRow as error:
            found.add("unrendered", task.name, template.name, style, _pattern(str(error)), Example(place, str(error)))
            continue
        text = rendered.text
        if style == "few-shot":
            text = wording.exemplars.join([rendered.shot()], rendered.shot(), rendered.preamble)
        yield Rendering(template, wording, style, asked, text, rendered.target)


def _wordings(
    template: AnyTemplate, number: int, example: examples.Example, at: int, shares: StyleShares
) -> Iterator[tuple[str, Wording]]:
    inverted = template.kind == "inverted"
    bare = shows_options(template, example, by_style=False)
    plain = Wording(number, Style(options=bare, inverted=inverted))
    yield "options always" if bare else "plain", plain
    if not bare and shows_options(template, example, by_style=True):
        layouts = shares.option_styles
        for layout in {layouts[0], layouts[at % len(layouts)]}:
            yield "options", plain._replace(style=Style(options=True), options=layout)
    if example.rationale and not inverted:
        yield "chain of thought", plain._replace(chain=shares.chains_of_thought[at % len(shares.chains_of_thought)])
    formats = template.exemplars or shares.exemplar_formats
    yield "few-shot", plain._replace(num_shots=1, exemplars=formats[at % len(formats)])


def _check_rendering(
    task: Task, example: examples.Example, rendering: Rendering, own: Sequence[str], place: str, found: Collector
) -> None:
    name, style, text = rendering.template.name, rendering.style, rendering.input
    for part in (text, rendering.target):
        for trap in traps(part, [*own, *rendering.asked.options, *rendering.asked.targets, *_layout_texts(rendering.wording)]):
            if style == "few-shot" and trap.kind != "double cue":
                continue  # white space is the format's, and the rest was seen without exemplars
            said = Example(place, excerpt(part, trap.at))
            found.add(trap.kind, task.name, name, style, f"{' '.join(trap.text.split())!r}", said)
    if style != "plain":
        return
    target = rendering.target.strip()
    if len(target.split()) >= _LEAKED_WORDS and target in text and not _may_hold(rendering, example, target):
        found.add("tells the target", task.name, name, detail="", example=Example(place, text, target))
    if rendering.template.kind == "forward" and len(rendering.asked.options) > 1 and not rendering.asked.places_options:
        _check_named_answers(task, rendering, place, found)


def _may_hold(rendering: Rendering, example: examples.Example, target: str) -> bool:
    """Whether the target may stand in the input: a forward question about a text in which its answer stands."""
    return rendering.template.kind == "forward" and any(target in text for text in _own_texts(example, answers=False))


def _check_named_answers(task: Task, rendering: Rendering, place: str, found: Collector) -> None:
    words = set(_WORDS.findall(" ".join(rendering.template.literals).lower()))
    named = [o for o in rendering.asked.options if len(o) > 3 and set(_WORDS.findall(o.lower())) <= words]
    if len(named) == 1 and any(len(o) > 3 for o in rendering.asked.options if o != named[0]):
        detail = f"{named[0]!r} of {shown(list(rendering.asked.options))}"
        found.add("names one answer", task.name, rendering.template.name, "", detail, Example(place, rendering.input))


def _check_whole(
    task: Task,
    options: set[tuple[str, ...]],
    answers: Counter[str],
    applied: Counter[str],
    counted: Counter[str],
    tokenizer: Tokenizer | None,
    found: Collector,
) -> None:
    """Adds the findings about the task as a whole."""
    for template in task.templates:
        if counted["examples"] and not applied[template.name]:
            found.add("does not apply", task.name, template.name, detail=f"to none of {counted['examples']} rows")
        unused = set(getattr(template, "words", ())) - set(answers) - set(itertools.chain(*options))
        if answers and unused:
            found.add("unused words", task.name, template.name, detail=shown(sorted(unused)))
        for text in template.literals if tokenizer is not None else ():
            if not survives(tokenizer, text):  # type: ignore[arg-type]
                found.add("tokenizer", task.name, template.name, detail=repr(excerpt(text, width=80)))
    total = sum(answers.values())
    if len({frozenset(o) for o in options}) == 1 and total >= _BALANCED_FROM:
        (known,) = {frozenset(o) for o in options}
        if min(answers[a] for a in known) == 0 or max(answers.values()) >= _MAJORITY * total:
            counts = ", ".join(f"{a!r} {answers[a]}" for a in sorted(known))
            found.add("label balance", task.name, detail=f"answers of {total} rows: {counts}")


def _own_texts(example: examples.Example, *, answers: bool = True) -> list[str]:
    texts = list(_texts(list(example.fields.values())))
    return [*texts, *example.references, *example.options, example.rationale] if answers else texts


def _layout_texts(wording: Wording) -> list[str]:
    """The words of the layouts, which are the mixture's and not the template's."""
    words, chain = wording.exemplars, wording.chain
    parts = [words.before_input, words.before_target, words.between, words.separator, words.preamble, words.before_query or ""]
    return [*parts, wording.options.header, *([chain.request, chain.bridge] if chain else [])]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)


def _pattern(text: str) -> str:
    """Returns a message without its quoted parts and numbers, so that alike ones are one finding."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "_", text)[:120]
