"""`flanjax generate --file`: order, bad lines, and going on after an end at any moment."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import pytest
from scripted import LONGEST, ScriptedModel, said

from flanjax.ask import command
from flanjax.ask.file import AHEAD, WINDOW, FileRun, made_from
from flanjax.ask.lines import LONGEST as LONGEST_LINE
from flanjax.ask.output import Output
from flanjax.ask.progress import Progress
from flanjax.ask.settings import Settings
from flanjax.cli import main

HERE = Path(__file__).resolve()
SCRIPT = f"""
import sys
sys.path[:0] = [{str(HERE.parents[1])!r}, {str(HERE.parents[2])!r}]
from scripted import ScriptedModel
from flanjax import cli
from flanjax.ask import command
command.open_models = lambda names: [ScriptedModel(names[0], pause=PAUSE)]
sys.argv = ["flanjax", *sys.argv[1:]]
cli.command()
"""


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """`flanjax generate` with a scripted model: (lines, options) -> exit status; the files are in.jsonl and out.jsonl."""
    monkeypatch.setattr(command, "open_models", lambda names: [ScriptedModel(names[0])])
    monkeypatch.chdir(tmp_path)

    def ask(lines, *options):
        if lines is not None:
            Path("in.jsonl").write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return main(["generate", "--model", "m", "--file", "in.jsonl", "--output", "out.jsonl", *options])

    return ask


def answers(path="out.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def start(folder, *options, pause=0.0, **more):
    arguments = ["generate", "--model", "m", "--file", "in.jsonl", "--output", "out.jsonl", *options]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("PAUSE", str(pause)), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def wait_for_lines(path, count, process):
    ended = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ended
        time.sleep(0.005)


def test_every_line_is_answered_in_the_order_of_the_input_with_its_other_keys(asked):
    lines = [{"id": f"x{n}", "prompt": f"say {n} ä日"} for n in range(300)]
    assert asked(lines, "--slots", "3") == 0
    expected = [
        {"line": n + 1, "id": f"x{n}", "prompt": line["prompt"], "text": said(line["prompt"]), "ended": "eos"}
        for n, line in enumerate(lines)
    ]
    assert answers() == expected
    assert list(answers()[0]) == ["line", "id", "prompt", "text", "ended"]


def test_settings_of_a_line_replace_those_of_the_command(asked):
    lines = [
        {"prompt": "one"},
        {"prompt": "two", "max_tokens": 4},
        {"prompt": "three", "stop": "ee> "},
        {"prompt": "four", "temperature": 0.5, "seed": 7, "samples": 2},
        {"messages": [{"role": "user", "content": "five"}], "stop": ["nowhere", "5"]},
        {"messages": [{"role": r, "content": c} for r, c in (("user", "a"), ("assistant", "b"), ("user", "c"))]},
    ]
    assert asked(lines, "--stop", "<on") == 0
    found = answers()
    assert (found[0]["text"], found[0]["ended"]) == ("", "stop")
    assert (found[1]["text"], found[1]["ended"]) == ("<two", "length")
    assert (found[2]["text"], found[2]["ended"]) == ("<thr", "stop")
    assert found[3]["texts"] == [f"7/0: {said('four')}", f"7/1: {said('four')}"]
    assert found[3]["ended"] == ["eos", "eos"]
    assert "temperature" not in found[3]
    assert found[4]["text"] == said("five")
    assert found[5]["text"] == said("User: a\nAssistant: b\nUser: c\nAssistant:")


BAD = {
    "{": "is not JSON: ",
    "[1]": r"is \[1\], expected an object with prompt or messages",
    "[" * 100_000: "is not JSON: ",
    '{"promt": "a"}': "has neither prompt nor messages",
    '{"prompt": "a", "messages": []}': "has both prompt and messages",
    '{"prompt": "  "}': "prompt is empty",
    '{"prompt": 5}': "prompt is 5, expected text",
    '{"prompt": "\\ud800"}': "half of a surrogate pair",
    '{"prompt": "a", "text": "b"}': "has the key 'text', which the output gives a meaning of its own; rename it",
    '{"prompt": "a", "max_tokens": 0}': "max_tokens is 0, expected an integer of at least 1",
    '{"prompt": "a", "stop": ["x", ""]}': r"stop is \('x', ''\), expected texts that are not empty",
    '{"prompt": "a", "temperature": "hot"}': "temperature is 'hot', expected a number",
    '{"prompt": "a", "beams": 2, "top_k": 3}': "beams is 2, expected 1 together with a temperature",
    '{"messages": []}': r"messages is \[\], expected a list with at least one message",
    '{"messages": [{"role": "bot", "content": "a"}]}': "message 1 is .*expected an object with role",
    '{"messages": [{"role": "user", "content": ""}]}': "message 1 has the content '', expected text",
    '{"messages": [{"role": "assistant", "content": "a"}]}': "messages end with the assistant's",
    json.dumps({"prompt": "x" * LONGEST}): f"the prompt has {LONGEST + 1} tokens, more than the {LONGEST} that fit",
}


def test_bad_lines_are_named_answered_with_their_error_and_counted(asked, capsys):
    lines = [*BAD, "", "   ", {"prompt": "good"}, "x" * (LONGEST_LINE + 5), {"prompt": "last"}]
    assert asked(lines) == 0
    found = answers()
    numbers = [*range(1, len(BAD) + 1), len(BAD) + 3, len(BAD) + 4, len(BAD) + 5]
    assert [answer["line"] for answer in found] == numbers  # blank lines are passed over
    for (line, reason), answer in zip(BAD.items(), found, strict=False):
        assert re.search(reason, answer["error"]), (line[:80], answer)
    assert found[len(BAD)]["text"] == said("good")
    assert found[len(BAD) + 1] == {"line": len(BAD) + 4, "error": "is longer than 16 MiB"}
    assert found[len(BAD) + 2]["text"] == said("last")
    told = capsys.readouterr()
    assert "in.jsonl, line 4: has neither prompt nor messages" in told.err
    assert f"out.jsonl: 2 lines answered, {len(BAD) + 1} with errors" in told.out


def test_a_file_of_bad_lines_alone_is_a_failure_and_an_empty_one_is_not(asked, capsys):
    assert asked(["{", "{"]) == 1
    Path("out.jsonl").unlink()
    assert asked([f"bad {n}" for n in range(100)]) == 1
    assert capsys.readouterr().err.count("in.jsonl, line") == 22  # 2, and the first 20
    Path("out.jsonl").unlink()
    assert asked([]) == 0
    assert Path("out.jsonl").read_text() == ""


def test_a_file_killed_at_any_byte_goes_on_without_a_lost_or_doubled_line(asked):
    lines = [{"prompt": f"p{n}"} if n % 7 else "{" for n in range(40)]
    assert asked(lines) == 0
    whole = Path("out.jsonl").read_bytes()
    for size in {
        0,
        1,
        len(whole) // 3,
        len(whole) // 2,
        whole.index(b"\n"),
        whole.index(b"\n") + 1,
        len(whole) - 1,
        len(whole),
    }:
        Path("out.jsonl").write_bytes(whole[:size])
        assert asked(None) == 0
        assert Path("out.jsonl").read_bytes() == whole


def test_a_process_killed_twice_leaves_what_the_third_one_completes(tmp_path):
    (tmp_path / "in.jsonl").write_text("".join(f'{{"prompt": "p{n}"}}\n' for n in range(400)))
    output = tmp_path / "out.jsonl"
    for count in (60, 200):
        process = start(tmp_path, "--slots", "4", pause=0.01)
        wait_for_lines(output, count, process)
        process.kill()
        process.communicate()
    process = start(tmp_path, "--slots", "4")
    out, told = process.communicate()
    assert process.returncode == 0, told
    assert "going on behind them" in told
    assert "were there" in out
    assert [answer["line"] for answer in answers(output)] == list(range(1, 401))
    assert [answer["text"] for answer in answers(output)] == [said(f"p{n}") for n in range(400)]


def test_ctrl_c_says_how_far_it_is_and_ends_with_130(tmp_path):
    (tmp_path / "in.jsonl").write_text("".join(f'{{"prompt": "p{n}"}}\n' for n in range(400)))
    process = start(
        tmp_path, "--slots", "2", pause=0.01, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    )
    wait_for_lines(tmp_path / "out.jsonl", 20, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130, told
    assert "the same command goes on" in told
    assert "Traceback" not in told


def test_a_full_disk_is_an_error_and_what_is_written_is_kept(tmp_path):
    (tmp_path / "in.jsonl").write_text("".join(f'{{"prompt": "p{n}"}}\n' for n in range(400)))
    room = 10_000  # a file may not grow beyond it, like a disk that is full: the write that reaches it is cut in two
    process = start(
        tmp_path,
        preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
        ),
    )
    _, told = process.communicate()
    assert process.returncode == 1
    assert "File too large (the same command goes on once there is room)" in told
    assert (tmp_path / "out.jsonl").stat().st_size == room
    process = start(tmp_path)
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert [answer["line"] for answer in answers(tmp_path / "out.jsonl")] == list(range(1, 401))


@pytest.mark.parametrize(
    ("options", "lines", "said_why"),
    [
        (["--temperature", "1"], None, "was begun with settings .*now it is"),
        ([], [{"prompt": "other"}], "was begun with input"),
        (["--model", "n"], None, "was begun with model 'm', now it is 'n'"),
    ],
)
def test_an_output_of_another_input_model_or_settings_is_refused(asked, capsys, options, lines, said_why):
    assert asked([{"prompt": "a"}]) == 0
    kept = Path("out.jsonl").read_bytes()
    assert asked(lines, *options) == 1

    assert re.search(said_why, capsys.readouterr().err)
    assert Path("out.jsonl").read_bytes() == kept


def test_files_that_are_not_this_commands_are_left_alone(asked, capsys, tmp_path):
    Path("out.jsonl").write_text("mine\n")
    assert asked([{"prompt": "a"}]) == 1
    assert "out.jsonl exists and was not begun by this command" in capsys.readouterr().err
    assert Path("out.jsonl").read_text() == "mine\n"
    for options, reason in (
        (["--output", "in.jsonl"], "--output in.jsonl is the file of prompts itself"),
        (["--file", "none.jsonl"], "--file none.jsonl: there is no such file"),
        (["--file", "."], "--file . is no regular file"),
        (["--file", "gs://bucket/in.jsonl"], "--file gs://bucket/in.jsonl: files of prompts and texts are on a local disk"),
        (
            ["--output", "gs://bucket/out.jsonl"],
            "--output gs://bucket/out.jsonl: files of prompts and texts are on a local disk",
        ),
        (["--prompt", "a"], "flanjax generate needs --prompt TEXT ..., or --file IN.jsonl"),
        (["--output", ""], "--file and --output go together"),
    ):
        assert asked(None, *options) == 1
        assert reason in capsys.readouterr().err


def test_a_damaged_or_foreign_line_at_the_end_of_the_output_is_named(asked, capsys):
    assert asked([{"prompt": "a"}, {"prompt": "b"}]) == 0
    kept = Path("out.jsonl").read_text()
    Path("out.jsonl").write_text(kept + "\0\0\0\n")
    assert asked(None) == 1
    assert "out.jsonl, line 3 is damaged" in capsys.readouterr().err
    Path("out.jsonl").write_text(kept.splitlines(keepends=True)[1])
    assert asked(None) == 1
    assert "the output's 1 lines end with an answer to line 2 of the input, expected line 1" in capsys.readouterr().err


def test_two_processes_do_not_write_to_one_output(tmp_path):
    with Output(tmp_path / "out.jsonl", {}), pytest.raises(ValueError, match="another process is writing to it"):
        Output(tmp_path / "out.jsonl", {})
    with Output(tmp_path / "out.jsonl", {}) as again:
        assert (again.done, again.last) == (0, 0)


def test_a_short_prompt_is_not_passed_over_by_longer_ones_for_ever(tmp_path):
    """The engine takes the longest of the prompts that it was given first; the output must not wait for a short one."""
    count, slots = 2000, 8
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps({"prompt": "p" * (1 + n % 50 * (n > 0))}) + "\n" for n in range(count)))
    model, held = ScriptedModel(rule=lambda prompt: "text"), []
    engine = model.engine(slots=slots)
    advance = engine.advance

    def longest_first():
        engine._waiting = deque(sorted(engine._waiting, key=lambda waiting: -len(waiting[0].prompt)))
        held.append(len(run._pending))
        return advance()

    engine.advance = longest_first
    with open(os.devnull, "w") as silent, Output(tmp_path / "out.jsonl", {}) as output:
        run = FileRun(engine, model.prompts, Settings(), slots=slots, progress=Progress("in", 1, silent))
        with file.open("rb") as opened:
            run.write(opened, output)
    assert len(answers(tmp_path / "out.jsonl")) == count
    assert max(held) <= 2 * AHEAD * slots


def test_memory_does_not_grow_with_the_file_even_behind_a_line_that_takes_long(tmp_path):
    """The first line is never finished before thousands of others are; what is held of these is bounded."""
    count = 3 * WINDOW
    file = tmp_path / "in.jsonl"
    file.write_text("".join(f'{{"prompt": "p{n}"}}\n' for n in range(count)))
    model = ScriptedModel(rule=lambda prompt: "x" * 60_000 if prompt == "p0" else prompt)
    held = []

    class Watched(FileRun):
        def _finished(self):
            held.append(len(self._pending))
            return super()._finished()

    with (
        Output(tmp_path / "out.jsonl", made_from("m", 0, file, Settings())) as output,
        Progress("in", 1, open(os.devnull, "w")) as told,
    ):
        run = Watched(model.engine(slots=8), model.prompts, Settings(max_tokens=100_000), slots=8, progress=told)
        with file.open("rb") as opened:
            run.write(opened, output)
    assert max(held) == WINDOW
    assert [answer["line"] for answer in answers(tmp_path / "out.jsonl")] == list(range(1, count + 1))
