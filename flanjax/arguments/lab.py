"""Options of the commands of flanjax/lab: studies, self-play, weights of mixtures, judges, made data, and checks of a run."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from flanjax import fields
from flanjax.arguments.common import ANY, MODEL, processes, takes, takes_field
from flanjax.ask.settings import Settings
from flanjax.evaluate.config import EvaluationConfig
from flanjax.fields import Count, Positive, Range, Seed, Whole
from flanjax.lab.documents import recipe as from_documents
from flanjax.lab.instruct import recipe as instruct


def ablate(command: argparse.ArgumentParser) -> None:
    command.add_argument("study", nargs="?", metavar="FILE[:NAME]", help="a Python file with a Study, instead of --config")
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument(
        "--axis", action="append", metavar="KEY=VALUE,VALUE", help="what is varied; the first value is compared with"
    )
    command.add_argument("--seeds", type=takes(Count), metavar="N", help="runs of each combination (default: 3)")
    command.add_argument("--out", required=True, metavar="DIR", help="where runs, study.json and the page (index.html) go")
    command.add_argument("--plan", action="store_true", help="print the plan and its cost, and stop")
    command.add_argument("--print", choices=["slurm", "jobset", "tpu"], help="print the runs as jobs for launch/, and stop")


def spin(spin: argparse.ArgumentParser) -> None:
    spin.add_argument("--config", required=True, metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    spin.add_argument("--out", required=True, metavar="DIR", help="where rounds, runs, spin.json and the page (index.html) go")
    spin.add_argument("--rounds", type=takes(Count), default=2, help="how many rounds there are in all (default: %(default)s)")
    spin.add_argument(
        "--prompts",
        type=takes(Count),
        default=5000,
        help="examples of the mixture that are played with (default: %(default)s)",
    )
    spin.add_argument(
        "--temperature",
        type=takes_field(Settings, "temperature"),
        default=1.0,
        help="sampling temperature of the opponent's texts (default: %(default)s)",
    )
    spin.add_argument(
        "--top-p", type=takes_field(Settings, "top_p"), default=1.0, help="top-p of the opponent's texts (default: %(default)s)"
    )


def swarm(command: argparse.ArgumentParser) -> None:
    command.add_argument("study", nargs="?", metavar="FILE[:NAME]", help="a Python file with a Study of weights, not --config")
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument("--runs", type=takes(Annotated[int, Range(3)]), metavar="N", help="how many (default: 30)")
    command.add_argument("--seed", type=takes(Seed), help="of the proportions that are drawn (default: 0)")
    command.add_argument("--out", required=True, metavar="DIR", help="where runs, weights.json and pages go")
    command.add_argument("--plan", action="store_true", help="print the plan and its cost, and stop")
    command.add_argument("--print", choices=["slurm", "jobset", "tpu"], help="print the runs as jobs for launch/, and stop")
    _wanted_weights(command)


def weights(command: argparse.ArgumentParser) -> None:
    command.add_argument("out", metavar="DIR", help="the folder of a swarm, or of a study of the axis weights")
    _wanted_weights(command)


def _wanted_weights(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--examples",
        type=takes(Count),
        metavar="N",
        help="of the training that weights are wanted for (default: as many as the runs had)",
    )
    command.add_argument(
        "--repeats",
        type=takes(Positive),
        metavar="N",
        help="go through no task's rows more often than this in so many examples, such as 4 (default: any number of times)",
    )


_EVALUATED = "a run with an evaluation, or an evaluation's folder"


def judge(command: argparse.ArgumentParser) -> None:
    command.add_argument("first", metavar="A", help=_EVALUATED)
    command.add_argument("second", metavar="B", help="another one of the same tasks")
    command.add_argument(
        "--judge", required=True, metavar="WORKDIR|HF|URL", help=f"{MODEL}; or an address such as http://localhost:8000/v1"
    )
    _address(command)
    command.add_argument("--reference", action="store_true", help="show the judge the first reference too")
    command.add_argument(
        "--wording", metavar="FILE", help="a Jinja template of the question, with prompt, first, second, reference and how"
    )
    _written(command)


def _address(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", metavar="MODEL", help="the name that the address knows the model by")
    command.add_argument("--key-env", metavar="VARIABLE", help="the environment variable with the key for the address")
    for name, kind, default, meaning in (
        ("timeout", Positive, 60.0, "seconds to wait for a reply of the address"),
        ("retries", Whole, 3, "how often to ask again where a reply fails or is of no use"),
        ("parallel", Count, 4, "questions to the address at a time"),
    ):
        took: dict[str, Any] = {"type": takes(kind), "default": default, "help": f"{meaning} (default: %(default)s)"}
        command.add_argument(f"--{name}", metavar="N", **took)


def self_instruct(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seeds", required=True, metavar="JSONL", help="tasks that people wrote: instruction, input, output, classification"
    )
    _writer(command)
    _recipe(command, instruct.Recipe, {"prompts": "as many as --tasks"})
    command.add_argument("--wording", metavar="FILE", help="Jinja templates of the prompts, as blocks (default: the package's)")
    command.add_argument("--blocklist", metavar="FILE", help="words that no instruction may have, one a line")


def documents(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", metavar="DIR", help="with files of text, Markdown or HTML, in folders or not")
    _writer(command)
    _recipe(command, from_documents.Recipe, {})
    command.add_argument("--wording", metavar="FILE", help="Jinja templates of the prompts, as blocks (default: the package's)")


def _recipe(command: argparse.ArgumentParser, recipe: type, told: Mapping[str, str]) -> None:
    """Adds an option for each field of a recipe; those in `told` default to None."""
    group, meanings = command.add_argument_group("how rows are made"), fields.meanings(recipe)
    for field in dataclasses.fields(recipe):
        flag, meaning = f"--{field.name.replace('_', '-')}", meanings[field.name].rstrip(".")
        if field.type is bool:
            group.add_argument(flag, action="store_true", help=meaning)
            continue
        default, said = (None, told[field.name]) if field.name in told else (field.default, "%(default)s")
        metavar = "NAME" if isinstance(field.default, str) else "N"
        took: dict[str, Any] = {"type": takes_field(recipe, field.name), "default": default, "metavar": metavar}
        group.add_argument(flag, help=f"{meaning} (default: {said})", **took)


def _writer(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--writer", required=True, metavar="WORKDIR|HF|URL", help=f"{MODEL}; or an address such as http://localhost:8000/v1"
    )
    command.add_argument("--out", required=True, metavar="DIR", help="where rows, dropped texts and the page (index.html) go")
    _address(command)


def entail(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", metavar="EVALUATED", help=_EVALUATED)
    command.add_argument("--model", required=True, metavar=ANY, help=f"{MODEL}, that knows natural language inference")
    command.add_argument(
        "--options",
        nargs="+",
        metavar="TEXT",
        default=["yes", "it is not possible to tell", "no"],
        help="its answers, the first of which means entailment (default: %(default)s)",
    )
    command.add_argument(
        "--wording", metavar="FILE", help="a Jinja template of its question, with premise and hypothesis, as it was tuned on"
    )
    _written(command)


def _written(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tasks", nargs="+", metavar="TASK_OR_CLUSTER", help="of these alone")
    command.add_argument("--items", type=takes(Count), metavar="N", help="of the first N items of each task alone")
    command.add_argument("--out", required=True, metavar="DIR", help="where prompts, replies and scores go")


def doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("source", metavar="CONFIG|WORKDIR", help="a Python file with get_config(), or a run with checkpoints")
    doctor.add_argument("--only", nargs="+", metavar="CHECK", help="make these checks only, such as masks packing")
    doctor.add_argument("--json", metavar="PATH", help="write what was found as JSON")
    doctor.add_argument("--html", metavar="PATH", help="write what was found as a page")


def suite(suite: argparse.ArgumentParser) -> None:
    suite.add_argument("suite", metavar="FILE", help="a suite, such as mixtures/suites/mmlu.json; mmlu alone means the same")
    suite.add_argument("--model", metavar="WORKDIR|HF", help="a run, a Hugging Face directory or id")
    suite.add_argument("--evaluation", metavar="DIR", help="the folder of an evaluation that was made, instead of a model")
    suite.add_argument(
        "--baselines", action="store_true", help="score without a model: the input, or a demonstration, given back"
    )
    suite.add_argument(
        "--tasks", nargs="+", metavar="TASK_OR_CLUSTER", help="only these of the suite's; its mean is then refused"
    )
    suite.add_argument(
        "--items",
        type=takes_field(EvaluationConfig, "items"),
        metavar="N",
        help="rows of each task; published scores are then refused (default: as the suite says)",
    )
    suite.add_argument("--output", metavar="DIR", help="where evaluations of --model go (default: evaluations/NAME)")
    processes(suite)
