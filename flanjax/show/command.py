"""`flanjax show`: a mixture's plan or examples of it, or a catalogue of what folders define."""

import argparse
from pathlib import Path

from flanjax.show.catalogue import show_catalogue
from flanjax.show.mixture import show_mixture


def show(args: argparse.Namespace) -> int:
    """Prints what the arguments name, and returns the exit status: 1 if a file of a catalogue cannot be loaded.

    Raises:
      ValueError: mixtures and folders are mixed, or an option does not belong to what is shown.
    """
    addresses = [what for what in args.what if ":" in what and not Path(what).exists()]
    if not addresses:
        _refuse(args, ("task", "template", "style"), "one mixture, FILE:NAME")
        return show_catalogue(args)
    if len(args.what) > 1:
        raise ValueError(f"{addresses[0]} is a mixture and must stand alone; or name folders and files, without :NAME")
    _refuse(args, ("search", "json"), "folders and files, without :NAME")
    args.mixture = addresses[0]
    show_mixture(args)
    return 0


def _refuse(args: argparse.Namespace, options: tuple[str, ...], owner: str) -> None:
    for name in options:
        if getattr(args, name):
            raise ValueError(f"--{name} is for {owner}; got {' '.join(args.what)}")
