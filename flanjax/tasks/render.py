"""From an example to text: a wording is chosen, asks its question, and gets what its style adds.

Training, rank scoring, generation and `flanjax show` all come through here, so options, labels and reasoning are added to what
a wording asks in one way.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flanjax.tasks.asked import AnyTemplate, Asked, Wording
from flanjax.tasks.chains import CHAINS_OF_THOUGHT
from flanjax.tasks.draws import Draws
from flanjax.tasks.example import ANSWER, OPTIONS, RATIONALE, BadRow, Example
from flanjax.tasks.exemplar_formats import FORMATS
from flanjax.tasks.exemplars import Shot
from flanjax.tasks.options import PLAIN
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import Task

__all__ = [
    "CHAINS_OF_THOUGHT",
    "FORMATS",
    "Chosen",
    "Rendered",
    "Wording",
    "ask",
    "choose",
    "draw_wording",
    "ordered_options",
    "render",
]


class Rendered(NamedTuple):
    """An example as text.

    Attributes:
      input: what is read, without the preamble.
      target: what is to be written.
      preamble: stands above the input, and above exemplars.
      has_cue: whether the input ends in words that call for the answer.
    """

    input: str
    target: str
    preamble: str = ""
    has_cue: bool = False

    @property
    def text(self) -> str:
        """The whole input."""
        return f"{self.preamble}\n\n{self.input}" if self.preamble else self.input

    def shot(self, explanation: str = "", *, is_negative: bool = False) -> Shot:
        return Shot(self.input, self.target, explanation, is_negative, self.has_cue)


class Chosen(NamedTuple):
    """A wording that applies to an example, what it asks, and how many wordings were drawn before that do not apply."""

    wording: Wording
    asked: Asked
    refused: int


def choose(task: Task, example: Example, shares: StyleShares, draws: Draws) -> Chosen | None:
    """Returns the wording of a training example, as a pure function of its draws; None if no wording applies to it.

    Raises:
      BadRow: the wording that was drawn applies, but cannot be rendered from this example.
    """
    for refused, template in enumerate(_drawn(task, shares, draws)):
        wording = draw_wording(task, template, example, shares, draws)
        asked = ask(task, example, wording, draws)
        if asked is not None:
            return Chosen(wording, asked, refused)
    return None


def _drawn(task: Task, shares: StyleShares, draws: Draws) -> Iterator[int]:
    """Yields the positions of the templates in the order in which they are tried."""
    if shares.inverted is None:
        pools = [tuple(range(len(task.templates)))]
    else:
        pools = [task.forward, task.inverted]
        if task.inverted and draws.uniform("inverted") < shares.inverted:
            pools.reverse()
    drawn = 0
    for pool in pools:
        left = list(pool)
        while left:
            yield left.pop(draws.integer("template", len(left), drawn))
            drawn += 1


def draw_wording(task: Task, number: int, example: Example, shares: StyleShares, draws: Draws) -> Wording:
    """Returns all choices but that of the template, which is the task's `number`-th."""
    template = task.templates[number]
    forward = template.kind == "forward"
    num_shots = template.shots
    if num_shots is None:
        few_shot = task.few_shot and draws.uniform("few_shot") < shares.few_shot
        num_shots = 1 + draws.integer("num_shots", shares.max_shots) if few_shot else 0
    chain = None
    if forward and example.rationale and draws.uniform("chain_of_thought") < shares.chain_of_thought:
        chain = shares.chains_of_thought[draws.integer("chain_of_thought_words", len(shares.chains_of_thought))]
    style = Style(
        few_shot=num_shots > 0,
        options=shows_options(template, example, by_style=draws.uniform("options") < shares.options),
        chain_of_thought=chain is not None and chain.order != "answer only",
        inverted=not forward,
    )
    option_style = shares.option_styles[draws.integer("option_style", len(shares.option_styles))]
    formats = template.exemplars or shares.exemplar_formats
    return Wording(
        number,
        style,
        num_shots,
        PLAIN if template.lists_choices else option_style,
        chain,
        formats[draws.integer("exemplar_format", len(formats))],
    )


def shows_options(template: AnyTemplate, example: Example, *, by_style: bool) -> bool:
    """Returns whether the options are shown. An inverted template shows them only if it places them itself."""
    if not example.options or template.options == "never":
        return False
    if template.kind == "inverted" and OPTIONS not in template.input_variables | template.target_variables:
        return False
    return template.lists_choices or template.options == "always" or by_style


def ask(
    task: Task, example: Example, wording: Wording, draws: Draws | None = None, *, keep_order: bool = False
) -> Asked | None:
    """Returns what the wording asks of an example; None if it does not apply to it.

    Args:
      draws: decide the order of the options, which of several references is trained on, and what the wording draws itself.
      keep_order: leaves options and references in their canonical order, as in evaluation.

    Raises:
      BadRow: the wording cannot be rendered from this example.
    """
    if draws is not None and not keep_order:
        references = example.references
        if first := drawn_reference(task, example, draws):
            example = example._replace(answer=(references[first], *references[:first], *references[first + 1 :]))
        if example.options:
            example = example._replace(options=tuple(ordered_options(task, example, draws)))
    return task.templates[wording.template].ask(example, wording, draws)


def drawn_reference(task: Task, example: Example, draws: Draws) -> int:
    """Returns the position of the reference that is trained on."""
    if task.target != "random" or len(example.references) == 1:
        return 0
    written = [i for i, text in enumerate(example.references) if not example.options or text in example.options]
    return written[draws.integer("reference", len(written))]


def render(asked: Asked, wording: Wording) -> Rendered:
    """Returns the text of one example without exemplars: what is asked, the options, the request for reasoning, the cue.

    Raises:
      BadRow: there is nothing to write.
    """
    read, write, ends_in_cue = asked.input, asked.target, asked.ends_in_cue
    if wording.style.options and asked.options and not asked.places_options:
        read, ends_in_cue = f"{read}\n{wording.options.block(asked.options)}", False
    if wording.chain is not None:
        ends_in_cue = ends_in_cue and (wording.chain.request_first or not wording.chain.request)
        read, write = wording.chain.asked(read), wording.chain.target(asked.rationale, write)
    if asked.cue and not (wording.chain is not None and read.endswith(":")):  # which calls for reasons and answer
        read, ends_in_cue = f"{read}\n{asked.cue}", True
    if not write:
        raise BadRow("the target is empty once rendered")
    return Rendered(read, write, asked.preamble, ends_in_cue)


def ordered_options(task: Task, example: Example, draws: Draws | None) -> list[str]:
    """The options' texts in the order shown."""
    if draws is None or not task.shuffle_options:
        return list(example.options)
    return [example.options[i] for i in draws.permutation("option_order", len(example.options))]


def with_fields(example: Example, shortened: Mapping[str, str], reference: int = 0) -> Example:
    """Returns the example with some of its texts replaced by shorter ones, "answer" and "rationale" included.

    Args:
      reference: the position of the reference that "answer" replaces.
    """
    fields = {**example.fields, **{k: v for k, v in shortened.items() if k in example.fields}}
    answer = example.answer
    if ANSWER in shortened and not example.options:
        answer = (*example.references[:reference], shortened[ANSWER], *example.references[reference + 1 :])
    return example._replace(fields=fields, answer=answer, rationale=shortened.get(RATIONALE, example.rationale))
