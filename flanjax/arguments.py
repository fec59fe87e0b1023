"""The commands of the command line, with their options, defaults and examples. `flanjax.cli` runs them."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from flanjax import fields
from flanjax.ask.settings import Settings
from flanjax.data.feature_config import FeatureConfig
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.normalizations import NORMALIZATIONS
from flanjax.fields import Count, Range, Seed, Whole
from flanjax.tasks.demonstrations import DEMONSTRATIONS
from flanjax.version import __version__

Port, Slots = Annotated[int, Range(0, 65_535)], Annotated[int, Range(1, 4096)]
OVERRIDE = "--config."
OVERRIDDEN = ("train", "prepare", "compile", "doctor", "ablate")  # the commands that take overrides of config keys
_KEYS = (
    f"Any key of the config can be set, as {OVERRIDE}train.steps=100 or {OVERRIDE}train.steps 100; lists are written with "
    "commas. `flanjax train --help-config` explains every key."
)
_CATALOGUE = (
    "A catalogue lists every mixture, cluster and task that Python files define, without opening data. It ends with status 1 "
    "if one of the files cannot be loaded."
)
_EXAMPLES = {
    "train": """
  flanjax train --config configs/quickstart.py --workdir runs/mine
  flanjax train --config configs/flan_t5.py:base --workdir runs/base --config.heldout=entailment --config.train.steps 1000""",
    "prepare": """
  flanjax prepare --config configs/flan_t5.py:base --output rows/base --steps 1000
  flanjax prepare --verify rows/base
  flanjax prepare --config configs/flan_t5.py:base --output rows/base -- --runner=DirectRunner""",
    "compile": """
  flanjax compile --config configs/flan_t5.py:xl --topology v5e:8x8 --config.data.batch_size=128""",
    "evaluate": """
  flanjax evaluate --workdir runs/mine --tasks topic copying --shots 0 2
  flanjax evaluate --model google/flan-t5-base --mixture mixtures/flan.py:library --tasks entailment --limit 200""",
    "heldout": """
  flanjax heldout --workdir runs/mine --items 100""",
    "lm-eval": """
  flanjax lm-eval --model runs/mine --tasks hellaswag arc_easy --limit 200 --output scores
  flanjax lm-eval --write-tasks mixtures/flan.py:library --tasks entailment --output tasks
  flanjax lm-eval --model google/flan-t5-base --include-path tasks --tasks flanjax_rte""",
    "report": """
  flanjax report runs/all runs/without_nli --output report.html
  flanjax report runs/all --watch 10""",
    "export": """
  flanjax export --workdir runs/mine --output runs/mine/hf --dtype bfloat16""",
    "generate": """
  flanjax generate --model runs/mine --prompt "Say sun." "Say moon."
  flanjax generate --model google/flan-t5-base --file in.jsonl --output out.jsonl --temperature 0.7 --seed 1""",
    "chat": """
  flanjax chat runs/mine
  flanjax chat runs/mine --untuned --temperature 0.7""",
    "serve": """
  flanjax serve runs/mine --untuned
  flanjax serve runs/mine google/flan-t5-base --export compared.html --file prompts.jsonl""",
    "ablate": """
  flanjax ablate --config configs/quickstart.py --axis templates=1,2,6 --seeds 3 --out runs/templates
  flanjax ablate configs/studies/quickstart.py:held_out --out runs/held_out
  flanjax ablate --config configs/flan_t5.py:base --axis leave_one_out=clusters --out gs://b/study --print jobset""",
    "check": """
  flanjax check mixtures/quickstart.py:quickstart
  flanjax check mixtures/flan.py:flan2021 --all --tokenizer google/flan-t5-base --html check.html""",
    "doctor": """
  flanjax doctor configs/quickstart.py
  flanjax doctor runs/mine --html doctor.html
  flanjax doctor configs/flan_t5.py:base --only masks truncation --config.data.features.inputs_length=1024""",
    "suite": """
  flanjax suite mixtures/suites/mmlu.json --model google/flan-t5-base
  flanjax suite mixtures/suites/t0_heldout.json --model runs/mine --items 20
  flanjax suite mixtures/suites/superni.json --baselines""",
    "explore": """
  flanjax explore mixtures/quickstart.py:quickstart --out explored
  flanjax explore mixtures/flan_mini.py:flan_mini --out explored --tokenizer google/flan-t5-base --heldout nli""",
    "show": """
  flanjax show mixtures/quickstart.py:quickstart
  flanjax show mixtures/quickstart.py:quickstart --task topic_of --style few-shot --examples 2
  flanjax show mixtures --search summarization MIT""",
}


def parser() -> argparse.ArgumentParser:
    """Returns the parser of `flanjax`. In its result, `command` is the command's name, or None if there is none."""
    whole = argparse.ArgumentParser(
        prog="flanjax",
        description="Instruction tuning in JAX on FLAN-style mixtures.",
        epilog="`flanjax COMMAND --help` shows the options of a command, their defaults and an example.",
    )
    whole.add_argument("--version", action="version", version=__version__)
    whole.add_argument("--traceback", action="store_true", help="show the whole traceback of an error")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")
    _train(_command(commands, "train", "train a run, or go on with it", _KEYS))
    _prepare(
        _command(
            commands,
            "prepare",
            "write a config's packed rows to files, which training then reads",
            f"Makes the rows once, by Apache Beam: on this machine, or where the options after -- say. {_KEYS}",
        )
    )
    _compile(_command(commands, "compile", "compile a config's training and scoring for a TPU slice that is not here", _KEYS))
    evaluate = _command(commands, "evaluate", "evaluate a run on any tasks of its mixture, or any model on any mixture's tasks")
    evaluate.add_argument(
        "--tasks",
        nargs="+",
        metavar="TASK_OR_CLUSTER",
        help="names of tasks or clusters (default: all that have an evaluation split; a run needs names)",
    )
    evaluate.add_argument("--model", metavar="WORKDIR|HF", help="any model instead: a run, a Hugging Face directory or id")
    evaluate.add_argument("--mixture", metavar="FILE:NAME", help="whose tasks --model is evaluated on")
    evaluate.add_argument("--output", metavar="DIR", help="where evaluations of --model go (default: evaluations/NAME)")
    _evaluate(evaluate)
    _evaluate(_command(commands, "heldout", "evaluate a run on the clusters held out of its training, and write the report"))
    _lm_eval(
        _command(
            commands,
            "lm-eval",
            "run lm-evaluation-harness on a model, or write a mixture's tasks for it",
            "Texts and log-likelihoods are those of the model's export in lm-evaluation-harness's own class.",
        )
    )
    _report(_command(commands, "report", "one HTML page of one run, or of several side by side"))
    _export(_command(commands, "export", "write a run's model and tokenizer as a Hugging Face directory"))
    _generate(
        _command(
            commands,
            "generate",
            "write a model's texts after prompts, or after every line of a file",
            'A line is {"prompt": TEXT} or {"messages": [...]}. The same command goes on with an output that is not finished.',
        )
    )
    _chat(_command(commands, "chat", "talk with a model in the terminal, or with two side by side"))
    _serve(
        _command(
            commands,
            "serve",
            "a page on this machine that shows one or two models' answers, and an OpenAI-compatible endpoint",
            "Only programs on this machine can reach it.",
        )
    )
    _ablate(
        _command(
            commands,
            "ablate",
            "run a study: many runs that differ in a setting and in their seeds, compared on one page",
            "An axis is any config key, or clusters, tasks, templates (numbers to train on), rate, cot (on, off), shots, "
            "leave_one_out and hold_out (names, or clusters for each). Several axes are crossed. The same command goes on with "
            f"an interrupted study. {_KEYS}",
        )
    )
    _check(
        _command(
            commands,
            "check",
            "check a mixture: what its templates render, and evaluation rows among training rows",
            "Ends with status 1 if there are findings that no line of the known ones explains.",
        )
    )
    _doctor(
        _command(
            commands,
            "doctor",
            "look at a run's own mixture, tokenizer and weights for what would spoil its training",
            "Takes minutes: masks, packed losses beside single ones, a resume, batch sizes, the compute type, transformers' "
            f"logits. Ends with status 1 if a check fails. {_KEYS}",
        )
    )
    _suite(
        _command(
            commands,
            "suite",
            "evaluate a model on a published suite by its protocol, with what others scored beside it",
            "A published score stands beside ours only if its protocol is that of the evaluation.",
        )
    )
    _explore(_command(commands, "explore", "write a page of a mixture: shares, lengths, templates, rendered examples"))
    _show(_command(commands, "show", "show a mixture's plan or rendered examples of it, or a catalogue of folders", _CATALOGUE))
    return whole


def _generate(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, metavar=_ANY, help=_MODEL)
    command.add_argument("--prompt", nargs="+", metavar="TEXT", help="print the texts after these prompts")
    command.add_argument("--file", metavar="JSONL", help="a file of prompts instead, one on a line")
    command.add_argument("--output", metavar="JSONL", help="where the texts after the file's prompts go")
    _settings(command)
    _slots(command)


def _chat(command: argparse.ArgumentParser) -> None:
    _pair(command)
    _settings(command, leave_out=("samples",))


def _serve(command: argparse.ArgumentParser) -> None:
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


def _ablate(command: argparse.ArgumentParser) -> None:
    command.add_argument("study", nargs="?", metavar="FILE[:NAME]", help="a Python file with a Study, instead of --config")
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument(
        "--axis", action="append", metavar="KEY=VALUE,VALUE", help="what is varied; the first value is compared with"
    )
    command.add_argument("--seeds", type=_takes(Count), metavar="N", help="runs of each combination (default: 3)")
    command.add_argument("--out", required=True, metavar="DIR", help="where runs, study.json and the page (index.html) go")
    command.add_argument("--plan", action="store_true", help="print the plan and its cost, and stop")
    command.add_argument("--print", choices=["slurm", "jobset", "tpu"], help="print the runs as jobs for launch/, and stop")


def _check(check: argparse.ArgumentParser) -> None:
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


def _doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("source", metavar="CONFIG|WORKDIR", help="a Python file with get_config(), or a run with checkpoints")
    doctor.add_argument("--only", nargs="+", metavar="CHECK", help="make these checks only, such as masks packing")
    doctor.add_argument("--json", metavar="PATH", help="write what was found as JSON")
    doctor.add_argument("--html", metavar="PATH", help="write what was found as a page")


def _suite(suite: argparse.ArgumentParser) -> None:
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


def _command(commands: Any, name: str, what: str, more: str = "") -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}. {more}".strip(),
        epilog=f"examples:{_EXAMPLES[name]}" if _EXAMPLES[name].count("\n") > 1 else f"example:{_EXAMPLES[name]}",
        formatter_class=_Help,
    )


class _Help(argparse.HelpFormatter):
    """Wraps descriptions, and keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("example") else super()._fill_text(text, width, indent)


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


def _train(command: argparse.ArgumentParser) -> None:
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


def _prepare(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE[:VARIANT]", help="a Python file with get_config()")
    command.add_argument("--output", metavar="DIR", help="where rows go; the same command goes on with an interrupted one")
    command.add_argument(
        "--steps", type=_takes(Count), help="steps of training that the rows last for (default: the config's train.steps)"
    )
    command.add_argument("--examples", type=_takes(Count), help="prepare so many examples of the plan instead of steps")
    command.add_argument("--verify", metavar="DIR", help="only read all that was prepared there, and compare the checksums")
    command.add_argument("beam", nargs="*", metavar="-- BEAM_OPTION", help="pipeline options of Apache Beam")


def _compile(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", required=True, nargs="+", metavar="FILE[:VARIANT]", help="Python files with get_config()")
    command.add_argument(
        "--topology", required=True, nargs="+", metavar="CHIP:GRID", help="TPU slices, such as v5e:4x4 or v5p:4x4x4"
    )
    command.add_argument("--parameters", action="store_true", help="first list where every parameter lies")


def _evaluate(command: argparse.ArgumentParser) -> None:
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


def _lm_eval(command: argparse.ArgumentParser) -> None:
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


def _report(command: argparse.ArgumentParser) -> None:
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


def _export(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workdir", required=True, metavar="DIR", help="of the run")
    command.add_argument("--output", required=True, metavar="DIR", help="where the files go")
    command.add_argument("--step", type=_takes(Whole), help="of the checkpoint (default: the newest)")
    command.add_argument(
        "--dtype", choices=["float32", "bfloat16"], default="float32", help="of the weights' files (default: %(default)s)"
    )
    command.add_argument("--licence", metavar="ID", help="of the model, for its card, such as apache-2.0 (default: unknown)")
    command.add_argument("--adapter", action="store_true", help="write only the few weights of a model.adapt, in peft's format")
    _processes(command)


def _show(command: argparse.ArgumentParser) -> None:
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


def _explore(command: argparse.ArgumentParser) -> None:
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


def split_overrides(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Returns the overrides among the arguments, as "key=value" or "key", and the other arguments.

    A key without "=" takes the next argument as its value. If that is an option, the key is a switch.

    >>> split_overrides(["train", "--config.heldout", "nli", "--config.data.features.chat", "--workdir", "w"])
    (['heldout=nli', 'data.features.chat'], ['train', '--workdir', 'w'])
    """
    overrides, rest = [], []
    left = iter(range(len(arguments)))
    for i in left:
        if not arguments[i].startswith(OVERRIDE):
            rest.append(arguments[i])
            continue
        override, value = arguments[i][len(OVERRIDE) :], arguments[i + 1 : i + 2]
        if "=" not in override and value and _is_value(value[0]):
            override = f"{override}={value[0]}"
            next(left)
        overrides.append(override)
    return overrides, rest


def _is_value(argument: str) -> bool:
    """Whether an argument is a value rather than an option; "-1" is a value."""
    return not argument.startswith("-") or argument[1:2].isdigit() or argument[1:2] == "."
