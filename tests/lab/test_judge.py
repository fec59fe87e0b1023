"""Judges and entailment: scores equal their formula under a scripted judge, and an address that misbehaves loses nothing."""

import fcntl
import itertools
import json
import re
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from address import Address

from flanjax.cli import main
from flanjax.evaluate.entailment import consistency, sentences, supports
from flanjax.evaluate.metrics import get_metric
from flanjax.evaluate.predict import SCHEMA
from flanjax.lab.judge import command
from flanjax.lab.judge.answers import Answer, Pair, predictions_of, written_answers
from flanjax.lab.judge.entail import entailer, scored, summarise
from flanjax.lab.judge.judges import WORDING, OwnJudge, verdict_of
from flanjax.lab.judge.summary import summarise as summarise_verdicts
from flanjax.lab.judge.verdicts import A_FIRST, B_FIRST, Verdict
from flanjax.lab.writing.ask import Reply
from flanjax.lab.writing.endpoint import Endpoint
from flanjax.lab.writing.wording import wording_of

DOCS = Path(__file__).parents[2] / "docs" / "experiments.md"
ITEMS, TEMPLATES = 12, ("t0", "t1")
GOLD = "a small boat left the old harbour today"


def text_of(skill, item, template):
    """An answer that holds the first `skill` words of the reference, and a word of its own."""
    return " ".join([*GOLD.split()[: (skill + item) % 8], f"w{item}{template}"])


def evaluated(folder, skill, **more):
    rows = [
        {
            "model": "trained", "step": 1, "cluster": "summary", "task": "news", "template": template, "template_text": "x",
            "item": item, "group": str(item), "shots": 0, "shots_shown": 0, "chain_of_thought": False, "scorer": "generate",
            "preset": "flan", "normalization": "sum", "metrics": ["rouge1"], "prompt": f"A boat left. Item {item}, {template}.",
            "prompt_hash": f"{item}{template}", "references": [GOLD], "options": [], "option_log_likelihoods": [],
            "option_tokens": [], "option_characters": [], "prediction": text_of(skill, item, template), "generated": "",
            "parsed": True, "stop": "eos", "prompt_tokens": 9, "cut": False, "seconds": 0.1, **more,
        }
        for item, template in itertools.product(range(ITEMS), TEMPLATES)
    ]  # fmt: skip
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "predictions.parquet")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluated(Path("a"), 3)
    evaluated(Path("b"), 1)
    return tmp_path


def answers(prompt):
    """The two answers in a prompt."""
    first, _, rest = prompt.partition("Answer A:\n")[2].partition("\n\nAnswer B:\n")
    return first, rest.partition("\n\n")[0]


def longer(prompt, before=0):
    """A judge that prefers the longer answer."""
    first, second = (len(text.split()) for text in answers(prompt))
    return f"Because. Verdict: {'tie' if first == second else 'A' if first > second else 'B'}"


def judged(address, *more, timeout=60):
    options = ["--judge", address.url, "--name", "m", "--retries", "2", "--timeout", str(timeout), "--out", "out"]
    return main(["judge", "a", "b", *options, *more])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setitem(Endpoint.__init__.__kwdefaults__, "wait_seconds", 0)


def expected(prefers):
    """The value of each pair for A by a judge's rule, and the metric's difference: item, value, difference."""
    rouge = get_metric("rouge1").per_item
    rows = []
    for item, template in itertools.product(range(ITEMS), TEMPLATES):
        a, b = text_of(3, item, template), text_of(1, item, template)
        rows.append((item, prefers(a, b), float(rouge([a], [[GOLD]])[0] - rouge([b], [[GOLD]])[0])))
    return pd.DataFrame(rows, columns=["item", "value", "difference"])


def recomputed(file, folder):
    """The variables of the block of docs/experiments.md that reads a file."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (block,) = (block for block in blocks if f'read_parquet("{file}")' in block)
    found = {"pd": pd, "np": np}
    exec(block.replace(file, str(folder / file)), found)
    return found


# ---- the win rate


def test_the_win_rate_and_agreement_are_those_of_the_judges_rule(here, capsys):
    with Address(longer) as address:
        assert judged(address) == 0
    found = json.loads(Path("out/judged.json").read_text())
    wanted = expected(lambda a, b: 50 + 50 * np.sign(len(a.split()) - len(b.split())))
    assert found["win_rate"]["mean"] == pytest.approx(wanted.groupby("item").value.mean().mean())
    told = wanted[(wanted.value != 50) & (wanted.difference != 0)]
    assert found["agreement"]["value"] == pytest.approx(100 * ((told.value > 50) == (told.difference > 0)).mean())
    assert found["agreement"]["number"] == len(told)
    assert (found["same"]["value"], found["unjudged"]) == (100, 0)
    table = pd.read_parquet("out/verdicts.parquet")
    assert len(table) == 2 * len(wanted)
    assert recomputed("verdicts.parquet", Path("out"))["rate"] == pytest.approx(found["win_rate"]["mean"])
    assert all(row.prompt.count(row.answer_a) and row.prompt.count(row.answer_b) for row in table.itertuples())
    assert "A is a, B is b" in capsys.readouterr().out


def test_a_judge_that_goes_by_the_position_is_told_and_wins_nobody_anything(here, capsys):
    with Address(lambda prompt, before: "Verdict: A") as address:
        assert judged(address) == 0
    found = json.loads(Path("out/judged.json").read_text())
    assert found["win_rate"]["mean"] == 50
    assert (found["first"]["value"], found["same"]["value"]) == (100, 0)
    said = capsys.readouterr().out
    assert "goes by the position, not by the answers" in said
    assert "does not tell A and B apart" in said


def won(wins, of):
    """The summary of a task with an item a pair, of which A wins some."""
    answer = Answer("x", "y", ("z",), "rouge1", "", 0)
    pairs = [
        Pair(n, ("summary", "news", 0, False, n, "t0"), answer._replace(group=str(n)), answer._replace(group=str(n)))
        for n in range(of)
    ]
    said = {(n, order): Verdict(Reply("x"), "A" if n < wins else "B") for n in range(of) for order in (A_FIRST, B_FIRST)}
    return summarise_verdicts(pairs, said)


def test_the_p_is_below_a_twentieth_only_if_50_is_outside_the_interval():
    for wins, of in ((2, 2), (0, 3), (4, 4), (5, 5), (0, 6), (7, 8), (8, 12), (40, 60), (60, 120), (95, 100), (70, 140)):
        found = won(wins, of)
        assert (found.p < 0.05) == (not found.win_rate.low <= 50 <= found.win_rate.high), (wins, of)
    assert won(2, 2).p > 0.1


class Scripted:
    """A model whose option of the largest log-likelihood is what a rule says."""

    def __init__(self, rule):
        self.rule = rule

    def scores(self, prompts, options):
        return [self.rule(prompt, options) for prompt in prompts]


def test_a_model_of_ones_own_judges_by_its_most_probable_option():
    judge = OwnJudge("m", Scripted(lambda prompt, options: [{"A": -2.0, "B": -1.0, "tie": -3.0}[o] for o in options]))
    assert [reply.text for reply in judge(["x"] * 100)] == ["B"] * 100


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A", "A"),
        ("tie", "tie"),
        ("[[B]]", "B"),
        ("Verdict: A\nNo. **Verdict:** B", "B"),
        ("", None),
        ("Answer A is good", None),
        ("Verdict: a tie", "tie"),
        ("Verdict: a", "A"),
        ("Verdict: a close call", None),
        ("Verdict: A tie-break would help", None),
        ("Verdict: tie, or B", None),
        ("Verdict: **A**.", "A"),
        ("__Verdict: (b)__ ", "B"),
        ("Verdict: [[tie]]!\r\nThat is all.", "tie"),
        ("Verdict: B\nMy verdict: a hard one", "B"),
    ],
)
def test_a_verdict_is_read_from_a_reply(text, wanted):
    assert verdict_of(text) == wanted


# ---- an address that misbehaves


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: 1.5, "has not answered in 1 s"),
        (lambda: (503, "busy"), "answers 503 Service Unavailable: 'busy'"),
        (lambda: (200, "<html>"), "answers what is no chat completion: '<html>'"),
        (lambda: (200, '{"choices": []}'), "answers what is no chat completion"),
        (lambda: "I cannot say.", "the reply has no verdict: 'I cannot say.'"),
        (lambda: "and it is good " * 40, "the reply repeats itself and has no verdict"),
    ],
    ids=["timeout", "busy", "garbage", "empty", "no-verdict", "repeats"],
)
def test_what_an_address_does_wrong_is_named_and_asked_again_and_nothing_is_lost(here, capsys, bad, said):
    """One question fails for ever, another one once; the same command then asks for the one that is missing alone."""
    stuck = "Item 3, t1."

    def reply(prompt, before):
        if stuck in prompt and answers(prompt)[0] == text_of(3, 3, "t1"):
            return bad()
        if "Item 5, t0." in prompt and before == 0:
            return bad()
        return longer(prompt)

    with Address(reply) as address:
        slow = "in 1 s" in said
        assert judged(address, timeout=1 if slow else 60) == 1
        # In one order once, in the other with two retries. A good answer may be late too where the machine is busy.
        assert sum(stuck in prompt for prompt in address.asked) == 1 + 3 or slow
        printed = capsys.readouterr().out
        assert "1 pair of 24 without two verdicts" in printed
        assert said in printed
        found = json.loads(Path("out/judged.json").read_text())
        assert found["unjudged"] == 1
        table = pd.read_parquet("out/verdicts.parquet")
        assert len(table) == 48
        (row,) = table[table.winner.isna()].itertuples()
        assert said in row.error
        address.asked.clear()
        address.reply = longer
        assert judged(address) == 0
        assert len(address.asked) == 1
    assert pd.read_parquet("out/verdicts.parquet").winner.notna().all()
    assert json.loads(Path("out/judged.json").read_text())["unjudged"] == 0


def test_an_address_that_is_gone_ends_the_command_with_what_it_said_until_then(here, capsys):
    seen = itertools.count()
    with Address(lambda prompt, before: longer(prompt) if next(seen) < 10 else (500, "down")) as address:
        assert judged(address, "--parallel", "1") == 1
        assert "the judge failed on 8 questions in a row" in capsys.readouterr().err
        assert len(pd.read_parquet("out/verdicts.parquet").dropna(subset="winner")) == 10
        address.reply, address.asked = longer, []
        assert judged(address) == 0
        assert len(set(address.asked)) == 38


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothere", "b"], "no workdir at nothere"),
        (["a", "empty"], "empty/predictions.parquet cannot be read: "),
        (["a", "b", "--tasks", "newz"], "a has no task or cluster 'newz'; known: news, summary"),
        (["a", "b", "--wording", "none.txt"], "--wording none.txt cannot be read"),
        (["a", "b", "--wording", "bad.txt"], "--wording bad.txt does not show {{ second }}"),
        (["a", "b", "--out", "bad.txt"], "--out bad.txt is a file, or would lie in one; name a folder"),
        (["a", "b", "--key-env", "BAD_KEY"], "--key-env BAD_KEY: the key has characters other than printable ASCII"),
        (["a", "b", "--key-env", "NO_SUCH_KEY"], "--key-env NO_SUCH_KEY: there is no such environment variable"),
    ],
)
def test_wrong_arguments_are_named(here, capsys, monkeypatch, arguments, said):
    monkeypatch.setenv("BAD_KEY", "sk-gehe\ninwörter")
    Path("bad.txt").write_text("{{ prompt }} {{ first }}")
    Path("empty").mkdir()
    Path("empty/predictions.parquet").write_text("")
    rest = ["--judge", "http://127.0.0.1:9/v1", "--name", "m", "--out", "out"]
    assert main(["judge", *rest, *arguments]) == 1
    assert said in capsys.readouterr().err
    assert not Path("out/verdicts.jsonl").exists()


def test_after_a_refused_request_nothing_more_is_asked(here, capsys):
    with Address(lambda prompt, before: (401, "no key")) as address:
        assert judged(address, "--parallel", "1") == 1
        assert "answers 401 Unauthorized: 'no key'" in capsys.readouterr().err
        assert len(address.asked) == 1
    assert main(["judge", "a", "b", "--judge", address.url, "--out", "out"]) == 1
    assert "needs --name MODEL" in capsys.readouterr().err


class Interrupted:
    """A judge during whose work somebody presses Ctrl-C."""

    name, how = "m", "?"

    def __init__(self, after):
        self.after, self.asked = after, 0

    def __call__(self, prompts):
        for n, _ in enumerate(prompts):
            if n == self.after:
                raise KeyboardInterrupt
            self.asked += 1
            yield Reply("A")


def test_a_judge_that_was_interrupted_goes_on_and_two_do_not_write_to_one_folder(here, monkeypatch, capsys):
    judge = Interrupted(after=5)
    monkeypatch.setattr(command, "judge_of", lambda args: judge)
    arguments = ["judge", "a", "b", "--judge", "m", "--out", "out"]
    with pytest.raises(KeyboardInterrupt):
        main(arguments)
    assert len(pd.read_parquet("out/verdicts.parquet")) == 5
    with Path("out/verdicts.jsonl").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main(arguments) == 1
        assert "another process is writing to it" in capsys.readouterr().err
    judge.after = None
    assert main(arguments) == 0
    assert judge.asked == 48
    assert len(pd.read_parquet("out/verdicts.parquet")) == 48


def test_another_judge_does_not_go_on_in_the_same_folder(here, capsys):
    with Address(longer) as address:
        assert judged(address) == 0
        table = Path("out/verdicts.parquet").read_bytes()
        assert judged(address, "--items", "2") == 1
        assert "was begun with questions" in capsys.readouterr().err
        assert Path("out/verdicts.parquet").read_bytes() == table


def test_a_run_as_judge_is_named_with_its_step(monkeypatch):
    monkeypatch.setattr(command.run, "load_model", lambda source: types.SimpleNamespace(step=30))
    monkeypatch.setattr(command.parts, "is_run", lambda source: source == "runs/mine")
    args = types.SimpleNamespace(name=None, key_env=None)
    names = [command.judge_of(types.SimpleNamespace(**vars(args), judge=judge)).name for judge in ("runs/mine", "org/model")]
    assert names == ["runs/mine at step 30", "org/model"]


def test_half_a_surrogate_pair_in_a_reply_is_no_fault(here):
    with Address(lambda prompt, before: f"{longer(prompt)} \ud83d") as address:
        assert judged(address, "--items", "1") == 0
    assert pd.read_parquet("out/verdicts.parquet").reply[0].endswith(" ?")


def test_an_evaluation_in_an_object_store_keeps_its_address(monkeypatch):
    monkeypatch.setattr("flanjax.storage.reach", lambda path: None)
    asked = []
    monkeypatch.setattr("etils.epath.gpath._GPath.is_file", lambda self: asked.append(str(self)) or True)
    assert str(predictions_of("gs://bucket/evaluation")) == "gs://bucket/evaluation/predictions.parquet"


def test_results_are_not_written_to_an_object_store(here, capsys):
    assert main(["judge", "a", "b", "--judge", "http://127.0.0.1:9/v1", "--name", "m", "--out", "gs://bucket/out"]) == 1
    assert "--out gs://bucket/out is in an object store; name one on a local disk" in capsys.readouterr().err
    assert not Path("gs:").exists()


# ---- entailment


def test_sentences_end_where_a_reader_ends_them():
    assert sentences('Mr. Lee of the U.S. Army paid $3.50.\nHe left! "Why?" she asked.') == [
        "Mr. Lee of the U.S. Army paid $3.50.",
        "He left!",
        '"Why?" she asked.',
    ]
    assert sentences(" ... \n\n") == []
    assert sentences("no end") == ["no end"]


def test_the_score_is_the_mean_of_maxima_and_each_pair_is_asked_once():
    known = {("One.", "Six."): 0.2, ("Two.", "Six."): 0.9, ("One.", "Ten."): 0.4, ("Two.", "Ten."): 0.1}
    asked = []

    def entails(pairs):
        asked.extend(pairs)
        return np.array([known[pair] for pair in pairs])

    found = supports(["One. Two.", "One. Two.", "One.", ""], ["Six. Ten.", "Six.", "", "Six."], entails)
    assert [consistency(one) for one in found] == pytest.approx([100 * (0.9 + 0.4) / 2, 90, 0, 0])
    assert [one.source for one in found[0]] == ["Two.", "One."]
    assert len(asked) == len(set(asked)) == 4


def test_a_model_entails_by_the_share_of_its_first_option(here):
    table = pq.read_table("a/predictions.parquet")
    assert table.num_rows == ITEMS * len(TEMPLATES)
    answers = written_answers("a")

    def rule(prompt, options):
        premise, _, hypothesis = prompt.partition("=>")
        shared = len({*premise.lower().split()} & {*hypothesis.lower().split()})
        return [np.log(shared + 1.0), 0.0, np.log(2.0)]

    wording = wording_of(None, ("premise", "hypothesis"), "{{ premise }}=>{{ hypothesis }}")
    rows = scored(answers, entailer(Scripted(rule), wording, ["yes", "maybe", "no"], chunk=5))

    def probability(premise, hypothesis):
        shared = len({*premise.lower().split()} & {*hypothesis.lower().split()})
        return (shared + 1) / (shared + 4)

    for row in rows:
        wanted = max(probability(premise, row["prediction"]) for premise in sentences(row["prompt"]))
        assert row["entailment"] == pytest.approx(100 * wanted)
        assert row["sentences"][0]["probability"] == pytest.approx(wanted)
    frame = pd.DataFrame(rows)
    (found,) = summarise(rows).values()
    pq.write_table(pa.Table.from_pylist(rows), "entailment.parquet")
    assert recomputed("entailment.parquet", here)["scores"].tolist() == pytest.approx(frame.entailment.tolist())
    assert found.answers.mean == pytest.approx(frame.groupby("item").entailment.mean().mean())
    assert found.references.mean == pytest.approx(frame.reference_entailment.mean())


def test_exemplars_do_not_count_as_source_and_options_have_no_written_answers(here, capsys):
    evaluated(Path("shots"), 1, shots=2, shots_shown=2)
    evaluated(Path("ranked"), 1, scorer="rank", options=["x", "y"], option_log_likelihoods=[-1.0, -2.0])
    for source, said in (
        ("shots", "have exemplars, which would count as source; evaluate with --shots 0"),
        ("ranked", "has no written answers: those of news are chosen among options"),
    ):
        assert main(["entail", source, "--model", "none", "--out", "out"]) == 1
        assert said in capsys.readouterr().err
    assert main(["entail", "a", "--model", "none", "--options", "yes", "--out", "out"]) == 1
    assert "expected two or more, the first of which means entailment" in capsys.readouterr().err


def test_the_wording_shows_the_reference_only_if_it_is_asked_for():
    wording = wording_of(None, ("prompt", "first", "second"), WORDING, ("reference", "how"))
    shown = {"prompt": "P", "first": "F", "second": "S", "how": "H"}
    assert "GOLD" in wording.render(**shown, reference="GOLD")
    assert "person" not in wording.render(**shown, reference="")
