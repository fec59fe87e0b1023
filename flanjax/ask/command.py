"""`flanjax generate` and `flanjax chat`."""

import argparse
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flanjax import storage
from flanjax.ask.asking import add
from flanjax.ask.chat import Chat
from flanjax.ask.file import FileRun, made_from
from flanjax.ask.models import Asked, open_models
from flanjax.ask.output import Output
from flanjax.ask.progress import Progress
from flanjax.ask.settings import NAMES, Settings, changed
from flanjax.generate.request import Piece


def settings_of(args: argparse.Namespace) -> Settings:
    """Returns the settings that the options of a command give."""
    given = {name: getattr(args, name) for name in NAMES if getattr(args, name, None) is not None}
    try:
        return changed(Settings(), given)
    except ValueError as error:
        raise ValueError(f"--{str(error).replace('_', '-', 1)}") from error


def generate(args: argparse.Namespace) -> int:
    """Writes texts after prompts to the terminal, or after those of a file to another. Returns the exit status.

    Raises:
      ValueError: the options do not go together, or the output belongs to something else.
    """
    settings = settings_of(args)
    if bool(args.prompt) is bool(args.file):
        raise ValueError("flanjax generate needs --prompt TEXT ..., or --file IN.jsonl --output OUT.jsonl")
    if bool(args.file) is not bool(args.output):
        raise ValueError("--file and --output go together; texts after --prompt are printed")
    if args.file:
        return _generate_file(args, settings)
    (model,) = open_models([args.model])
    print_texts(model, args.prompt, settings, slots=args.slots)
    return 0


def _generate_file(args: argparse.Namespace, settings: Settings) -> int:
    for option in ("file", "output"):
        if storage.is_remote(getattr(args, option)):
            raise ValueError(
                f"--{option} {getattr(args, option)}: files of prompts and texts are on a local disk, where lines can be "
                "appended; copy them (gcloud storage cp)"
            )
    file, output = Path(args.file), Path(args.output)
    if not file.is_file():
        raise ValueError(f"--file {file}: there is no such file" if not file.exists() else f"--file {file} is no regular file")
    if output.exists() and output.samefile(file):
        raise ValueError(f"--output {output} is the file of prompts itself")
    (model,) = open_models([args.model])
    with (
        Output(output, made_from(model.name, model.step, file, settings)) as out,
        Progress(str(file), file.stat().st_size) as told,
    ):
        run = FileRun(model.engine(slots=args.slots), model.prompts, settings, slots=args.slots, progress=told)
        if out.done:
            told.log(f"{output} has {out.done:,} lines already; going on behind them", complaint=False)
        try:
            with file.open("rb") as opened:
                run.write(opened, out)
        except KeyboardInterrupt:
            told.log(f"stopped after {out.done + run.answered + run.failed:,} lines; the same command goes on", complaint=False)
            raise
        except OSError as error:
            error.add_note("the same command goes on once there is room")
            raise
    there = f" ({out.done:,} were there)" if out.done else ""
    print(f"{output}: {run.answered:,} lines answered{there}, {run.failed:,} with errors")
    return 1 if run.failed and not run.answered and not out.done else 0


def print_texts(
    model: Asked, prompts: Sequence[str], settings: Settings, *, slots: int, write: Callable[[str], Any] | None = None
) -> None:
    """Prints the texts after all prompts in their order, the one at hand as it is made."""
    write = write or (lambda text: print(text, end="", flush=True))
    ids = [model.prompts.of_text(prompt) for prompt in prompts]
    engine = model.engine(slots=slots, stream=True)
    for item, prompt in enumerate(ids):
        add(engine, item, prompt, settings)
    buffers: dict[tuple[int, int], str] = {}
    finished: set[tuple[int, int]] = set()
    for key in itertools.product(range(len(ids)), range(settings.samples)):
        if len(ids) * settings.samples > 1:
            write(_heading(prompts[key[0]], key[1], settings.samples))
        shown = 0
        while True:
            text = buffers.get(key, "")
            write(text[shown:])
            shown = len(text)
            if key in finished:
                break
            for new in engine.advance():
                of = (new.item, new.sample)
                if isinstance(new, Piece):
                    buffers[of] = buffers.get(of, "") + new.text
                else:
                    buffers[of] = new.text
                    finished.add(of)
        write("\n")
        del buffers[key]


def _heading(prompt: str, sample: int, samples: int) -> str:
    line = " ".join(prompt.split())
    of = f" ({sample + 1} of {samples})" if samples > 1 else ""
    return f"== {line if len(line) <= 60 else line[:57] + '...'}{of}\n"


def chat(args: argparse.Namespace) -> None:
    """Talks with one or two models in the terminal."""
    settings = settings_of(args)
    models = open_models([args.model, *([args.other] if args.other else [])], untuned=args.untuned)
    Chat(models, settings).run(sys.stdin)
