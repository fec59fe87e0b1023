"""What options of several commands share: how values are read, and groups of options."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from flanjax import fields
from flanjax.ask.settings import Settings
from flanjax.fields import Count, Range, Whole

_Slots = Annotated[int, Range(1, 4096)]
ANY = "WORKDIR|HF"


MODEL = "a run, a Hugging Face directory or id"


def takes_field(cls: type, name: str) -> Callable[[str], Any]:
    """Returns the `type` of an option that sets a field of a config: it accepts what the field accepts."""
    return takes(fields.hints(cls)[name])


def takes(hint: Any) -> Callable[[str], Any]:
    """Returns the `type` of an option that accepts what a field of this type accepts."""

    def read(text: str) -> Any:
        try:
            return fields.fit(hint, fields.parse(hint, text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def settings(command: argparse.ArgumentParser, leave_out: Sequence[str] = ()) -> None:
    """Adds an option for each field of the settings."""
    group, meanings = command.add_argument_group("how texts are made"), fields.meanings(Settings)
    for field in dataclasses.fields(Settings):
        if field.name in leave_out:
            continue
        flag, meaning = f"--{field.name.replace('_', '-')}", meanings[field.name].rstrip(".").replace("%", "%%")
        if field.name == "stop":
            group.add_argument(flag, action="append", metavar="TEXT", help=f"{meaning}; can be repeated (default: none)")
        else:
            took = takes_field(Settings, field.name)
            group.add_argument(flag, type=took, default=field.default, metavar="N", help=f"{meaning} (default: %(default)s)")


def slots(command: argparse.ArgumentParser) -> None:
    command.add_argument("--slots", type=takes(_Slots), default=32, help="texts in work at a time (default: %(default)s)")


def processes(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "several processes", "each host runs the same command; a TPU slice and SLURM need --distributed auto alone"
    )
    group.add_argument(
        "--distributed",
        choices=["auto"],
        help="find the other processes by the TPU's metadata or by SLURM (default: one process)",
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 can be reached")
    group.add_argument("--num-processes", type=takes(Count), metavar="N", help="how many processes there are")
    group.add_argument("--process-id", type=takes(Whole), metavar="I", help="which of them this is, from 0")
    group.add_argument(
        "--startup-timeout",
        type=takes(Count),
        default=300,
        metavar="SECONDS",
        help="how long to wait for all processes (default: %(default)s)",
    )
