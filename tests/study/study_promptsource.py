"""All templates of promptsource 0.2.3 render as its own renderer renders them, and how fast.

The source archive comes from the package index, or from PROMPTSOURCE_ARCHIVE. It is not installed. Its renderer
(promptsource/templates.py, Apache License 2.0) runs as it is, but for three things: its cut at 2,048 characters is off,
`choice` and `random` draw what ours draw, and they take the context, because Jinja2 would else draw once for all. Rows come
from the mirror (FLANJAX_HUB_MIRROR) where it has the dataset; others are made from how the templates use their variables.
"""

import copy
import functools
import importlib.util
import os
import random
import re
import subprocess
import sys
import tarfile
import time
import types
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from etils import epath
from made_rows import make_row, uses

from flanjax.importers import promptsource
from flanjax.importers.promptsource_datasets import full_name
from flanjax.importers.promptsource_datasets import source as published_source
from flanjax.importers.promptsource_environment import Drawing
from flanjax.importers.promptsource_template import PromptsourceTemplate, example
from flanjax.sources import SourceError
from flanjax.sources.hub import MIRROR
from flanjax.tasks.asked import Wording
from flanjax.tasks.draws import Draws
from flanjax.tasks.styles import Style

ARCHIVE = "PROMPTSOURCE_ARCHIVE"
NUM_TEMPLATES = 2085
ROWS = 24  # for each template
NAMES = {"answer_choices", "zip", "range", "dict", "namespace"}  # of the renderer, not of a row
SPLITS = ("train", "validation", "test", "train_r1")

# Columns whose texts or lists have a shape that their templates take apart, so that made ones would not do.
_EDIT = "The <cat/> sat on the mat."
SHAPED: dict[str, dict[str, Any]] = {
    "cbt/raw": {"title": "Some_Writer___A_Long_Book.txt.out"},
    "conv_ai": {
        "evaluation": [{"userId": "Alice", "engagement": 4}, {"userId": "Bob", "engagement": 2}],
        "thread": [{"userId": "Bob", "text": "Hello."}, {"userId": "Alice", "text": "Yes?"}],
    },
    "freebase_qa": {
        "Parses": {
            "TopicEntityName": ["a topic", "another"],
            "InferentialChain": ["one.two.three_four"],
            "Answers": [{"AnswersName": [["first answer"]]}, {"AnswersName": [["second answer"]]}],
        }
    },
    "humicroedit/subtask-1": {"original": _EDIT, "edit": "dog", "meanGrade": 1.7},
    "humicroedit/subtask-2": {"original1": _EDIT, "original2": _EDIT, "edit1": "dog", "edit2": "cow", "label": 1},
    "math_dataset/algebra__linear_1d_composed": {"question": "Let b = 2. Solve 3*q = b for q."},
    "math_dataset/algebra__linear_2d_composed": {"question": "Let b = 2. Solve 3*q = b - r, r = 2*q for q."},
    "nlu_evaluation_data": {"scenario": "alarm"},
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """The unpacked folder promptsource/ of the archive."""
    place = tmp_path_factory.mktemp("promptsource")
    file = os.environ.get(ARCHIVE) or _download(place)
    with tarfile.open(file) as packed:
        packed.extractall(place, filter="data")
    return next(place.glob("promptsource-*/promptsource"))


def _download(place: Path) -> Path:
    command = "download promptsource==0.2.3 --no-deps --no-binary :all: --ignore-requires-python --no-build-isolation --dest"
    done = subprocess.run([sys.executable, "-m", "pip", *command.split(), place], capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"promptsource's archive cannot be fetched; set {ARCHIVE}: {done.stderr[-300:]}")
    return next(place.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def reference(archive) -> Any:
    """promptsource's templates.py as a module."""
    stub = types.ModuleType("pkg_resources")
    stub.resource_filename = lambda package, name: str(archive / name)  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("pkg_resources", "pandas")}
    sys.modules.update(pkg_resources=stub, pandas=types.ModuleType("pandas"))
    try:
        spec = importlib.util.spec_from_file_location("promptsource_templates", archive / "templates.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        for name, known in before.items():
            sys.modules.pop(name)
            if known is not None:
                sys.modules[name] = known
    module.env.filters["choice"] = jinja2.pass_context(lambda _, values: module.choice(values))
    module.env.filters["random"] = jinja2.pass_context(
        lambda context, values: module.choice(values) if len(values) else context.environment.undefined("none")
    )
    module.env.from_string = functools.cache(module.env.from_string)  # it compiles for each rendering
    return module


class Same(random.Random):
    """Stands for the module `random` in the reference: it draws what ours draws for the same example."""

    def __init__(self, draws: Draws):
        super().__init__(0)
        self._draw = Drawing(draws)

    def choice(self, seq):
        if not len(seq):
            raise IndexError
        return seq[self._draw(len(seq))]


def _mirrored(dataset: str, config: str | None) -> list[dict[str, Any]]:
    """Rows of the mirror, spread over the first split there is; [] if it has none."""
    if not os.environ.get(MIRROR):
        return []
    for split in SPLITS:
        try:
            rows = published_source(dataset, config).open(split)
        except SourceError:
            continue
        return [dict(rows[i * len(rows) // ROWS]) for i in range(min(ROWS, len(rows)))]
    return []


def _made(templates: list[Any], env: Any, rng: random.Random, count: int = ROWS) -> list[dict[str, Any]]:
    texts = [t.jinja for t in templates] + [t.answer_choices for t in templates if t.answer_choices]
    trees = [env.parse(text) for text in texts]
    names = frozenset().union(*(jinja2.meta.find_undeclared_variables(tree) for tree in trees))
    found = uses(trees)
    return [make_row(names - NAMES, found, rng) for _ in range(count)]


class Compared:
    """What came of comparing every template on its rows."""

    def __init__(self, reference: Any):
        self._reference = reference
        self.counts: Counter[str] = Counter()
        self.differing: list[tuple[Any, ...]] = []
        self.asked: list[tuple[Any, Any, Draws]] = []
        self.templates: set[Any] = set()

    def compare(self, theirs: Any, where: str, rows: list[dict[str, Any]], kind: str, enough: int = ROWS) -> int:
        """Returns on how many of the rows the reference gives something, of at most `enough`."""
        ours = PromptsourceTemplate(theirs.jinja, name=theirs.name, answer_choices=theirs.answer_choices)
        seen = 0
        for number, row in enumerate(rows):
            draws = Draws("study", where, number)
            expected = self._expected(theirs, row, draws)
            if expected is None:
                self.counts[f"{kind} rows skipped: the reference raises"] += 1
                continue
            before = copy.deepcopy(row)
            try:
                found: Any = ours.render(row, draws)
            except Exception as error:
                found = repr(error)
            if found != expected or row != before:
                self.differing.append((where, theirs.name, row, expected, found))
            self._count(*expected, kind)
            self.asked.append((ours, example(row), draws))
            self.templates.add(ours)
            seen += 1
            if seen == enough:
                break
        return seen

    def _expected(self, theirs: Any, row: dict[str, Any], draws: Draws) -> tuple[Any, Any] | None:
        try:
            self._reference.random = Same(draws)
            parts = theirs.apply(copy.deepcopy(row), truncate=False)
            self._reference.random = Same(draws)
            return parts, theirs.get_answer_choices_list(copy.deepcopy(row))
        except Exception:
            return None

    def _count(self, parts: list[str], choices: list[str] | None, kind: str) -> None:
        self.counts[f"renders on {kind} rows"] += 1
        self.counts[f"renders on {kind} rows that ask nothing"] += len(parts) < 2 or not parts[0] or not any(parts[1:])
        if choices and len(parts) > 1 and parts[1]:
            self.counts[f"renders on {kind} rows with choices"] += 1
            self.counts[f"renders on {kind} rows with choices without the answer"] += parts[1] not in choices


def test_every_template_renders_as_promptsource_renders_it(archive, reference):
    compared, unseen = Compared(reference), []
    counts = Counter[str]()
    for path in sorted((archive / "templates").rglob("templates.yaml")):
        content = yaml.load(path.read_text(), yaml.FullLoader)
        dataset, config = content["dataset"], content.get("subset")
        templates = list(content["templates"].values())
        mirrored = _mirrored(dataset, config)
        made = _made(templates, reference.env, random.Random(f"{dataset} {config}"))
        made += [row | SHAPED.get(full_name(dataset, config), {}) for row in made]
        counts += Counter({"files": 1, "files with rows in the mirror": bool(mirrored), "templates": len(templates)})
        for theirs in templates:
            where = f"{dataset}/{config}"
            seen = compared.compare(theirs, where, mirrored, "real") or compared.compare(theirs, where, made, "made")
            if not seen:
                many = _made([theirs], reference.env, random.Random(theirs.name), 3000)
                seen = compared.compare(theirs, where, many, "made")
            if not seen:
                unseen.append(f"{where}: {theirs.name}")
    counts["templates that draw"] = sum(bool(re.search(r"\|\s*(choice|random)\b", t.input)) for t in compared.templates)
    print()
    for name, count in (*counts.items(), *sorted(compared.counts.items())):
        print(f"{count:8,} {name}")
    print(f"{len(compared.differing):8,} differ; {len(unseen)} templates on no row:", *unseen, sep="\n         ")
    for found in compared.differing[:5]:
        print(*found, sep="\n    ")
    _time(compared.asked)
    assert counts["templates"] == NUM_TEMPLATES
    assert not compared.differing
    assert not unseen


def _time(asked: list[tuple[Any, Any, Draws]]) -> None:
    wording = Wording(0, Style())
    best = 0.0
    for _ in range(5):
        start = time.process_time()
        for template, made, draws in asked:
            template.ask(made, wording, draws)
        best = max(best, len(asked) / (time.process_time() - start))
    print(f"{best:8,.0f} renders a second on one core, `ask` as a whole")


def test_the_import_of_the_whole_folder_refuses_no_template(archive):
    start = time.process_time()
    found = promptsource(epath.Path(archive) / "templates")
    seconds = time.process_time() - start
    templates = [t for task in found.tasks for t in task.templates]
    print(f"\n{len(found.tasks)} tasks, {len(templates)} templates in {seconds:.1f} s; {len(found.refused)} notes:")
    for reason, count in Counter(r.reason for r in found.refused).most_common():
        print(f"{count:8,} {reason}")
    print(Counter(task.cluster for task in found.tasks))
    assert [r.name for r in found.refused if r.name.endswith(".yaml")] == ["glue/ax/templates.yaml"]  # its labels are hidden
    everything = promptsource(epath.Path(archive) / "templates", splits=lambda dataset, config: ("train", None))
    assert sum(len(task.templates) for task in everything.tasks) == NUM_TEMPLATES
