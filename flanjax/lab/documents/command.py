"""`flanjax documents`: questions and answers of a folder, as rows, with held-out documents in a file of their own."""

import argparse
import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import xxhash

from flanjax import storage
from flanjax.evaluate.verdict import count
from flanjax.lab.documents.making import Making, prompts_of
from flanjax.lab.documents.passages import HELDOUT, TRAIN, Passage, Read, read_passages
from flanjax.lab.documents.recipe import Recipe
from flanjax.lab.folder import made_folder
from flanjax.lab.writing.ask import Writer
from flanjax.lab.writing.options import writer_of
from flanjax.lab.writing.page import render
from flanjax.lab.writing.progress import telling
from flanjax.lab.writing.replies import Replies
from flanjax.lab.writing.rows import DROPPED, ROWS, encodable, write_lines
from flanjax.records import stamped

HELDOUT_ROWS, REFUSED, RECORD, PAGE, _FORMAT = "heldout.jsonl", "refused.jsonl", "documents.json", "index.html", 1


def documents(args: argparse.Namespace) -> int:
    """Makes rows; 1 if no training row was kept."""
    recipe = Recipe(**{field.name: getattr(args, field.name) for field in dataclasses.fields(Recipe)})
    words = prompts_of(args.wording)
    read = read_passages(args.folder, recipe, args.out)
    if not read.passages:
        raise ValueError(f"no file of {args.folder} has a passage; the first: {read.refused[0].name}: {read.refused[0].why}")
    writer, out = writer_of(args), made_folder(args.out)
    made = {**vars(recipe), "passages": _digest(args, read.passages)}
    with telling("questions and answers") as told, Replies(out, made, writer, told) as replies:
        making = Making(recipe, words, replies)
        try:
            making.run(read.passages)
        finally:
            write(making, recipe, read, writer, args.folder, out)
    for line in verdicts(making, read):
        print(encodable(line))
    print(f"written: {out / ROWS}, {out / HELDOUT_ROWS}, {out / DROPPED}, {out / REFUSED}, {out / PAGE}")
    return 0 if _rows(making, TRAIN) else 1


def _digest(args: argparse.Namespace, passages: Sequence[Passage]) -> str:
    digest = xxhash.xxh3_128(Path(args.wording).read_bytes() if args.wording else b"")
    for passage in passages:
        digest.update(repr(passage).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _rows(making: Making, split: str) -> list[dict[str, object]]:
    return [row for row in making.rows.kept if row["kind"] == split]


def verdicts(making: Making, read: Read) -> list[str]:
    """Returns what came of it in sentences."""
    rows = making.rows
    names = {split: len({p.document for p in read.passages if p.split == split}) for split in (TRAIN, HELDOUT)}
    found = [
        f"{count(len(_rows(making, TRAIN)), 'training row')} of {count(names[TRAIN], 'document')}, "
        f"{count(len(_rows(making, HELDOUT)), 'row')} of {names[HELDOUT]:,} held out; "
        f"{count(len(rows.dropped), 'text')} dropped, after {making.passages:,} of {count(len(read.passages), 'passage')}"
    ]
    if rows.reasons:
        found.append("dropped: " + ", ".join(f"{reason} {number:,}" for reason, number in rows.reasons.items()))
    if not names[HELDOUT]:
        found.append("no document is held out: with few documents the share may hit none (--heldout)")
    for what, some in (("refused", read.refused), ("left out", read.notes)):
        if some:
            found.append(f"{what} {len(some):,}, the first: {some[0].name}: {some[0].why}")
    return found


def write(making: Making, recipe: Recipe, read: Read, writer: Writer, folder: str, out: Path) -> None:
    """Writes what was made so far."""
    rows = making.rows
    write_lines(out / ROWS, _rows(making, TRAIN))
    write_lines(out / HELDOUT_ROWS, _rows(making, HELDOUT))
    write_lines(out / DROPPED, rows.dropped)
    kinds = (("refused", read.refused), ("left out", read.notes))
    write_lines(out / REFUSED, [{"file": one.name, "what": what, "why": one.why} for what, some in kinds for one in some])
    splits = Counter(passage.split for passage in read.passages)
    record = {"writer": writer.name, "folder": folder, **vars(recipe), "passages": len(read.passages), "asked": making.passages}
    record |= {"splits": {split: splits[split] for split in (TRAIN, HELDOUT)}, "reasons": rows.reasons}
    record |= {"heldout_documents": sorted({p.document for p in read.passages if p.split == HELDOUT})}
    record |= {"rows": len(_rows(making, TRAIN)), "heldout_rows": len(_rows(making, HELDOUT)), "refused": len(read.refused)}
    storage.write_json(storage.place(out / RECORD), stamped(record, _FORMAT))
    quiet = [f"questions and answers of {folder}, written by {writer.name}"]
    quiet.append(f"{count(len(read.passages), 'passage')} of at most {recipe.words} words, {recipe.questions} questions each")
    page = render("documents", out.resolve().name, quiet, verdicts(making, read), rows, _method(recipe), across="passages")
    storage.replace_text(storage.place(out / PAGE), page)


def _method(recipe: Recipe) -> list[str]:
    return [
        f"Each passage is whole paragraphs of at most {recipe.words} words together. The writer writes {recipe.questions} "
        "questions to it, and then answers each one from the passage, or says that it cannot.",
        "A question is dropped if it points at the passage, copies it, or is like another one of its document. An answer is "
        f"dropped unless the passage has it in the same words, or has {recipe.support:.0%} of those of its words that are not "
        "the question's. That finds answers from nowhere; it does not find a wrong answer in the passage's own words.",
        f"{recipe.heldout:.0%} of documents are held out, by a hash of the file's name. A paragraph that a held-out document "
        "has too, or a sentence of a paragraph that is longer than a passage, is in no training row.",
    ]
