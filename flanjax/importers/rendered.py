"""Collections that exist as finished text only: an input and a target a row, and the name of the task that they came from.

    rendered("flan2022/*.parquet", task="_task_name")                       # FLAN 2022, as others have dumped it
    rendered("xp3_en.jsonl", task="dataset", rest="other")                  # xP3, Aya
    rendered("tulu3/*.parquet", messages="messages", task="source", ...)    # Tulu 3: conversations

Clusters and lineage are lost in such files. A table gives them back, by the tasks' names (flan_tasks.py has FLAN's and T0's). A
name that the table lacks is refused unless `rest` names a cluster for it: without a lineage nobody could tell what it leaks.
"""

import functools
from collections.abc import Mapping

from flanjax.importers.chat import CHAT_TEMPLATES, conversation_of
from flanjax.importers.files import TRAIN, PathLike
from flanjax.importers.flan_tasks import FLAN_TASKS, Origin, find
from flanjax.importers.groups import by_column
from flanjax.importers.imported import Imported, Refused, plain_name, unique
from flanjax.tasks.task import BadRow, Example, Row, SkipRow, Task
from flanjax.tasks.template import Template

RENDERED_TEMPLATES = (Template("{{ inputs }}", name="rendered"),)


def rendered(
    file: PathLike,
    *,
    inputs: str = "inputs",
    targets: str = "targets",
    messages: str | None = None,
    task: str = "task",
    clusters: Mapping[str, Origin] = FLAN_TASKS,
    rest: str | None = None,
    name: str = "rendered",
    prefix: str = "",
) -> Imported:
    """Returns one task for each task name in a file of finished texts.

    Args:
      file: JSON lines or Parquet, a path or a glob; or one JSON array.
      inputs, targets: the columns of the texts.
      messages: the column of conversations, in place of inputs and targets.
      task: the column of the tasks' names.
      clusters: task name -> cluster and lineage; see `flan_tasks.find` for how names are matched.
      rest: the cluster of tasks that the table lacks, which have no lineage; None refuses them.
      name: names the source, "jsonl:<name>".
      prefix: stands before the tasks' names, to tell them from the same tasks made from raw data.
    """
    found = by_column(file, name, task)
    read = functools.partial(_conversation, messages) if messages else functools.partial(_example, inputs, targets)
    tasks, refused = [], list(found.refused)
    for given, source in found.sources.items():
        try:
            plain = plain_name(given)
            origin = find(plain, clusters) or (Origin(rest) if rest else None)
            if origin is None:
                refused.append(Refused(given, "the table of clusters has no row for it"))
                continue
            made = Task(
                name=f"{prefix}{plain}",
                cluster=origin.cluster,
                source=source,
                example=read,
                templates=CHAT_TEMPLATES if messages else RENDERED_TEMPLATES,
                lineage=origin.lineage,
                metrics=("rougeL",),
                train=TRAIN,
                long_fields=("conversation",) if messages else ("inputs",),
                few_shot=False,
            )
        except ValueError as error:
            refused.append(Refused(given, str(error)))
        else:
            tasks.append(made)
    return unique(tasks, refused)


def _example(inputs: str, targets: str, row: Row) -> Example:
    read, write = row[inputs], row[targets]
    if not isinstance(read, str) or not isinstance(write, str):
        raise BadRow(f"{inputs} and {targets} are {type(read).__name__} and {type(write).__name__}, expected texts")
    if not write.strip():
        raise SkipRow(f"{targets} is empty")
    return Example({"inputs": read}, write)


def _conversation(messages: str, row: Row) -> Example:
    return conversation_of(row[messages], row)
