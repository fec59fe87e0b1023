"""The command line before anything runs: help, overrides, and what is refused."""

import argparse
import functools
import importlib
import os
import re
import shlex
import subprocess
import sys

import pytest

from flanjax import commands
from flanjax.cli import COMMANDS, main

PARSER = commands.parser()
(SUBPARSERS,) = (a.choices for a in PARSER._actions if isinstance(a, argparse._SubParsersAction))


def test_flanjax_alone_prints_its_help(capsys):
    assert main([]) == 0
    told = capsys.readouterr().out
    assert all(re.search(rf"\n    {command}\s", told) for command in COMMANDS)


def test_every_command_of_another_package_is_found_where_the_table_says():
    addresses = {name: call.args[0] for name, call in COMMANDS.items() if isinstance(call, functools.partial)}
    assert len(addresses) > 12
    for name, address in addresses.items():
        module, _, function = address.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
        assert function == name.replace("-", "_")


@pytest.mark.parametrize("name", SUBPARSERS)
def test_the_help_of_a_command_tells_every_default_and_examples_that_parse(name):
    command = SUBPARSERS[name]
    assert name in COMMANDS
    for action in command._actions:
        assert action.help, action.dest
        if action.default not in (None, False, argparse.SUPPRESS):
            assert "(default: " in action.help, action.dest
    examples = [line for line in command.epilog.splitlines() if line.startswith("  flanjax ")]
    assert examples
    for example in examples:
        overrides, rest = commands.split_overrides(shlex.split(example)[1:])
        assert PARSER.parse_args(rest).command == name
        assert not overrides or commands.COMMANDS[name].takes_keys


@pytest.mark.parametrize(
    ("given", "overrides", "rest"),
    [
        (["--config.a.b", "c", "--workdir", "w"], ["a.b=c"], ["--workdir", "w"]),
        (["--config.a.b=c", "d"], ["a.b=c"], ["d"]),
        (["--config.flag", "--workdir", "w"], ["flag"], ["--workdir", "w"]),
        (["--config.mesh.fsdp", "-1"], ["mesh.fsdp=-1"], []),
        (["--config.flag"], ["flag"], []),
        (["--config", "c.py", "--config.x="], ["x="], ["--config", "c.py"]),
    ],
)
def test_an_override_may_have_its_value_behind_a_space(given, overrides, rest):
    assert commands.split_overrides(given) == (overrides, rest)


def test_help_config_explains_every_key_beside_the_values_of_a_config(capsys):
    assert main(["train", "--config", "configs/quickstart.py:decoder", "--help-config", "--config.train.seed", "3"]) == 0
    told = capsys.readouterr().out
    assert "train.seed = 0   [3 in this config]" in told
    assert "an integer from 0 to 4,294,967,295. Seed of the initial weights and of dropout." in told
    assert "data.features.layout = auto   [causal in this config]" in told


def test_options_take_what_the_keys_of_a_config_take(capsys):
    for given, said in (
        (["--step", "-1"], "argument --step: is -1, expected an integer of at least 0"),
        (["--items", "-1"], "argument --items/--limit: is -1, expected an integer of at least 0"),
        (["--shots", "0", "1000000000"], "argument --shots: is (1000000000,), expected a list, each an integer from 0 to 256"),
        (["--preset", "flann"], "argument --preset: is 'flann', expected 'flan', 't0' or 'lm_eval'; did you mean 'flan'?"),
    ):
        with pytest.raises(SystemExit):
            main(["heldout", "--workdir", "w", *given])
        assert said in capsys.readouterr().err


def test_overrides_are_refused_where_nothing_takes_them_and_train_asks_for_what_it_needs(capsys):
    assert main(["heldout", "--workdir", "w", "--config.train.steps=3"]) == 1
    assert (
        "only the commands train, prepare, compile, ablate, spin, swarm, doctor take config overrides"
        in capsys.readouterr().err
    )
    assert main(["train", "--config", "configs/quickstart.py"]) == 1
    assert "needs --config and --workdir" in capsys.readouterr().err


ENDING = """
import atexit, sys
from flanjax import cli

class TornDown:
    def __del__(self):
        print("torn down", file=sys.stderr, flush=True)

kept = TornDown()

def main():
    atexit.register(print, "the handlers have run")
    print("done")
    return int(sys.argv[1])

cli.main = main
cli.command()
"""


def ended(status, **streams):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.run([sys.executable, "-c", ENDING, status], env=environment, text=True, stderr=subprocess.PIPE, **streams)


def test_a_command_ends_after_its_exit_handlers_without_tearing_libraries_down():
    process = ended("3", stdout=subprocess.PIPE)
    assert (process.returncode, process.stdout, process.stderr) == (3, "done\nthe handlers have run\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "w") as full:
        process = ended("0", stdout=full)
    assert process.returncode == 1
    assert process.stderr == "flanjax: the output could not be written: [Errno 28] No space left on device\n"
