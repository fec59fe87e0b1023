"""The model that a command's options name: an address, or one that is loaded here."""

import argparse
import os
from collections.abc import Callable

from flanjax.ask.models import open_models
from flanjax.lab.writing.ask import Writer, repetition
from flanjax.lab.writing.endpoint import Endpoint
from flanjax.lab.writing.own import OwnWriter


def endpoint_of(args: argparse.Namespace, option: str, problem_of: Callable[[str], str]) -> Endpoint | None:
    """Returns the address in an option; None if it names no address.

    Args:
      option: such as "judge" for --judge.
      problem_of: of a reply's text, what makes it useless.

    Raises:
      ValueError: options are missing, or are for an address and there is none; or the key cannot be sent.
    """
    named = getattr(args, option)
    if not named.startswith(("http://", "https://")):
        if args.name or args.key_env:
            raise ValueError(
                f"--name and --key-env are for an address, such as http://localhost:8000/v1; --{option} is {named}"
            )
        return None
    if not args.name:
        raise ValueError(f"--{option} {named} needs --name MODEL: the name that the address knows the model by")
    key = os.environ.get(args.key_env or "", "").strip()
    if args.key_env and not key:
        raise ValueError(f"--key-env {args.key_env}: there is no such environment variable, or it is empty")
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"--key-env {args.key_env}: the key has characters other than printable ASCII; set it again")
    limits = {"timeout_seconds": args.timeout, "retries": args.retries, "parallel": args.parallel}
    return Endpoint(named, args.name, problem_of, key=key, **limits)


def writer_of(args: argparse.Namespace) -> Writer:
    """Returns the writer of --writer."""
    address = endpoint_of(args, "writer", repetition)
    return address or OwnWriter(open_models([args.writer])[0])
