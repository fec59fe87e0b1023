"""`flanjax show FOLDER`: what files define, without opening data."""

import json

import pytest

from flanjax.cli import main
from flanjax.describe.catalogue import catalogue
from flanjax.sources.hub import HubStore

FILMS = """
from pathlib import Path

from flanjax import Example, Mixture, Part, Task, Template, jsonl, rows


def never():
    raise AssertionError("data was opened")


mood = Task(
    name="mood",
    cluster="films",
    source=rows("mood", train=[{}] * 30, test=[{}] * 4),
    example=lambda row: Example({"text": "x"}, "y"),
    templates=[Template("Mood of {{ text }}?\\n{{ options }}"), Template("Invent a film.", "{{ text }}", kind="inverted")],
    train="train[:20]",
    evaluation="test",
    lineage=["imdb"],
    licence="MIT",
    link="https://films.example",
)
closed = Task(
    name="closed",
    cluster="secrets",
    source=rows("closed", train=never),
    example=lambda row: Example({}, "y"),
    templates=[Template("Say y.", shots=0)],
    few_shot=False,
)
missing = Task(
    name="missing",
    cluster="films",
    source=jsonl(train=Path(__file__).with_name("nowhere.jsonl")),
    example=lambda row: Example({}, "y"),
    templates=[Template("Say {{ rationale }}", "{{ answer }}", kind="inverted")],
)
inner = Mixture(name="inner", parts=[mood, closed])
"""
ALL = """
import dataclasses

from flanjax import Mixture, load

same = Mixture(name="same", parts=[dataclasses.replace(load("parts/films.py:mood", relative_to=__file__))])
inner = load("parts/films.py:inner", relative_to=__file__)
mood = load("parts/films.py:mood", relative_to=__file__)
missing = load("parts/films.py:missing", relative_to=__file__)
whole = Mixture(name="whole", parts=[inner, missing])
more = Mixture(name="more", parts=[dataclasses.replace(mood, licence="changed")])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mixtures" / "parts").mkdir(parents=True)
    (tmp_path / "mixtures" / "parts" / "films.py").write_text(FILMS)
    (tmp_path / "mixtures" / "parts" / "_helper.py").write_text("raise ValueError('not to be run')")
    (tmp_path / "mixtures" / "all.py").write_text(ALL)
    (tmp_path / "mixtures" / "nothing.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flanjax.show.catalogue._WIDTH", 400)  # so that no line is wrapped
    return tmp_path


def test_a_catalogue_has_every_mixture_cluster_and_task_once_with_the_file_that_defines_it(folder):
    found = catalogue(["mixtures"])
    assert found.errors == {}
    assert [(t.name, t.cluster, t.file) for t in found.tasks] == [
        ("mood", "films", "mixtures/all.py"),
        ("missing", "films", "mixtures/parts/films.py"),
        ("mood", "films", "mixtures/parts/films.py"),
        ("closed", "secrets", "mixtures/parts/films.py"),
    ]
    changed, missing, mood, closed = found.tasks
    assert changed.licence == "changed"
    assert (mood.rows, mood.evaluation_rows, mood.licence, mood.link) == (20, 4, "MIT", "https://films.example")
    assert mood.lineage == ("imdb", "rows:mood")
    assert [(t.name, t.kind) for t in mood.templates] == [("0", "forward"), ("1", "inverted")]
    assert mood.styles == ("zero-shot", "few-shot", "options", "forward", "inverted")
    assert closed.styles == ("zero-shot", "forward")
    assert missing.styles == ("zero-shot", "few-shot", "chain-of-thought", "inverted")
    assert (closed.rows, missing.rows, missing.evaluation_rows) == (None, None, None)
    assert [(m.address, m.tasks, m.rows, m.uncounted) for m in found.mixtures] == [
        ("mixtures/all.py:more", ("mood",), 20, 0),
        ("mixtures/all.py:same", ("mood",), 20, 0),
        ("mixtures/all.py:whole", ("mood", "closed", "missing"), 20, 2),
        ("mixtures/parts/films.py:inner", ("mood", "closed"), 20, 1),
    ]
    assert [(c.name, c.tasks, c.templates) for c in found.clusters] == [
        ("films", ("missing", "mood", "mood"), 5),
        ("secrets", ("closed",), 1),
    ]


@pytest.mark.parametrize("place", [".hidden", "_private/deep", "env/lib"])
def test_files_in_hidden_folders_and_virtual_environments_are_not_run(folder, place):
    (folder / place).mkdir(parents=True)
    (folder / "env").mkdir(exist_ok=True)
    (folder / "env" / "pyvenv.cfg").touch()
    (folder / place / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    catalogue([folder])
    assert not (folder / "ran").exists()


def test_a_search_keeps_entries_that_have_all_words(folder):
    found = catalogue(["mixtures"]).matching(["MOOD of", "imdb"])
    assert [t.file for t in found.tasks] == ["mixtures/all.py", "mixtures/parts/films.py"]
    assert [m.name for m in catalogue(["mixtures"]).matching(["secrets"]).mixtures] == ["whole", "inner"]


def test_the_command_prints_tables_or_json_and_fails_if_a_file_cannot_be_loaded(folder, capsys):
    assert main(["show", "mixtures"]) == 0
    out = capsys.readouterr().out
    for text in ("mixtures/all.py:whole", "20 + 2 tasks", "2 (1 inverted)", "https://films.example", "4 tasks, 6 templates"):
        assert text in out
    (folder / "mixtures" / "broken.py").write_text("\nMixtrue()\n")
    assert main(["show", "mixtures", "--json", "--search", "secrets"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [task["name"] for task in found["tasks"]] == ["closed"]
    assert found["tasks"][0]["templates"] == [{"name": "0", "kind": "forward", "input": "Say y."}]
    assert found["errors"] == {
        "mixtures/broken.py": "mixtures/broken.py:2: NameError: name 'Mixtrue' is not defined",
    }
    assert main(["show", "mixtures/broken.py", "mixtures/parts/films.py"]) == 1
    out = capsys.readouterr().out
    assert "files that cannot be loaded" in out
    assert "closed" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no file or folder nowhere; a mixture is FILE:NAME"),
        (["mixtures", "mixtures/all.py:whole"], "mixtures/all.py:whole is a mixture and must stand alone"),
        (["mixtures", "--task", "mood"], "--task is for one mixture"),
        (["mixtures/all.py:whole", "--json"], "--json is for folders and files"),
    ],
)
def test_what_does_not_go_together_is_refused(folder, capsys, arguments, said):
    assert main(["show", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_the_hub_is_not_asked(folder, monkeypatch):
    monkeypatch.delenv("FLANJAX_HUB_MIRROR", raising=False)
    monkeypatch.setattr(HubStore, "_ask_hub", lambda *_: pytest.fail("the hub was asked"))
    (folder / "far.py").write_text(
        FILMS.replace('rows("mood", train=[{}] * 30, test=[{}] * 4)', 'hub("stanfordnlp/imdb")').replace(
            "rows\n", "hub, rows\n"
        )
    )
    assert [t.rows for t in catalogue(["far.py"]).tasks if t.name == "mood"] == [None]
