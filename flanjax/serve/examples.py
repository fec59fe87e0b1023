"""Prompts to begin with: those of a file, of a run's held-out tasks, or a few of ours."""

import sys
from pathlib import Path
from typing import Any

from etils import epath

from flanjax import parts, storage
from flanjax.ask.lines import read_lines, record_of
from flanjax.data.layout import make_layout
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.questions import ask
from flanjax.names import shown
from flanjax.serve.compare import Example

MOST_TASKS, ITEMS, TEMPLATES = 24, 3, 2  # of each task so many items, each in so many wordings
OURS = (
    Example("Translate to German: The weather is nice today."),
    Example("Is this review positive or negative? The plot falls apart after an hour.", options=("positive", "negative")),
    Example("Answer the question: Which is the largest planet of the solar system?"),
    Example("Name three fruits."),
    Example(
        "Premise: A man is playing a guitar on stage. Hypothesis: Somebody makes music. Does it follow?",
        options=("yes", "no", "it is not possible to tell"),
    ),
    Example("Summarize in one sentence: The town council met on Monday. It decided to close the bridge for repairs until May."),
)


def of_file(path: str) -> list[Example]:
    """Returns the prompts of a file, one on a line: {"prompt": TEXT, "options": [TEXT, ...]}; options may be missing.

    Raises:
      ValueError: a line is wrong, or there is none; the message names it.
    """
    if storage.is_remote(path):
        raise ValueError(f"--file {path}: a file of prompts is on a local disk; copy it (gcloud storage cp)")
    examples = []
    with Path(path).open("rb") as file:
        for line in read_lines(file):
            try:
                examples.append(_example(record_of(line)))
            except ValueError as error:
                raise ValueError(f"{path}, line {line.number}: {error}") from error
    if not examples:
        raise ValueError(f"{path} has no prompts")
    return examples


def _example(record: dict[str, Any]) -> Example:
    prompt, options = record.get("prompt"), record.get("options") or []
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f"prompt is {shown(prompt)}, expected text")
    if not isinstance(options, list) or not all(isinstance(o, str) and o for o in options):
        raise ValueError(f"options is {shown(options)}, expected a list of texts")
    group, expected = record.get("group", ""), record.get("expected", "")
    return Example(prompt, str(group), tuple(options), str(expected))


def of_run(workdir: str) -> list[Example]:
    """Returns prompts of the tasks that a run held out, as its evaluation asks them; [] if their data cannot be read here.

    What cannot be read is said on stderr.
    """
    try:
        saved = parts.open_saved(epath.Path(workdir))
        names = saved.meta["split"]["heldout"][:MOST_TASKS]
        tasks = {task.name: task for task in parts.split_of(saved.config, None).heldout}
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        print(f"no prompts of held-out tasks to choose from: {error}", file=sys.stderr)
        return []
    layout = make_layout(saved.config.data.features, saved.tokenizer)
    config, examples = EvaluationConfig(items=ITEMS, templates=TEMPLATES), []
    for name in names:
        try:
            items = ask([tasks[name]], config, layout).items
        except (ValueError, KeyError, OSError, RuntimeError) as error:
            print(f"task {name} has no prompts to choose from: {error}", file=sys.stderr)
            continue
        for item in items:
            asked = item.query.asked
            examples.append(Example(item.prompt.text, name, tuple(asked.targets), asked.references[0]))
    return examples
