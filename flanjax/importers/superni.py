"""Super-NaturalInstructions (Wang et al. 2022, https://arxiv.org/abs/2204.07705): a folder of task files becomes tasks.

    found = superni("natural-instructions", max_instances=100)
    found.mixture("superni", rate=equal())

A task's cluster is its first category (`uncategorized` if it has none), and its lineage is what it names as its sources. With a
split, its training tasks train, and its test tasks evaluate on their first 100 instances, as the official scores do. Hold out
`TEST_CLUSTERS` to evaluate them.
"""

import functools
import os
import re

from etils import epath

from flanjax import storage
from flanjax.importers import superni_files
from flanjax.importers.imported import Imported, Refused, plain_name, unique
from flanjax.importers.superni_encodings import ENCODINGS, ended
from flanjax.importers.superni_files import INSTANCES, InstanceStore, Shown, TaskFile
from flanjax.sources.split_source import SplitSource
from flanjax.tasks.task import BadRow, Example, Exemplar, Row, SkipRow, Task

NUM_TEST_INSTANCES = 100

# The categories of the official test tasks, and the metric that each is scored by. All other tasks are scored by ROUGE-L.
_EXACT = (
    "textual_entailment",
    "cause_effect_classification",
    "coreference_resolution",
    "dialogue_act_recognition",
    "answerability_classification",
    "word_analogy",
)
_ROUGE = (
    "overlap_extraction",
    "keyword_tagging",
    "question_rewriting",
    "title_generation",
    "data_to_text",
    "grammar_error_correction",
)
TEST_CLUSTERS = (*_EXACT, *_ROUGE)

_NO_CATEGORY = "uncategorized"
_LINK = re.compile(r"\s*\(https?://[^)]*\)?")  # behind the name of a source
_NO_CORPUS = "synthetic"  # the source of tasks that were written by a program: not a corpus that they share
_MMLU = "mmmlu_"  # in the names of the 57 tasks that were made from MMLU's own questions


def superni(
    folder: str | os.PathLike[str], *, split: str | None = "default", max_instances: int | None = None, mmlu: bool = True
) -> Imported:
    """Returns the tasks of a clone of https://github.com/allenai/natural-instructions, named as its files are.

    Args:
      folder: has tasks/*.json and splits/.
      split: the folder of splits/ to follow: "default" is English, "xlingual" tests other languages. With None, or if there is
        no folder splits, every task evaluates on its first 100 instances and trains on the others.
      max_instances: trains on at most so many instances of a task (100 in the paper).
      mmlu: whether to keep the tasks made from MMLU. They have the lineage "mmlu", so they also leave training when a task
        with this lineage is held out.

    Raises:
      SourceError: the folder is not such a clone, or has no such split.
    """
    place = storage.place(epath.Path(folder).expanduser())
    files = superni_files.read_folder(place)
    parts = superni_files.read_split(place, split) if split else {}
    tasks, refused = [], []
    for name, file in files.items():
        reason = file if isinstance(file, str) else _left_out(file, split, parts, mmlu)
        if reason:
            refused.append(Refused(name, reason))
            continue
        assert isinstance(file, TaskFile)
        try:
            tasks.append(_task(file, parts.get(name, "both"), max_instances))
        except ValueError as error:
            refused.append(Refused(name, str(error)))
    for name in parts.keys() - files.keys():
        refused.append(Refused(name, f"{parts[name]}_tasks.txt lists it, but there is no such file"))
    return unique(tasks, sorted(refused))


def _left_out(file: TaskFile, split: str | None, parts: dict[str, str], mmlu: bool) -> str:
    """Returns why a task is left out on purpose; "" if it is not."""
    if parts and file.name not in parts:
        return f"no list of the split {split} has it"
    if parts.get(file.name) == "excluded":
        return f"the split {split} excludes it"
    return "it is made from MMLU" if _is_mmlu(file) and not mmlu else ""


def _is_mmlu(file: TaskFile) -> bool:
    return _MMLU in file.name


def _task(file: TaskFile, part: str, max_instances: int | None) -> Task:
    train, evaluation = _splits(file.count, part, max_instances)
    cluster = plain_name(file.categories[0]) if file.categories else _NO_CATEGORY
    exact = cluster in _EXACT
    definition = ended(file.definition)
    return Task(
        name=plain_name(file.name),
        cluster=cluster,
        source=SplitSource(InstanceStore(f"superni:{file.name}", file.path, file.count, file.spans)),
        example=functools.partial(_example, definition),
        templates=ENCODINGS if file.positive else ENCODINGS[:1],
        lineage=_lineage(file),
        metrics=("exact_match", "rougeL") if exact else ("rougeL", "exact_match"),
        train=train,
        evaluation=evaluation,
        long_fields=("input", "answer"),
        exemplars=[_exemplar(definition, e) for e in file.positive]
        + [_exemplar(definition, e, is_negative=True) for e in file.negative],
        target="random",
        licence=file.licence,
        link=file.link,
    )


def _splits(num_rows: int, part: str, max_instances: int | None) -> tuple[str | None, str | None]:
    """Returns the split expressions for training and evaluation."""
    tested = f"{INSTANCES}[:{NUM_TEST_INSTANCES}]"
    if part == "test":
        return None, tested
    first = NUM_TEST_INSTANCES if part == "both" and num_rows > NUM_TEST_INSTANCES else 0
    last = "" if max_instances is None else first + max_instances
    return f"{INSTANCES}[{first}:{last}]", tested if first else None


def _lineage(file: TaskFile) -> tuple[str, ...]:
    names = [plain_name(_LINK.sub("", source)) for source in file.sources]
    return tuple(dict.fromkeys([name for name in names if name != _NO_CORPUS] + ["mmlu"] * _is_mmlu(file)))


def _exemplar(definition: str, shown: Shown, *, is_negative: bool = False) -> Exemplar:
    fields = {"definition": definition, "input": ended(shown.input)}
    explanation = ended(shown.explanation) if shown.explanation else ""
    return Exemplar(Example(fields, ended(shown.output)), explanation, is_negative)


def _example(definition: str, row: Row) -> Example:
    """Returns an instance's example. Its outputs are all right answers, without blank ones."""
    outputs = [row["output"]] if isinstance(row["output"], str) else row["output"]
    if not isinstance(row["input"], str) or not isinstance(outputs, list) or not all(isinstance(o, str) for o in outputs):
        raise BadRow("an instance needs an input that is text and a list of outputs that are texts")
    answers = tuple(o.strip() for o in outputs if o.strip())
    if not answers:
        raise SkipRow("all its outputs are empty")
    return Example({"definition": definition, "input": ended(row["input"].strip())}, answers)
