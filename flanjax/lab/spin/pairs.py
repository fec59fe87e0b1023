"""The pairs of a round: the data's answer, and what the opponent wrote after the same prompt.

They lie in Parquet files, pairs/train/TASK.parquet and pairs/evaluation/TASK.parquet, the second a tenth that is held apart. A
pair keeps its task and cluster, so that held-out clusters stay held out by the ordinary rule.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from etils import epath

from flanjax import storage
from flanjax.importers.preferences import PREFERENCE_TEMPLATES, PROMPT
from flanjax.lab.spin.play import Play, round_folder
from flanjax.lab.spin.prompts import SCHEMA
from flanjax.parts import split_of
from flanjax.sources import parquet
from flanjax.tasks.mixture import Mixture, proportional
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.task import Example, Message, Row, Task

PAIRS, RECORD, MIXTURE = "pairs", "pairs.json", "pairs.py"
APART = 10  # one pair in so many is held apart
TRAIN, EVALUATION = "train", "evaluation"
_FORMAT = 1
_FILE = '''"""The pairs of a round of self-play as a mixture. `flanjax spin` wrote this file."""

from pathlib import Path

from flanjax.lab.spin.pairs import paired

pairs = paired({address!r}, Path(__file__).parent / {folder!r}, others={others!r})
'''


def write_pairs(play: Play, out: Path, number: int, data: pa.Table) -> Mapping[str, Any]:
    """Returns what was counted while a round's pairs were written, which are there if pairs.json is.

    Raises:
      ValueError: no prompt has a text of the opponent.
    """
    folder = round_folder(out, number)
    record = epath.Path(folder / RECORD)
    if record.exists():
        return storage.read_json(record, _FORMAT)
    answers = list(_answers(folder / "answers.jsonl"))
    schema = SCHEMA.append(pa.field("generated", pa.string())).append(pa.field("ended", pa.string()))
    rows: dict[tuple[str, str], list[Row]] = {}
    for at, (row, answer) in enumerate(zip(data.to_pylist(), answers, strict=True)):
        if "text" in answer:
            split = EVALUATION if at % APART == APART - 1 else TRAIN
            pair = {**row, "generated": answer["text"].strip(), "ended": answer["ended"]}
            rows.setdefault((split, row["task"]), []).append(pair)
    if not any(split == TRAIN for split, _ in rows):
        raise ValueError(f"{folder / 'answers.jsonl'} has no text: {answers[0].get('error', 'it is empty') if answers else ''}")
    for (split, task), some in rows.items():
        place = epath.Path(folder / PAIRS / split)
        place.mkdir(parents=True, exist_ok=True)
        storage.replace_table(place / f"{task}.parquet", pa.Table.from_pylist(some, schema=schema))
    others = [task.name for task in split_of(play.config).heldout] + _left_out(play)
    text = _FILE.format(address=_absolute(play.config.mixture), folder=PAIRS, others=sorted(set(others)))
    storage.replace_text(epath.Path(folder / MIXTURE), text)
    every = [pair for some in rows.values() for pair in some]
    found = {
        "format": _FORMAT,
        "pairs": len(every),
        "apart": sum(len(some) for (split, _), some in rows.items() if split == EVALUATION),
        "without_text": len(answers) - len(every),
        "same": sum(pair["generated"] == pair["answer"].strip() for pair in every),
        "ended": sum(pair["ended"] == "eos" for pair in every),
    }
    storage.write_json(record, found)
    return found


def paired(mixture: Mixture | str, folder: Path, others: Sequence[str] = ()) -> Mixture:
    """Returns the mixture of a round's pairs: its tasks with their pairs instead of their rows, and the others as they are.

    Args:
      mixture: whose tasks were played with, or its address.
      others: tasks that are not trained on: held out, or left out.
    """
    base = load_mixture(mixture) if isinstance(mixture, str) else mixture
    tasks = [_paired(task, folder) for task in base.tasks() if (folder / TRAIN / f"{task.name}.parquet").exists()]
    return Mixture(name=f"{base.name}_pairs", parts=[*tasks, *map(base.task, others)], rate=proportional())


def _paired(task: Task, folder: Path) -> Task:
    files = {split: folder / split / f"{task.name}.parquet" for split in (TRAIN, EVALUATION)}
    there = {split: str(file) for split, file in files.items() if file.exists()}
    return dataclasses.replace(
        task,
        source=parquet(name=f"pairs_{task.name}", **there),
        example=pair_of,
        templates=PREFERENCE_TEMPLATES,
        lineage=(*task.lineage, task.source.name),
        metrics=("rougeL",),
        train=TRAIN,
        evaluation=EVALUATION if EVALUATION in there else None,
        long_fields=(PROMPT, "answer"),
        shuffle_options=False,
        exemplars=(),
        few_shot=False,
        target="first",
        filters=(),
    )


def pair_of(row: Row) -> Example:
    """Returns a pair's example: the data's answer, and the opponent's text as the rejected one."""
    before = [Message(message["role"], message["content"], False) for message in row["messages"] or ()]
    talk = (*before, Message("assistant", row["answer"])) if before else ()
    return Example({PROMPT: row["prompt"]}, row["answer"], messages=talk, rejected=row["generated"])


def read_pairs(folder: Path) -> Iterator[tuple[str, Row]]:
    """Yields each pair of a round, with its split."""
    for split in (TRAIN, EVALUATION):
        place = epath.Path(folder / PAIRS / split)
        for file in sorted(place.iterdir()) if place.is_dir() else []:
            yield from ((split, row) for row in storage.read_table(file).to_pylist())


def _answers(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        yield from (json.loads(line) for line in file)


def _left_out(play: Play) -> list[str]:
    names = set(play.config.leave_out)
    return [task.name for task in load_mixture(play.config.mixture).tasks() if {task.name, task.cluster} & names]


def _absolute(address: str) -> str:
    path, _, name = address.rpartition(":")
    return f"{Path(path).resolve()}:{name}"
