"""What models answer to the same prompts, side by side."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flanjax.ask.asking import add
from flanjax.ask.models import Asked
from flanjax.ask.settings import Settings
from flanjax.generate.request import Text


class Example(NamedTuple):
    """A prompt to ask models.

    Attributes:
      group: under which it is listed, such as its task.
      options: texts whose likelihoods are compared.
      expected: a right answer, if one is known.
    """

    prompt: str
    group: str = ""
    options: tuple[str, ...] = ()
    expected: str = ""


def score_options(model: Asked, ids: Sequence[int], options: Sequence[str]) -> list[dict[str, Any]]:
    """Returns each option's log-likelihood after a prompt, its end included, in nats, and the number of its tokens."""
    targets = [model.prompts.targets(option) for option in options]
    found = model.log_probs([(list(ids), target) for target in targets], 1)
    return [
        {"text": text, "log_likelihood": sum(values), "tokens": len(target)}
        for text, target, (values, _) in zip(options, targets, found, strict=True)
    ]


def compare(
    models: Sequence[Asked],
    examples: Sequence[Example],
    settings: Settings,
    *,
    slots: int,
    advance: Callable[[], Any] = lambda: None,
) -> list[dict[str, Any]]:
    """Returns a record of each example with every model's answer, in the order of the models.

    Args:
      advance: called after each answer.
    """
    answers = [_answers(model, examples, settings, slots, advance) for model in models]
    return [{**example._asdict(), "answers": [of[n] for of in answers]} for n, example in enumerate(examples)]


def _answers(
    model: Asked, examples: Sequence[Example], settings: Settings, slots: int, advance: Callable[[], Any]
) -> list[dict[str, Any]]:
    engine, found, asked = model.engine(slots=slots), dict[int, dict[str, Any]](), dict[int, list[int]]()
    for item, example in enumerate(examples):
        try:
            asked[item] = model.prompts.of_messages([{"role": "user", "content": example.prompt}])
            add(engine, item, asked[item], settings)
        except ValueError as error:
            found[item] = {"text": "", "error": str(error), "options": []}
            advance()
    while not engine.idle:
        for text in engine.advance():
            if isinstance(text, Text):
                found[text.item] = {"text": text.text, "ended": text.stop, "tokens": len(text.ids)}
                advance()
    for item, answer in found.items():
        if "options" not in answer:
            options = examples[item].options
            answer["options"] = score_options(model, asked[item], options) if options else []
    return [found[item] for item in range(len(examples))]
