"""Options of the commands that train, prepare, compile, evaluate and export."""

import argparse
from typing import Any

from flanjax.arguments.common import processes, takes, takes_field
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.normalizations import NORMALIZATIONS
from flanjax.fields import Count, Whole
from flanjax.tasks.demonstrations import DEMONSTRATIONS


def train(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument(
        "--workdir", metavar="DIR", help="where checkpoints and metrics go; run the same command again to continue"
    )
    command.add_argument("--heldout", action="store_true", help="then evaluate on the held-out clusters")
    command.add_argument(
        "--profile", metavar="STEPS", help="write a trace of these steps for XProf, such as 10:13 (default: none)"
    )
    command.add_argument(
        "--help-config", action="store_true", help="list every key with its type, default and meaning, and the config's value"
    )
    processes(command)


def prepare(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument(
        "--output", metavar="DIR", help="where rows go; run the same command again to continue an interrupted one"
    )
    command.add_argument(
        "--steps", type=takes(Count), help="steps of training that the rows last for (default: the config's train.steps)"
    )
    command.add_argument("--examples", type=takes(Count), help="prepare so many examples of the plan instead of steps")
    command.add_argument("--verify", metavar="DIR", help="only read all that was prepared there, and compare the checksums")
    command.add_argument("beam", nargs="*", metavar="-- BEAM_OPTION", help="pipeline options of Apache Beam")


def compile(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", required=True, nargs="+", metavar="FILE[:VARIANT]", help="Python files with get_config()")
    command.add_argument(
        "--topology",
        required=True,
        nargs="+",
        metavar="CHIP:GRID",
        help="TPU slices, such as v5e:4x4 or v5p:4x4x4, or GPUs of a host, such as h100:8",
    )
    command.add_argument("--parameters", action="store_true", help="first list where every parameter lies")
    command.add_argument(
        "--search",
        action="store_true",
        help="compile the training step in many ways (recomputation, XLA's options, meshes, microbatches) and print the best",
    )


def evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tasks",
        nargs="+",
        metavar="TASK_OR_CLUSTER",
        help="names of tasks or clusters (default: all that have an evaluation split; a run needs names)",
    )
    command.add_argument("--model", metavar="WORKDIR|HF", help="any model instead: a run, a Hugging Face directory or id")
    command.add_argument("--mixture", metavar="FILE:NAME", help="whose tasks --model is evaluated on")
    command.add_argument("--output", metavar="DIR", help="where evaluations of --model go (default: evaluations/NAME)")
    heldout(command)


def heldout(command: argparse.ArgumentParser) -> None:
    config = "(default: the config's evaluation.{0})"
    command.add_argument("--workdir", metavar="DIR", help="of the run")
    command.add_argument("--step", type=takes(Whole), help="of the checkpoint (default: the newest)")
    for name, meaning in (("items", "rows of each task; 0 for all"), ("templates", "templates of each task; 0 for all")):
        also = ["--limit"] if name == "items" else []  # as lm-evaluation-harness calls it
        what: dict[str, Any] = {"type": takes_field(EvaluationConfig, name), "help": f"{meaning} {config.format(name)}"}
        command.add_argument(f"--{name}", *also, dest=name, **what)
    command.add_argument("--shots", type=_shots, nargs="+", help=f"numbers of exemplars, such as 0 2 {config.format('shots')}")
    command.add_argument(
        "--preset",
        type=takes_field(EvaluationConfig, "preset"),
        help=f"scoring convention: flan, t0 or lm_eval {config.format('preset')}",
    )
    command.add_argument(
        "--normalization",
        type=takes_field(EvaluationConfig, "normalization"),
        help=f"what options are compared by: {', '.join(NORMALIZATIONS)} {config.format('normalization')}",
    )
    command.add_argument(
        "--premise", metavar="TEXT", help=f"the prompt after which pmi scores options alone {config.format('premise')}"
    )
    command.add_argument(
        "--demonstrations",
        nargs="+",
        metavar="KIND",
        type=lambda kind: takes_field(EvaluationConfig, "demonstrations")(kind)[0],
        help=f"how exemplars are shown: gold, and beside it {', '.join(DEMONSTRATIONS[1:])} {config.format('demonstrations')}",
    )
    command.add_argument(
        "--perplexity",
        action="store_true",
        help=f"also score a decoder's prompts, to choose templates by their perplexity {config.format('perplexity')}",
    )
    command.add_argument(
        "--chain-of-thought",
        action="store_true",
        help=f"also let tasks with rationales reason first {config.format('chain_of_thought')}",
    )
    for name, meaning in (
        ("extractor", "how an answer is found in a text, such as last_number or boxed"),
        ("samples", "chains of thought an item, whose answers vote"),
        ("temperature", "of chains of thought; 0 is greedy"),
        ("max_target_tokens", "tokens of the longest generated text"),
        ("seed", "of the choice of exemplars, and of sampled chains of thought"),
    ):
        what = {"type": takes_field(EvaluationConfig, name), "help": f"{meaning} {config.format(name)}"}
        command.add_argument(f"--{name.replace('_', '-')}", **what)
    command.add_argument(
        "--no-options", action="store_true", help=f"leave the options out of the prompts {config.format('options')}"
    )
    command.add_argument(
        "--no-untuned", action="store_true", help=f"leave out the weights before training {config.format('untuned')}"
    )
    processes(command)


def _shots(text: str) -> int:
    return takes_field(EvaluationConfig, "shots")(text)[0]


def lm_eval(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="WORKDIR|HF", help="a run, a Hugging Face directory or an id")
    command.add_argument("--tasks", nargs="+", metavar="NAME", help="tasks, groups or tags of lm-eval; patterns such as arc_*")
    command.add_argument("--limit", type=takes(Count), metavar="N", help="rows of each task (default: all)")
    command.add_argument("--num-fewshot", type=takes(Whole), metavar="N", help="exemplars (default: as the task says)")
    command.add_argument("--include-path", metavar="DIR", help="a folder with more tasks, as YAML")
    command.add_argument("--log-samples", action="store_true", help="also write every prompt with its answers")
    command.add_argument("--output", metavar="DIR", help="where results.json and samples go (default: printed only)")
    command.add_argument(
        "--batch-size", type=takes(Count), default=32, metavar="N", help="prompts at a time (default: %(default)s)"
    )
    command.add_argument(
        "--max-length",
        type=takes(Count),
        metavar="TOKENS",
        help="of the longest prompt (default: what a decoder-only model was trained for; no limit for an encoder-decoder)",
    )
    command.add_argument(
        "--write-tasks",
        metavar="FILE:NAME",
        help="instead write this mixture's --tasks (default: all) as YAML to --output, as --model would be asked them",
    )
    processes(command)


def report(command: argparse.ArgumentParser) -> None:
    command.add_argument("workdirs", nargs="+", metavar="WORKDIR", help="of the runs")
    command.add_argument("--output", default="report.html", metavar="FILE", help="the page (default: %(default)s)")
    command.add_argument(
        "--watch",
        type=takes(Count),
        nargs="?",
        const=30,
        metavar="SECONDS",
        help="write it again while the runs train, looking so often (%(const)s), until they have ended; a browser reloads it",
    )


def export(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workdir", required=True, metavar="DIR", help="of the run")
    command.add_argument("--output", required=True, metavar="DIR", help="where the files go")
    command.add_argument("--step", type=takes(Whole), help="of the checkpoint (default: the newest)")
    command.add_argument(
        "--dtype", choices=["float32", "bfloat16"], default="float32", help="of the weights' files (default: %(default)s)"
    )
    command.add_argument("--licence", metavar="ID", help="of the model, for its card, such as apache-2.0 (default: unknown)")
    command.add_argument("--adapter", action="store_true", help="write only the few weights of a model.adapt, in peft's format")
    processes(command)
