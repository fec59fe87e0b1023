"""The rounds of a play, one after another. Each step is a process of an ordinary command, and goes on where it was stopped.

A round writes texts (`flanjax generate`, whose output says how far it got), pairs them with the data's answers, and trains and
evaluates by the runner of studies. Nothing is kept of what was done but the files: a round is finished when its evaluation lies
in its run's folder.
"""

from collections.abc import Callable
from pathlib import Path

from flanjax.config import load_config
from flanjax.lab.ablate import finished
from flanjax.lab.ablate.axes import Axis, Base, Level
from flanjax.lab.ablate.plan import Cell, Plan, Training
from flanjax.lab.ablate.runner import LOGS, Execute, Failure, last_line, run_plan
from flanjax.lab.ablate.study import Study
from flanjax.lab.spin.pairs import write_pairs
from flanjax.lab.spin.play import Play, round_folder, round_overrides, run_name
from flanjax.lab.spin.prompts import PROMPTS, write_prompts
from flanjax.parts import settled, split_of

ANSWERS = "answers.jsonl"


def play_rounds(play: Play, out: Path, rounds: int, execute: Execute, log: Callable[[str], None]) -> Failure | None:
    """Plays what is not finished of the first `rounds` rounds; what failed, after which no round can follow.

    Raises:
      StudyStopped: a signal ended it.
    """
    data = write_prompts(play, out)
    log(f"{len(data):,} prompts of {play.config.mixture}, with the data's answers")
    for number in range(1, rounds + 1):
        if not _pairs_there(out, number) and (failed := _generate(play, out, number, execute, log)):
            return failed
        found = write_pairs(play, out, number, data)
        lost = f", {found['without_text']:,} prompts without a text" if found["without_text"] else ""
        log(f"round {number}: {found['pairs']:,} pairs, {found['same']:,} of them of two equal texts{lost}")
        plan = round_plan(play, out, number)
        finished.find_all(out, plan)  # whether a run that is there is this one
        if failures := run_plan(plan, out, execute, log):
            return failures[0]
    return None


def _pairs_there(out: Path, number: int) -> bool:
    return (round_folder(out, number) / "pairs.json").exists()


def _generate(play: Play, out: Path, number: int, execute: Execute, log: Callable[[str], None]) -> Failure | None:
    """Lets the opponent write a text after each prompt."""
    round_folder(out, number).mkdir(parents=True, exist_ok=True)
    (out / LOGS).mkdir(exist_ok=True)
    log_file = out / LOGS / f"{run_name(number)}.log"
    opponent = play.opponent(out, number)
    log(f"round {number}: {opponent} writes")
    if status := execute(generate_command(play, out, number), log_file):
        told = last_line(log_file)
        log(f"round {number}: writing failed with status {status}: {told}")
        return Failure(f"round {number}", status, told, log_file)
    return None


def generate_command(play: Play, out: Path, number: int) -> list[str]:
    """The arguments of `flanjax` that write a round's texts.

    A text that has not ended breaks off one token beyond what a target has room for. So training cuts it, and does not learn
    that the opponent would have ended there.
    """
    options = {
        "model": play.opponent(out, number),
        "file": out / PROMPTS,
        "output": round_folder(out, number) / ANSWERS,
        "max-tokens": play.config.data.features.targets_length,
        "temperature": play.temperature,
        "top-p": play.top_p,
        "seed": play.seed(number),
    }
    return ["generate", *(text for name, value in options.items() for text in (f"--{name}", str(value)))]


def round_plan(play: Play, out: Path, number: int) -> Plan:
    """A round's training and evaluation as the plan of a study with one run. The round's pairs must be there."""
    overrides = round_overrides(play, out, number)
    config = settled(load_config(play.config_file, [f"{key}={value}" for key, value in overrides.items()]))
    name = run_name(number)
    axis = Axis("round", (Level(str(number), {}),), compared=False)
    study = Study(config=play.config_file, axes={"round": [number]}, seeds=1, overrides=overrides)
    cell = Cell((str(number),), 0, name, (), config)
    return Plan(study, Base(config, split_of(config)), (axis,), (cell,), {name: Training(name, overrides, config)})
