"""Self-instruct: parsing, filters and bookkeeping as written, under a scripted writer; kills and addresses that misbehave."""

import argparse
import contextlib
import json
import random
import re
import threading
import time
import types
from pathlib import Path

import pytest
from address import Address
from rouge_score.rouge_scorer import RougeScorer
from scripted import ScriptedModel

from flanjax.ask.settings import Settings
from flanjax.cli import main
from flanjax.importers import alpaca
from flanjax.lab.instruct import command
from flanjax.lab.instruct.filters import contradictions, instance_problem, instruction_problem, read_blocked
from flanjax.lab.instruct.parse import instances, whole_tasks, yes_or_no
from flanjax.lab.instruct.seeds import Instance, read_seeds
from flanjax.lab.instruct.wording import prompts_of
from flanjax.lab.writing import options
from flanjax.lab.writing.ask import Ask, Reply, repeats, repetition
from flanjax.lab.writing.endpoint import Endpoint, Refused
from flanjax.lab.writing.likeness import Pool, rouge_l
from flanjax.lab.writing.lists import numbered
from flanjax.lab.writing.own import OwnWriter
from flanjax.lab.writing.replies import Replies

SEEDS = [
    {"id": "add", "instruction": "Add up the numbers.", "input": "2 and 3", "output": "5"},
    {"id": "mood", "instruction": "Is the mood of this text good or bad?", "input": "A fine day.", "output": "good",
     "classification": True},
    {"id": "greet", "instruction": "Write a greeting for a neighbour.", "output": "Good morning, Ada!"},
    {"id": "capital", "instruction": "Name the capital of a country.",
     "instances": [{"input": "Peru", "output": "Lima"}, {"input": "Mali", "output": "Bamako"}], "is_classification": False},
]  # fmt: skip
SUBJECTS = (
    *("rivers", "engines", "bread", "chess", "poems", "taxes", "gardens", "ships", "clocks", "birds", "music", "stars"),
    *("soil", "glass", "wool", "salt", "trains", "roofs"),
)
VERBS = ("Explain", "Compare", "Summarise", "Rank", "Rewrite", "Classify", "Estimate", "Shorten", "Translate", "Describe")


def task(number):
    """An instruction that is like no other one."""
    drawn = random.Random(number)
    return f"{drawn.choice(VERBS)} {' '.join(drawn.sample(SUBJECTS, 5))} for reader {number}."


def scripted(prompt, number):
    """A writer that follows the prompts: new tasks, yes to those that classify, and inputs with outputs."""
    if prompt.startswith("Here is a list"):
        first = int(re.findall(r"^(\d+)\.$", prompt, re.MULTILINE)[-1])
        return (
            f" {task(number)}\n{first + 1}. {task(1000 + number)}\n{first + 2}. Draw a map of it.\n"
            f"{first + 3}. Add up these numbers."
        )
    instruction = re.findall(r"^Request: (.*)$", prompt, re.MULTILINE)[-1]
    if prompt.startswith("Can the answer"):
        return "Yes." if "Classify" in instruction else "no"
    if prompt.startswith("A request wants"):
        return "Output: a\nInput: one\n\nOutput: b\nInput: two\n\nOutput: b\nInput: two"
    return f"Input: none\nOutput: Done with {instruction}\n\nRequest: Another."


class Scripted:
    """A writer whose reply is a function of the prompt and its number; it may be stopped after some replies."""

    name = "scripted"

    def __init__(self, rule=scripted, after=None):
        self.rule, self.after, self.asked = rule, after, []

    def __call__(self, asks):
        for ask in asks:
            if len(self.asked) == self.after:
                raise KeyboardInterrupt
            self.asked.append(ask)
            found = self.rule(ask.prompt, ask.number)
            yield found if isinstance(found, Reply) else Reply(found)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Endpoint.__init__.__kwdefaults__, "wait_seconds", 0)
    Path("seeds.jsonl").write_text("".join(f"{json.dumps(seed)}\n" for seed in SEEDS))
    return tmp_path


def made(monkeypatch, writer, *more, out="out"):
    monkeypatch.setattr(command, "writer_of", lambda args: writer)
    return main(["self-instruct", "--seeds", "seeds.jsonl", "--writer", "w", "--out", out, *more])


def lines(file):
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


# ---- parsing


@pytest.mark.parametrize(
    ("text", "first", "ended", "items", "cut"),
    [
        (" Say a word.\n5. Say two.\n", 4, True, ["Say a word.", "Say two."], []),
        ("4. Say a word.\n5) Say two.", 4, True, ["Say a word.", "Say two."], []),
        ("Sure, here they are:\n\n4. Say a word.\n**5.** Say two.", 4, True, ["Say a word.", "Say two."], []),
        ("Do this:\n1. up\n2. down\n5. Say two.", 4, True, ["Do this:\n1. up\n2. down", "Say two."], []),
        ("Say a word.\n5. Say tw", 4, False, ["Say a word."], ["Say tw"]),
        ("In 1984. 5. is no item", 4, True, ["In 1984. 5. is no item"], []),
        ("Task 4: Say a word.\nTask 5: Say two.", 4, True, ["Say a word.", "Say two."], []),
        ("Say a word.\n7. Say three.", 4, True, ["Say a word.\n7. Say three."], []),
        ("  \n", 4, True, [], []),
        ("", 4, False, [], []),
    ],
)
def test_a_list_is_cut_at_the_numbers_that_follow(text, first, ended, items, cut):
    found = numbered(text, first, ended=ended)
    assert found.items == items
    assert [(bad, why.reason) for bad, why in found.bad] == [(bad, "cut") for bad in cut]


def test_whole_tasks_are_read_with_their_fields_and_what_is_none_is_named():
    text = (
        "Instruction: Count to\nthree.\nInput: <noinput>\nOutput: 1. one\n2. two\n\n"
        "### Task 5\nInstruction: Say no.\nOutput: No.\n\n"
        "Task 6\nInstruction: Say yes.\n\n"
        "**Task 7**\n**Instruction:** Add.\n**Input:** 2, 3\n**Output:** 5\n### Task 8\nInstruction: Subtr"
    )
    found, bad = whole_tasks(text, 4, ended=False)
    assert found == [
        ("Count to\nthree.", ("", "1. one\n2. two")),
        ("Say no.", ("", "No.")),
        ("Add.", ("2, 3", "5")),
    ]
    assert {(text, *why) for text, why in bad} == {
        ("Instruction: Say yes.", "no form", "has instruction, expected instruction, input, output"),
        ("Instruction: Subtr", "cut", "the reply reached its most tokens"),
    }


@pytest.mark.parametrize(
    ("text", "output_first", "ended", "found", "reasons"),
    [
        ("Input: a\nOutput: b\nInput: c\nd\nOutput: e", False, True, [("a", "b"), ("c\nd", "e")], []),
        ("Output: b\nInput: a", True, True, [("a", "b")], []),
        ("Output: b\nInput: a", False, True, [], ["no form", "no form"]),
        ("Input: a\nOutput: b\nInput: c\nOutput: e", False, False, [("a", "b")], ["cut"]),
        ("Input: a\nOutput: b\n\nRequest: More.\nInput: c\nOutput: e", False, False, [("a", "b")], []),
        ("nothing", False, True, [], ["no form"]),
        ("Input: None.\nOutput: b", False, True, [("", "b")], []),
    ],
)
def test_inputs_and_outputs_are_read_in_their_order(text, output_first, ended, found, reasons):
    pairs, bad = instances(text, output_first=output_first, ended=ended)
    assert pairs == found
    assert [why.reason for _, why in bad] == reasons


def test_a_label_question_is_answered_by_its_first_word_alone():
    assert [yes_or_no(text) for text in (" Yes.", "no", "**No**, it", "Yesterday", "it is yes", "")] == [
        True, False, False, None, None, None,
    ]  # fmt: skip


# ---- filters


def test_the_nearest_text_is_that_of_rouge_score_over_the_whole_pool():
    drawn, scorer = random.Random(0), RougeScorer(["rougeL"])
    words = ("the", "a", "of", "to", "sun", "moon", "star", "rain", "tree")
    texts = [" ".join(drawn.choices(words, k=drawn.randint(2, 9))) for _ in range(120)]
    pool = Pool()
    for n, text in enumerate(texts[:100]):
        pool.add(str(n), text)
    for text in texts[100:]:
        whole = [scorer.score(other, text)["rougeL"].fmeasure for other in texts[:100]]
        assert pool.nearest(text).score == pytest.approx(max(whole))
        assert whole[int(pool.nearest(text).id)] == pytest.approx(max(whole))
    assert pool.nearest("something else") is None
    assert rouge_l("назови столицу", "назови столицу Перу") == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Say it.", "too short"),
        ("Name a river.", "too short"),  # both recipes drop three words and fewer
        ("Explain Newton's law.", "too short"),
        ("Name a long river.", None),
        ("word " * 150, None),
        ("word " * 151, "too long"),
        ("- say a word now", "begins with a mark"),
        ("Describe the attached picture.", "blocked word"),
        ("Write about cartography and mapping.", None),
        ("¿Cuál es la capital?", None),
        ("秘鲁的首都是哪里", None),
        ("哪里", "too short"),
    ],
)
def test_what_is_no_task_for_a_model_of_text_is_named(text, reason):
    found = instruction_problem(text, read_blocked(None))
    assert (found and found.reason) == reason


def test_rows_without_an_answer_of_their_own_are_named():
    told = {
        ("a", ""): "no output",
        ("a", "a"): "output is the input",
        ("a", "Say it now!"): "output is the instruction",
        ("a", "b " * 6): "output too long",
        ("a", "b"): None,
    }
    for (text, output), reason in told.items():
        found = instance_problem("Say it now.", Instance(text, output), most_words=5)
        assert (found and found.reason) == reason
    assert contradictions([Instance("a", "1"), Instance("b", "1"), Instance("a", "2"), Instance("b", "1")]) == {"a"}


# ---- the pool


def test_every_row_has_its_parents_prompt_and_reason_and_every_dropped_text_its_reason(here, monkeypatch, capsys):
    writer = Scripted()
    assert made(monkeypatch, writer, "--tasks", "20", "--seed", "3") == 0
    rows, dropped, replies = lines("out/rows.jsonl"), lines("out/dropped.jsonl"), lines("out/replies.jsonl")
    assert [row["line"] for row in replies] == [ask.number for ask in writer.asked] == list(range(1, len(replies) + 1))
    assert {row["kind"] for row in rows} == {"classification", "generation"}
    kinds, known = {}, {seed["id"] for seed in SEEDS} | {row["id"] for row in rows}
    for row in rows:
        stages = [replies[number - 1]["stage"] for number in row["replies"]]
        kinds.setdefault(row["kind"], set()).add(tuple(stages))
        asked, classified, filled = (replies[number - 1] for number in row["replies"])
        assert row["prompt"] == asked["prompt"]
        assert row["instruction"] in asked["text"]
        assert f"Request: {row['instruction']}" in classified["prompt"]
        assert row["output"] in filled["text"]
        assert set(row["parents"]) <= known
        assert all(shown in asked["prompt"] for shown in [s["instruction"] for s in SEEDS if s["id"] in row["parents"]])
        assert re.fullmatch(r"ROUGE-L 0\.\d\d at most, with \S+|shares no word with the pool", row["reason"])
    assert kinds == {
        "classification": {("instructions", "classification", "labels")},
        "generation": {("instructions", "classification", "inputs")},
    }
    assert any(parent.startswith("made-") for row in rows for parent in row["parents"])
    prompts = sum(row["stage"] == "instructions" for row in replies)
    found = json.loads(Path("out/self_instruct.json").read_text())
    labels = sum(row["stage"] == "labels" for row in replies)
    assert found["reasons"] == {"blocked word": prompts, "like one of the pool": prompts, "same row again": labels}
    assert found["rows"] == len(rows) == 2 * labels + (2 * prompts - labels)
    assert (found["made"], found["asked"], found["dropped"]) == (2 * prompts, prompts, len(dropped))
    assert found["grown"][-1] == {"prompts": prompts, "kept": len(rows), "dropped": len(dropped)}
    (first, *_) = (row for row in dropped if row["reason"] == "like one of the pool")
    assert first["text"] == "Add up these numbers."
    assert first["detail"] == "ROUGE-L 0.75 with add: Add up the numbers."
    page = Path("out/index.html").read_text()
    assert all(text in page for text in (rows[0]["instruction"], "ROUGE-L 0.75 with add", "blocked word"))
    assert f"{len(rows)} rows of {2 * prompts} new tasks kept" in capsys.readouterr().out


def test_the_rows_are_an_ordinary_task_of_alpacas_format(here, monkeypatch):
    assert made(monkeypatch, Scripted(), "--tasks", "4") == 0
    (task,) = alpaca("out/rows.jsonl", name="made").tasks
    rows = lines("out/rows.jsonl")
    source = task.source.open("train")
    assert len(source) == len(rows)
    example = task.example(source[0])
    assert (example.fields["instruction"], example.answer) == (rows[0]["instruction"], rows[0]["output"])


def whole(prompt, number):
    first = int(re.findall(r"^### Task (\d+)$", prompt, re.MULTILINE)[-1])
    assert first == 4
    return Reply(
        f"Instruction: {task(number)}\nInput: none\nOutput: Out {number}.\n\n"
        f"### Task 5\nInstruction: {task(number)}\nInput: it\nOutput: Out.\n\n### Task 6\nInstruction: Na",
        ended=False,
    )


def test_alpacas_recipe_asks_once_for_a_task_and_shows_seeds_alone(here, monkeypatch):
    assert made(monkeypatch, Scripted(whole), "--tasks", "12", "--recipe", "alpaca") == 0
    rows, found = lines("out/rows.jsonl"), json.loads(Path("out/self_instruct.json").read_text())
    assert found["asked"] == found["made"] == 16
    assert found["reasons"] == {"same as one of the pool": found["asked"], "cut": found["asked"]}
    assert [row["output"] for row in rows] == [f"Out {n}." for n in range(1, len(rows) + 1)]
    assert all(len(row["parents"]) == 3 and set(row["parents"]) <= {seed["id"] for seed in SEEDS} for row in rows)


@pytest.mark.parametrize(
    ("more", "drawing"),
    [
        (["--recipe", "self-instruct"], (1024, 0.7, 0.5)),
        (["--recipe", "alpaca"], (3072, 1.0, 1.0)),
        (["--recipe", "alpaca", "--max-tokens", "500", "--temperature", "0"], (500, 0.0, 1.0)),
        (["--top-p", "1"], (1024, 0.7, 1.0)),
    ],
)
def test_new_tasks_are_drawn_as_the_recipes_code_draws_them_unless_the_user_says_otherwise(here, monkeypatch, more, drawing):
    writer = Scripted(whole if "alpaca" in more else scripted)
    assert made(monkeypatch, writer, "--tasks", "4", *more) == 0
    asked = writer.asked[0]
    assert (asked.settings.max_tokens, asked.settings.temperature, asked.settings.top_p) == drawing
    assert ("until task 20." in asked.prompt) is ("alpaca" in more)  # Alpaca asks for a list of 20
    found = json.loads(Path("out/self_instruct.json").read_text())
    assert (found["max_tokens"], found["temperature"], found["top_p"]) == drawing
    record = json.loads(Path("out/replies.jsonl.made.json").read_text())
    assert (record["max_tokens"], record["temperature"], record["top_p"]) == drawing


def test_a_writer_that_writes_nothing_new_comes_to_an_end_and_says_so(here, monkeypatch, capsys):
    assert made(monkeypatch, Scripted(lambda prompt, number: "Add up the numbers."), "--tasks", "10") == 1
    said = capsys.readouterr().out
    assert "0 rows of 0 new tasks kept, 16 texts dropped" in said
    assert "10 tasks were wanted: the writer did not make them in 16 prompts" in said
    assert Path("out/rows.jsonl").read_text() == ""
    assert "same as one of the pool" in Path("out/index.html").read_text()


def test_an_empty_reply_is_dropped_by_name_and_is_no_failure_of_the_writer(here, monkeypatch):
    assert made(monkeypatch, Scripted(lambda prompt, number: " "), "--tasks", "10") == 1
    assert {(row["reason"], row["detail"]) for row in lines("out/dropped.jsonl")} == {("no usable reply", "the reply is empty")}
    assert len(lines("out/dropped.jsonl")) == 16


@pytest.mark.parametrize(
    ("begin", "reply", "reason"),
    [
        ("Can the answer", " ", "no usable reply"),
        ("Can the answer", "Perhaps.", "not classified"),
        ("A request", " ", "no usable reply"),
        ("A request", "I would rather not.", "no instance"),
    ],
)
def test_a_task_that_is_not_classified_or_has_no_instance_is_dropped_by_name(here, monkeypatch, begin, reply, reason):
    def rule(prompt, number):
        return scripted(prompt, number) if not prompt.startswith(begin) else reply

    made(monkeypatch, Scripted(rule), "--tasks", "4", "--prompts", "8")
    asked = [row["prompt"].rpartition("Request: ")[2] for row in lines("out/replies.jsonl") if row["text"] == reply]
    dropped = [row["text"] for row in lines("out/dropped.jsonl") if row["reason"] == reason]
    assert len(asked) == len(dropped) > 0
    assert all(any(prompt.startswith(text) for text in dropped) for prompt in asked)


# ---- going on


def test_a_process_that_ends_at_any_reply_goes_on_to_the_same_files(here, monkeypatch):
    assert made(monkeypatch, Scripted(), "--tasks", "6", out="whole") == 0
    names = ("rows.jsonl", "dropped.jsonl", "replies.jsonl", "self_instruct.json")
    wanted = [Path("whole", name).read_bytes() for name in names]
    count = len(lines("whole/replies.jsonl"))
    for after in range(0, count, 7):
        out = f"stopped{after}"
        with pytest.raises(KeyboardInterrupt):
            made(monkeypatch, Scripted(after=after), "--tasks", "6", out=out)
        file = Path(out, "replies.jsonl")
        torn = file.read_bytes()[:-5]  # the last reply was on its way to the disk
        file.write_bytes(torn)
        writer = Scripted()
        assert made(monkeypatch, writer, "--tasks", "6", out=out) == 0
        assert len(writer.asked) == count - max(0, after - 1)
        assert [Path(out, name).read_bytes() for name in names] == wanted


def test_more_tasks_go_on_and_another_seed_or_writer_is_refused(here, monkeypatch, capsys):
    assert made(monkeypatch, Scripted(), "--tasks", "4") == 0
    before = lines("out/rows.jsonl")
    writer = Scripted()
    assert made(monkeypatch, writer, "--tasks", "30") == 0
    assert lines("out/rows.jsonl")[: len(before)] == before
    assert writer.asked[0].number > 8
    assert made(monkeypatch, Scripted(), "--tasks", "30", "--seed", "1") == 1
    assert "was begun with seed 0, now it is 1" in capsys.readouterr().err
    writer.name = "another"
    assert made(monkeypatch, writer, "--tasks", "30") == 1
    assert "was begun with writer 'scripted', now it is 'another'" in capsys.readouterr().err


# ---- addresses


def test_an_address_is_asked_again_and_what_it_does_wrong_is_in_the_files(here, capsys):
    """Of the prompts for new tasks one finds it busy once, the next one is garbage for ever, and a third repeats itself."""
    kinds = {}

    def reply(prompt, before):
        if prompt.startswith("Here is a list"):
            kind = kinds.setdefault(prompt, len(kinds))
            if kind == 0 and before == 0:
                return (503, "busy")
            if kind == 1:
                return (200, "<html>")
            if kind == 2:
                return "again and again and again " * 30
            return scripted(prompt, 50 + kind)
        return scripted(prompt, 0)

    arguments = ["--name", "m", "--retries", "1", "--parallel", "1", "--out", "out", "--tasks", "6"]
    with Address(reply) as address:
        assert main(["self-instruct", "--seeds", "seeds.jsonl", "--writer", address.url, *arguments]) == 0
    replies, dropped = lines("out/replies.jsonl"), lines("out/dropped.jsonl")
    assert [row["tries"] for row in replies[:4]] == [2, 2, 2, 1]
    assert replies[0]["error"] == ""
    bad = [row for row in dropped if row["reason"] == "no usable reply"]
    assert [row["reply"] for row in bad] == [row["line"] for row in replies if kinds.get(row["prompt"]) in (1, 2)]
    assert [row["reply"] for row in bad[:2]] == [2, 3]
    assert "answers what is no chat completion: '<html>'" in bad[0]["detail"]
    assert "the reply repeats itself" in bad[1]["detail"]
    assert bad[1]["text"].startswith("again and again")
    assert len(lines("out/rows.jsonl")) == 8


def test_an_address_that_never_answers_is_named_within_the_retries(here):
    with Address(lambda prompt, before: 1.0) as address:
        endpoint = Endpoint(address.url, "m", repetition, timeout_seconds=0.2, retries=1)
        (reply,) = endpoint([Ask(1, "Say it.", Settings())])
    assert reply == Reply("", f"{address.url}/chat/completions has not answered in 0.2 s", tries=2)


def answering(address, lines):
    """Lets an address send bytes as they are."""

    def do_post(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(lines)

    address.server.RequestHandlerClass.do_POST = do_post


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n{", "breaks off, or answers no HTTP: IncompleteRead("),
        (b"what is this\r\n", "breaks off, or answers no HTTP: BadStatusLine("),
        (b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "answers 503 Busy: ''"),
    ],
    ids=["cut", "no-http", "cut-error"],
)
def test_an_answer_that_breaks_off_is_asked_for_again_and_named(here, sent, said):
    with Address(None) as address:
        answering(address, sent)
        (reply,) = Endpoint(address.url, "m", repetition, retries=1)([Ask(1, "Say it.", Settings())])
    assert said in reply.error
    assert reply.tries == 2


@pytest.mark.parametrize(
    "begin", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 503 Busy\r\n\r\n"], ids=["head", "body", "error"]
)
def test_an_answer_that_trickles_in_is_given_up_when_the_time_is_up(here, begin):
    def do_post(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with contextlib.suppress(OSError):
            self.wfile.write(begin)
            for _ in range(100):
                self.wfile.write(b".")
                time.sleep(0.1)

    with Address(None) as address:
        address.server.RequestHandlerClass.do_POST = do_post
        started = time.monotonic()
        (reply,) = Endpoint(address.url, "m", repetition, timeout_seconds=0.5, retries=1)([Ask(1, "Say it.", Settings())])
        assert time.monotonic() - started < 5
    assert reply == Reply("", f"{address.url}/chat/completions has not answered in 0.5 s", tries=2)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_an_address_does_not_take_is_dropped_by_name_and_the_others_go_on(here, status):
    numbers = {}

    def reply(prompt, before):
        number = numbers.setdefault(prompt, len(numbers) + 1)
        return (status, "longer than the context") if number in (2, 9) else scripted(prompt, number)

    arguments = ["--name", "m", "--parallel", "1", "--out", "out", "--tasks", "6"]
    with Address(reply) as address:
        assert main(["self-instruct", "--seeds", "seeds.jsonl", "--writer", address.url, *arguments]) == 0
    replies = lines("out/replies.jsonl")
    assert len(address.asked) == len(replies)  # the same prompt would be refused again
    bad = [row for row in lines("out/dropped.jsonl") if row["reason"] == "no usable reply"]
    assert [row["reply"] for row in bad] == [row["line"] for row in replies if numbers[row["prompt"]] in (2, 9)] != []
    assert all(f"answers {status} " in row["detail"] and "longer than the context" in row["detail"] for row in bad)
    assert len(lines("out/rows.jsonl")) >= 6


def test_a_request_that_is_wrong_for_every_prompt_ends_the_command(here, capsys):
    with Address(lambda prompt, before: (400, "no such parameter")) as address:
        arguments = ["--name", "m", "--parallel", "1", "--out", "out", "--tasks", "30"]
        assert main(["self-instruct", "--seeds", "seeds.jsonl", "--writer", address.url, *arguments]) == 1
        assert len(address.asked) == 8
    said = capsys.readouterr().err
    assert "the writer failed on 8 prompts in a row: " in said
    assert "answers 400 Bad Request: 'no such parameter'" in said


def test_a_reply_that_was_there_when_another_request_was_refused_is_kept(here):
    """The first prompt waits for a busy address, the second one is answered, and then the third one is refused."""
    answered = threading.Event()

    def reply(prompt, before):
        if prompt == "second":
            answered.set()
            return "Two."
        answered.wait(5)
        if prompt == "third":
            time.sleep(0.5)
        return (503, "busy") if prompt == "first" else (401, "no key")

    def asked(address):
        writer = Endpoint(address.url, "m", repetition, parallel=3, wait_seconds=9)
        with Replies(here / "out", {}, writer, lambda reply: None) as replies:
            return replies.ask(["any"] * 3, ["first", "second", "third"], Settings())

    with Address(reply) as address:
        with pytest.raises(Refused, match="401 Unauthorized: 'no key'"):
            asked(address)
        assert [(row["line"], row["text"]) for row in lines("out/replies.jsonl")] == [(2, "Two.")]
        address.reply = lambda prompt, before: prompt
        address.asked.clear()
        assert [reply.text for _, reply in asked(address)] == ["first", "Two.", "third"]
        assert sorted(address.asked) == ["first", "third"]


def test_what_is_no_address_is_refused_at_once(here):
    with pytest.raises(Refused, match="http://localhost:8x/v1/chat/completions is no address: nonnumeric port"):
        list(Endpoint("http://localhost:8x/v1", "m", repetition)([Ask(1, "Say it.", Settings())]))


def test_a_refusal_ends_the_retries_of_other_requests_and_is_the_one_that_is_told():
    with Address(lambda prompt, before: (503, "busy") if prompt == "first" else (401, "no key")) as address:
        endpoint = Endpoint(address.url, "m", repetition, retries=9, parallel=2, wait_seconds=5)
        started = time.monotonic()
        with pytest.raises(Refused, match="401 Unauthorized: 'no key'"):
            list(endpoint([Ask(1, "first", Settings()), Ask(2, "second", Settings())]))
        assert time.monotonic() - started < 5
    assert address.asked.count("first") == 1


def test_a_key_loses_its_line_break(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret\r\n")
    args = argparse.Namespace(writer="http://127.0.0.1:9/v1", name="m", key_env="MY_KEY", timeout=1, retries=0, parallel=1)
    assert options.endpoint_of(args, "writer", repetition)._key == "sk-secret"


def test_an_address_that_is_gone_ends_the_command_and_nothing_is_lost(here, capsys):
    arguments = ["self-instruct", "--seeds", "seeds.jsonl", "--name", "m", "--retries", "0", "--parallel", "1", "--tasks", "30"]
    numbers = {}
    by_prompt = lambda prompt, before: scripted(prompt, numbers.setdefault(prompt, len(numbers) + 1))  # noqa: E731
    with Address(by_prompt) as address:
        assert main([*arguments, "--writer", address.url, "--out", "whole"]) == 0
        address.reply = lambda prompt, before: by_prompt(prompt, before) if len(address.asked) <= 30 else (503, "down")
        address.asked.clear()
        assert main([*arguments, "--writer", address.url, "--out", "out"]) == 1
        assert "the writer failed on 8 prompts in a row: " in capsys.readouterr().err
        assert len(address.asked) >= 38
        assert lines("out/rows.jsonl")
        address.reply = by_prompt
        address.asked.clear()
        assert main([*arguments, "--writer", address.url, "--out", "out"]) == 0
        under_way = 1  # the question that the command before had asked last may come after the list was cleared
        assert 0 <= len(address.asked) - (len(lines("whole/replies.jsonl")) - 30) <= under_way
    for name in ("rows.jsonl", "dropped.jsonl"):
        assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()


def test_an_address_gets_the_settings_in_openais_names(here):
    bodies = []
    with Address(lambda prompt, before: "Yes.") as address:
        handler = address.server.RequestHandlerClass
        before = handler.do_POST

        def do_post(self):
            read = self.rfile.read

            def kept(n):
                bodies.append(json.loads(raw := read(n)))
                return raw

            self.rfile = types.SimpleNamespace(read=kept, close=lambda: None, closed=False)
            before(self)

        handler.do_POST = do_post
        arguments = ["--seeds", "seeds.jsonl", "--writer", address.url, "--name", "m", "--tasks", "2", "--max-tokens", "77"]
        main(["self-instruct", *arguments, "--out", "out", "--temperature", "0.9", "--top-p", "0.8", "--parallel", "1"])
    assert {name: bodies[0][name] for name in ("model", "temperature", "max_tokens", "top_p")} == {
        "model": "m", "temperature": 0.9, "max_tokens": 77, "top_p": 0.8,
    }  # fmt: skip
    assert bodies[0]["seed"] != bodies[1]["seed"]


# ---- a model of one's own


def test_a_model_of_ones_own_writes_and_a_prompt_that_is_too_long_is_named(here, monkeypatch, capsys):
    monkeypatch.setattr("scripted.LONGEST", 100)
    monkeypatch.setattr(options, "open_models", lambda names: [ScriptedModel("mine")])
    arguments = ["self-instruct", "--seeds", "seeds.jsonl", "--writer", "mine", "--tasks", "9", "--out", "out"]
    assert main(arguments) == 1
    assert re.search(
        r"the writer failed on 8 prompts in a row: the prompt has \d+ tokens, more than the 100", capsys.readouterr().err
    )


def test_a_text_of_ones_own_model_depends_on_its_number_and_not_on_its_neighbours():
    asks = [Ask(number, f"Say {number}.", Settings(max_tokens=12 + number)) for number in range(5)]
    writer = OwnWriter(ScriptedModel("mine"), slots=2)
    assert writer.name == "mine at step 3"
    together = list(writer(asks))
    assert [next(iter(writer([ask]))) for ask in asks] == together
    assert [reply.ended for reply in together] == [False] * 5
    assert repeats("and then it all begins anew, " * 9)


# ---- what is refused


@pytest.mark.parametrize(
    ("seeds", "more", "said"),
    [
        (None, [], "--seeds seeds.jsonl cannot be read"),
        ("{}\n", [], "--seeds seeds.jsonl, line 1: output is None, expected text"),
        ("no\n", [], "--seeds seeds.jsonl, line 1 is no JSON"),
        ('{"instruction": "Say it.", "output": "it"}\n', [], "has 1 tasks, expected 2 or more"),
        ('{"instruction": "Say it.", "output": "it"}\n' * 2, [], "two tasks have the instruction 'Say it.'"),
        ("", ["--wording", "bad.j2"], "--wording bad.j2 has no block 'labels'"),
        ("", ["--wording", "blind.j2"], "--wording blind.j2, block 'instructions' does not show tasks"),
        ("", ["--blocklist", "none.txt"], "--blocklist none.txt cannot be read"),
        ("", ["--key-env", "NO_SUCH_KEY"], "--key-env NO_SUCH_KEY: there is no such environment variable"),
    ],
)
def test_wrong_seeds_and_options_are_named(here, capsys, seeds, more, said):
    default = (Path(command.__file__).parent / "wording.j2").read_text()
    Path("bad.j2").write_text(default.replace("{% block labels %}", "{% block other %}"))
    Path("blind.j2").write_text(
        re.sub(r"{% for task in tasks %}\n{{ loop.*?{% endfor %}|{{ tasks \| length \+ 1 }}\.", "", default, flags=re.S)
    )
    if seeds is None:
        Path("seeds.jsonl").unlink()
    elif seeds:
        Path("seeds.jsonl").write_text(seeds)
    arguments = ["--seeds", "seeds.jsonl", "--writer", "http://127.0.0.1:9/v1", "--name", "m", "--out", "out"]
    assert main(["self-instruct", *arguments, *more]) == 1
    assert said in capsys.readouterr().err
    assert not Path("out").exists()


def test_the_published_form_of_seeds_is_read_too(here):
    seeds = read_seeds("seeds.jsonl")
    assert [seed.id for seed in seeds] == ["add", "mood", "greet", "capital"]
    assert [seed.classification for seed in seeds] == [False, True, False, False]
    assert seeds[3].instances == (("Peru", "Lima"), ("Mali", "Bamako"))
    assert "9." not in prompts_of(None)["instructions"](tasks=seeds)
