"""Texts after prompts on the terminal, and conversations: turns, commands, Ctrl-C, and a talk that grows too long."""

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripted import LONGEST, ScriptedModel, said

from flanjax.ask import command
from flanjax.ask.chat import Chat
from flanjax.ask.settings import Settings
from flanjax.cli import main

HERE = Path(__file__).resolve()


def printed(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(command, "open_models", lambda names: [ScriptedModel(names[0])])
    status = main(["generate", "--model", "m", *arguments])
    return status, capsys.readouterr()


def test_one_prompt_prints_its_text_and_nothing_else(monkeypatch, capsys):
    assert printed(monkeypatch, capsys, "--prompt", "say ä") == (0, (f"{said('say ä')}\n", ""))


def test_several_texts_come_in_order_under_their_prompts(monkeypatch, capsys):
    status, told = printed(monkeypatch, capsys, "--prompt", "one", "two " * 30, "--samples", "2", "--temperature", "1")
    long = "two " * 30
    assert status == 0
    assert told.out == (
        f"== one (1 of 2)\n0/0: {said('one')}\n== one (2 of 2)\n0/1: {said('one')}\n"
        f"== {long[:57]}... (1 of 2)\n0/0: {said(long)}\n== {long[:57]}... (2 of 2)\n0/1: {said(long)}\n"
    )


def test_a_text_is_written_as_it_is_made():
    written = []
    model = ScriptedModel()
    command.print_texts(model, ["one"], Settings(), slots=4, write=written.append)
    assert len([piece for piece in written if piece]) > 3
    assert "".join(written) == f"{said('one')}\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--prompt", " "], "prompt is empty"),
        (["--prompt", "x" * LONGEST], "tokens, more than the 400 that fit"),
        (["--prompt", "a", "--beams", "4", "--temperature", "1"], "--beams is 4, expected 1 together with a temperature"),
        (["--prompt", "a", "--stop", ""], "--stop is ('',), expected texts that are not empty"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(monkeypatch, capsys, arguments, reason):
    status, told = printed(monkeypatch, capsys, *arguments)
    assert status == 1
    assert reason in told.err
    assert told.err.count("\n") == 1


def talk(lines, *models, **settings):
    out = io.StringIO()
    Chat(models, Settings(**settings), out).run(io.StringIO("".join(f"{line}\n" for line in lines)))
    return out.getvalue()


def test_a_conversation_goes_on_with_what_was_said_and_can_be_forgotten():
    told = talk(["hi", "", "more", "/reset", "hi", "/exit", "never"], ScriptedModel())
    first = said("hi")
    assert told.splitlines()[2:] == [
        first,
        *said(f"User: hi\nAssistant: {first}\nUser: more\nAssistant:").splitlines(),
        "(forgotten)",
        first,
    ]
    assert "scripted has no chat template: its turns are plain text" in told


def test_two_models_answer_one_after_the_other_each_with_its_own_past():
    told = talk(["hi", "more"], ScriptedModel("a"), ScriptedModel("b", rule=str.upper))
    assert f"-- a\n{said('hi')}\n-- b\nHI\n" in told
    assert told.endswith("-- b\nUSER: HI\nASSISTANT: HI\nUSER: MORE\nASSISTANT:\n")


def test_the_first_turns_leave_a_conversation_that_no_longer_fits():
    told = talk(["a" * 120, "b" * 120, "c" * 120], ScriptedModel(rule=lambda prompt: f"{prompt[6]} of {len(prompt)}"))
    assert "(the first 2 messages no longer fit and are left out)" in told
    assert "more than the 400 that fit" in talk(["a" * 500, "b"], ScriptedModel())
    assert talk(["a" * 500, "b"], ScriptedModel()).endswith(f"{said('b')}\n")


def test_unknown_commands_and_empty_answers_do_no_harm():
    told = talk(["/help me", "x", "y"], ScriptedModel(rule=lambda prompt: "" if prompt == "x" else prompt))
    assert "(/help is no command. /reset forgets" in told
    assert told.endswith("\n\ny\n")  # the turn without an answer is not part of the conversation


SCRIPT = f"""
import sys
sys.path[:0] = [{str(HERE.parents[1])!r}, {str(HERE.parents[2])!r}]
from scripted import ScriptedModel
from flanjax import cli
from flanjax.ask import command
command.open_models = lambda names, untuned: [ScriptedModel(name, pause=0.05, rule=lambda p: p * 20) for name in names]
sys.argv = ["flanjax", "chat", "m"]
cli.command()
"""


def test_in_a_terminal_ctrl_c_stops_an_answer_and_ctrl_d_leaves():
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = b""

    def until(text, meanwhile=lambda: None):
        nonlocal seen
        ended = time.monotonic() + 60
        while text not in seen:
            assert time.monotonic() < ended, seen
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 1000)
            else:
                meanwhile()

    until(b"> ")
    os.write(terminal, b"hello\n")
    until(b"hellohello")
    process.send_signal(signal.SIGINT)
    until(b"(stopped)")
    seen = seen.partition(b"(stopped)")[2]
    until(b"> ")
    # At the prompt it only reminds. Python sleeps through a signal that comes after the prompt and before it waits for a line.
    process.send_signal(signal.SIGINT)
    until(b"Ctrl-D leaves", meanwhile=lambda: process.send_signal(signal.SIGINT))
    os.write(terminal, b"\x04")
    assert process.wait(20) == 0
    os.close(terminal)
