"""A folder of promptsource becomes tasks: groups, names, metrics, lineage, and what is refused."""

import pytest
from promptsource_cases import ROW, write

from flanjax.importers import promptsource
from flanjax.sources import SourceError, rows
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.lineage import hub_id
from flanjax.tasks.task import Task
from flanjax.tasks.template import Template

ASK = "Does {{ premise }} mean {{ hypothesis }}? ||| {{ answer_choices[label] }}"


def found(folder, **settings):
    return promptsource(folder, source=lambda dataset, config: rows(f"{dataset}", train=[ROW]), **settings)


def test_templates_with_the_same_choices_and_metrics_are_one_task_and_the_largest_has_the_datasets_name(tmp_path):
    write(
        tmp_path,
        "glue/rte",
        {"jinja": ASK, "name": "rare", "choices": "true ||| false"},
        {"jinja": ASK, "name": "one", "choices": "yes ||| no"},
        {"jinja": ASK, "name": "other spacing", "choices": "yes|||no"},
        {"jinja": ASK, "name": "scored otherwise", "choices": "yes ||| no", "metrics": ["Accuracy", "BLEU"]},
        {"jinja": "Why {{ hypothesis }}? ||| {{ premise }}", "name": "free", "metrics": ["ROUGE"]},
        {"jinja": ASK, "name": "row", "choices": "{{ premise }} ||| {{ hypothesis }}"},
        {"jinja": "Write something false. ||| {{ hypothesis }}", "name": "write", "original": False},
        {"jinja": "Write it anew. ||| {{ hypothesis }}", "name": "write", "original": None},
    )
    tasks = found(tmp_path).tasks
    assert {t.name: [w.name for w in t.templates] for t in tasks} == {
        "glue.rte": ["one", "other spacing", "write", "write.2"],
        "glue.rte.true_false": ["rare"],
        "glue.rte.yes_no": ["scored otherwise"],
        "glue.rte.free_text": ["free"],
        "glue.rte.choices_of_the_row": ["row"],
    }
    assert [t.kind for t in tasks[0].templates] == ["forward", "forward", "inverted", "inverted"]
    assert {t.name: t.metrics for t in tasks}["glue.rte.yes_no"] == ("accuracy", "bleu")
    assert {t.name: t.metrics for t in tasks}["glue.rte.free_text"] == ("rougeL", "rouge1", "rouge2")
    assert {(t.cluster, t.train, t.evaluation, t.licence) for t in tasks} == {
        ("entailment", "train", "validation", "Apache-2.0 (promptsource's templates)")
    }


def test_a_dataset_of_inverted_templates_only_is_never_evaluated(tmp_path):
    write(tmp_path, "imdb", {"jinja": "Write. ||| {{ text }}", "original": False})
    (task,) = found(tmp_path).tasks
    assert (task.name, task.cluster, task.evaluation) == ("imdb", "sentiment", None)


def test_the_same_templates_of_three_depths_are_named_by_what_the_file_says(tmp_path):
    one = {"jinja": "{{ text }} ||| x"}
    write(tmp_path, "plain", one)
    write(tmp_path, "with/config", one)
    write(tmp_path, "Someone/thing", one, dataset="Someone/thing", subset=None)
    write(tmp_path, "Someone/other/Config A", one, dataset="Someone/other", subset="Config A")
    write(tmp_path, "moved", one, dataset="super_glue", subset="wsc.fixed")
    assert sorted(t.name for t in found(tmp_path).tasks) == [
        "plain",
        "someone_other.config_a",
        "someone_thing",
        "super_glue.wsc.fixed",
        "with.config",
    ]


def test_rows_come_from_the_ids_of_today_unless_a_source_is_given(tmp_path):
    write(tmp_path, "glue/qnli", {"jinja": "{{ text }} ||| x"})
    write(tmp_path, "my_own", {"jinja": "{{ text }} ||| x"})
    assert [t.source.name for t in promptsource(tmp_path).tasks] == ["hub:nyu-mll/glue/qnli", "hub:my_own"]
    assert [t.source.name for t in found(tmp_path).tasks] == ["rows:glue", "rows:my_own"]
    assert [hub_id(name) for name in ("banking77", "paws-x", "quoref", "samsum", "c4")] == [
        "PolyAI/banking77",
        "google-research-datasets/paws-x",
        "allenai/quoref",
        "knkarthick/samsum",
        "allenai/c4",
    ]


def test_a_held_out_corpus_takes_promptsources_tasks_of_it_out_of_training_whatever_its_name(tmp_path):
    write(tmp_path, "glue/qnli", {"jinja": "{{ text }} ||| x"})  # made from SQuAD
    write(tmp_path, "glue/rte", {"jinja": "{{ text }} ||| x"})
    write(tmp_path, "imdb", {"jinja": "{{ text }} ||| x"})
    squad = Task(
        name="squad",
        cluster="held",
        source=rows("rajpurkar/squad", train=[ROW]),
        example=lambda row: None,
        templates=[Template("x")],
        lineage=["hub:rajpurkar/squad", "hub:aps/super_glue/rte"],
    )
    mixture = found(tmp_path).mixture("all")
    both = type(mixture)(name="both", parts=[*mixture.tasks(), squad])
    assert sorted(hold_out(both, ["held"]).removed) == ["glue.qnli", "glue.rte", "squad"]


def test_splits_are_those_of_the_table_or_given_and_without_any_there_is_no_task(tmp_path):
    for place in ("imdb", "winograd_wsc/wsc273", "app_reviews", "cosmos_qa", "glue/ax"):
        write(tmp_path, place, {"jinja": "{{ text }} ||| x"})
    imported = found(tmp_path)
    assert {t.name: (t.train, t.evaluation) for t in imported.tasks} == {
        "app_reviews": ("train", None),
        "cosmos_qa": ("train", "validation"),
        "imdb": ("train", "test"),
        "winograd_wsc.wsc273": (None, "test"),
    }
    assert [tuple(r) for r in imported.refused] == [("glue/ax/templates.yaml", "no split of its dataset has answers")]
    given = found(tmp_path, splits=lambda dataset, config: ("train[:9]", None))
    assert {(t.train, t.evaluation) for t in given.tasks} == {("train[:9]", None)}


def test_long_columns_may_be_shortened_unless_a_forward_answer_names_them(tmp_path):
    write(
        tmp_path,
        "stories",
        {"jinja": "{{ document }} {{ text }} {{ title }} ||| {{ title }}", "name": "a"},
        {"jinja": "{{ title }} ||| {{ text }}", "name": "b"},
        {"jinja": "{{ title }} ||| {{ document }}", "name": "c", "original": False},
    )
    assert found(tmp_path).tasks[0].long_fields == ("document",)
    assert found(tmp_path, long_columns=("title", "absent")).tasks[0].long_fields == ()


REFUSED = {
    "not Jinja2": ({"jinja": "{% if %} ||| x"}, "its jinja is not Jinja2 that can be rendered"),
    "choices": ({"jinja": "x ||| x", "choices": "{{ a"}, "its answer_choices is not Jinja2"),
    "include": ({"jinja": "{% include 'x' %} ||| x"}, "it includes or imports another file"),
    "no separator": ({"jinja": "{{ text }}"}, "it has no |||, so it has no answer"),
    "no text": ({"jinja": None}, "its jinja is None, expected text"),
    "a number": ({"jinja": "x ||| x", "choices": 3}, "its answer_choices is 3, expected text"),
    "metrics": ({"jinja": "x ||| x", "metrics": [3]}, "its metrics are [3], expected a list of texts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_that_cannot_be_used_is_refused_with_its_reason_and_the_others_stay(tmp_path, name):
    template, reason = REFUSED[name]
    write(tmp_path, "imdb", {**template, "name": name}, {"jinja": "{{ text }} ||| x", "name": "good"})
    imported = found(tmp_path)
    assert [w.name for t in imported.tasks for w in t.templates] == ["good"]
    (refused,) = imported.refused
    assert refused.name == f"imdb: {name}"
    assert reason in refused.reason


def test_what_is_taken_but_not_as_promptsource_has_it_is_said(tmp_path):
    write(
        tmp_path,
        "stsb",
        {"jinja": "{{ a }} ||| {{ label }}", "name": "other metric", "metrics": ["Pearson Correlation", "Accuracy"]},
        {"jinja": "{{ a }} ||| {{ label }}", "name": "no known metric", "metrics": ["Other"]},
        {"jinja": "{{ a }} ||| yes", "name": "unused", "choices": "yes ||| no"},
    )
    imported = found(tmp_path)
    assert [tuple(r) for r in imported.refused] == [
        ("stsb: other metric", "no metric here is its Pearson Correlation; it is scored by accuracy"),
        ("stsb: no known metric", "no metric here is its Other; it is scored by rougeL, exact_match"),
        ("stsb: unused", "its source does not use its answer choices; a row whose answer is none of them has no options"),
    ]
    assert sum(len(t.templates) for t in imported.tasks) == 3


UNSAFE = {
    "an object": "templates: !!python/object/apply:os.system ['touch hacked']",
    "a name": "templates: {a: !!python/name:os.system ''}",
    "another tag": "templates: {a: !Other {name: x}}",
    "a key twice": "templates: {a: !Template {name: x}, a: !Template {name: y}}",
    "no YAML": "templates: [",
    "no mapping": "- a",
    "no templates": "dataset: imdb",
    "a dataset that is no text": "{dataset: 3, templates: {}}",
}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_file_is_read_without_making_any_object_and_refused_if_it_is_no_file_of_promptsource(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imdb").mkdir()
    (tmp_path / "imdb" / "templates.yaml").write_text(UNSAFE[name])
    write(tmp_path, "other", {"jinja": "{{ text }} ||| x"})
    imported = found(tmp_path)
    assert [r.name for r in imported.refused] == ["imdb/templates.yaml"]
    assert [t.name for t in imported.tasks] == ["other"]
    assert not (tmp_path / "hacked").exists()


def test_both_tags_are_plain_mappings_in_any_order_of_keys(tmp_path):
    write(tmp_path, "imdb", {"jinja": "{{ text }} ||| {{ answer_choices[0] }}", "choices": "a ||| b", "shown": True})
    text = (tmp_path / "imdb" / "templates.yaml").read_text()
    assert "!Template" in text
    assert "!TemplateMetadata" in text
    (task,) = found(tmp_path).tasks
    assert (task.templates[0].options, task.templates[0].lists_choices) == ("always", True)


def test_two_files_of_one_dataset_make_one_task_and_one_refusal(tmp_path):
    write(tmp_path, "imdb", {"jinja": "{{ text }} ||| x"})
    write(tmp_path, "again", {"jinja": "{{ text }} ||| x"}, dataset="imdb")
    imported = found(tmp_path)
    assert [t.name for t in imported.tasks] == ["imdb"]
    assert [r.reason for r in imported.refused] == ["another task has the same name"]


def test_a_folder_without_files_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="has no <dataset>"):
        promptsource(tmp_path)
