"""What importers return."""

import json

import pytest

from flanjax import Example, Task, Template, rows
from flanjax.importers import Imported, Origin, Refused, alpaca, chat_file, dolly, rendered
from flanjax.importers.flan_tasks import find
from flanjax.importers.imported import plain_name, unique


def task(name, cluster="c"):
    source = rows(name, train=[{"x": 1}])
    return Task(
        name=name, cluster=cluster, source=source, example=lambda row: Example(row, "a"), templates=[Template("{{ x }}")]
    )


def test_of_two_tasks_with_one_name_the_second_is_refused():
    found = unique([task("a"), task("b"), task("a", "other")], [Refused("c", "bad")])
    assert [(t.name, t.cluster) for t in found.tasks] == [("a", "c"), ("b", "c")]
    assert found.refused == (Refused("c", "bad"), Refused("a", "another task has the same name"))


def test_a_mixture_of_nothing_is_an_error_with_the_reasons():
    with pytest.raises(ValueError, match=r"mixture m: nothing was imported \(c: bad\)"):
        Imported((), (Refused("c", "bad"),)).mixture("m")
    with pytest.raises(ValueError, match="nothing was found"):
        Imported(()).mixture("m")


def test_a_mixture_has_all_tasks_and_the_rules_it_is_given():
    found = Imported((task("a"), task("b", "d")))
    mixture = found.mixture("m", rate=lambda rows, templates: float(rows == 3) + 1, exclusions={"c": ["d"]})
    assert [(e.task.name, e.share) for e in mixture.resolve({"a": 3, "b": 4})] == [("a", 2 / 3), ("b", 1 / 3)]
    assert mixture.all_exclusions() == {"c": ("d",)}
    assert found.origins() == {"a": Origin("c"), "b": Origin("d")}


def test_exemplars_are_not_put_before_instructions_conversations_and_finished_texts(tmp_path):
    row = {"instruction": "a", "output": "b", "response": "b", "category": "c", "inputs": "a", "targets": "b", "task": "t"}
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row]))
    found = [alpaca(path), dolly(path), chat_file(path), rendered(path, rest="other")]
    assert [[t.few_shot for t in imported.tasks] for imported in found] == [[False]] * 4


def test_a_text_without_letters_is_no_name():
    with pytest.raises(ValueError, match="no letter"):
        plain_name("雪 -")


def test_the_longest_fitting_row_of_a_table_counts_whatever_the_order():
    table = {"qa": Origin("short"), "qa_hard": Origin("long"), "q*": Origin("any")}
    assert find("qa_hard_1", table) == Origin("long")
    assert find("qa_hard_1", dict(reversed(table.items()))) == Origin("long")
    assert find("qb", table) == Origin("any")
