"""What is asked which of two answers is better, how it is asked, and how its verdict is read."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from flanjax.ask.settings import Settings
from flanjax.lab.writing.ask import Ask, Reply, repeats
from flanjax.lab.writing.endpoint import Endpoint
from flanjax.names import shown

FIRST, SECOND, TIE = "A", "B", "tie"
VERDICTS = (FIRST, SECOND, TIE)
WORDING = """\
Two answers to a request are compared. The better one is right, says all that was asked for, and nothing beside it.

Request:
{{ prompt }}

{% if reference %}
A good answer, as a person wrote it:
{{ reference }}

{% endif %}
Answer A:
{{ first }}

Answer B:
{{ second }}

{{ how }}"""
_SETTINGS = Settings(max_tokens=512)
# The rest of the line may hold punctuation and markup, but no word: "Verdict: a close call" names no answer.
_VERDICT = re.compile(r"verdict[\W_]{0,5}(?:a +(?=tie))?(A|B|tie)(?:[^\w\n]|_)*$", re.IGNORECASE | re.MULTILINE)


class Judge(Protocol):
    """What prefers one of two answers.

    Attributes:
      name: as the user named it.
      how: the end of a prompt, which says in what form the verdict is wanted.
    """

    name: str
    how: str

    def __call__(self, prompts: Sequence[str]) -> Iterator[Reply]:
        """Yields a reply to each prompt, in order."""
        ...


def verdict_of(text: str) -> str | None:
    """Returns A, B or tie; None if a reply says none of them. The last verdict counts.

    >>> verdict_of("Both name the town.\\n**Verdict: B**"), verdict_of(" tie. "), verdict_of("I like A and B.")
    ('B', 'tie', None)
    """
    found = _VERDICT.findall(text) or [text.strip(" \t\n.*[]\"'")]
    said = {"a": FIRST, "b": SECOND, "tie": TIE}
    return said.get(found[-1].lower())


def without_verdict(text: str) -> str:
    """Returns what is wrong with a reply that has no verdict; "" if it has one."""
    if verdict_of(text) is not None:
        return ""
    if repeats(text):
        return f"the reply repeats itself and has no verdict; it ends {shown(text[-60:])}"
    return f"the reply has no verdict: {shown(text[-200:])}"


class AddressJudge:
    """A model at an address, which gives its reason before its verdict."""

    how = 'Give your reason in one sentence. Then end with a line "Verdict: A", "Verdict: B" or "Verdict: tie".'

    def __init__(self, address: Endpoint):
        self.name, self._address = address.name, address

    def __call__(self, prompts: Sequence[str]) -> Iterator[Reply]:
        return self._address([Ask(number, prompt, _SETTINGS) for number, prompt in enumerate(prompts)])


class OwnJudge:
    """A model loaded here: of A, B and tie, the one that it finds most probable after the prompt.

    Args:
      model: a `flanjax.run.loaded.LoadedModel`.
    """

    how = "Which answer is better? Write A, B or tie."

    def __init__(self, name: str, model: Any, chunk: int = 64):
        self.name, self._model, self._chunk = name, model, chunk

    def __call__(self, prompts: Sequence[str]) -> Iterator[Reply]:
        for start in range(0, len(prompts), self._chunk):
            for scores in self._model.scores(prompts[start : start + self._chunk], VERDICTS):
                yield Reply(VERDICTS[max(range(len(VERDICTS)), key=lambda place: scores[place])])
