"""Collections of finished texts: tasks, clusters and lineage come back from the tasks' names."""

import json
import re
from pathlib import Path

import pytest

from flanjax import hub
from flanjax.importers import FLAN_TASKS, Origin, rendered, superni
from flanjax.importers.flan_tasks import find
from flanjax.importers.imported import plain_name
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.lineage import canonical
from flanjax.tasks.task import BadRow, SkipRow

NAMES = ["glue/mrpc:2.0.0", "cot_gsm8k", "task190_snli_classification", "glue/qnli:2.0.0", "squad/v1.1:3.0.0", "my_own"]


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "flan.jsonl"
    rows = [
        {"inputs": f"{{{{ braces }}}} and <tags> {n}\n", "targets": f"answer {n}", "_task_name": NAMES[n % len(NAMES)], "n": n}
        for n in range(60)
    ]
    rows += [{"inputs": "x", "targets": " ", "_task_name": "my_own"}, {"inputs": None, "targets": "y", "_task_name": "my_own"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_each_task_name_is_a_task_with_cluster_and_lineage_from_the_table(dump):
    found = rendered(dump, task="_task_name")
    assert {t.name: (t.cluster, t.lineage) for t in found.tasks} == {
        "glue_mrpc_2.0.0": ("paraphrase", ("mrpc",)),
        "cot_gsm8k": ("chain_of_thought", ("gsm8k",)),
        "glue_qnli_2.0.0": ("entailment", ("qnli", "squad")),
        "squad_v1.1_3.0.0": ("reading_comprehension", ("squad",)),
    }
    assert {r.name for r in found.refused} == {"task190_snli_classification", "my_own"}


def test_names_that_the_table_lacks_go_to_the_cluster_for_the_rest(dump):
    found = rendered(dump, task="_task_name", rest="other", prefix="flan_")
    assert {t.name: t.cluster for t in found.tasks}["flan_my_own"] == "other"
    assert found.refused == ()


def test_holding_out_reading_takes_tasks_of_the_same_corpus_along(dump):
    split = hold_out(rendered(dump, task="_task_name").mixture("flan"), ["reading_comprehension"])
    assert "squad" in split.removed["glue_qnli_2.0.0"]
    assert {t.name for t in split.train.tasks()} == {"glue_mrpc_2.0.0", "cot_gsm8k"}


def test_texts_are_shown_as_they_are_even_where_they_look_like_a_template(dump):
    task = {t.name: t for t in rendered(dump, task="_task_name").tasks}["cot_gsm8k"]
    example = task.read(task.source.open("train")[0])
    assert task.templates[0].render_input({**example.fields}) == "{{ braces }} and <tags> 1"
    assert example.answer == "answer 1"


def test_empty_targets_are_left_out_and_missing_texts_are_bad_rows(dump):
    task = {t.name: t for t in rendered(dump, task="_task_name", rest="other").tasks}["my_own"]
    rows = task.source.open("train")
    with pytest.raises(SkipRow):
        task.read(rows[10])
    with pytest.raises(BadRow):
        task.read(rows[11])


def test_conversations_fall_into_tasks_by_their_source(tmp_path):
    path = tmp_path / "tulu.jsonl"
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    path.write_text("\n".join(json.dumps({"messages": turns, "source": s}) for s in ("ai2/flan", "ai2/math", "ai2/flan")))
    found = rendered(path, messages="messages", task="source", clusters={"ai2_math": Origin("math", ("gsm8k",))}, rest="chat")
    assert {t.name: (t.cluster, t.source.num_rows("train")) for t in found.tasks} == {
        "ai2_flan": ("chat", 2),
        "ai2_math": ("math", 1),
    }
    task = found.tasks[0]
    assert [m.content for m in task.read(task.source.open("train")[0]).messages] == ["Hi", "Hello"]


@pytest.mark.parametrize(
    ("name", "cluster", "corpora"),
    [
        ("anli/r1:0.1.0", "entailment", {"anli"}),
        ("ai2_arc/ARC-Challenge:1.0.0", "science_qa", {"ai2_arc"}),
        ("adversarial_qa_dbert_answer_the_following_q", "reading_comprehension", {"adversarial_qa", "squad"}),
        ("gem/wiki_lingua_english_en:1.1.0", "summarization", {"wiki_lingua", "wikihow"}),
        ("wmt16_translate/ro-en:1.0.0", "translation", {"wmt_news"}),
        ("super_glue/wsc.fixed:1.0.2", "coreference", {"winograd_schemas"}),
        ("opinion_abstracts_rotten_tomatoes", "summarization", {"rotten_tomatoes"}),
        ("math_dataset/algebra__linear_1d:1.0.0", "math", {"math_dataset"}),
        ("wiki_dialog_ii", "dialogue", {"wiki_dialog"}),
        ("stream_qed_ii", "chain_of_thought", {"qed", "natural_questions"}),
        ("cos_e_v1.11_question_option_description_text", "common_sense", {"cos_e", "commonsense_qa"}),
        ("kilt_tasks_hotpotqa_final_exam", "closed_book_qa", {"hotpot_qa"}),
        ("Race_high_Select_the_best_answer", "reading_comprehension", {"race"}),
    ],
)
def test_the_table_knows_the_names_that_dumps_use(name, cluster, corpora):
    origin = find(plain_name(name), FLAN_TASKS)
    assert origin is not None
    assert (origin.cluster, set(origin.lineage)) == (cluster, corpora)


def test_a_name_that_merely_begins_alike_is_not_found():
    for name in ("dropbox_answers", "tasks", "arctic", "piqa2", "my_glue_mrpc"):
        assert find(name, FLAN_TASKS) is None


def test_every_task_of_flan_2021_is_in_the_table():
    names = """aeslc ag_news_subset ai2_arc/ARC-Challenge ai2_arc/ARC-Easy anli/r1 anli/r2 anli/r3 bool_q cnn_dailymail coqa
        cosmos_qa definite_pronoun_resolution drop fix_punct gem/common_gen gem/dart gem/e2e_nlg gem/web_nlg_en
        gem/wiki_lingua_english_en gigaword glue/cola glue/mnli glue/mrpc glue/qnli glue/qqp glue/sst2 glue/stsb glue/wnli
        hellaswag huggingface:xsum imdb_reviews/plain_text lambada math_dataset/algebra__linear_1d multi_news
        natural_questions_open newsroom openbookqa opinion_abstracts_idebate opinion_abstracts_rotten_tomatoes para_crawl_enes
        paws_wiki piqa quac samsum sentiment140 snli squad/v1.1 squad/v2.0 story_cloze/2016 super_glue/cb super_glue/copa
        super_glue/multirc super_glue/record super_glue/rte super_glue/wic super_glue/wsc.fixed trec trivia_qa/rc true_case
        unified_qa_science_inst winogrande wmt14_translate/fr-en wmt16_translate/cs-en word_segment yelp_polarity_reviews"""
    assert [name for name in names.split() if find(plain_name(name), FLAN_TASKS) is None] == []


def test_tasks_of_a_folder_give_their_clusters_and_lineage_to_a_dump(dump, tmp_path):
    instance = {"id": "a", "input": "x", "output": ["y"]}
    file = {"Definition": ["Do"], "Categories": ["Textual Entailment"], "Source": ["snli"], "Instances": [instance]}
    (tmp_path / "ni" / "tasks").mkdir(parents=True)
    (tmp_path / "ni" / "tasks" / "task190_snli_classification.json").write_text(json.dumps(file))
    table = {**FLAN_TASKS, **superni(tmp_path / "ni").origins()}
    tasks = {t.name: t for t in rendered(dump, task="_task_name", clusters=table).tasks}
    task = tasks["task190_snli_classification"]
    assert (task.cluster, task.lineage) == ("textual_entailment", ("snli",))


def test_clusters_are_called_as_in_the_library():
    library = Path(__file__).parents[2] / "mixtures" / "flan"
    named = {m for file in library.glob("*.py") for m in re.findall(r'cluster="([a-z_]+)"', file.read_text())}
    assert {origin.cluster for origin in FLAN_TASKS.values()} <= named


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("glue/rte:2.0.0", hub("glue", "rte")),
        ("super_glue/cb:1.0.2", hub("aps/super_glue", "cb")),
        ("wsc273", hub("nyu-mll/glue", "wnli")),
        ("squad/v2.0:3.0.0", hub("rajpurkar/squad")),
        ("yelp_polarity_reviews:0.2.0", hub("fancyzhx/yelp_polarity")),
    ],
)
def test_the_corpora_of_the_table_are_those_of_the_hub(name, source):
    table = find(plain_name(name), FLAN_TASKS)
    assert canonical(source.name) in {canonical(corpus) for corpus in table.lineage}
