"""Renders an example as the text that a model reads and the text that it should write."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flanjax.tasks.draws import Draws
from flanjax.tasks.exemplars import FORMATS, ExemplarFormat
from flanjax.tasks.options import PLAIN, OptionStyle
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import BadRow, Example, Task, lone_surrogate
from flanjax.tasks.template import ANSWER, CHOICES, OPTIONS, RATIONALE, TemplateError, null


class ChainOfThought(NamedTuple):
    """A request for reasoning, and the words between the reasoning and the answer."""

    request: str
    bridge: str


CHAINS_OF_THOUGHT = (
    ChainOfThought("Reason step by step before you answer.", "So the answer is"),
    ChainOfThought("Explain your thinking first, then give the answer.", "Therefore, the answer is"),
    ChainOfThought("Work it out in steps.", "The final answer is"),
    ChainOfThought("Give your reasons and then the answer.", "Hence the answer is"),
)


class Wording(NamedTuple):
    """All choices for one query: template, style and words. Its exemplars have the same wording."""

    template: int
    style: Style
    num_shots: int = 0
    options: OptionStyle = PLAIN
    chain_of_thought: ChainOfThought = CHAINS_OF_THOUGHT[0]
    exemplars: ExemplarFormat = FORMATS[0]


class Rendered(NamedTuple):
    """An example as text: what is read, and what is to be written."""

    input: str
    target: str


def choose(task: Task, example: Example, shares: StyleShares, draws: Draws) -> Wording:
    """Returns the wording of a training example, as a pure function of its draws."""
    inverted = [i for i in task.inverted if example.rationale or not task.templates[i].needs_rationale]
    is_inverted = bool(inverted) and draws.uniform("inverted") < shares.inverted
    pool = inverted if is_inverted else task.forward
    template = pool[draws.integer("template", len(pool))]
    forward = not is_inverted
    style = Style(
        few_shot=draws.uniform("few_shot") < shares.few_shot,
        options=forward and bool(example.options) and draws.uniform("options") < shares.options,
        chain_of_thought=forward and bool(example.rationale) and draws.uniform("chain_of_thought") < shares.chain_of_thought,
        inverted=is_inverted,
    )
    return Wording(
        template,
        style,
        1 + draws.integer("num_shots", shares.max_shots) if style.few_shot else 0,
        PLAIN if task.templates[template].lists_choices else _option_style(shares, draws),
        CHAINS_OF_THOUGHT[draws.integer("chain_of_thought_words", len(CHAINS_OF_THOUGHT))],
        FORMATS[draws.integer("exemplar_format", len(FORMATS))],
    )


def _option_style(shares: StyleShares, draws: Draws) -> OptionStyle:
    return shares.option_styles[draws.integer("option_style", len(shares.option_styles))]


def render(task: Task, example: Example, wording: Wording, draws: Draws | None = None) -> Rendered:
    """Returns the text of one example without exemplars.

    Args:
      draws: decides the order of the options; None keeps their canonical order.

    Raises:
      BadRow: the template cannot be rendered from this example, or leaves no target.
    """
    template, style = task.templates[wording.template], wording.style
    options = ordered_options(task, example, draws)
    answer = _targets(options, wording)[options.index(example.references[0])] if options else example.references[0]
    block = wording.options.block(options) if style.options else ""
    values = {**_values(example, options, block), ANSWER: answer}
    read, write = _written(template.render_input, values), _written(template.render_target, values)
    if style.options and not template.places_options:
        read = f"{read}\n{block}"
    elif template.places_options:
        read = read.replace("\n\n\n", "\n\n")
    if style.chain_of_thought:
        words = wording.chain_of_thought
        read, write = f"{read}\n{words.request}", _reasoned(example.rationale, words.bridge, write)
    if not write:
        raise BadRow("the target is empty once rendered")
    return Rendered(read, write)


def render_candidates(task: Task, example: Example, wording: Wording, draws: Draws | None = None) -> tuple[str, ...]:
    """Returns the target of every option, in the order shown, for rank classification.

    Raises:
      BadRow: as `render` does.
    """
    template = task.templates[wording.template]
    options = ordered_options(task, example, draws)
    values = _values(example, options, "")
    return tuple(_written(template.render_target, {**values, ANSWER: target}) for target in _targets(options, wording))


def ordered_options(task: Task, example: Example, draws: Draws | None) -> list[str]:
    """The options' texts in the order shown."""
    if draws is None or not task.shuffle_options:
        return list(example.options)
    return [example.options[i] for i in draws.permutation("option_order", len(example.options))]


def with_fields(example: Example, shortened: Mapping[str, str]) -> Example:
    """Returns the example with some of its texts replaced by shorter ones, "answer" and "rationale" included."""
    fields = {**example.fields, **{k: v for k, v in shortened.items() if k in example.fields}}
    answer = (shortened[ANSWER], *example.references[1:]) if ANSWER in shortened and not example.options else example.answer
    return example._replace(fields=fields, answer=answer, rationale=shortened.get(RATIONALE, example.rationale))


def _values(example: Example, options: list[str], block: str) -> dict[str, Any]:
    """Returns the values that a template may name, except the answer. A field that is None counts as missing."""
    fields = {name: null(name) if value is None else value for name, value in example.fields.items()}
    return {**fields, RATIONALE: example.rationale, OPTIONS: block, CHOICES: options}


def _written(write: Callable[[Mapping[str, Any]], str], values: Mapping[str, Any]) -> str:
    """Returns a rendered part of a template. Raises BadRow if the text cannot be encoded."""
    try:
        text = write(values)
        if not text.isascii():
            text.encode()
    except TemplateError as error:
        raise BadRow(str(error)) from error
    except UnicodeEncodeError as error:
        raise BadRow(lone_surrogate(error)) from error
    return text


def _targets(options: list[str], wording: Wording) -> tuple[str, ...]:
    return (wording.options if wording.style.options else PLAIN).targets(options)


def _reasoned(rationale: str, bridge: str, answer: str) -> str:
    reasons = rationale.strip()
    if not reasons:
        return f"{bridge} {answer.rstrip('.')}."
    end = "" if reasons[-1:] in ".!?" else "."
    return f"{reasons}{end} {bridge} {answer.rstrip('.')}."
