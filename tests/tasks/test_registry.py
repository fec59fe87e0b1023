"""Addresses: a mixture of one's own is a Python file anywhere."""

import pytest

from flanjax.sources import SourceError
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import catalog, load, load_mixture
from flanjax.tasks.task import Task
from flanjax.tasks.user_code import UserCodeError

OWN = '''
"""Two toy tasks: sums, and the colours of things."""

from flanjax import Example, Mixture, Task, Template, rows

SUMS = [{"a": a, "b": b} for a in range(10) for b in range(10)]
COLOURS = [{"thing": "grass", "colour": "green"}, {"thing": "snow", "colour": "white"}]


def _sum(row):
    return Example({"a": row["a"], "b": row["b"]}, str(row["a"] + row["b"]))


sums = Task(
    name="toy.sums",
    cluster="arithmetic",
    source=rows("toy.sums", train=SUMS[:90], test=SUMS[90:]),
    example=_sum,
    templates=[Template("What is {{ a }} + {{ b }}?"), Template("{{ a }} and {{ b }} are")],
    evaluation="test",
)
colours = Task(
    name="toy.colours",
    cluster="colours",
    source=rows("toy.colours", train=COLOURS),
    example=lambda row: Example({"thing": row["thing"]}, row["colour"], ["green", "white"]),
    templates=[Template("What colour is {{ thing }}?")],
)
toys = Mixture(name="toys", parts=[sums, colours])
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "toys.py").write_text(OWN)
    return tmp_path


def test_a_users_own_file_of_thirty_lines_is_a_mixture_that_works(folder):
    mixture = load(f"{folder}/toys.py:toys")
    rows = {t.name: t.source.open(t.train) for t in mixture.tasks()}
    assert {e.task.name: e.share for e in mixture.resolve({n: len(r) for n, r in rows.items()})} == {
        "toy.sums": pytest.approx(90 / 92),
        "toy.colours": pytest.approx(2 / 92),
    }
    assert mixture.task("toy.sums").read(rows["toy.sums"][12]).answer == "3"
    assert [t.name for t in hold_out(mixture, ["colours"]).train.tasks()] == ["toy.sums"]


def test_tasks_are_found_by_variable_and_by_their_own_name(folder):
    assert load(f"{folder}/toys.py:sums") is load(f"{folder}/toys.py:toy.sums")
    assert set(catalog(folder / "toys.py")) == {"sums", "colours", "toys", "toy.sums", "toy.colours"}


def test_a_task_alone_becomes_a_mixture_of_one(folder):
    alone, whole = load_mixture(f"{folder}/toys.py:colours"), load_mixture(f"{folder}/toys.py:toys")
    assert isinstance(alone, Mixture)
    assert [t.name for t in alone.tasks()] == [alone.name] == ["toy.colours"]
    assert isinstance(whole, Mixture)
    assert whole.name == "toys"


def test_paths_are_relative_to_the_working_folder_a_folder_or_a_file(folder, monkeypatch):
    (folder / "more").mkdir()
    (folder / "more" / "other.py").write_text(
        "from flanjax import load, Mixture\n"
        "sums = load('../toys.py:sums', relative_to=__file__)\n"
        "mine = Mixture(name='mine', parts=[sums])\n"
    )
    monkeypatch.chdir(folder)
    mine = load("more/other.py:mine")
    assert next(mine.tasks()) is load("toys.py:sums") is load("toys.py:sums", relative_to=str(folder))
    assert isinstance(load("other.py:sums", relative_to=str(folder / "more")), Task)


def test_a_misspelt_file_is_an_error_with_the_nearest_one(folder):
    with pytest.raises(FileNotFoundError, match=r"did you mean 'toys\.py'"):
        load(f"{folder}/toy.py:toys")
    with pytest.raises(FileNotFoundError, match="no folder"):
        load(f"{folder}/nowhere/toys.py:toys")


def test_a_misspelt_name_is_an_error_with_the_nearest_ones(folder):
    with pytest.raises(KeyError, match="did you mean 'colours'"):
        load(f"{folder}/toys.py:colors")


def test_an_address_without_a_name_is_an_error_that_shows_one(folder):
    with pytest.raises(ValueError, match=r"toys\.py:my_mixture"):
        load(f"{folder}/toys.py")


def test_two_files_may_use_one_name_and_one_file_is_read_once(folder):
    (folder / "b").mkdir()
    (folder / "b" / "toys.py").write_text(OWN.replace('name="toys"', 'name="others"'))
    assert load(f"{folder}/toys.py:toys").name == "toys"
    assert load(f"{folder}/b/toys.py:toys").name == "others"
    assert load(f"{folder}/toys.py:toys") is load(f"{folder}/b/../toys.py:toys")


BROKEN = {
    "syntax": ("x = 1\ndef f(:\n", r"bad\.py:2: SyntaxError: invalid syntax: def f\(:$"),
    "indentation": ("if True:\nx = 1\n", r"bad\.py:2: IndentationError: expected an indented block"),
    "a null byte": ("x = 1\0\n", r"bad\.py:?\d*: .*null bytes"),
    "an import": ("\nimport nosuchmodule\n", r"bad\.py:2: ModuleNotFoundError: No module named 'nosuchmodule'$"),
    "an import of a file beside it": ("import toys\n", r"bad\.py:1: .*; toys\.py lies beside it: flanjax\.load"),
    "a name": ("from flanjax import Task\ntoys = Mixtrue()\n", r"bad\.py:2: NameError: name 'Mixtrue' is not defined"),
    "a wrong type": ("x = 1 + ''\n", r"bad\.py:1: TypeError: unsupported operand"),
    "an exit": ("import sys\n\nsys.exit(3)\n", r"bad\.py:3: the file calls sys\.exit\(3\)"),
    "a message of many lines": ("raise ValueError('one\\ntwo')\n", r"bad\.py:1: ValueError: one two$"),
    "an endless call": ("def f(): f()\nf()\n", r"bad\.py:1: RecursionError: maximum recursion"),
    "what flanjax refuses": (
        "from flanjax import Mixture\n\ntoys = Mixture(name='toys', parts=[])\n",
        r"bad\.py:3: mixture toys: no parts$",
    ),
    "None": ("x = 1\ntoys = None\n", r"bad\.py:2: toys is None, expected a Mixture or a Task$"),
    "a list": ("toys = [1]\n", r"bad\.py:1: toys is a list, expected .*; make it one: Mixture\(name=\"toys\", parts=toys\)"),
    "a function": ("def toys():\n    return 1\n", r"bad\.py:1: toys is a function, expected .*; call it: toys = toys\(\)"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_an_error_in_a_file_is_one_line_with_file_and_line(folder, monkeypatch, content, message):
    (folder / "bad.py").write_text(content)
    monkeypatch.chdir(folder)
    with pytest.raises(UserCodeError, match=f"^{message}") as caught:
        load("bad.py:toys")
    assert "\n" not in str(caught.value)


def test_an_error_in_a_file_that_another_loads_names_both_and_a_mended_file_loads(folder):
    (folder / "broken.py").write_text("raise RuntimeError('mine')\n")
    (folder / "outer.py").write_text("import flanjax\ntoys = flanjax.load('broken.py:toys', relative_to=__file__)\n")
    with pytest.raises(UserCodeError, match=r"broken\.py:1: RuntimeError: mine") as caught:
        load(f"{folder}/outer.py:toys")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert [note.endswith("outer.py:2") for note in caught.value.__notes__] == [True]
    (folder / "broken.py").write_text(OWN + "\n# mended\n")
    assert load(f"{folder}/outer.py:toys").name == "toys"


def test_an_error_in_a_function_that_makes_rows_names_the_source_and_the_line(folder):
    (folder / "late.py").write_text(OWN.replace("train=COLOURS", "train=lambda: COLOURS + 1"))
    task = load(f"{folder}/late.py:colours")
    with pytest.raises(SourceError, match=r"rows:toy\.colours: split 'train': .*late\.py:25: TypeError"):
        task.source.open("train")
