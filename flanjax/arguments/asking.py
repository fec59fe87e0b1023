"""Options of the commands that ask a model: in the terminal, for a file of prompts, and on a page."""

import argparse
from typing import Annotated

from flanjax.arguments.common import ANY, MODEL, settings, slots, takes
from flanjax.fields import Range

_Port = Annotated[int, Range(0, 65_535)]


def generate(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, metavar=ANY, help=MODEL)
    command.add_argument("--prompt", nargs="+", metavar="TEXT", help="print the texts after these prompts")
    command.add_argument("--file", metavar="JSONL", help="a file of prompts instead, one on a line")
    command.add_argument("--output", metavar="JSONL", help="where the texts after the file's prompts go")
    settings(command)
    slots(command)


def chat(command: argparse.ArgumentParser) -> None:
    _pair(command)
    settings(command, leave_out=("samples",))


def serve(command: argparse.ArgumentParser) -> None:
    _pair(command)
    command.add_argument("--host", default="127.0.0.1", help="an address of this machine alone (default: %(default)s)")
    command.add_argument("--port", type=takes(_Port), default=8000, help="0 takes a free one (default: %(default)s)")
    command.add_argument("--export", metavar="HTML", help="write the answers to a list of prompts as a page, and end")
    command.add_argument(
        "--file",
        metavar="JSONL",
        help="the prompts to choose from and to export, one on a line, options as a list (default: the run's held-out tasks)",
    )
    settings(command, leave_out=("samples",))
    slots(command)


def _pair(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="A", help=MODEL)
    command.add_argument("other", nargs="?", metavar="B", help="another model beside it")
    command.add_argument("--untuned", action="store_true", help="B is the run A before its training")
