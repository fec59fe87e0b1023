"""The commands: what each does, its options and examples of it, and the parser of them all. `flanjax.cli` runs them."""

import argparse
from collections.abc import Callable, Mapping
from typing import NamedTuple

from flanjax.arguments import asking, lab, mixtures, runs
from flanjax.version import __version__

OVERRIDE = "--config."
_KEYS = (
    f"Any key of the config can be set, as {OVERRIDE}train.steps=100 or {OVERRIDE}train.steps 100; lists are written with "
    "commas. `flanjax train --help-config` explains every key."
)


class Command(NamedTuple):
    """A command, as its help tells of it.

    Attributes:
      what: what it does, in some words.
      options: adds its options to a parser.
      examples: lines of a shell.
      more: what is said beyond `what`.
      takes_keys: whether it takes overrides of config keys.
    """

    what: str
    options: Callable[[argparse.ArgumentParser], None]
    examples: str
    more: str = ""
    takes_keys: bool = False

    @property
    def description(self) -> str:
        told = (f"{self.what[0].upper()}{self.what[1:]}.", self.more, _KEYS if self.takes_keys else "")
        return " ".join(filter(None, told))

    @property
    def epilog(self) -> str:
        return f"{'examples' if len(self.examples.strip().splitlines()) > 1 else 'example'}:{self.examples}"


COMMANDS: Mapping[str, Command] = {
    "train": Command(
        "train a run, or continue it",
        runs.train,
        """
  flanjax train --config configs/quickstart.py --workdir runs/mine
  flanjax train --config configs/quickstart.py:decoder --workdir runs/decoder --config.train.steps 800""",
        takes_keys=True,
    ),
    "prepare": Command(
        "write a config's packed rows to files, which training then reads",
        runs.prepare,
        """
  flanjax prepare --config configs/flan_t5.py:base --output rows/base --steps 1000
  flanjax prepare --verify rows/base
  flanjax prepare --config configs/flan_t5.py:base --output rows/base -- --runner=DirectRunner""",
        "Makes the rows once, by Apache Beam: on this machine, or where the options after -- say.",
        takes_keys=True,
    ),
    "compile": Command(
        "compile a config's training and scoring for TPUs or GPUs that are not here",
        runs.compile,
        """
  flanjax compile --config configs/flan_t5.py:xl --topology v5e:8x8 --config.data.batch_size=128
  flanjax compile --config configs/flan_t5.py:base --topology h100:1 h100:8 --config.model.attention=triton
  flanjax compile --config configs/flan_t5.py:large --topology v5e:2x4 --search""",
        takes_keys=True,
    ),
    "evaluate": Command(
        "evaluate a run on any tasks of its mixture, or any model on any mixture's tasks",
        runs.evaluate,
        """
  flanjax evaluate --workdir runs/mine --tasks topic --shots 0 2
  flanjax evaluate --model google/flan-t5-base --mixture mixtures/flan.py:library --tasks entailment --limit 200""",
    ),
    "heldout": Command(
        "evaluate a run on the clusters held out of its training, and write the report",
        runs.heldout,
        """
  flanjax heldout --workdir runs/mine --items 100""",
    ),
    "lm-eval": Command(
        "run lm-evaluation-harness on a model, or write a mixture's tasks for it",
        runs.lm_eval,
        """
  flanjax lm-eval --model runs/mine --tasks hellaswag arc_easy --limit 200 --output scores
  flanjax lm-eval --write-tasks mixtures/flan.py:library --tasks entailment --output tasks
  flanjax lm-eval --model google/flan-t5-base --include-path tasks --tasks flanjax_rte""",
        "Texts and log-likelihoods are those of the model's export in lm-evaluation-harness's own class.",
    ),
    "report": Command(
        "one HTML page of one run, or of several side by side",
        runs.report,
        """
  flanjax report runs/all runs/without_nli --output report.html
  flanjax report runs/all --watch 10""",
    ),
    "export": Command(
        "write a run's model and tokenizer as a Hugging Face directory",
        runs.export,
        """
  flanjax export --workdir runs/mine --output runs/mine/hf --dtype bfloat16""",
    ),
    "generate": Command(
        "write a model's answers to prompts, or to every line of a file",
        asking.generate,
        """
  flanjax generate --model runs/mine --prompt "Say sun." "Say moon."
  flanjax generate --model google/flan-t5-base --file in.jsonl --output out.jsonl --temperature 0.7 --seed 1""",
        'A line is {"prompt": TEXT} or {"messages": [...]}. Run the same command again to continue an unfinished output.',
    ),
    "chat": Command(
        "talk with a model in the terminal, or with two side by side",
        asking.chat,
        """
  flanjax chat runs/mine
  flanjax chat runs/mine --untuned --temperature 0.7""",
    ),
    "serve": Command(
        "a page on this machine that shows one or two models' answers, and an OpenAI-compatible endpoint",
        asking.serve,
        """
  flanjax serve runs/mine --untuned
  flanjax serve runs/mine google/flan-t5-base --export compared.html --file prompts.jsonl""",
        "Only programs on this machine can reach it.",
    ),
    "ablate": Command(
        "run a study: many runs that differ in a setting and in their seeds, compared on one page",
        lab.ablate,
        """
  flanjax ablate --config configs/quickstart.py --axis templates=1,2,6 --seeds 3 --out runs/templates
  flanjax ablate configs/studies/quickstart.py:held_out --out runs/held_out
  flanjax ablate --config configs/quickstart.py --axis leave_one_out=clusters --out gs://b/study --print jobset""",
        "An axis is any config key, or clusters, tasks, templates (numbers to train on), rate, cot (on, off), shots, "
        "leave_one_out and hold_out (names, or clusters for each). Several axes are crossed. Run the same command again "
        "to continue an interrupted study.",
        takes_keys=True,
    ),
    "spin": Command(
        "self-play: rounds in which a model learns to tell the data's answers from the texts of the model before it",
        lab.spin,
        """
  flanjax spin --config configs/quickstart.py --out runs/spin --rounds 2 --config.model.init=runs/quickstart
  flanjax spin --config configs/flan_t5.py:base --out runs/spin --prompts 50000 --config.model.init=runs/base""",
        "Each round is an ordinary run that begins with the model of the round before. Run the same command again to "
        "continue where it was stopped, or with more --rounds.",
        takes_keys=True,
    ),
    "swarm": Command(
        "run a study over drawn proportions of clusters, and choose those that serve the held-out tasks best",
        lab.swarm,
        """
  flanjax swarm --config configs/quickstart.py --runs 30 --out runs/swarm --config.train.steps=300
  flanjax swarm configs/studies/quickstart.py:weights --out runs/swarm""",
        "One run has the mixture's own proportions, another equal ones. Run the same command again to continue an interrupted "
        "swarm. Ends with status 1 if no weights are chosen.",
        takes_keys=True,
    ),
    "weights": Command(
        "choose proportions of clusters from the finished runs of a swarm",
        lab.weights,
        """
  flanjax weights runs/swarm --examples 2000000 --repeats 4""",
        "Writes weights.json and weights.html there. Ends with status 1 if no weights are chosen.",
    ),
    "judge": Command(
        "compare two evaluations' written answers by a judge, each pair in both orders",
        lab.judge,
        """
  flanjax judge runs/a runs/b --judge google/flan-t5-base --out runs/a-b
  flanjax judge runs/a runs/b --judge http://localhost:8000/v1 --name qwen --key-env JUDGE_KEY --out runs/a-b""",
        "A judge is a model, or an OpenAI-compatible address. Run the same command again to continue an interrupted one. "
        "Ends with status 1 if pairs are left without a verdict.",
    ),
    "entail": Command(
        "score how far written answers follow from their prompts, by a model of natural language inference",
        lab.entail,
        """
  flanjax entail runs/summaries --model runs/nli --options yes maybe no --out runs/entailed""",
        "The score is SummaC's: the mean over an answer's sentences of the most that a sentence of the prompt entails it.",
    ),
    "self-instruct": Command(
        "let a model write new tasks, modelled on some that people wrote, with their inputs and outputs",
        lab.self_instruct,
        """
  flanjax self-instruct --seeds seeds.jsonl --writer http://localhost:8000/v1 --name qwen --tasks 500 --out made
  flanjax self-instruct --seeds seeds.jsonl --writer runs/mine --recipe alpaca --out made""",
        "The rows are an ordinary file for flanjax.importers' alpaca. Run the same command again to continue an "
        "interrupted one, or with more --tasks. Ends with status 1 if no row is kept.",
    ),
    "documents": Command(
        "let a model write questions and answers about a folder of texts, and check them against their passages",
        lab.documents,
        """
  flanjax documents notes --writer http://localhost:8000/v1 --name qwen --out made
  flanjax documents notes --writer google/flan-t5-base --form chat --heldout 0.2 --out made""",
        "Documents that are held out have rows in a file of their own. Run the same command again to continue an "
        "interrupted one. Ends with status 1 if no row is kept.",
    ),
    "check": Command(
        "check a mixture: what its templates render, and evaluation rows among training rows",
        mixtures.check,
        """
  flanjax check mixtures/quickstart.py:quickstart
  flanjax check mixtures/flan.py:flan2021 --all --tokenizer google/flan-t5-base --html check.html""",
        "Ends with status 1 if there are findings that no line of the known ones explains.",
    ),
    "doctor": Command(
        "look at a run's own mixture, tokenizer and weights for what would spoil its training",
        lab.doctor,
        """
  flanjax doctor configs/quickstart.py
  flanjax doctor runs/mine --html doctor.html
  flanjax doctor configs/flan_t5.py:base --only masks truncation --config.data.features.inputs_length=1024""",
        "Takes minutes: masks, packed losses beside single ones, a resume, batch sizes, the compute type, transformers' "
        "logits. Ends with status 1 if a check fails.",
        takes_keys=True,
    ),
    "suite": Command(
        "evaluate a model on a published suite by its protocol, with what others scored beside it",
        lab.suite,
        """
  flanjax suite mixtures/suites/mmlu.json --model google/flan-t5-base
  flanjax suite mixtures/suites/t0_heldout.json --model runs/mine --items 20
  flanjax suite mixtures/suites/superni.json --baselines""",
        "A published score stands beside ours only if its protocol is that of the evaluation.",
    ),
    "explore": Command(
        "write a page of a mixture: shares, lengths, templates, rendered examples",
        mixtures.explore,
        """
  flanjax explore mixtures/quickstart.py:quickstart --out explored
  flanjax explore mixtures/flan_mini.py:flan_mini --out explored --tokenizer google/flan-t5-base --heldout entailment""",
    ),
    "show": Command(
        "show a mixture's plan or rendered examples of it, or a catalogue of folders",
        mixtures.show,
        """
  flanjax show mixtures/quickstart.py:quickstart
  flanjax show mixtures/quickstart.py:quickstart --task topic_of_text --style few-shot --examples 2
  flanjax show mixtures --search summarization MIT""",
        "A catalogue lists every mixture, cluster and task that Python files define, without opening data. It ends with "
        "status 1 if one of the files cannot be loaded.",
    ),
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
    parsers = whole.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        told = parsers.add_parser(
            name, help=command.what, description=command.description, epilog=command.epilog, formatter_class=_Help
        )
        command.options(told)
    return whole


class _Help(argparse.HelpFormatter):
    """Wraps descriptions, and keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("example") else super()._fill_text(text, width, indent)


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
