"""The options of each command, with their defaults. `flanjax.commands` makes the parser of them."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from flanjax import fields
from flanjax.ask.settings import Settings
from flanjax.data.feature_config import FeatureConfig
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.normalizations import NORMALIZATIONS
from flanjax.fields import Count, Positive, Range, Seed, Whole
from flanjax.lab.documents import recipe as from_documents
from flanjax.lab.instruct import recipe as instruct
from flanjax.tasks.demonstrations import DEMONSTRATIONS

Port, Slots = Annotated[int, Range(0, 65_535)], Annotated[int, Range(1, 4096)]


def generate(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, metavar=_ANY, help=_MODEL)
    command.add_argument("--prompt", nargs="+", metavar="TEXT", help="print the texts after these prompts")
    command.add_argument("--file", metavar="JSONL", help="a file of prompts instead, one on a line")
    command.add_argument("--output", metavar="JSONL", help="where the texts after the file's prompts go")
    _settings(command)
    _slots(command)


def chat(command: argparse.ArgumentParser) -> None:
    _pair(command)
    _settings(command, leave_out=("samples",))


def serve(command: argparse.ArgumentParser) -> None:
    _pair(command)
    command.add_argument("--host", default="127.0.0.1", help="an address of this machine alone (default: %(default)s)")
    command.add_argument("--port", type=_takes(Port), default=8000, help="0 takes a free one (default: %(default)s)")
    command.add_argument("--export", metavar="HTML", help="write the answers to a list of prompts as a page, and end")
    command.add_argument(
        "--file",
        metavar="JSONL",
        help="the prompts to choose from and to export, one on a line, options as a list (default: the run's held-out tasks)",
    )
    _settings(command, leave_out=("samples",))
    _slots(command)


_ANY = "WORKDIR|HF"
_MODEL = "a run, a Hugging Face directory or id"


def _pair(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="A", help=_MODEL)
    command.add_argument("other", nargs="?", metavar="B", help="another model beside it")
    command.add_argument("--untuned", action="store_true", help="B is the run A before its training")


def _slots(command: argparse.ArgumentParser) -> None:
    command.add_argument("--slots", type=_takes(Slots), default=32, help="texts in work at a time (default: %(default)s)")


def _settings(command: argparse.ArgumentParser, leave_out: Sequence[str] = ()) -> None:
    """Adds an option for each field of the settings."""
    group, meanings = command.add_argument_group("how texts are made"), fields.meanings(Settings)
    for field in dataclasses.fields(Settings):
        if field.name in leave_out:
            continue
        flag, meaning = f"--{field.name.replace('_', '-')}", meanings[field.name].rstrip(".").replace("%", "%%")
        if field.name == "stop":
            group.add_argument(flag, action="append", metavar="TEXT", help=f"{meaning}; can be repeated (default: none)")
        else:
            took = _field(Settings, field.name)
            group.add_argument(flag, type=took, default=field.default, metavar="N", help=f"{meaning} (default: %(default)s)")


def ablate(command: argparse.ArgumentParser) -> None:
    command.add_argument("study", nargs="?", metavar="FILE[:NAME]", help="a Python file with a Study, instead of --config")
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument(
        "--axis", action="append", metavar="KEY=VALUE,VALUE", help="what is varied; the first value is compared with"
    )
    command.add_argument("--seeds", type=_takes(Count), metavar="N", help="runs of each combination (default: 3)")
    command.add_argument("--out", required=True, metavar="DIR", help="where runs, study.json and the page (index.html) go")
    command.add_argument("--plan", action="store_true", help="print the plan and its cost, and stop")
    command.add_argument("--print", choices=["slurm", "jobset", "tpu"], help="print the runs as jobs for launch/, and stop")


def spin(spin: argparse.ArgumentParser) -> None:
    spin.add_argument("--config", required=True, metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    spin.add_argument("--out", required=True, metavar="DIR", help="where rounds, runs, spin.json and the page (index.html) go")
    spin.add_argument("--rounds", type=_takes(Count), default=2, help="how many rounds there are in all (default: %(default)s)")
    spin.add_argument(
        "--prompts",
        type=_takes(Count),
        default=5000,
        help="examples of the mixture that are played with (default: %(default)s)",
    )
    spin.add_argument(
        "--temperature",
        type=_field(Settings, "temperature"),
        default=1.0,
        help="of the opponent's texts (default: %(default)s)",
    )
    spin.add_argument("--top-p", type=_field(Settings, "top_p"), default=1.0, help="of them (default: %(default)s)")


def swarm(command: argparse.ArgumentParser) -> None:
    command.add_argument("study", nargs="?", metavar="FILE[:NAME]", help="a Python file with a Study of weights, not --config")
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument("--runs", type=_takes(Annotated[int, Range(3)]), metavar="N", help="how many (default: 30)")
    command.add_argument("--seed", type=_takes(Seed), help="of the proportions that are drawn (default: 0)")
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
        type=_takes(Count),
        metavar="N",
        help="of the training that weights are wanted for (default: as many as the runs had)",
    )
    command.add_argument(
        "--repeats",
        type=_takes(Positive),
        metavar="N",
        help="go through no task's rows more often than this in so many examples, such as 4 (default: as often as it comes)",
    )


_EVALUATED = "a run with an evaluation, or an evaluation's folder"


def judge(command: argparse.ArgumentParser) -> None:
    command.add_argument("first", metavar="A", help=_EVALUATED)
    command.add_argument("second", metavar="B", help="another one of the same tasks")
    command.add_argument(
        "--judge", required=True, metavar="WORKDIR|HF|URL", help=f"{_MODEL}; or an address such as http://localhost:8000/v1"
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
        took: dict[str, Any] = {"type": _takes(kind), "default": default, "help": f"{meaning} (default: %(default)s)"}
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
    """Adds an option for each field of a recipe; those that are told of default to None."""
    group, meanings = command.add_argument_group("how rows are made"), fields.meanings(recipe)
    for field in dataclasses.fields(recipe):
        flag, meaning = f"--{field.name.replace('_', '-')}", meanings[field.name].rstrip(".")
        if field.type is bool:
            group.add_argument(flag, action="store_true", help=meaning)
            continue
        default, said = (None, told[field.name]) if field.name in told else (field.default, "%(default)s")
        metavar = "NAME" if isinstance(field.default, str) else "N"
        took: dict[str, Any] = {"type": _field(recipe, field.name), "default": default, "metavar": metavar}
        group.add_argument(flag, help=f"{meaning} (default: {said})", **took)


def _writer(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--writer", required=True, metavar="WORKDIR|HF|URL", help=f"{_MODEL}; or an address such as http://localhost:8000/v1"
    )
    command.add_argument("--out", required=True, metavar="DIR", help="where rows, dropped texts and the page (index.html) go")
    _address(command)


def entail(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", metavar="EVALUATED", help=_EVALUATED)
    command.add_argument("--model", required=True, metavar=_ANY, help=f"{_MODEL}, that knows natural language inference")
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
    command.add_argument("--items", type=_takes(Count), metavar="N", help="of the first N items of each task alone")
    command.add_argument("--out", required=True, metavar="DIR", help="where prompts, replies and scores go")


def check(check: argparse.ArgumentParser) -> None:
    check.add_argument("mixture", metavar="FILE:NAME", help="such as mixtures/flan.py:flan2021")
    check.add_argument("--rows", type=_takes(Count), default=20, metavar="N", help="rows of each split (default: 20)")
    check.add_argument("--all", action="store_true", help="render every row, not a sample")
    check.add_argument("--tasks", nargs="+", metavar="TASK_OR_CLUSTER", help="check these only")
    check.add_argument("--tokenizer", metavar="PATH", help="also look for words that this tokenizer loses")
    check.add_argument("--no-leaks", action="store_true", help="do not look for evaluation rows among training rows")
    check.add_argument(
        "--known", metavar="JSON", help="findings that are no defects (default: known_findings.json beside FILE)"
    )
    check.add_argument("--json", metavar="PATH", help="write all findings as JSON")
    check.add_argument("--html", metavar="PATH", help="write all findings as a page")


def doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("source", metavar="CONFIG|WORKDIR", help="a Python file with get_config(), or a run with checkpoints")
    doctor.add_argument("--only", nargs="+", metavar="CHECK", help="make these checks only, such as masks packing")
    doctor.add_argument("--json", metavar="PATH", help="write what was found as JSON")
    doctor.add_argument("--html", metavar="PATH", help="write what was found as a page")


def suite(suite: argparse.ArgumentParser) -> None:
    suite.add_argument("suite", metavar="FILE", help="a suite, such as mixtures/suites/mmlu.json")
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
        type=_field(EvaluationConfig, "items"),
        metavar="N",
        help="rows of each task; published scores are then refused (default: as the suite says)",
    )
    suite.add_argument("--output", metavar="DIR", help="where evaluations of --model go (default: evaluations/NAME)")
    _processes(suite)


def _field(cls: type, name: str) -> Callable[[str], Any]:
    """Returns the `type` of an option that sets a field of a config: it accepts what the field accepts."""
    return _takes(fields.hints(cls)[name])


def _takes(hint: Any) -> Callable[[str], Any]:
    """Returns the `type` of an option that accepts what a field of this type accepts."""

    def read(text: str) -> Any:
        try:
            return fields.fit(hint, fields.parse(hint, text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def train(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument(
        "--workdir", metavar="DIR", help="where checkpoints and metrics go; the same command goes on with the run"
    )
    command.add_argument("--heldout", action="store_true", help="then evaluate on the held-out clusters")
    command.add_argument(
        "--profile", metavar="STEPS", help="write a trace of these steps for XProf, such as 10:13 (default: none)"
    )
    command.add_argument(
        "--help-config", action="store_true", help="list every key with its type, default and meaning, and the config's value"
    )
    _processes(command)


def prepare(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument("--output", metavar="DIR", help="where rows go; the same command goes on with an interrupted one")
    command.add_argument(
        "--steps", type=_takes(Count), help="steps of training that the rows last for (default: the config's train.steps)"
    )
    command.add_argument("--examples", type=_takes(Count), help="prepare so many examples of the plan instead of steps")
    command.add_argument("--verify", metavar="DIR", help="only read all that was prepared there, and compare the checksums")
    command.add_argument("beam", nargs="*", metavar="-- BEAM_OPTION", help="pipeline options of Apache Beam")


def compile(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", required=True, nargs="+", metavar="FILE[:VARIANT]", help="Python files with get_config()")
    command.add_argument(
        "--topology", required=True, nargs="+", metavar="CHIP:GRID", help="TPU slices, such as v5e:4x4 or v5p:4x4x4"
    )
    command.add_argument("--parameters", action="store_true", help="first list where every parameter lies")


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
    command.add_argument("--step", type=_takes(Whole), help="of the checkpoint (default: the newest)")
    for name, meaning in (("items", "rows of each task; 0 for all"), ("templates", "templates of each task; 0 for all")):
        also = ["--limit"] if name == "items" else []  # as lm-evaluation-harness calls it
        what: dict[str, Any] = {"type": _field(EvaluationConfig, name), "help": f"{meaning} {config.format(name)}"}
        command.add_argument(f"--{name}", *also, dest=name, **what)
    command.add_argument("--shots", type=_shots, nargs="+", help=f"numbers of exemplars, such as 0 2 {config.format('shots')}")
    command.add_argument(
        "--preset",
        type=_field(EvaluationConfig, "preset"),
        help=f"scoring convention: flan, t0 or lm_eval {config.format('preset')}",
    )
    command.add_argument(
        "--normalization",
        type=_field(EvaluationConfig, "normalization"),
        help=f"what options are compared by: {', '.join(NORMALIZATIONS)} {config.format('normalization')}",
    )
    command.add_argument(
        "--premise", metavar="TEXT", help=f"the prompt after which pmi scores options alone {config.format('premise')}"
    )
    command.add_argument(
        "--demonstrations",
        nargs="+",
        metavar="KIND",
        type=lambda kind: _field(EvaluationConfig, "demonstrations")(kind)[0],
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
    ):
        what = {"type": _field(EvaluationConfig, name), "help": f"{meaning} {config.format(name)}"}
        command.add_argument(f"--{name}", **what)
    command.add_argument(
        "--no-untuned", action="store_true", help=f"leave out the weights before training {config.format('untuned')}"
    )
    _processes(command)


def _shots(text: str) -> int:
    return _field(EvaluationConfig, "shots")(text)[0]


def lm_eval(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="WORKDIR|HF", help="a run, a Hugging Face directory or an id")
    command.add_argument("--tasks", nargs="+", metavar="NAME", help="tasks, groups or tags of lm-eval; patterns such as arc_*")
    command.add_argument("--limit", type=_takes(Count), metavar="N", help="rows of each task (default: all)")
    command.add_argument("--num-fewshot", type=_takes(Whole), metavar="N", help="exemplars (default: as the task says)")
    command.add_argument("--include-path", metavar="DIR", help="a folder with more tasks, as YAML")
    command.add_argument("--log-samples", action="store_true", help="also write every prompt with its answers")
    command.add_argument("--output", metavar="DIR", help="where results.json and samples go (default: printed only)")
    command.add_argument(
        "--batch-size", type=_takes(Count), default=32, metavar="N", help="prompts at a time (default: %(default)s)"
    )
    command.add_argument(
        "--max-length",
        type=_takes(Count),
        metavar="TOKENS",
        help="of the longest prompt (default: what a decoder-only model was trained for; no limit for an encoder-decoder)",
    )
    command.add_argument(
        "--write-tasks",
        metavar="FILE:NAME",
        help="instead write this mixture's --tasks (default: all) as YAML to --output, as --model would be asked them",
    )
    _processes(command)


def report(command: argparse.ArgumentParser) -> None:
    command.add_argument("workdirs", nargs="+", metavar="WORKDIR", help="of the runs")
    command.add_argument("--output", default="report.html", metavar="FILE", help="the page (default: %(default)s)")
    command.add_argument(
        "--watch",
        type=_takes(Count),
        nargs="?",
        const=30,
        metavar="SECONDS",
        help="write it again while the runs train, looking so often (%(const)s), until they have ended; a browser reloads it",
    )


def export(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workdir", required=True, metavar="DIR", help="of the run")
    command.add_argument("--output", required=True, metavar="DIR", help="where the files go")
    command.add_argument("--step", type=_takes(Whole), help="of the checkpoint (default: the newest)")
    command.add_argument(
        "--dtype", choices=["float32", "bfloat16"], default="float32", help="of the weights' files (default: %(default)s)"
    )
    command.add_argument("--licence", metavar="ID", help="of the model, for its card, such as apache-2.0 (default: unknown)")
    command.add_argument("--adapter", action="store_true", help="write only the few weights of a model.adapt, in peft's format")
    _processes(command)


def show(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "what", nargs="+", metavar="FILE:NAME|FOLDER", help="a mixture; or folders and Python files, for a catalogue of them"
    )
    command.add_argument("--search", nargs="+", metavar="WORD", help="of a catalogue, only entries that have all these words")
    command.add_argument("--json", action="store_true", help="print a catalogue as JSON")
    command.add_argument("--task", help="show rendered examples of this task")
    command.add_argument("--template", help="only this template of the task")
    command.add_argument(
        "--on-error",
        choices=("stop", "quarantine"),
        default="stop",
        help="go on without data sets that cannot be opened (default: %(default)s)",
    )
    command.add_argument("--style", help="only this style, such as few-shot/options/direct/forward (any part of it)")
    command.add_argument("--examples", type=_takes(Count), default=3, help="how many rendered examples (default: %(default)s)")
    _plan(command)


def explore(command: argparse.ArgumentParser) -> None:
    command.add_argument("mixture", metavar="FILE:NAME", help="such as mixtures/flan_mini.py:flan_mini")
    command.add_argument("--out", required=True, metavar="DIR", help="where index.html goes")
    command.add_argument(
        "--examples", type=_takes(Count), default=2, help="rendered examples of each template (default: %(default)s)"
    )
    _plan(command)


def _plan(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--heldout", nargs="*", default=(), metavar="CLUSTER", help="hold these clusters out first (default: none)"
    )
    command.add_argument(
        "--tokenizer",
        default="bytes",
        help="for lengths: a SentencePiece model, a directory, an id, or bytes (default: %(default)s)",
    )
    command.add_argument(
        "--num-examples", type=_takes(Count), default=100_000, help="length of the plan that is counted (default: %(default)s)"
    )
    command.add_argument(
        "--sample",
        type=_takes(Whole),
        default=2000,
        help="examples tokenised for lengths and truncation; 0: none (default: %(default)s)",
    )
    for name in ("inputs_length", "targets_length"):
        command.add_argument(
            f"--{name.replace('_', '-')}",
            type=_field(FeatureConfig, name),
            default=getattr(FeatureConfig(), name),
            help="tokens that fit (default: %(default)s)",
        )
    command.add_argument(
        "--lengths",
        type=_field(FeatureConfig, "lengths"),
        default=(),
        help="pairs of row lengths, such as '((512,16),(512,128))' (default: one pair, the tokens that fit)",
    )
    command.add_argument("--seed", type=_takes(Seed), default=0, help="of every choice (default: %(default)s)")


def _processes(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "several processes", "each host runs the same command; a TPU slice and SLURM need --distributed auto alone"
    )
    group.add_argument(
        "--distributed",
        choices=["auto"],
        help="find the other processes by the TPU's metadata or by SLURM (default: one process)",
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 can be reached")
    group.add_argument("--num-processes", type=_takes(Count), metavar="N", help="how many processes there are")
    group.add_argument("--process-id", type=_takes(Whole), metavar="I", help="which of them this is, from 0")
    group.add_argument(
        "--startup-timeout",
        type=_takes(Count),
        default=300,
        metavar="SECONDS",
        help="how long to wait for all processes (default: %(default)s)",
    )
