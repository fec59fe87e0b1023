"""Renders every task in every template and style, and looks at what came out."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.check.findings import Collector, Example, excerpt
from flanjax.check.traps import traps, without_middles
from flanjax.data.queries import read_examples
from flanjax.data.tokenizer import Tokenizer, survives
from flanjax.names import shown
from flanjax.sources import Rows, where
from flanjax.tasks import example as examples
from flanjax.tasks.asked import AnyTemplate, Asked, Wording
from flanjax.tasks.draws import Draws
from flanjax.tasks.example import CHOICES, OPTIONS
from flanjax.tasks.render import ask, render, shows_options
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import BadRow, SkipRow, Task

_LEAKED_WORDS = 4  # a target of fewer words may stand in its input by chance
_MAJORITY = 0.95
_BALANCED_FROM = 50  # rows
_FOUND_IN = {"forward": 1.25, "inverted": 3}  # times as long as the target is the text that it may be taken from
_APPLIES_FROM = 20  # examples
_FEW = 6  # answers; where there are more, a wording may give one as an example, or as the way out
_EACH = 20  # rows an answer, from which one that never occurs is no chance
_WORDS = re.compile(r"\w+")
_SMALL_WORDS = re.compile(r"\b(?:an?|are|be|been|by|can|do|does|has|have|is|it|of|that|the|there|they|this|to|was|were)\b")
_NOT = re.compile(r"(?<=\bcan)not\b|n't\b|\b(?:not|no|never)\b", re.IGNORECASE)
_POLAR = frozenset({"yes", "no", "true", "false"})  # every yes-or-no question names them


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
    asked: dict[str, Counter[tuple[str, ...]]] = {t.name: Counter() for t in task.templates}
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
                counted["renders"] += _check_example(task, example, at, shares, draws[at], place, found, asked)
    _check_whole(task, options, answers, asked, counted, tokenizer, found)
    return counted


def _check_example(
    task: Task,
    example: examples.Example,
    at: int,
    shares: StyleShares,
    draws: Draws,
    place: str,
    found: Collector,
    asked: Mapping[str, Counter[tuple[str, ...]]],
) -> int:
    """Adds the findings about one example, and returns the number of renders.

    Args:
      asked: template -> the options that it asked with, in alphabetical order, and how often; counts this example.
    """
    own = _own_texts(example)
    plain: dict[Hashable, str] = {}
    count = 0
    for number, template in enumerate(task.templates):
        seen: set[str] = set()
        shown_alike = template.shots, tuple(template.exemplars)  # templates may differ in nothing but their exemplars
        for rendering in _renderings(task, number, example, at, shares, draws, place, found):
            if not seen:
                asked[template.name][tuple(sorted(rendering.asked.options))] += 1
                text = (" ".join(rendering.input.split()), rendering.target, shown_alike)
                if (other := plain.setdefault(text, template.name)) != template.name:
                    shown_as = Example(place, rendering.input)
                    found.add("renders alike", task.name, template.name, detail=f"as template {other}", example=shown_as)
            _check_rendering(task, rendering, own, place, found, seen)
            count += 1
    return count


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
        for layout in dict.fromkeys((layouts[0], layouts[at % len(layouts)])):
            yield "options", plain._replace(style=Style(options=True), options=layout)
    if example.rationale and not inverted:
        yield "chain of thought", plain._replace(chain=shares.chains_of_thought[at % len(shares.chains_of_thought)])
    formats = template.exemplars or shares.exemplar_formats
    yield "few-shot", plain._replace(num_shots=1, exemplars=formats[at % len(formats)])


def _check_rendering(
    task: Task, rendering: Rendering, own: Sequence[str], place: str, found: Collector, seen: set[str]
) -> None:
    """Adds the findings about one text. `seen` are the parts of others of the same template that were looked at."""
    name, style, text = rendering.template.name, rendering.style, rendering.input
    # White space around exemplars is their format's, and the rest was seen without exemplars.
    kinds = ("double cue",) if style == "few-shot" else ()
    for part in (text, rendering.target):
        if part in seen:
            continue
        seen.add(part)
        short = without_middles(part, own)
        for trap in traps(short, (*own, *rendering.asked.options, *rendering.asked.targets), kinds):
            if not any(trap.text in words for words in _layout_texts(rendering.wording)):
                said = Example(place, excerpt(short, trap.at))
                found.add(trap.kind, task.name, name, style, f"{' '.join(trap.text.split())!r}", said)
    target = rendering.target.strip()
    if style == "plain" and len(target.split()) >= _LEAKED_WORDS and target in text and not _may_hold(rendering, own, target):
        found.add("tells the target", task.name, name, example=Example(place, text, target))


def _may_hold(rendering: Rendering, own: Sequence[str], target: str) -> bool:
    """Whether the target may stand in the input: one of the options, words that the template says always, or words from a
    longer text in which they are to be found.
    """
    if rendering.template.kind == "forward" and target in rendering.asked.targets:
        return True
    if any(target in literal for literal in rendering.template.literals):
        return True
    least = _FOUND_IN[rendering.template.kind]
    return any(target in text and len(text) >= least * len(target) for text in own)


def _check_whole(
    task: Task,
    options: set[tuple[str, ...]],
    answers: Counter[str],
    asked: Mapping[str, Counter[tuple[str, ...]]],
    counted: Counter[str],
    tokenizer: Tokenizer | None,
    found: Collector,
) -> None:
    """Adds the findings about the task as a whole."""
    for template in task.templates:
        sets = asked[template.name]
        if counted["examples"] >= _APPLIES_FROM and not sets:
            found.add("does not apply", task.name, template.name, detail=f"to none of {counted['examples']} rows")
        if len(sets) == 1 and sets.total() > 1:
            _check_named_answers(task, template, next(iter(sets)), found)
        unused = set(getattr(template, "words", ())) - set(answers) - set(itertools.chain(*options))
        if answers and unused:
            found.add("unused words", task.name, template.name, detail=shown(sorted(unused)))
        for text in template.literals if tokenizer is not None else ():
            if not survives(tokenizer, text):  # type: ignore[arg-type]
                found.add("tokenizer", task.name, template.name, detail=repr(excerpt(text, width=80)))
    total = sum(answers.values())
    if len({frozenset(o) for o in options}) == 1 and total >= _BALANCED_FROM:
        (known,) = {frozenset(o) for o in options}
        is_missed = min(answers[a] for a in known) == 0 and total >= _EACH * len(known)
        if is_missed or max(answers.values()) >= _MAJORITY * total:
            counts = ", ".join(f"{a!r} {answers[a]}" for a in sorted(known))
            found.add("label balance", task.name, detail=f"answers of {total} rows: {counts}")


def _check_named_answers(task: Task, template: AnyTemplate, options: Sequence[str], found: Collector) -> None:
    """Adds a finding if the template's words name one of its answers and none of the others."""
    if template.kind == "inverted" or template.input_variables & {OPTIONS, CHOICES}:
        return
    words = _stems(" ".join(template.literals))
    named = [option for option in options if option.lower() in _POLAR or _stems(option) <= words]
    apart = {frozenset(_stems(_NOT.sub(" ", option))) for option in options}  # "Is it valid?" names "valid" and "not valid"
    if 1 < len(apart) <= _FEW and len(named) == 1 and len(named[0]) > 3:
        found.add("names one answer", task.name, template.name, detail=f"{named[0]!r} of {shown(list(options))}")


def _stems(text: str) -> set[str]:
    """Returns the words of a text without endings, so that "contradict" names the answer "contradicts"."""
    text = text.lower()
    words = _WORDS.findall(_SMALL_WORDS.sub(" ", text)) or _WORDS.findall(text)
    return {re.sub(r"(?:ed|ing|s|d|e)+$", "", word) for word in words}


def _own_texts(example: examples.Example) -> list[str]:
    return [*_texts(list(example.fields.values())), *example.references, *example.options, example.rationale]


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
