"""A model that is loaded here, as a writer."""

import dataclasses
from collections.abc import Iterator, Sequence

from flanjax.ask.asking import add
from flanjax.ask.models import Asked
from flanjax.generate.request import Text
from flanjax.lab.writing.ask import Ask, Reply, repetition


class OwnWriter:
    """A run or a Hugging Face model. A text depends on its prompt, its settings and its number alone.

    Args:
      slots: texts in work at a time.
    """

    def __init__(self, model: Asked, slots: int = 32):
        self.name, self._model, self._engine = f"{model.name} at step {model.step}", model, model.engine(slots=slots)

    def __call__(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Yields a reply to each prompt, in order; one with an error where the model cannot take the prompt."""
        found = dict[int, Reply]()
        for ask in asks:
            try:
                ids = self._model.prompts.of_text(ask.prompt)
                add(self._engine, ask.number, ids, dataclasses.replace(ask.settings, samples=1))
            except ValueError as error:
                found[ask.number] = Reply("", str(error))
        for ask in asks:
            while ask.number not in found:
                found |= {new.item: _reply(new) for new in self._engine.advance() if isinstance(new, Text)}
            yield found.pop(ask.number)


def _reply(text: Text) -> Reply:
    problem = "the reply repeats itself" if text.stop == "repetition" else repetition(text.text)
    return Reply(text.text, problem, ended=text.stop != "length")
