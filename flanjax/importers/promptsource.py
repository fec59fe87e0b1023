"""promptsource (Bach et al. 2022, https://arxiv.org/abs/2202.01279): a folder of template files becomes tasks.

    found = promptsource("promptsource/promptsource/templates")
    found.mixture("p3", rate=equal())

A file is for one configuration of a dataset. Evaluation compares templates on the same items, so the templates that ask for the
task itself are one task only if they have the same answer choices and the same metrics. The task of the most templates is named
after the dataset, "glue.rte"; another one after its choices too, "glue.rte.true_false". Templates that ask for something else
are inverted ones of the first task; they are never evaluated.
"""

import os
from collections.abc import Callable, Sequence

from etils import epath

from flanjax import storage
from flanjax.importers import promptsource_datasets as datasets
from flanjax.importers import promptsource_files
from flanjax.importers.imported import Imported, Refused, plain_name, unique
from flanjax.importers.promptsource_environment import SEPARATOR, is_constant
from flanjax.importers.promptsource_files import TemplateFile, Written
from flanjax.importers.promptsource_template import ANSWER_CHOICES, PromptsourceTemplate, example, field_name
from flanjax.sources import Source
from flanjax.tasks.task import Task

# promptsource's names of metrics -> ours.
METRICS = {
    "Accuracy": ("accuracy",),
    "BLEU": ("bleu",),
    "COQA F1": ("token_f1",),
    "ROUGE": ("rougeL", "rouge1", "rouge2"),
    "Squad": ("token_f1", "exact_match"),
    "Trivia QA": ("exact_match", "token_f1"),
}
# Columns of long texts, which may be shortened to fit a length, where no forward template's answer names them.
LONG_COLUMNS = (
    *("abstract", "article", "body", "content", "context", "dialogue", "document", "passage", "plot", "review", "story"),
    *("support", "text"),
)

_Group = tuple[str, list[PromptsourceTemplate]]


def promptsource(
    folder: str | os.PathLike[str],
    *,
    source: Callable[[str, str | None], Source] = datasets.source,
    splits: Callable[[str, str | None], tuple[str | None, str | None]] = datasets.splits,
    long_columns: Sequence[str] = LONG_COLUMNS,
) -> Imported:
    """Returns the tasks of a folder that holds <dataset>/templates.yaml or <dataset>/<configuration>/templates.yaml.

    `refused` also lists templates that were taken, but with a metric that is not known here, or whose answer is not known to be
    among their choices.

    Args:
      source: (dataset, configuration) -> its rows; by default those of the hub, by the dataset's id of today.
      splits: (dataset, configuration) -> split expressions for training and evaluation; None for none.
      long_columns: columns that may be shortened to fit a length.

    Raises:
      SourceError: the folder has no such file.
    """
    place = storage.place(epath.Path(folder).expanduser())
    tasks: list[Task] = []
    refused: list[Refused] = []
    for path in promptsource_files.find(place):
        try:
            file = promptsource_files.read(path, place)
            origin, rows = datasets.origin(file.dataset, file.config), source(file.dataset, file.config)
            train, evaluation = splits(file.dataset, file.config)
            if train is None and evaluation is None:
                raise ValueError("no split of its dataset has answers")
            refused += [*file.refused, *_notes(file)]
            for name, templates in _groups(file):
                forward = any(t.kind == "forward" for t in templates)
                tasks.append(
                    Task(
                        name=name,
                        cluster=origin.cluster,
                        source=rows,
                        example=example,
                        templates=templates,
                        lineage=origin.lineage,
                        metrics=templates[0].metrics,
                        train=train,
                        evaluation=evaluation if forward else None,
                        long_fields=_long_fields(templates, long_columns),
                        licence=datasets.LICENCE,
                        link=f"https://huggingface.co/datasets/{datasets.hub_id(file.dataset)}",
                    )
                )
        except ValueError as error:
            refused.append(Refused(str(path.relative_to(place)), str(error)))
    return unique(tasks, refused)


def _groups(file: TemplateFile) -> list[_Group]:
    """Returns the tasks of a file: names and templates, the forward ones first."""
    groups: dict[object, list[Written]] = {}
    for written in file.templates:
        if written.original_task:
            groups.setdefault((_choices(written), _metrics(written)), []).append(written)
    ordered = sorted(groups.values(), key=len, reverse=True) or [[]]
    ordered[0] += [written for written in file.templates if not written.original_task]
    name = ".".join(plain_name(part.replace("/", "_")) for part in (file.dataset, file.config) if part)
    names = [name]
    for group in ordered[1:]:
        names.append(_free(f"{name}.{_group_name(group[0])}", names))
    return [(name, _templates(group)) for name, group in zip(names, ordered, strict=True) if group]


def _templates(group: list[Written]) -> list[PromptsourceTemplate]:
    made: list[PromptsourceTemplate] = []
    for written in group:
        made.append(
            PromptsourceTemplate(
                written.source,
                "forward" if written.original_task else "inverted",
                _free(written.name, [t.name for t in made]),
                answer_choices=written.answer_choices,
                metrics=_metrics(written),
                shows_choices=written.shows_choices,
            )
        )
    return made


def _free(name: str, taken: Sequence[str]) -> str:
    """Returns the name, with a number behind it if it is taken."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name}.{number}"
    return free


def _group_name(written: Written) -> str:
    if written.answer_choices is None:
        return "free_text"
    if not is_constant(written.answer_choices):
        return "choices_of_the_row"
    try:
        return plain_name("_".join(_choices(written)))[:40].strip("_.-")
    except ValueError:
        return "choices"


def _choices(written: Written) -> tuple[str, ...]:
    return tuple(text.strip() for text in (written.answer_choices or "").split(SEPARATOR))


def _metrics(written: Written) -> tuple[str, ...]:
    known = [name for metric in written.metrics for name in METRICS.get(metric, ())]
    free = ("rougeL", "exact_match") if written.answer_choices is None else ("accuracy",)
    return tuple(dict.fromkeys(known)) or free


def _notes(file: TemplateFile) -> list[Refused]:
    """Returns what is not as it is in promptsource for the templates that are taken."""
    notes = []
    for written in file.templates:
        name = f"{file}: {written.name}"
        if lost := [metric for metric in written.metrics if metric not in METRICS]:
            instead = ", ".join(_metrics(written))
            notes.append(Refused(name, f"no metric here is its {', '.join(lost)}; it is scored by {instead}"))
        if written.answer_choices is not None and ANSWER_CHOICES not in written.source:
            notes.append(
                Refused(name, "its source does not use its answer choices; a row whose answer is none of them has no options")
            )
    return notes


def _long_fields(templates: Sequence[PromptsourceTemplate], columns: Sequence[str]) -> list[str]:
    sources = "".join(t.input for t in templates)
    columns = [name for name in columns if name in sources]  # so that no template is parsed in vain
    if not columns:
        return []
    read = {name for t in templates for name in t.input_variables}
    written = {name for t in templates if t.kind == "forward" for name in t.target_variables}
    return [name for name in map(field_name, columns) if name in read - written]
