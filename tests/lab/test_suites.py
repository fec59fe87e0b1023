"""Suites load, read rows of the published columns, and hold published scores beside ours only under one protocol."""

import dataclasses
import itertools
import json
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer

from flanjax.cli import main
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.evaluate import protocol
from flanjax.evaluate.suites import Shortfalls, SuiteScore, beside, read_suite, score, shortfalls
from flanjax.generate.request import Text
from flanjax.run import evaluation
from flanjax.tasks.draws import Draws
from flanjax.tasks.registry import load_mixture

SUITES = Path(__file__).parents[2] / "mixtures" / "suites"
PROMPT = """A warning that nobody should train on this.
-----
Answer with a letter.

Q: Which is {{warm}}?
(A) ice (B) fire
A: Let's think step by step.
Fire burns. So the answer is (B).

Q: Which is cold?
(A) ice (B) fire
A: Let's think step by step.
Ice is frozen. So it is cold. So the answer is (A).

Q: Is it so?
A: Let's think step by step.
It is. So the answer is yes.
"""
SUPERNI = {
    "Definition": ["Write the title."],
    "Categories": ["Title Generation"],
    "Source": ["made_up"],
    "Input_language": ["English"],
    "Output_language": ["English"],
    "Instruction_language": ["English"],
    "Positive Examples": [
        {"input": f"in {i}", "output": out, "explanation": ""} for i, out in enumerate(("red fox", "blue sky"))
    ],
    "Negative Examples": [{"input": "in", "output": "never", "explanation": ""}],
    "Instances": [
        {"id": "1", "input": "the red fox runs.", "output": ["the red fox"]},
        {"id": "2", "input": "a sky.", "output": ["blue sky", "a grey sky"]},
    ],
}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folders that two suites read, in the published form."""
    (tmp_path / "bbh" / "cot-prompts").mkdir(parents=True)
    (tmp_path / "bbh" / "cot-prompts" / "ruin_names.txt").write_text(PROMPT)
    for part, names in (("tasks", ()), ("splits/default", ("train", "test", "excluded"))):
        (tmp_path / "ni" / part).mkdir(parents=True)
        for name in names:
            listed = {"test": "task1_title\n", "train": "task2_other\n"}.get(name, "")
            (tmp_path / "ni" / part / f"{name}_tasks.txt").write_text(listed)
    (tmp_path / "ni" / "tasks" / "task1_title.json").write_text(json.dumps(SUPERNI))
    other = {**SUPERNI, "Categories": ["Question Answering"], "Instances": SUPERNI["Instances"] * 3}
    (tmp_path / "ni" / "tasks" / "task2_other.json").write_text(json.dumps(other))
    monkeypatch.setenv("FLANJAX_BBH", str(tmp_path / "bbh"))
    monkeypatch.setenv("FLANJAX_SUPERNI", str(tmp_path / "ni"))
    return tmp_path


ROWS = {
    "mmlu_management": (
        {"question": "Who leads?", "subject": "management", "choices": ["a", "b", "c", "d"], "answer": 1},
        {"question": "Who leads?\nA. a\nB. b\nC. c\nD. d", "subject": "management"},
        "B",
    ),
    "tydiqa_finnish": (
        {"id": "finnish-1", "title": "T", "context": "C x", "question": "Q?", "answers": {"text": ["x"], "answer_start": [2]}},
        {"passage": "C x", "question": "Q?", "title": "T"},
        "x",
    ),
    "bbh_cot_ruin_names": ({"input": "Which?\n(A) x\n(B) y", "target": "(A)"}, None, "(A)"),
    "bbh_direct_ruin_names": ({"input": "Which?\n(A) x\n(B) y", "target": "(A)"}, None, "(A)"),
    "task1_title": ({"input": "the red fox runs.", "output": ["the red fox"]}, None, "the red fox"),
    "rte": ({"premise": "P.", "hypothesis": "H.", "label": 0, "idx": 1}, None, "yes"),
    "copa": ({"premise": "P.", "choice1": "one.", "choice2": "two.", "question": "cause", "label": 1, "idx": 1}, None, "two."),
    "xsum": ({"document": "D one. D two.", "summary": "S.", "id": "1"}, None, "S."),
}


@pytest.mark.parametrize("file", sorted(p.name for p in SUITES.glob("*.json")))
def test_every_suite_loads_and_reads_rows_of_the_published_columns(folders, file):
    suite = read_suite(SUITES / file)
    tasks = evaluation.named_tasks(load_mixture(suite.mixture), suite.tasks)
    sizes = {"mmlu": 57, "t0_heldout": 11, "superglue": 8, "tydiqa": 9, "generation": 8, "bbh": 1, "bbh_cot": 1, "superni": 1}
    assert len(tasks) == sizes[suite.name]
    assert all(suite.metric in t.metrics for t in tasks)
    known = [task for task in tasks if task.name in ROWS]
    assert known, "no row of this suite is read"
    for task in known:
        row, fields, answer = ROWS[task.name]
        example = task.read(row, Draws(0))
        assert fields is None or example.fields == fields
        assert answer.lower().rstrip(".") in example.references[0].lower()
    for reference in suite.references:
        assert "http" in reference.source


def test_the_subjects_of_mmlu_are_rows_one_after_another(folders):
    tasks = list(load_mixture(read_suite(SUITES / "mmlu.json").mixture).tasks())
    ranges = [tuple(map(int, t.evaluation.removeprefix("test[").rstrip("]").split(":"))) for t in tasks]
    assert ranges[0][0] == 0
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ranges))
    assert ranges[-1][1] == 14_042
    assert [t.train for t in tasks][:2] == ["dev[0:5]", "dev[5:10]"]
    management = next(t for t in tasks if t.name == "mmlu_management")
    with pytest.raises(ValueError, match="a row of marketing, expected management"):
        management.example({**ROWS["mmlu_management"][0], "subject": "marketing"})


def test_prompts_of_big_bench_hard_are_the_files_own_with_reasoning_or_without(folders):
    cot, direct = (load_mixture(read_suite(SUITES / f"{n}.json").mixture) for n in ("bbh_cot", "bbh"))
    shown = {}
    for name, mixture in (("cot", cot), ("direct", direct)):
        (task,) = mixture.tasks()
        shown[name] = task.read(ROWS[f"bbh_{name}_ruin_names"][0], Draws(0)).fields["prompt"]
    assert shown["cot"] == PROMPT.partition("-----\n")[2].strip()
    assert shown["direct"] == (
        "Answer with a letter.\n\nQ: Which is {{warm}}?\n(A) ice (B) fire\nA: (B)\n\n"
        "Q: Which is cold?\n(A) ice (B) fire\nA: (A)\n\n"
        "Q: Is it so?\nA: yes"
    )


def results(**tasks):
    asked = {"model": "trained", "shots": 5, "shots_shown": 5.0}
    rows = [{"task": t, "cluster": t[0], **asked, "metrics": {"accuracy": {"mean": x}}} for t, x in tasks.items()]
    return {"tasks": rows, "models": {"trained": 1}, "left_out": {}}


WHOLE = Shortfalls({}, {})


RECORD = {
    "name": "mine",
    "about": "made up",
    "mixture": "../x.py:y",
    "settings": {"shots": [5], "items": 0},
    "metric": "accuracy",
    "references": [
        {
            "model": "m",
            "source": "s",
            "protocol": {"shots": [5], "items": 0},
            "scores": {"mean": 40.0, "a1": 30.0},
            "differs": "d",
        }
    ],
}


def write(folder, **changes):
    (folder / "mine.json").write_text(json.dumps({**RECORD, **changes}))
    return folder / "mine.json"


def test_a_published_score_stands_beside_ours_only_under_its_protocol(tmp_path):
    suite = read_suite(write(tmp_path))
    assert suite.mixture == f"{tmp_path}/../x.py:y"
    ours = score(suite, results(a1=20.0, a2=40.0, b1=90.0))
    assert ours == SuiteScore(50.0, {"a": 30.0, "b": 90.0}, {"a1": 20.0, "a2": 40.0, "b1": 90.0})
    expected, made = ["a1", "a2", "b1"], {**vars(suite.config), "shots": [5]}
    mean, one = beside(suite, ours, made, expected, WHOLE)
    assert (mean.theirs, mean.ours, mean.refused) == (40.0, 50.0, "")
    assert (one.what, one.theirs, one.ours) == ("a1", 30.0, 20.0)
    mean, one = beside(suite, ours, {**made, "shots": [0], "items": 20}, expected, WHOLE)
    assert mean.ours is None
    assert mean.refused == "shots is [0] here, [5] there; items is 20 here, 0 there" == one.refused
    mean, one = beside(suite, ours, made, [*expected, "b2"], WHOLE)
    assert mean.refused == "1 of 4 tasks were not evaluated, such as b2"
    assert one.ours == 20.0
    with pytest.raises(ValueError, match="is scored by accuracy, which a1 have no score in"):
        score(suite, {"tasks": [{"task": "a1", "cluster": "a", "model": "trained", "metrics": {}}], "models": {"trained": 1}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"normalization": "tokens"}, 'normalization is "tokens" here, "sum" there'),
        ({"preset": "t0"}, 'preset is "t0" here, "flan" there'),
        ({"templates": 3}, "templates is 3 here, 1 there"),
        ({"options": True}, "options is true here, false there"),
        ({"extractor": "last_number"}, 'extractor is "last_number" here, "auto" there'),
        (
            {"chain_of_thought": True, "samples": 3, "temperature": 0.7},
            "chain_of_thought is true here, false there; samples is",
        ),
        ({"normalization": "sum"}, ""),  # the preset's own, by its name
        ({"seed": 1, "untuned": True, "perplexity": True, "shots": (5,)}, ""),
    ],
)
def test_an_evaluation_needs_the_suites_settings_wherever_the_reference_says_nothing(changes, said):
    suite = read_suite(SUITES / "mmlu.json")
    made = protocol.protocol(dataclasses.replace(suite.config, **changes), (), "", {})["evaluation"]
    found = list(beside(suite, SuiteScore(50.0, {"mmlu": 50.0}, {"x": 50.0}), made, ["x"], WHOLE))
    assert len(found) == 5
    assert all((one.refused.startswith(said) if said else one.ours == 50.0) for one in found), found[0].refused


def test_what_a_reference_says_itself_goes_before_the_suites_settings(tmp_path):
    says = {"shots": [5], "items": 0, "preset": "t0", "seed": 7}
    suite = read_suite(write(tmp_path, references=[{**RECORD["references"][0], "protocol": says}]))
    ours = score(suite, results(a1=20.0))
    own = {**vars(suite.config), "shots": [5]}
    mean, _ = beside(suite, ours, own, ["a1"], WHOLE)
    assert mean.refused == 'preset is "flan" here, "t0" there; seed is 0 here, 7 there'
    mean, _ = beside(suite, ours, {**own, "preset": "t0", "seed": 7}, ["a1"], WHOLE)
    assert mean.ours == 20.0


def test_a_published_score_is_refused_where_exemplars_were_not_shown_or_rows_were_left_out(tmp_path):
    suite = read_suite(write(tmp_path))
    given = results(a1=20.0, a2=40.0, b1=90.0)
    made, expected = {**vars(suite.config), "shots": [5]}, ["a1", "a2", "b1"]
    for row, shown in zip(given["tasks"], (5.0, 4.75, 0.0), strict=True):
        row["shots_shown"] = shown
    mean, one = beside(suite, score(suite, given), made, expected, shortfalls(given))
    few = "fewer exemplars were shown than asked for, where no more fitted or were found: in"
    assert (mean.ours, mean.refused) == (None, f"{few} a2 4.75 of 5, and in 1 more task")
    assert one.ours == 20.0
    given["tasks"][0]["shots_shown"] = None
    _, one = beside(suite, score(suite, given), made, expected, shortfalls(given))
    assert (one.ours, one.refused) == (None, f"{few} a1 an unknown number of 5")

    given = results(a1=20.0, a2=40.0, b1=90.0)
    given["left_out"] = {
        "a1": {"rows": 2000, "left_out": 3, "reasons": ["row 1: too long"]},
        "a2": {"rows": 90, "left_out": 80, "on_purpose": 80, "reasons": ["row 0: another language"]},
    }
    found = list(beside(suite, score(suite, given), made, expected, shortfalls(given)))
    assert [one.refused for one in found] == ["rows were left out: in a1 3 of 2,000"] * 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"setings": {}}, "unknown key 'setings'; did you mean 'settings'"),
        ({"settings": {"shot": [5]}}, "shot"),
        ({"metric": "acuracy"}, "unknown metric 'acuracy'"),
        ({"references": [{"model": "m", "source": "s", "scores": {"mean": 1}}]}, "a reference lacks protocol"),
        ({"references": [{**RECORD["references"][0], "protocol": {"shot": 5}}]}, "no setting 'shot'; did you mean 'shots'"),
        ({"references": [{**RECORD["references"][0], "scores": {"mean": "1"}}]}, "expected names and numbers"),
    ],
)
def test_a_file_that_is_no_suite_is_refused_in_one_line(tmp_path, changes, said):
    with pytest.raises(ValueError, match="is no suite: ") as error:
        read_suite(write(tmp_path, **changes))
    assert said in str(error.value)


def test_a_suite_that_is_not_there_names_the_nearest(tmp_path):
    write(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no suite .*min\.json; in .*: did you mean 'mine\.json'"):
        read_suite(tmp_path / "min.json")


def test_a_bare_name_is_a_suite_that_is_shipped(monkeypatch):
    monkeypatch.chdir(SUITES.parent.parent)
    assert read_suite("mmlu") == read_suite("mixtures/suites/mmlu.json")
    with pytest.raises(FileNotFoundError, match=r"no suite mixtures/suites/mmlux\.json; .* did you mean 'mmlu\.json'"):
        read_suite("mmlux")


def test_the_baselines_without_a_model_equal_a_direct_computation(folders, capsys):
    assert main(["suite", str(SUITES / "superni.json"), "--baselines"]) == 0
    said = capsys.readouterr().out
    scorer = RougeScorer(["rougeL"], use_stemmer=True)

    def rouge(prediction, references):
        return 100 * max(scorer.score(r, prediction)["rougeL"].fmeasure for r in references)

    copied_input = (rouge("the red fox runs.", ["the red fox"]) + rouge("a sky.", ["blue sky", "a grey sky"])) / 2
    drawn = [("red fox", "blue sky")[Draws(0, "task1_title", n).integer("demonstration", 2)] for n in range(2)]
    copied = (rouge(drawn[0], ["the red fox"]) + rouge(drawn[1], ["blue sky", "a grey sky"])) / 2
    assert f"{copied_input:.2f}" in said
    assert f"{copied:.2f}" in said
    assert "title_generation" in said
    assert "task2" not in said


class Scripted:
    """What `load_model` gives: it writes the same text after every prompt."""

    name, step, trained_on = "scripted", 0, frozenset()
    features = FeatureConfig(layout="causal", inputs_length=800, separator="")
    tokenizer = ByteTokenizer()

    def scorer(self, layout, *, batch_size, progress):
        del layout, batch_size, progress
        return self

    def generate(self, prompts, max_tokens):
        self.prompts = [self.tokenizer.decode(p) for p in prompts]
        return [Text(n, 0, [], "red fox", "eos") for n in range(len(prompts))]


def test_a_model_is_evaluated_by_the_suites_protocol_and_published_scores_stand_beside_it(folders, monkeypatch, capsys):
    model = Scripted()
    monkeypatch.setattr(evaluation, "load_model", lambda source: model)
    assert main(["suite", str(SUITES / "superni.json"), "--model", "x", "--output", str(folders / "out")]) == 0
    said = capsys.readouterr().out
    (folder,) = (folders / "out" / "evaluation").iterdir()
    found = json.loads((folder / "suite.json").read_text())
    assert found["mean"] == pytest.approx((80.0 + 0.0) / 2)  # "red fox" beside "the red fox", and beside skies
    tk = next(one for one in found["published"] if one["model"] == "Tk-Instruct 3B")
    assert (tk["theirs"], tk["ours"], tk["refused"]) == (54.33, found["mean"], "")
    with monkeypatch.context() as patched:
        patched.setattr(model, "features", dataclasses.replace(model.features, inputs_length=120))
        assert main(["suite", str(SUITES / "superni.json"), "--model", "x", "--output", str(folders / "short")]) == 0
        (short,) = (folders / "short" / "evaluation").iterdir()
        published = json.loads((short / "suite.json").read_text())["published"]
        assert all(one["refused"].startswith("fewer exemplars were shown than asked for") for one in published)
    assert "superni: 40.0 rougeL, mean over 1 tasks" in said
    assert main(["suite", str(SUITES / "superni.json"), "--model", "x", "--items", "1", "--output", str(folders / "few")]) == 0
    assert "refused: items is 1 here, 0 there" in " ".join(capsys.readouterr().out.split())
    assert main(["suite", str(SUITES / "superni.json"), "--evaluation", str(folder)]) == 0
    tasks = ["--tasks", "task1_title", "--output", str(folders / "some")]
    assert main(["suite", str(SUITES / "superni.json"), "--model", "x", *tasks]) == 0
    assert main(["suite", str(SUITES / "superni.json")]) == 1
    assert "needs one of --model WORKDIR|HF, --evaluation DIR and --baselines" in capsys.readouterr().err
