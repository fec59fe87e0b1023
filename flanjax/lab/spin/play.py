"""What is played: a config, a number of rounds, the prompts, and how the opponent writes.

Files of a play:

    play.json             what it is made from; the same command goes on with it
    data.parquet          prompts of the training mixture with the data's answers; prompts.jsonl has the prompts alone
    rounds/1/answers.jsonl  the opponent's texts
    rounds/1/pairs/       Parquet files of pairs, for each task; pairs.py is the mixture of them
    runs/round-1/         the round's run
    spin.json, index.html what was found
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from etils import epath

from flanjax import checkpoint, fields, parts, records, storage
from flanjax.config import RunConfig, differences, load_config, overrides_by_key
from flanjax.config.model import SCRATCH
from flanjax.config.reference import flat
from flanjax.lab.ablate.finished import workdir_of
from flanjax.tasks.ablation import AblationConfig
from flanjax.workdir import TOKENIZER

RECORD = "play.json"
_FORMAT = 1
# Keys that may change between two commands for one play.
_FREE = tuple(f"config.{key}" for key in (
    "checkpoint.", "mesh.", "train.microbatches", "train.log_every", "train.tensorboard", "data.num_", "data.prefetch_windows",
))  # fmt: skip


class Play(NamedTuple):
    """Everything that decides what is played.

    Attributes:
      config_file: as load_config takes it.
      overrides: config key -> value, as text of a command line.
      config: of the file and the overrides, with the tokenizer of the model that is begun with.
      start: that model: a run's workdir, a Hugging Face directory, or an id of the hub.
      prompts: how many examples of the training mixture are played with.
    """

    config_file: str
    overrides: dict[str, str]
    config: RunConfig
    start: str
    prompts: int
    temperature: float
    top_p: float

    def opponent(self, out: Path, number: int) -> str:
        """Returns the model whose texts round `number` learns to tell from the data, and which it trains."""
        return self.start if number == 1 else str(Path(workdir_of(out, run_name(number - 1))).resolve())

    def seed(self, number: int) -> int:
        return self.config.data.seed + number


def run_name(number: int) -> str:
    return f"round-{number}"


def round_folder(out: Path, number: int) -> Path:
    return out / "rounds" / str(number)


def make_play(
    config_file: str, overrides: Sequence[str], *, rounds: int, prompts: int, temperature: float, top_p: float
) -> Play:
    """Returns a play of so many rounds.

    Raises:
      ValueError: there is nothing to begin with, or the config says something that rounds cannot do.
    """
    config = load_config(config_file, overrides)
    if config.model.init == SCRATCH:
        raise ValueError(
            f"{config_file} has model.init={SCRATCH!r}: self-play begins with a trained model; give its workdir, a Hugging "
            "Face directory or an id of the hub as --config.model.init=..."
        )
    if (method := config.model.adapt) and rounds > 1:
        raise ValueError(
            f"model.adapt={method} with {rounds} rounds: round 2 would begin with the run of round 1, which has trained few "
            "weights alone and so is no model.init. Play one round (--rounds 1): `flanjax export` merges what lora, ia3 or "
            "select has learned into the model, and another play can begin with that. Or leave model.adapt out"
        )
    if config.ablation != AblationConfig():
        raise ValueError("the config has ablation settings, which belong to the run that self-play begins with; leave them out")
    if not config.heldout:
        raise ValueError("the config holds no cluster out, so no round is scored; set --config.heldout=CLUSTER")
    start = str(Path(config.model.init).resolve()) if Path(config.model.init).exists() else config.model.init
    given = overrides_by_key(overrides) | {"model.init": start, "tokenizer.path": _tokenizer_path(start, config)}
    whole = parts.settled(load_config(config_file, [f"{key}={value}" for key, value in given.items()]))
    return Play(config_file, given, whole, start, prompts, temperature, top_p)


def _tokenizer_path(start: str, config: RunConfig) -> str:
    """The tokenizer that the starting model has learned; of another model than a run, the config says it."""
    if not parts.is_run(start):
        return config.tokenizer.path
    path: str = checkpoint.read_meta(epath.Path(start))[1]["config"]["tokenizer"]["path"]
    return str(epath.Path(start) / TOKENIZER) if path == "train" else path


def check_play(play: Play, out: Path) -> None:
    """Leaves play.json in the folder; raises ValueError if one is there of another play. More rounds make no other play."""
    path = epath.Path(out) / RECORD
    settings = {name: value for name, value in play._asdict().items() if name not in ("config", "overrides", "config_file")}
    made = json.loads(json.dumps({**settings, "config": flat(play.config.to_dict())}))
    there = storage.read_json(path, _FORMAT)
    if not there:
        storage.write_json(path, records.stamped(made, _FORMAT))
        return
    there.pop(records.FORMAT)
    changed = [d for d in differences(there, made) if not d.startswith(_FREE)]
    if changed:
        raise ValueError(
            f"{out} holds another play: {'; '.join(changed)}. Set these back, or name another --out for a play of its own"
        )


def round_overrides(play: Play, out: Path, number: int) -> dict[str, str]:
    """Returns config key -> value of a round's run, beside the config file."""
    steps, every = play.config.train.steps, play.config.train.validate_every
    return {
        **play.overrides,
        "name": run_name(number),
        "mixture": f"{(round_folder(out, number) / 'pairs.py').resolve()}:pairs",
        "model.init": play.opponent(out, number),
        "objective.name": "dpo",
        "train.seed": fields.shown(play.config.train.seed + number),
        "data.seed": fields.shown(play.seed(number)),
        "train.validate_every": fields.shown(every or steps),
    }
