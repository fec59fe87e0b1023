"""Files of instructions with one reply each: Alpaca's format and Dolly's."""

import functools
from collections.abc import Mapping, Sequence

from flanjax.importers.files import TRAIN, PathLike, rows_of
from flanjax.importers.groups import by_column
from flanjax.importers.imported import Imported, Refused, plain_name, unique
from flanjax.tasks.task import BadRow, Example, Row, SkipRow, Task
from flanjax.tasks.template import Template

# Alpaca's two layouts, with and without an input, as one template each: under headings, and as a person would write.
INSTRUCTION_TEMPLATES = (
    Template(
        "Carry out the instruction{% if input %}, which is about the input below it{% endif %}.\n\n"
        "### Instruction:\n{{ instruction }}\n\n{% if input %}### Input:\n{{ input }}\n\n{% endif %}### Response:",
        name="headings",
    ),
    Template("{{ instruction }}{% if input %}{{ '\n\n' }}{{ input }}{% endif %}", name="plain"),
)

_DOLLY_LINK = "https://huggingface.co/datasets/databricks/databricks-dolly-15k"


def alpaca(
    file: PathLike,
    *,
    name: str = "alpaca",
    cluster: str = "instructions",
    lineage: Sequence[str] = (),
    templates: Sequence[Template] = INSTRUCTION_TEMPLATES,
) -> Imported:
    """Returns one task of a file in Alpaca's format: rows of instruction, input (may be empty or missing) and output.

    Rows without an output are left out: Alpaca has 28 of them.

    Args:
      file: a JSON array, JSON lines or Parquet.
      lineage: the corpora that its texts derive from, besides the file.
    """
    task = Task(
        name=name,
        cluster=cluster,
        source=rows_of(file, name),
        example=functools.partial(_instruction, {"instruction": "instruction", "input": "input", "output": "output"}),
        templates=templates,
        lineage=lineage,
        metrics=("rougeL",),
        train=TRAIN,
        long_fields=("input",),
        few_shot=False,
    )
    return Imported((task,))


def dolly(file: PathLike, *, name: str = "dolly") -> Imported:
    """Returns a task for each category of a file in Dolly's format: rows of instruction, context, response and category.

    A category is a cluster of its own (`closed_qa`, `summarization`, ...), and its task is named "dolly_closed_qa".
    """
    found = by_column(file, name, "category")
    columns = {"instruction": "instruction", "input": "context", "output": "response"}
    tasks, refused = [], list(found.refused)
    for category, rows in found.sources.items():
        try:
            cluster = plain_name(category)
        except ValueError as error:
            refused.append(Refused(category, str(error)))
            continue
        task = Task(
            name=f"{name}_{cluster}",
            cluster=cluster,
            source=rows,
            example=functools.partial(_instruction, columns),
            templates=INSTRUCTION_TEMPLATES,
            lineage=("dolly", "wikipedia"),
            metrics=("rougeL",),
            train=TRAIN,
            long_fields=("input",),
            few_shot=False,
            licence="CC BY-SA 3.0",
            link=_DOLLY_LINK,
        )
        tasks.append(task)
    return unique(tasks, refused)


def _instruction(columns: Mapping[str, str], row: Row) -> Example:
    """Returns a row's example with the fields instruction and input.

    Args:
      columns: "instruction", "input" and "output" -> the column.
    """
    instruction, output = row[columns["instruction"]], row[columns["output"]]
    text = row.get(columns["input"]) or ""
    for part, value in zip(columns.values(), (instruction, text, output), strict=True):
        if not isinstance(value, str):
            raise BadRow(f"{part} is {type(value).__name__}, expected text")
    if not output.strip():
        raise SkipRow(f"{columns['output']} is empty")
    return Example({"instruction": instruction.strip(), "input": text.strip()}, output)
