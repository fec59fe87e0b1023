"""`flanjax self-instruct`: makes tasks with a writer, and writes rows, what was dropped, and the page."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import xxhash

from flanjax import storage
from flanjax.evaluate.verdict import count
from flanjax.lab.folder import made_folder
from flanjax.lab.instruct.filters import read_blocked
from flanjax.lab.instruct.making import Making
from flanjax.lab.instruct.recipe import ALPACA, Recipe
from flanjax.lab.instruct.seeds import Shown, read_seeds
from flanjax.lab.instruct.wording import prompts_of
from flanjax.lab.writing.ask import Writer
from flanjax.lab.writing.options import writer_of
from flanjax.lab.writing.page import render
from flanjax.lab.writing.progress import telling
from flanjax.lab.writing.replies import Replies
from flanjax.lab.writing.rows import DROPPED, ROWS, Rows
from flanjax.records import stamped

RECORD, PAGE, _FORMAT = "self_instruct.json", "index.html", 1


def self_instruct(args: argparse.Namespace) -> int:
    """Makes tasks; 1 if none was kept."""
    seeds, words, blocked = read_seeds(args.seeds), prompts_of(args.wording), read_blocked(args.blocklist)
    given = {field.name: getattr(args, field.name) for field in dataclasses.fields(Recipe) if field.name != "prompts"}
    recipe = Recipe(**given, prompts=args.prompts or args.tasks)
    writer, out = writer_of(args), made_folder(args.out)
    made = {name: value for name, value in settled(recipe).items() if name not in ("tasks", "prompts")}
    with telling("tasks") as told, Replies(out, {**made, "inputs": _digest(args, seeds, blocked)}, writer, told) as replies:
        making = Making(seeds, recipe, words, blocked, replies)
        try:
            making.run()
        finally:
            write(making, recipe, seeds, writer, out)
    for line in verdicts(making, recipe):
        print(line)
    print(f"written: {out / ROWS}, {out / DROPPED}, {out / PAGE}")
    return 0 if making.rows.kept else 1


def settled(recipe: Recipe) -> dict[str, Any]:
    """Returns the settings of a recipe, those that it takes from its source included."""
    return {**vars(recipe), **recipe.drawing._asdict()}


def _digest(args: argparse.Namespace, seeds: list[Shown], blocked: tuple[str, ...]) -> str:
    """Of everything in files that replies and rows depend on."""
    wording = Path(args.wording).read_bytes() if args.wording else b""
    return xxhash.xxh3_128(repr((seeds, blocked, wording)).encode("utf-8", "backslashreplace")).hexdigest()


def verdicts(making: Making, recipe: Recipe) -> list[str]:
    """Returns what came of it in sentences."""
    rows, made = making.rows, len(making.made)
    found = [
        f"{count(len(rows.kept), 'row')} of {count(made, 'new task')} kept, {count(len(rows.dropped), 'text')} dropped, "
        f"after {count(making.prompts, 'prompt')} for new tasks"
    ]
    if made < recipe.tasks:
        found.append(
            f"{recipe.tasks:,} tasks were wanted: the writer did not make them in {making.prompts:,} prompts (--prompts)"
        )
    if rows.reasons:
        found.append("dropped: " + ", ".join(f"{reason} {number:,}" for reason, number in rows.reasons.items()))
    return found


def write(making: Making, recipe: Recipe, seeds: list[Shown], writer: Writer, out: Path) -> None:
    """Writes what was made so far: rows.jsonl, dropped.jsonl, self_instruct.json and the page."""
    rows: Rows = making.rows
    rows.write(out)
    record: dict[str, Any] = {"writer": writer.name, **settled(recipe), "seeds": len(seeds), "made": len(making.made)}
    record |= {"rows": len(rows.kept), "dropped": len(rows.dropped), "reasons": rows.reasons, "asked": making.prompts}
    record["grown"] = [one._asdict() for one in rows.grown]
    storage.write_json(storage.place(out / RECORD), stamped(record, _FORMAT))
    how = "Alpaca's recipe" if recipe.recipe == ALPACA else "Self-Instruct"
    quiet = [f"{how}, written by {writer.name}, from {len(seeds)} seed tasks"]
    drawing = recipe.drawing
    quiet.append(f"temperature {drawing.temperature:g}, top-p {drawing.top_p:g}, seed {recipe.seed}")
    page = render("self-instruct", out.resolve().name, quiet, verdicts(making, recipe), rows, _method(recipe))
    storage.replace_text(storage.place(out / PAGE), page)


def _method(recipe: Recipe) -> list[str]:
    steps = (
        "Alpaca's recipe (Taori et al. 2023): a prompt shows three seed tasks and asks for further ones, each with its input "
        "and output."
        if recipe.recipe == ALPACA
        else "Self-Instruct (Wang et al. 2022): a prompt shows up to six seed tasks and two that were made, and the writer "
        "goes on with the list. It is then asked of each new task whether its answer is one of a few labels. If so, it writes "
        "labels and then inputs for them; otherwise inputs and then outputs."
    )
    return [
        steps,
        "A new instruction is dropped if its ROUGE-L with any task of the pool, seeds included, is above "
        f"{recipe.similarity:g}, if it is too short or too long, begins with a mark, or names what a model of text neither "
        "sees nor makes. A row is dropped without an output, if its output is its input or instruction or too long, if the "
        "task has another output for the same input, and if it is there already. Texts that were cut at their most tokens are "
        "dropped.",
    ]
