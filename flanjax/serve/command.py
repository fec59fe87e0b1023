"""`flanjax serve`."""

import argparse
import asyncio
from collections.abc import Sequence

from etils import epath

from flanjax import parts, storage
from flanjax.ask.command import settings_of
from flanjax.ask.models import Asked, open_models
from flanjax.ask.settings import Settings
from flanjax.serve import examples as examples_of
from flanjax.serve.compare import Example, compare
from flanjax.serve.page import Shown
from flanjax.train.log import ProgressBar

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(args: argparse.Namespace) -> None:
    """Serves the models of the arguments until Ctrl-C, or writes their answers as a page.

    Raises:
      ValueError: an option does not fit.
      OSError: the port is taken.
    """
    settings = settings_of(args)
    if args.host not in _LOOPBACK:
        raise ValueError(
            f"--host {args.host}: this server is for this machine alone, so it takes one of {', '.join(_LOOPBACK)}; from "
            f"another machine, `ssh -L {args.port}:127.0.0.1:{args.port} THIS_MACHINE` brings it to http://127.0.0.1:{args.port}/"
        )
    if args.export and storage.is_remote(args.export):
        raise ValueError(f"--export {args.export}: a page is written to a local disk, from which a browser opens it")
    if not args.export:
        _need_aiohttp()
    examples = _examples(args.file, args.model)
    models = open_models([args.model, *([args.other] if args.other else [])], untuned=args.untuned)
    if len({model.name for model in models}) < len(models):
        raise ValueError(f"A and B are both {args.model}")
    columns = models[::-1] if args.untuned else models  # before and after
    shown = Shown([model.name for model in columns], examples, settings)
    if args.export:
        _export(args.export, columns, shown, settings, args.slots)
        return
    from flanjax.serve import server  # needs aiohttp

    asyncio.run(server.serve(models, shown, host=args.host, port=args.port, slots=args.slots))


def _examples(file: str | None, model: str) -> list[Example]:
    if file:
        return examples_of.of_file(file)
    return (examples_of.of_run(model) if parts.is_run(model) else []) or list(examples_of.OURS)


def _export(path: str, models: Sequence[Asked], shown: Shown, settings: Settings, slots: int) -> None:
    page = epath.Path(path)
    page.parent.mkdir(parents=True, exist_ok=True)
    bar = ProgressBar("asking", len(models) * len(shown.examples))
    try:
        records = compare(models, shown.examples, settings, slots=slots, advance=bar.advance)
    finally:
        bar.close()
    storage.replace_text(page, shown.exported(records))
    print(f"page: {page}")


def _need_aiohttp() -> None:
    try:
        import aiohttp  # noqa: F401
    except ImportError as error:
        raise ValueError("flanjax serve needs aiohttp: pip install 'flanjax[serve]'") from error
