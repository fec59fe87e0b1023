"""What the rounds of a play say, as plain data for spin.json and the page. All of it follows from the files of the rounds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from flanjax import storage
from flanjax.evaluate.results import SCHEMA_VERSION
from flanjax.lab.ablate.finished import Finished, workdir_of
from flanjax.lab.spin.pairs import TRAIN, read_pairs
from flanjax.lab.spin.play import round_folder, run_name
from flanjax.workdir import REFERENCES, open_workdir

Row = dict[str, Any]
FORMAT = 1
SHOWN = 8  # prompts on the page


def findings(out: Path, rounds: Sequence[Finished]) -> Row:
    """Returns everything that finished rounds found, as JSON.

    `rounds` has for each: `curve`, win rate and margin by step, of the pairs trained on; `apart`, the same of pairs held apart,
    at the steps of validation; `gap`, how much likelier the opponent finds its own texts than the data's answers, nats a pair,
    and `own`, the share of pairs where it does; counts of pairs; and `scores` of the held-out clusters, of the round's model
    and of its opponent.
    """
    each = [_round(out, number, one) for number, one in enumerate(rounds, 1)]
    return {
        "format": FORMAT,
        "rounds": each,
        "prompts": _prompts(out, len(rounds)),
        "verdicts": [_verdict(row) for row in each],
    }


def _round(out: Path, number: int, one: Finished) -> Row:
    run = open_workdir(workdir_of(out, run_name(number)))
    lines = run.read_metrics()
    counts = json.loads((round_folder(out, number) / "pairs.json").read_text())
    table = storage.read_table(run.path / REFERENCES)
    kept = np.array(table["split"].to_pylist()) == TRAIN
    gaps = (table["rejected"].to_numpy() - table["chosen"].to_numpy())[kept]
    results = storage.read_json(epath.Path(one.folder) / "results.json", SCHEMA_VERSION)
    return {
        "round": number,
        "curve": [_told(line) for line in lines if "kind" not in line],
        "apart": [_told(line) for line in lines if line.get("kind") == "validation"],
        "gap": float(gaps.mean()),
        "own": float((gaps > 0).mean() + 0.5 * (gaps == 0).mean()),
        "lost": int(counts["pairs"] - counts["apart"] - kept.sum()),
        **{name: counts[name] for name in ("pairs", "without_text", "same", "ended")},
        "scores": [
            {name: row[name] for name in ("cluster", "model", "mean", "low", "high", "chance")} for row in results["clusters"]
        ],
    }


def _told(line: Row) -> Row:
    return {name: line[name] for name in ("step", "loss", "win_rate", "margin", "gain_chosen", "gain_rejected")}


def _prompts(out: Path, rounds: int) -> list[Row]:
    """Some prompts with the data's answer and what the opponent of each round wrote."""
    found: dict[int, Row] = {}
    for number in range(1, rounds + 1):
        pairs = [pair for _, pair in read_pairs(round_folder(out, number))]
        if not found:
            pairs = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, SHOWN).astype(int))]
            found = {pair["number"]: {**pair, "texts": []} for pair in pairs}
        for pair in pairs:
            if pair["number"] in found:
                found[pair["number"]]["texts"].append({"round": number, "text": pair["generated"], "ended": pair["ended"]})
    return [
        {"task": row["task"], "prompt": _asked(row), "answer": row["answer"], "texts": row["texts"]} for row in found.values()
    ]


def _asked(row: Row) -> str:
    talk = "\n".join(f"{message['role']}: {message['content']}" for message in row["messages"] or ())
    return talk or str(row["prompt"])


def _verdict(row: Row) -> str:
    told = (row["apart"] or row["curve"])[-1]
    what = "pairs held apart" if row["apart"] else "pairs trained on"
    scores = [f"{s['cluster']} {s['mean']:.1f}" for s in row["scores"] if s["model"] == "trained"]
    before = [f"{s['mean']:.1f}" for s in row["scores"] if s["model"] != "trained"]
    heldout = f"; held out: {', '.join(scores)}" + (f" (its opponent {', '.join(before)})" if before else "")
    margin = f"{told['margin']:.2f}".replace("-", "−")
    return (
        f"Round {row['round']}: after training the data's answer gained more than the opponent's text in "
        f"{100 * told['win_rate']:.0f}% of {what}, by a margin of {margin}{heldout}."
    )
