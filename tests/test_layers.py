"""Imports point down only: the house of flanjax, floor by floor, read from the source without running it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "flanjax"
FILES = sorted(PACKAGE.rglob("*.py"))

# A module may import what stands on a line below its own. On one line all are siblings, and import each other nowhere.
FLOORS = (
    {"version", "names", "records", "malloc", "failures"},
    {"fields", "storage"},
    {"claim", "workdir"},
    {"tasks", "models", "parallel", "checkpoint"},
    {"sources"},
    {"importers"},
    {"data", "huggingface"},
    {"generate", "describe", "adapt"},
    {"train", "evaluate"},
    {"config"},
    {"parts", "out_of_memory", "pages"},
    {"report", "aot", "check", "explore"},
    {"run", "prepare", "show"},
    {"harness", "ask"},
    {"serve", "lab"},
    {"arguments"},
    {"commands"},
    {"cli"},
)
FLOOR = {unit: floor for floor, units in enumerate(FLOORS) for unit in units}
HEAVY = ("jax", "transformers", "grain", "datasets", "pyarrow", "orbax", "flax", "tokenizers", "sentencepiece", "torch")
AXES = {"fsdp", "tensor"}

each_file = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))


def unit_of(file: Path) -> str:
    """The part of the house that a file belongs to: its folder, or itself; "" is flanjax/__init__.py."""
    first = file.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imported(source: str, units: set[str]) -> set[str]:
    """Dotted names of everything a source imports, at any depth; `from flanjax import data` is flanjax.data."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import; this house imports by full names"
            inner = {alias.name for alias in node.names} & units if node.module == "flanjax" else set()
            names |= {f"flanjax.{unit}" for unit in inner} or {node.module or ""}
    return names


def units_imported(source: str) -> set[str]:
    """The parts of the house that a source imports; "" stands for `import flanjax` itself."""
    parts = [name.split(".") for name in imported(source, set(FLOOR))]
    return {p[1] if len(p) > 1 else "" for p in parts if p[0] == "flanjax"}


def not_below(unit: str, source: str) -> list[str]:
    """What a source of that unit imports although it does not stand below it."""
    floor = FLOOR[unit]
    # `import flanjax` brings in sources, so it stands where they do.
    floors = {**FLOOR, "": FLOOR["sources"]}
    return sorted(name for name in units_imported(source) if name != unit and floors[name] >= floor)


@each_file
def test_every_file_stands_on_a_known_floor_and_imports_only_from_below(file):
    unit = unit_of(file)
    if not unit:
        assert units_imported(file.read_text()) <= {"tasks", "sources", "version"}
        return
    assert unit in FLOOR, f"{unit} has no floor: give it one in FLOORS and in the design"
    assert not_below(unit, file.read_text()) == []


@pytest.mark.parametrize(
    ("unit", "source", "found"),
    [
        ("tasks", "from flanjax.data.plan import Plan", ["data"]),
        ("tasks", "def f():\n    import flanjax.models.t5", ["models"]),
        ("train", "from flanjax.evaluate.metrics import accuracy", ["evaluate"]),
        ("evaluate", "from flanjax import config, train", ["config", "train"]),
        ("sources", "import flanjax", [""]),
        ("data", "from flanjax.tasks.task import Task\nfrom flanjax.data import plan\nimport jax", []),
    ],
)
def test_an_import_from_above_or_beside_is_found_wherever_it_hides(unit, source, found):
    assert not_below(unit, source) == found


def test_a_relative_import_is_refused():
    with pytest.raises(AssertionError, match="relative"):
        imported("from . import plan", set())


@pytest.mark.parametrize(
    ("library", "owner"),
    [("orbax", "checkpoint"), ("grain", "data"), ("tensorstore", "claim"), ("fsspec", "storage")],
)
def test_one_part_of_the_house_alone_knows_a_library(library, owner):
    users = {unit_of(f) for f in FILES if any(n.split(".")[0] == library for n in imported(f.read_text(), set()))}
    assert users == {owner}


def test_only_parallel_names_mesh_axes():
    named = {
        unit_of(f)
        for f in FILES
        for node in ast.walk(ast.parse(f.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in AXES
    }
    assert named == {"parallel"}


def test_tasks_are_text_and_models_are_math():
    libraries = {
        unit: {n.split(".")[0] for f in FILES if unit_of(f) == unit for n in imported(f.read_text(), set())}
        for unit in ("tasks", "models")
    }
    assert not libraries["tasks"] & {*HEAVY, "numpy"}
    assert not libraries["models"] & {"transformers", "tokenizers", "sentencepiece", "grain", "orbax", "jinja2"}


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("flanjax", HEAVY),
        # A start of these takes half a second; with jax or what brings it along it takes one or two.
        (
            "flanjax.cli, flanjax.show.command, flanjax.check.command, flanjax.explore.command, flanjax.report.page",
            ("jax", "transformers", "grain", "datasets", "orbax", "flax", "torch"),
        ),
    ],
)
def test_what_needs_no_heavy_library_imports_none(modules, unwanted):
    code = f"import sys, {modules}; print(*[m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    assert done.stdout.split() == []
