"""Addresses: a mixture of one's own is a Python file anywhere."""

import pytest

from flanjax.tasks.clusters import hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import catalog, load, load_mixture
from flanjax.tasks.task import Task

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


def test_an_error_inside_a_file_is_shown_as_it_is_and_a_mended_file_loads(folder):
    (folder / "broken.py").write_text("raise RuntimeError('mine')\n")
    with pytest.raises(RuntimeError, match="mine"):
        load(f"{folder}/broken.py:toys")
    (folder / "broken.py").write_text(OWN + "\n# mended\n")
    assert load(f"{folder}/broken.py:toys").name == "toys"
