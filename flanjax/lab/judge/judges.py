"""What is asked which of two answers is better, how it is asked, and how its verdict is read."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jinja2
from jinja2.sandbox import SandboxedEnvironment

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
_VERDICT = re.compile(r"verdict\W{0,5}(A|B|tie)\b", re.IGNORECASE)


class Reply(NamedTuple):
    """What a judge said.

    Attributes:
      text: as it came; empty if nothing did.
      error: why there is no verdict; empty if there is one.
      tries: how often it was asked.
    """

    text: str
    error: str = ""
    tries: int = 1


class Judge(Protocol):
    """Attributes:
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


def wording_of(file: str | None, names: Sequence[str], default: str) -> jinja2.Template:
    """Returns the wording in a file, or the default.

    Raises:
      ValueError: the file cannot be read, is no template, or does not show what `names` stand for.
    """
    try:
        text = Path(file).read_text(encoding="utf-8") if file else default
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--wording {file} cannot be read: {error}") from error
    made = SandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)
    probe = dict.fromkeys((*names, "reference", "how"), "")
    try:
        template = made.from_string(text)
        for name in names:
            if "\x00" not in template.render({**probe, name: "\x00"}):
                raise ValueError(f"--wording {file} does not show {{{{ {name} }}}}; it needs {', '.join(names)}")
    except jinja2.TemplateError as error:
        raise ValueError(f"--wording {file}: {error}; it may have {', '.join(probe)}") from error
    return template


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
