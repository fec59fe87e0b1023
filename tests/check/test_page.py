"""The page of findings: everything is on it, what matches is marked, and no text breaks it."""

import re

import pytest

from flanjax.check.findings import Example, Finding, Report
from flanjax.check.page import literal, render, shared
from flanjax.cli import main

LEAK = Finding(
    kind="near copy",
    task="qa",
    other="nli",
    detail="1 of 9 evaluation rows",
    of=9,
    examples=(Example("qa.jsonl:3", "See, the CAT sat on the mat.", "the cat sat on the mat again", "nli.jsonl:7"),),
)
CUE = Finding(
    kind="double cue",
    task="qa",
    template="two",
    style="few-shot",
    detail="'Answer: Answer:'",
    count=4,
    of=20,
    examples=(Example("qa.jsonl:1", "Say </pre><script>alert(1)</script>\nAnswer:\nAnswer:"), Example("qa.jsonl:2", "\ud83d")),
)
REPORT = Report(
    mixture="mine",
    findings=(CUE, LEAK),
    checked={"tasks": 2, "rows": 1234},
    known={"near copy/qa": "It is a proverb.", "article/qa": "Gone."},
)


def test_findings_stand_with_both_texts_and_known_ones_are_folded_with_their_reason():
    page = render(REPORT)
    new, known = re.findall(r"<details class=\"finding.*?\n</details>", page, re.DOTALL)
    assert re.search(r"<details [^>]*data-kind=\"double cue\"[^>]* open>", new)
    assert "template two" in new
    assert "4 of 20" in new
    assert "known" in known.split(">")[0]
    assert " open" not in known.split(">")[0]
    for text in ("It is a proverb.", "qa.jsonl:3", "nli.jsonl:7", "near copy/qa/nli", "<mark>the CAT sat on the mat</mark>."):
        assert text in known
    assert "2 tasks, 1,234 rows" in page
    assert "<code>article/qa</code>" in page
    assert '<td><b class="alarm-text">1</b></td><td>0</td>' in page


def test_no_text_breaks_the_page_and_it_fetches_nothing():
    page = render(REPORT)
    page.encode()
    assert "&lt;/pre&gt;&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)


def test_shared_words_are_marked_from_four_on_and_what_a_detail_quotes_whatever_its_white_space():
    assert shared("one two three four", "One, two; three - four!")[1] == "<mark>One, two; three - four</mark>!"
    assert shared("one two three four five", "one two three, no") == ("one two three four five", "one two three, no")
    assert shared("a b", "a b c") == ("<mark>a b</mark>", "<mark>a b</mark> c")
    assert shared("", "x") == ("", "x")
    assert literal("x?\n.", "'? .'") == "x<mark>?\n.</mark>"
    assert literal("<", "no quote") == "&lt;"
    assert literal("x", "''") == "x"


def test_a_template_may_have_any_name_and_what_was_found_is_written_before_it_is_printed(tmp_path, capsys, monkeypatch):
    (tmp_path / "odd.py").write_text(
        "from flanjax import Example, Mixture, Task, Template, rows\n"
        "templates = [Template('{{ text }}  Is it?', name='[/s] odd [yes/no]')]\n"
        "read = lambda row: Example({'text': row['text']}, 'x')\n"
        "one = Task(name='one', cluster='c', source=rows('one', train=[{'text': 'a'}]), example=read, templates=templates)\n"
        "mine = Mixture(name='mine', parts=[one])\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check", "odd.py:mine", "--json", "odd.json"]) == 1
    assert "[/s] odd [yes/no]" in " ".join(capsys.readouterr().out.split())
    monkeypatch.setattr("flanjax.check.command.print_report", lambda report, console: 1 / 0)
    (tmp_path / "odd.json").unlink()
    with pytest.raises(ZeroDivisionError):
        main(["check", "odd.py:mine", "--json", "odd.json"])
    assert (tmp_path / "odd.json").exists()


def test_where_nothing_can_be_written_is_told_before_the_work(tmp_path, capsys, monkeypatch):
    (tmp_path / "films.py").write_text("raise RuntimeError('the work has begun')\n")
    monkeypatch.chdir(tmp_path)
    for option in ("--json", "--html"):
        assert main(["check", "films.py:films", option, str(tmp_path)]) == 1
        assert "it is a folder; name a file in it" in capsys.readouterr().err
    assert main(["check", "films.py:films", "--json", "new/folder/found.json"]) == 1
    assert "the work has begun" in capsys.readouterr().err
    assert (tmp_path / "new/folder").is_dir()


def test_a_mixture_without_findings_has_a_page_that_says_so(tmp_path, capsys):
    (tmp_path / "films.py").write_text(
        "from flanjax import *\n"
        'films = Task(name="films", cluster="c", source=rows("f", train=[{"t": f"film {i}"} for i in range(9)]),\n'
        '    example=lambda row: Example({"t": row["t"]}, row["t"][-1]), templates=[Template("The number of {{ t }}?")])\n'
    )
    assert main(["check", f"{tmp_path}/films.py:films", "--html", f"{tmp_path}/page.html"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert '<div class="ok"><span>New findings</span><b>0</b>' in page
    assert 'class="finding' not in page
