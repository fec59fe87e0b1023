"""The command line: it parses, calls run.py and its neighbours, and words errors. `flanjax --help` lists the commands."""

import argparse
import logging
import sys
from collections.abc import Sequence

from flanjax.version import __version__

_OVERRIDE = "--config."


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit status is 0, 1 for an error of the user's, 128 + the signal for a stopped run."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    arguments = list(sys.argv[1:] if argv is None else argv)
    overrides = [a[len(_OVERRIDE) :] for a in arguments if a.startswith(_OVERRIDE)]
    args = _parser().parse_args([a for a in arguments if not a.startswith(_OVERRIDE)])
    if overrides and args.command not in ("train", "prepare", "compile"):
        return _fail(f"{_OVERRIDE}{overrides[0]}: only `flanjax train`, `prepare` and `compile` take config overrides")
    args.overrides = overrides
    # Orbax logs what it raises, once for each of its threads.
    logging.getLogger("absl").setLevel(logging.ERROR if args.traceback else logging.CRITICAL)
    from flanjax.parallel import distributed
    from flanjax.train.loop import Diverged, Interrupted  # with jax, which `flanjax --help` should not wait for

    try:
        args.run(args)
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        return 128 + stopped.signal
    except KeyboardInterrupt as error:
        return distributed.leave(130, "stopped", error)
    except (ValueError, KeyError, OSError, RuntimeError, Diverged) as error:
        if args.traceback:
            raise
        return distributed.leave(1, _message(error), error)
    return 0


def _fail(message: str) -> int:
    print(f"flanjax: {message}", file=sys.stderr)
    return 1


def _message(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return f"{text}{notes}"


def _train(args: argparse.Namespace) -> None:
    from flanjax import run
    from flanjax.config import load_config

    _start(args)
    run.train(load_config(args.config, args.overrides), args.workdir, profile=args.profile)


def _start(args: argparse.Namespace) -> None:
    from flanjax.parallel import compilation_cache, distributed

    distributed.start(
        coordinator=args.coordinator,
        num_processes=args.num_processes,
        process_id=args.process_id,
        detect=args.distributed == "auto",
        timeout_seconds=args.startup_timeout,
    )
    compilation_cache.enable(args.workdir)


def _evaluate(args: argparse.Namespace) -> None:
    from flanjax import run

    _start(args)
    given = {
        "items": args.items,
        "templates": args.templates,
        "shots": tuple(args.shots) if args.shots else None,
        "preset": args.preset,
        "chain_of_thought": args.chain_of_thought or None,
        "untuned": False if args.no_untuned else None,
    }
    changes = {k: v for k, v in given.items() if v is not None}
    run.evaluate(args.workdir, tasks=getattr(args, "tasks", None) or (), step=args.step, changes=changes)


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
    from flanjax.config import load_config

    for path in args.config:
        config = load_config(path, args.overrides)
        for topology in args.topology:
            if args.parameters:
                print(aot.parameters(config, topology))
            print(aot.describe(config, topology, aot.compile_training(config, topology)), flush=True)
            print(aot.describe(config, topology, aot.compile_scoring(config, topology)), flush=True)


def _export(args: argparse.Namespace) -> None:
    from flanjax import run

    _start(args)
    run.export(args.workdir, args.output, step=args.step, dtype=args.dtype)


def _report(args: argparse.Namespace) -> None:
    from flanjax.report.page import write_report

    print(f"report: {write_report(args.workdirs, args.output)}")


def _show(args: argparse.Namespace) -> None:
    from flanjax import show

    show.show(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flanjax", description="Instruction tuning in JAX on FLAN-style mixtures.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--traceback", action="store_true", help="show the whole traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train", help="train a run, or go on with it", description="Any config key can be set: --config.train.steps=100"
    )
    train.add_argument("--config", required=True, help="a Python file with get_config()")
    train.add_argument("--workdir", required=True, help="where checkpoints and metrics go; the same one goes on with the run")
    train.add_argument(
        "--profile", metavar="STEPS", help="write a trace of these steps, such as 10:13, for XProf"
    )
    train.set_defaults(run=_train)

    prepare = commands.add_parser(
        "prepare",
        help="write a config's packed rows to files, which training then reads",
        description="Makes the rows once, by Apache Beam: on this machine, or where the options after -- say. "
        "Any config key can be set: --config.data.seed=1",
    )
    prepare.add_argument("--config", help="a Python file with get_config()")
    prepare.add_argument("--output", metavar="DIR", help="where rows go; the same command goes on with an interrupted one")
    prepare.add_argument("--steps", type=int, help="of training that the rows last for (default: the config's train.steps)")
    prepare.add_argument("--examples", type=int, help="prepare so many examples of the plan instead")
    prepare.add_argument("--verify", metavar="DIR", help="read all that was prepared there and compare the checksums")
    prepare.add_argument("beam", nargs="*", metavar="-- BEAM_OPTION", help="pipeline options of Apache Beam")
    prepare.set_defaults(run=_prepare)

    compiled = commands.add_parser("compile", help="compile a config's training and scoring for a TPU slice that is not here")
    compiled.add_argument("--config", required=True, nargs="+", help="Python files with get_config()")
    compiled.add_argument("--topology", required=True, nargs="+", help="chips and grid, such as v5e:4x4 or v5p:4x4x4")
    compiled.add_argument("--parameters", action="store_true", help="first list where every parameter lies")
    compiled.set_defaults(run=_compile)

    evaluate = commands.add_parser("evaluate", help="evaluate a run on any tasks or clusters of its mixture")
    evaluate.add_argument("--tasks", nargs="+", required=True, metavar="TASK_OR_CLUSTER")
    heldout = commands.add_parser(
        "heldout", help="evaluate a run on the clusters held out of its training, and write the report"
    )
    for command in (evaluate, heldout):
        command.add_argument("--workdir", required=True)
        command.add_argument("--step", type=int, help="of the checkpoint (default: the newest)")
        command.add_argument("--items", type=int, help="rows of each task (0: all)")
        command.add_argument("--templates", type=int, help="templates of each task (0: all)")
        command.add_argument("--shots", type=int, nargs="+", help="numbers of exemplars, such as 0 2")
        command.add_argument("--preset", help="scoring convention: flan, t0 or lm_eval")
        command.add_argument("--chain-of-thought", action="store_true", help="also let tasks with rationales reason first")
        command.add_argument("--no-untuned", action="store_true", help="leave out the weights before training")
        command.set_defaults(run=_evaluate)
    report = commands.add_parser("report", help="one HTML page of one run, or of several side by side")
    report.add_argument("workdirs", nargs="+", metavar="WORKDIR")
    report.add_argument("--output", default="report.html")
    report.set_defaults(run=_report)

    export = commands.add_parser("export", help="a run's model and tokenizer as a Hugging Face directory")
    export.add_argument("--workdir", required=True)
    export.add_argument("--output", required=True)
    export.add_argument("--step", type=int, help="of the checkpoint (default: the newest)")
    export.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the weights' files")
    export.set_defaults(run=_export)
    for command in (train, evaluate, heldout, export):
        _add_processes(command)

    show = commands.add_parser("show", help="a mixture's plan, and rendered examples of it")
    show.add_argument("mixture", help="path/to/file.py:name")
    show.add_argument("--task", help="show rendered examples of this task")
    show.add_argument("--template", help="only this template of the task")
    show.add_argument("--style", help="only this style, such as few-shot/options/direct/forward (any part of it)")
    show.add_argument("--examples", type=int, default=3, help="how many rendered examples (default 3)")
    show.add_argument("--heldout", nargs="*", default=(), metavar="CLUSTER", help="hold these clusters out first")
    show.add_argument("--tokenizer", default="bytes", help="for lengths: a SentencePiece model, a directory, an id, or bytes")
    show.add_argument("--num-examples", type=int, default=100_000, help="length of the plan that is counted")
    show.add_argument("--sample", type=int, default=2000, help="examples tokenised for lengths and truncation (0: none)")
    show.add_argument("--inputs-length", type=int, default=512)
    show.add_argument("--targets-length", type=int, default=128)
    show.add_argument("--seed", type=int, default=0)
    show.set_defaults(run=_show)
    return parser


def _add_processes(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "several processes", "each host runs the same command; a TPU slice and SLURM need --distributed auto alone"
    )
    group.add_argument("--distributed", choices=["auto"], help="find the other processes by the TPU's metadata or by SLURM")
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 can be reached")
    group.add_argument("--num-processes", type=int, metavar="N", help="how many processes there are")
    group.add_argument("--process-id", type=int, metavar="I", help="which of them this is, from 0")
    group.add_argument(
        "--startup-timeout", type=int, default=300, metavar="SECONDS", help="how long to wait for all (default 300)"
    )


if __name__ == "__main__":
    sys.exit(main())
