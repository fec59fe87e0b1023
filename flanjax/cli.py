"""The command line: parses arguments, calls flanjax.run and other packages, and prints errors. See `flanjax --help`."""

import argparse
import atexit
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from flanjax import commands, malloc

_PROGRESS_SECONDS = 10
_WITH_LARGE_ARRAYS = {
    "train",
    "heldout",
    "evaluate",
    "suite",
    "lm-eval",
    "generate",
    "chat",
    "serve",
    "judge",
    "entail",
    "doctor",
}


def command() -> NoReturn:
    """Runs `flanjax` as a process and exits. Ctrl-C ends it with status 130.

    The process ends as soon as its exit handlers have run. Python would go on to take apart libraries whose threads are still
    running or whose import was interrupted, and some of them would abort, with a status that says that the command failed.
    """
    if sys.argv[1:2] and sys.argv[1] in _WITH_LARGE_ARRAYS:
        malloc.start_again_tuned()
    sys.unraisablehook = _interrupt_again
    statuses: list[int] = []
    atexit.register(lambda: _end_at_once(statuses[0]) if statuses else None)  # the first to be registered is the last to run
    try:
        statuses.append(main())
        sys.exit(statuses[0])
    except KeyboardInterrupt as error:
        distributed: Any = sys.modules.get("flanjax.parallel.distributed")
        if hasattr(distributed, "leave"):
            distributed.leave(128 + signal.SIGINT, "stopped", error)
        else:  # interrupted while it was still starting
            _fail("stopped")
        _end_at_once(128 + signal.SIGINT)


def _end_at_once(status: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError as error:
        status = status or _fail(f"the output could not be written: {error}")
    sys.stderr.flush()
    os._exit(status)


def _interrupt_again(unraisable: Any) -> None:
    """Repeats a Ctrl-C that came during garbage collection, where Python only prints the exception and ignores it."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    again = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT])
    again.daemon = True
    again.start()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status: 0, 1 for a user's error, 128 + the signal for a run that was stopped."""
    began = time.perf_counter()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    overrides, rest = commands.split_overrides(list(sys.argv[1:] if argv is None else argv))
    parser = commands.parser()
    args = parser.parse_args(rest)
    if not args.command:
        parser.print_help()
        return 0
    if overrides and not commands.COMMANDS[args.command].takes_keys:
        taking = ", ".join(name for name, command in commands.COMMANDS.items() if command.takes_keys)
        return _fail(f"{commands.OVERRIDE}{overrides[0]}: only the commands {taking} take config overrides")
    args.overrides, args.began = overrides, began
    # Orbax logs the errors that it raises, once for each of its threads.
    logging.getLogger("absl").setLevel(logging.ERROR if args.traceback else logging.CRITICAL)
    try:
        return COMMANDS[args.command](args) or 0
    except Exception as error:
        # Both modules import jax, so a command that does without it neither raises what the one defines nor needs the other.
        loop, distributed = (sys.modules.get(f"flanjax.{name}") for name in ("train.loop", "parallel.distributed"))
        if loop and isinstance(error, loop.Interrupted):
            print(error, file=sys.stderr)
            return 128 + error.signal
        if args.traceback or not isinstance(error, ValueError | KeyError | OSError | RuntimeError):
            raise
        return distributed.leave(1, _message(error), error) if distributed else _fail(_message(error))


def _fail(message: str) -> int:
    print(f"flanjax: {message}", file=sys.stderr)
    return 1


def _message(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return f"{text}{notes}"


def _train(args: argparse.Namespace) -> None:
    from flanjax.config import load_config, reference

    if args.help_config:
        print(reference.text(load_config(args.config, args.overrides) if args.config else None))
        return
    if not args.config or not args.workdir:
        raise ValueError("flanjax train needs --config and --workdir; --help-config explains the keys of a config")
    from flanjax import run

    _start(args)  # before the config, whose mistakes all processes then hear of
    config = load_config(args.config, args.overrides)
    run.train(config, args.workdir, profile=args.profile, began=args.began)
    if args.heldout:
        run.evaluate(args.workdir)


def _start(args: argparse.Namespace) -> None:
    from flanjax.parallel import compilation_cache, distributed

    distributed.start(
        coordinator=args.coordinator,
        num_processes=args.num_processes,
        process_id=args.process_id,
        detect=args.distributed == "auto",
        timeout_seconds=args.startup_timeout,
    )
    if getattr(args, "workdir", None):
        compilation_cache.enable(args.workdir)


def _evaluate(args: argparse.Namespace) -> None:
    if (getattr(args, "model", None) is None) is not (getattr(args, "mixture", None) is None):
        raise ValueError("--model and --mixture go together: any model on any mixture's tasks; or --workdir alone, for a run")
    if (args.workdir is None) is (getattr(args, "model", None) is None):
        raise ValueError(
            "flanjax evaluate needs --workdir DIR and --tasks, for a run, or --model WORKDIR|HF --mixture FILE:NAME"
        )
    if args.workdir and args.command == "evaluate" and not args.tasks:
        raise ValueError("flanjax evaluate --workdir needs --tasks; `flanjax heldout` evaluates the held-out ones")
    from flanjax import run

    _start(args)
    given = {
        "items": args.items,
        "templates": args.templates,
        "shots": tuple(args.shots) if args.shots else None,
        "preset": args.preset,
        "demonstrations": tuple(args.demonstrations) if args.demonstrations else None,
        "chain_of_thought": args.chain_of_thought or None,
        "perplexity": args.perplexity or None,
        **{name: getattr(args, name) for name in ("normalization", "premise", "extractor", "samples", "temperature")},
        "max_target_tokens": args.max_target_tokens,
        "seed": args.seed,
        "options": False if args.no_options else None,
        "untuned": False if args.no_untuned else None,
    }
    changes = {k: v for k, v in given.items() if v is not None}
    tasks = getattr(args, "tasks", None) or ()
    if (model := getattr(args, "model", None)) is not None:
        changes.pop("untuned", None)  # of the model's own weights alone
        run.evaluate_model(model, args.mixture, tasks=tasks, output=args.output, changes=changes)
        return
    run.evaluate(args.workdir, tasks=tasks, step=args.step, changes=changes)


def _prepare(args: argparse.Namespace) -> None:
    from flanjax.config import load_config

    if args.verify:
        from flanjax.data.offline.prepared import verify

        found = verify(args.verify)
        print(f"{args.verify}: {len(found['shards'])} shards, {found['rows']:,} rows, {found['steps']:,} steps: all as written")
        return
    if not args.config or not args.output:
        raise ValueError("flanjax prepare needs --config and --output, or --verify DIR")
    from flanjax.prepare import job as prepare

    prepare.prepare(
        load_config(args.config, args.overrides), args.output, steps=args.steps, examples=args.examples, beam=args.beam
    )


def _compile(args: argparse.Namespace) -> None:
    from flanjax.aot import compile as aot
    from flanjax.aot import search
    from flanjax.aot.topology import find_compilers
    from flanjax.config import load_config

    find_compilers(args.topology)
    for path in args.config:
        config = load_config(path, args.overrides)
        config = config.for_model(config.model.kind)
        for topology in args.topology:
            if args.parameters:
                print(aot.parameters(config, topology))
            if args.search:
                with _progress(f"compiling {config.name} for {topology} in many ways"):
                    ways = search.search(config, topology, partial(print, flush=True))
                print(search.verdict(topology, *ways), flush=True)
                continue
            for what, compiled in (("training", aot.compile_training), ("scoring", aot.compile_scoring)):
                with _progress(f"compiling {what} of {config.name} for {topology}"):
                    found = compiled(config, topology)
                print(aot.describe(config, topology, found), flush=True)


@contextlib.contextmanager
def _progress(what: str) -> Iterator[None]:
    """Prints on stderr what is running, and every ten seconds for how long it has been running."""
    began, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(_PROGRESS_SECONDS):
            print(f"{what} ... {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    print(f"{what} ...", file=sys.stderr, flush=True)
    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()


def _export(args: argparse.Namespace) -> None:
    from flanjax import run

    _start(args)
    run.export(args.workdir, args.output, step=args.step, dtype=args.dtype, licence=args.licence, adapter=args.adapter)


def _report(args: argparse.Namespace) -> None:
    if args.watch:
        from flanjax.report.watch import watch

        watch(args.workdirs, args.output, args.watch)
        return
    from flanjax.report.page import write_report

    print(f"report: {write_report(args.workdirs, args.output)}")


def _call(address: str, args: argparse.Namespace) -> int | None:
    """Runs the command "package.module:function", which is imported only now."""
    module, _, function = address.partition(":")
    called: Callable[[argparse.Namespace], int | None] = getattr(importlib.import_module(module), function)
    return called(args)


def _start_and_call(address: str, args: argparse.Namespace) -> int | None:
    """The same for a command that several processes may run together: it starts as a training does."""
    _start(args)
    return _call(address, args)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int | None]] = {
    "train": _train,
    "prepare": _prepare,
    "compile": _compile,
    "evaluate": _evaluate,
    "heldout": _evaluate,
    "lm-eval": partial(_start_and_call, "flanjax.harness.command:lm_eval"),
    "report": _report,
    "export": _export,
    "generate": partial(_call, "flanjax.ask.command:generate"),
    "chat": partial(_call, "flanjax.ask.command:chat"),
    "serve": partial(_call, "flanjax.serve.command:serve"),
    "ablate": partial(_call, "flanjax.lab.ablate.command:ablate"),
    "spin": partial(_call, "flanjax.lab.spin.command:spin"),
    "swarm": partial(_call, "flanjax.lab.swarm.command:swarm"),
    "weights": partial(_call, "flanjax.lab.swarm.command:weights"),
    "judge": partial(_call, "flanjax.lab.judge.command:judge"),
    "entail": partial(_call, "flanjax.lab.judge.entail:entail"),
    "self-instruct": partial(_call, "flanjax.lab.instruct.command:self_instruct"),
    "documents": partial(_call, "flanjax.lab.documents.command:documents"),
    "check": partial(_call, "flanjax.check.command:check"),
    "doctor": partial(_call, "flanjax.lab.doctor.command:doctor"),
    "suite": partial(_start_and_call, "flanjax.lab.suite.command:suite"),
    "explore": partial(_call, "flanjax.explore.command:explore"),
    "show": partial(_call, "flanjax.show.command:show"),
}


if __name__ == "__main__":
    command()
