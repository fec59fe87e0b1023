"""Files and data sets of preferences: rows with a chosen and a rejected answer, for `objective.name=dpo`.

Known forms of the two columns: texts after the column `prompt`; lists of messages, whole conversations or only the answers
after a `prompt` that is a text or a list of messages too; and Anthropic's transcripts, "Human: ... Assistant: ...". Columns of
other names are given by name, as real and generated of SPIN's data.
"""

import functools
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flanjax.importers.chat import conversation_of, role_of
from flanjax.importers.files import TRAIN, PathLike, rows_of
from flanjax.importers.imported import Imported
from flanjax.names import shown
from flanjax.sources import Source
from flanjax.tasks.task import BadRow, Example, Message, Row, SkipRow, Task
from flanjax.tasks.template import Template

PROMPT, CONVERSATION = "prompt", "conversation"
PREFERENCE_TEMPLATES = (Template("{{ prompt }}", name="prompt"),)

_TURN = re.compile(r"\n\n(Human|Assistant):")


def preferences(
    rows: PathLike | Source,
    *,
    name: str = "preferences",
    cluster: str = "preferences",
    prompt: str = PROMPT,
    chosen: str = "chosen",
    rejected: str = "rejected",
    train: str = TRAIN,
    evaluation: str | None = None,
    lineage: Sequence[str] = (),
    templates: Sequence[Template] = PREFERENCE_TEMPLATES,
) -> Imported:
    """Returns one task of rows of preferences.

    With `features.chat` a conversation is trained on in the tokenizer's chat template. Otherwise a prompt of several messages
    is written as text ("User: ... Assistant:").

    Args:
      rows: a JSON array, JSON lines or Parquet; or a source, such as hub("trl-lib/ultrafeedback_binarized").
      prompt, chosen, rejected: names of columns. Conversations need no prompt.
      train, evaluation: splits of the source; a file has only "train" (a part of it is "train[:100]").
      lineage: the corpora that the rows derive from, besides the file.
      templates: their field is `prompt`.
    """
    task = Task(
        name=name,
        cluster=cluster,
        source=rows_of(rows, name) if isinstance(rows, str | os.PathLike) else rows,
        example=functools.partial(preference_of, prompt, chosen, rejected),
        templates=templates,
        lineage=lineage,
        metrics=("rougeL",),
        train=train,
        evaluation=evaluation,
        long_fields=(PROMPT, "answer"),
        few_shot=False,
    )
    return Imported((task,))


_BEFORE_ALL = ("system", "tools", "functions")  # columns that stand before the prompt of a conversation


def preference_of(prompt: str, chosen: str, rejected: str, row: Row) -> Example:
    """Returns a row's example: its field `prompt`, the chosen answer, and the rejected one.

    Args:
      prompt, chosen, rejected: names of columns.

    Raises:
      SkipRow: an answer is empty, or something in a conversation is no text.
      BadRow: the columns have none of the known forms, or the conversations differ before their last answer.
    """
    asked, good, bad = row.get(prompt), row[chosen], row[rejected]
    if isinstance(good, str) and isinstance(bad, str):
        if asked is None:
            good, bad = _transcript(good, chosen), _transcript(bad, rejected)
        else:
            plain = _plain(asked, good, bad, (prompt, chosen, rejected))
            if not any(row.get(name) for name in _BEFORE_ALL):
                return plain
            good, bad = ([{"role": "assistant", "content": text}] for text in (good, bad))
    for column, value in ((chosen, good), (rejected, bad)):
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise BadRow(f"{column} is {shown(value)}, expected a text or a list of messages, as the other answer is")
    return _talk(*(conversation_of([*_before(asked, answer), *answer], row) for answer in (good, bad)))


def _before(asked: Any, answer: Sequence[Any]) -> Sequence[Any]:
    """Returns the messages of the prompt; none if the answer is a whole conversation, which has them already."""
    if isinstance(asked, str):
        told = [(role_of(message), message) for message in answer if isinstance(message, Mapping)]
        if told and told[0][0] == "assistant" and not any(role == "user" and asked in m.values() for role, m in told):
            return [{"role": "user", "content": asked}]
        return ()
    if not isinstance(asked, Sequence) or list(answer[: len(asked)]) == list(asked):
        return ()
    return asked


def _plain(asked: Any, good: str, bad: str, columns: tuple[str, str, str]) -> Example:
    if not isinstance(asked, str):
        raise BadRow(f"{columns[0]} is {shown(asked)}, expected text, as {columns[1]} is")
    if not good.strip():
        raise SkipRow(f"{columns[1]} is empty")
    return Example({PROMPT: asked}, good, rejected=bad)


def _talk(good: Example, bad: Example) -> Example:
    """Returns the example of two conversations that differ in their last answer alone."""
    (*before, last), (*other, worse) = good.messages, bad.messages
    if [m[:2] for m in before] != [m[:2] for m in other]:
        raise BadRow("the chosen and the rejected conversation differ before their last answer")
    alone = len(before) == 1 and before[0].role == "user"
    text = before[0].content if alone else f"{good.fields[CONVERSATION]}\nAssistant:"
    quiet = [message._replace(trained=False) for message in before]
    return Example({PROMPT: text}, last.content, messages=(*quiet, Message(*last[:2])), rejected=worse.content)


def _transcript(text: str, column: str) -> list[dict[str, str]]:
    """Returns the messages of a transcript in Anthropic's form."""
    first, *parts = _TURN.split(text)
    if first.strip() or not parts:
        raise BadRow(
            f"{column} is {shown(text)}, and there is no prompt; expected text after a prompt, messages, or a transcript"
        )
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[who], "content": said.strip()} for who, said in zip(parts[::2], parts[1::2], strict=True)]
