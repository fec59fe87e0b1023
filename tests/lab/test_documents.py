"""Documents to questions and answers: odd files refused by name, answers that stand in their passages, held-out ones apart."""

import codecs
import json
import os
import re
from pathlib import Path

import pytest

from flanjax.cli import main
from flanjax.importers import alpaca, chat_file
from flanjax.lab.documents import command
from flanjax.lab.documents.checks import checked_answer, question_problem
from flanjax.lab.documents.files import Document, Refused, html_text, read_documents
from flanjax.lab.documents.passages import LEAST_WORDS, passages_of, read_passages, split_of
from flanjax.lab.documents.recipe import Recipe
from flanjax.lab.writing.ask import Reply
from flanjax.lab.writing.likeness import words_of

TOWNS = [f"{a}{b}" for a in ("Ald", "Bren", "Cors", "Dun", "Els", "Fal") for b in ("ford", "ham", "wick", "by", "mere")]


def text(town, more=""):
    return (
        f"The town of {town} lies on a river and was founded by weavers in the year {1200 + len(town)}.{more}\n\n"
        f"Every autumn the people of {town} sell apples on the square before the old mill, and children carry lamps at night."
    )


class Writer:
    """Asks about the town and the apples, and answers in the words of the passage; some questions have no answer there."""

    name = "scripted"

    def __init__(self, after=None):
        self.after, self.asked = after, []

    def __call__(self, asks):
        for ask in asks:
            if len(self.asked) == self.after:
                raise KeyboardInterrupt
            self.asked.append(ask.prompt)
            (town, *_) = [town for town in TOWNS if town in ask.prompt] or ["Nowhere"]
            if "Question:" not in ask.prompt:
                yield Reply(
                    f"Who built up {town} long ago?\n2. Which fruit can be bought in {town}?\n"
                    f"3. How many live there in {town}?\n4. Is there a harbour at {town}?"
                )
            elif "fruit" in ask.prompt.rpartition("Question:")[2]:
                yield Reply(" apples on the square\n")
            elif "built" in ask.prompt.rpartition("Question:")[2]:
                yield Reply("Weavers, by a river.")
            else:
                yield Reply("Not in the passage.")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("notes").mkdir()
    return tmp_path


def made(monkeypatch, writer, *more, out="out"):
    monkeypatch.setattr(command, "writer_of", lambda args: writer)
    return main(["documents", "notes", "--writer", "w", "--out", out, *more])


def lines(file):
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


def write_fifty(folder):
    """Fifty files: thirty towns in many encodings and forms, and twenty that are refused, cut or the same. Returns those."""
    encodings = {"Aldham": "utf-16", "Aldwick": "utf-8-sig", "Aldby": "utf-32", "Aldmere": "utf-16"}
    for n, town in enumerate(TOWNS):
        ending = (".txt", ".md", ".html")[n % 3] if town not in encodings else ".txt"
        body = text(town)
        if ending == ".html":
            body = f"<html><title>{town}</title><script>steal()</script>" + "".join(f"<p>{p}</p>" for p in body.split("\n\n"))
        place = folder / ("deep/er" if n % 4 == 0 else "") / f"{town}{ending}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body.encode(encodings.get(town, "utf-8")).replace(b"\n", b"\r\n" if town == "Brenby" else b"\n"))
    odd = {
        "empty.txt": (b"", "it is empty"),
        "blank.md": (b" \n\n\t", "it has no text"),
        "mark.txt": (codecs.BOM_UTF8, "it has no text"),
        "front.md": (b"---\ntitle: x\n---\n", "it has no text"),
        "scripts.html": (b"<script>var x = 1;</script>", "it has no text"),
        "short.txt": (b"A few words.", "fewer than 15 words"),
        "latin.txt": ("Die Größe der Stadt".encode("latin-1"), "it is not utf-8 (byte 0xf6 at 6)"),
        "sjis.txt": ("東京の人口".encode("shift-jis"), "it is not utf-8 (byte 0x93 at 0)"),
        "torn.txt": (text("Aldford").encode("utf-16")[:-1], "it is not utf-16-le"),
        "bare16.txt": ("Aldford is a town".encode("utf-16-le"), "it has NUL characters"),
        "strange.html": (b"<meta charset='x-own'><p>Hello", "it says that it is in x-own, which is not known"),
        "wrong.html": (b"<meta charset=utf-8><p>caf\xe9", "it is not utf-8 (byte 0xe9"),
        "paper.pdf": (b"%PDF-1.7", "its name ends in .pdf, expected one of .txt"),
        "README": (b"text", "its name ends in no kind"),
        "picture.png": (b"\x89PNG", "its name ends in .png"),
        "nul.txt": (b"a\0b " * 40, "it has NUL characters"),
    }  # fmt: skip
    for name, (raw, _) in odd.items():
        (folder / name).write_bytes(raw)
    (folder / "gone.txt").symlink_to("nothing.txt")
    os.mkfifo(folder / "pipe.txt")
    (folder / "again.txt").write_text(text(TOWNS[0]))
    (folder / "big.txt").write_bytes(
        b"".join(b"The lamp %07d stands in the long street of Nowhere.\n\n" % n for n in range(370_000))
    )
    (folder / ".hidden.txt").write_text(text("Aldford"))
    told = {name: why for name, (_, why) in odd.items()}
    return told | {"gone.txt": "no file behind this link", "pipe.txt": "it is no regular file"}


def test_fifty_odd_files_give_rows_or_a_refusal_by_name(here, monkeypatch, capsys):
    refused = write_fifty(here / "notes")
    assert len([path for path in Path("notes").rglob("*") if not path.is_dir() and path.name[0] != "."]) == 50
    assert Path("notes/big.txt").stat().st_size > 20_000_000
    assert made(monkeypatch, Writer(), "--passages", "3", "--megabytes", "1", "--heldout", "0.3") == 0
    told = lines("out/refused.jsonl")
    assert {row["file"] for row in told if row["what"] == "refused"} == set(refused)
    for row in told:
        if row["what"] == "refused":
            assert refused[row["file"]] in row["why"]
    notes = {row["file"]: row["why"] for row in told if row["what"] == "left out"}
    assert "only its first 1 MB are used (--megabytes)" in notes["big.txt"]
    assert len(notes) == 2  # and one of two files that are the same
    rows = [*lines("out/rows.jsonl"), *lines("out/heldout.jsonl")]
    assert {town for row in rows for town in TOWNS if town in row["instruction"]} == set(TOWNS)
    assert all("steal" not in row["input"] and "\r" not in row["input"] and "\ufeff" not in row["input"] for row in rows)
    assert "refused 18, the first: README: " in capsys.readouterr().out
    assert sum("Nowhere" in row["input"] for row in rows) in (0, 3)


def test_no_passage_of_a_held_out_document_is_in_a_training_row(here, monkeypatch):
    write_fifty(here / "notes")
    Path("notes/big.txt").unlink()
    assert made(monkeypatch, Writer(), "--heldout", "0.3", "--questions", "2") == 0
    training, apart = lines("out/rows.jsonl"), lines("out/heldout.jsonl")
    held = {row["parents"][0].split("#")[0] for row in apart}
    assert held == set(json.loads(Path("out/documents.json").read_text())["heldout_documents"])
    assert 4 <= len(held) <= 16
    assert not held & {row["parents"][0].split("#")[0] for row in training}
    assert not {row["input"] for row in apart} & {row["input"] for row in training}
    assert all(split_of(name, 0.3) == "heldout" for name in held)
    # A name alone decides, so a copy of a held-out text under another name must not carry it into training.
    free = next(f"A{n}.txt" for n in range(99) if split_of(f"A{n}.txt", 0.3) == "train")
    own = apart[0]["parents"][0].split("#")
    Path("notes", free).write_text(apart[0]["input"])
    assert made(monkeypatch, Writer(), "--heldout", "0.3", "--questions", "2", out="again") == 0
    assert lines("again/rows.jsonl") == training
    why = f"3 of its 3 paragraphs, or sentences of long ones: held-out documents have them too, the first is in {own[0]}"
    assert {"file": free, "what": "left out", "why": why} in lines("again/refused.jsonl")


def names_of(*splits, ending=".txt"):
    """Names of documents, the first of each split."""
    return [next(f"A{n}{ending}" for n in range(99) if split_of(f"A{n}{ending}", 0.3) == split) for split in splits]


def read(**options):
    return read_passages("notes", Recipe(heldout=0.3, **options))


def trained_on(found):
    return "\n\n".join(passage.text for passage in found.passages if passage.split == "train")


def sentence(name, words=16):
    """A sentence of so many words, which no other name has."""
    return f"{' '.join(f'{name}{n}' for n in range(words - 1))} ends.".capitalize()


def test_a_paragraph_of_a_held_out_document_is_in_no_training_passage_wherever_it_stands(here):
    held, free = names_of("heldout", "train")
    a, b, c, e, f = (sentence(name) for name in "abcef")
    Path("notes", held).write_text("\n\n".join([a, b, c]))
    Path("notes", free).write_text("\n\n".join([e, a, b, c, f]))
    for words in (16, 40, 200):
        found = read(words=words)
        assert trained_on(found).split("\n\n") == [e, f]
        assert [note.name for note in found.notes] == [free]
        assert found.notes[0].why.startswith("3 of its 5 paragraphs")
        assert held in found.notes[0].why


def test_a_sentence_of_a_long_held_out_paragraph_is_in_no_training_passage_wherever_it_stands(here):
    held, free = names_of("heldout", "train")
    told = [sentence(name) for name in "abcdefgh"]
    Path("notes", held).write_text(" ".join(told))
    Path("notes", free).write_text(" ".join([sentence("x"), *told, sentence("y")]))
    assert trained_on(read(words=40)) == f"{sentence('x')} {sentence('y')}"


def test_headings_alone_are_kept_in_training_documents(here):
    held, free = names_of("heldout", "train", ending=".md")
    Path("notes", held).write_text(f"## Notes\n\n{sentence('a')}\n\n# All in one\n{sentence('b')}")
    Path("notes", free).write_text(f"## Notes\n\n{sentence('c')}\n\n# All in one\n{sentence('b')}")
    assert trained_on(read()) == f"## Notes\n\n{sentence('c')}"


def test_a_paragraph_of_a_held_out_file_behind_its_megabytes_is_in_no_training_passage(here):
    held, free = names_of("heldout", "train")
    told = "The lamp {:07d}\nstands in the long street\nof Nowhere, and nobody\nhas ever lit it\nat night."
    long = [told.format(n) for n in range(12_000)]  # both files are cut inside a paragraph
    Path("notes", held).write_text("\n\n".join(long))
    Path("notes", free).write_text("\n\n".join([long[-1], sentence("a", 24), *long]))
    found = read(megabytes=1)
    assert trained_on(found) == sentence("a", 24)
    assert sum(passage.split == "heldout" for passage in found.passages) > 900
    assert sum("only its first 1 MB are used" in note.why for note in found.notes) == 2
    with Path("notes", held).open("ab") as file:
        file.write(b"\n\ncaf\xe9")
    found = read(megabytes=1)  # what it has beyond cannot be compared, so no row is made of it
    assert [one.name for one in found.refused] == [held]
    assert "it is not utf-8 (byte 0xe9 at " in found.refused[0].why
    assert {passage.split for passage in found.passages} == {"train"}


def test_a_passage_of_a_held_out_document_beside_its_sample_is_in_no_training_row_either(here, monkeypatch):
    held, free = names_of("heldout", "train")
    towns = [text(town) for town in TOWNS[:3]]
    Path("notes", held).write_text("\n\n".join(towns))
    Path("notes", free).write_text(towns[1])
    more = ["--words", "50", "--heldout", "0.3"]
    assert made(monkeypatch, Writer(), *more, "--passages", "2") == 1
    assert "Aldham" not in str(lines("out/heldout.jsonl")) + str(lines("out/rows.jsonl"))
    (left_out,) = (row for row in lines("out/refused.jsonl") if row["file"] == free)
    assert left_out["why"].endswith(f"held-out documents have them too, the first is in {held}")


def test_what_the_command_writes_inside_the_folder_is_no_document(here, monkeypatch, capsys):
    Path("notes/a.txt").write_text(text("Aldford"))
    for _ in range(2):
        assert made(monkeypatch, Writer(), "--heldout", "0", out="notes/made") == 0
        assert lines("notes/made/refused.jsonl") == []
    assert made(monkeypatch, Writer(), out="notes") == 1
    assert "--out notes is the folder that is read" in capsys.readouterr().err
    assert made(monkeypatch, Writer(), "--heldout", "0", out=".") == 0


def test_half_a_surrogate_pair_in_a_name_or_a_reply_is_no_fault(here, monkeypatch, capsys):
    Path("notes/a.txt").write_text(text("Aldford"))
    Path("notes", os.fsdecode(b"caf\xe9.pdf")).write_text("x")

    class Broken(Writer):
        def __call__(self, asks):
            for reply in super().__call__(asks):
                yield reply._replace(text=f"{reply.text}\n5. Is it \ud83d?") if "2. " in reply.text else reply

    assert made(monkeypatch, Broken(), "--heldout", "0") == 0
    assert "Is it ?" in Path("out/index.html").read_text()
    assert "the first: caf?.pdf" in capsys.readouterr().out


def test_the_share_of_held_out_documents_is_that_asked_for():
    names = [f"folder/{n}.txt" for n in range(4000)]
    share = sum(split_of(name, 0.2) == "heldout" for name in names) / len(names)
    assert share == pytest.approx(0.2, abs=0.02)
    assert {split_of(name, 0) for name in names} == {"train"}
    assert {split_of(name, 1) for name in names} == {"heldout"}


def test_rows_say_where_they_come_from_and_why_they_were_kept(here, monkeypatch, capsys):
    for town in TOWNS[:6]:
        Path("notes", f"{town}.txt").write_text(text(town))
    assert made(monkeypatch, Writer(), "--heldout", "0") == 0
    rows, replies = lines("out/rows.jsonl"), lines("out/replies.jsonl")
    assert [row["output"] for row in rows] == ["Weavers, by a river.", "apples on the square"] * 6
    assert {row["reason"] for row in rows} == {"the passage has 100% of its words", "the passage says it in these words"}
    for row in rows:
        asked, answered = (replies[number - 1] for number in row["replies"])
        assert (asked["stage"], answered["stage"]) == ("questions", "answer")
        assert row["instruction"] in asked["text"]
        assert row["input"] in answered["prompt"] == row["prompt"]
    dropped = lines("out/dropped.jsonl")
    assert {row["reason"] for row in dropped} == {"not answerable", "more than were asked"}
    assert "no document is held out" in capsys.readouterr().out
    page = Path("out/index.html").read_text()
    assert all(found in page for found in ("more than were asked", rows[0]["instruction"], "held out, by a hash"))


def test_rows_are_ordinary_tasks_in_both_forms(here, monkeypatch):
    Path("notes/a.txt").write_text(text("Aldford"))
    for form, out in (("alpaca", "one"), ("chat", "two")):
        assert made(monkeypatch, Writer(), "--heldout", "0", "--form", form, "--closed", out=out) == 0
    (task,) = alpaca("one/rows.jsonl").tasks
    assert task.example(task.source.open("train")[1]).answer == "apples on the square"
    assert task.example(task.source.open("train")[1]).fields["input"] == ""
    (talk,) = chat_file("two/rows.jsonl").tasks
    assert lines("two/rows.jsonl")[1]["messages"][0]["content"] == "Which fruit can be bought in Aldford?"
    assert talk.example(talk.source.open("train")[1]).answer == "apples on the square"


def test_a_process_that_ends_at_any_reply_goes_on_to_the_same_files(here, monkeypatch, capsys):
    for town in TOWNS[:20]:
        Path("notes", f"{town}.txt").write_text(text(town))
    assert made(monkeypatch, Writer(), out="whole") == 0
    for after in (0, 3, 30, 70):
        out = f"stopped{after}"
        with pytest.raises(KeyboardInterrupt):
            made(monkeypatch, Writer(after), out=out)
        writer = Writer()
        assert made(monkeypatch, writer, out=out) == 0
        assert len(writer.asked) == len(lines("whole/replies.jsonl")) - after
        for name in ("rows.jsonl", "heldout.jsonl", "dropped.jsonl", "replies.jsonl", "documents.json"):
            assert Path(out, name).read_bytes() == Path("whole", name).read_bytes()
    Path("notes/new.txt").write_text(text("Falby"))
    assert made(monkeypatch, Writer(), out="whole") == 1
    assert "was begun with passages" in capsys.readouterr().err


# ---- passages


def test_passages_are_whole_paragraphs_in_order_and_lose_no_word():
    paragraphs = [" ".join(f"w{n}_{i}" for i in range(size)) for n, size in enumerate((20, 30, 40, 25, 60))]
    found = list(passages_of("\n\n".join(paragraphs), 150))
    assert [passage.split("\n\n") for passage in found] == [paragraphs[:2], paragraphs[2:4], paragraphs[4:]]
    assert all(LEAST_WORDS <= len(words_of(passage)) <= 150 for passage in found)


@pytest.mark.parametrize(
    "text",
    [
        "The cat sat on the mat today. " * 60,
        "word " * 500,
        "東京は日本の首都です。" * 60,
        "東" * 500,
        "One line of nine words that ends without mark\n" * 50,
    ],
    ids=["sentences", "no-sentence", "japanese", "no-space", "lines"],
)
def test_a_long_paragraph_is_cut_between_sentences_or_words(text):
    found = list(passages_of(text, 100))
    assert all(len(words_of(passage)) <= 100 for passage in found)
    assert sum(len(words_of(passage)) for passage in found) == len(words_of(text))


def test_a_heading_begins_a_passage():
    body = "Some words that are many enough to be a passage of their own, as this rule wants it."
    found = list(passages_of(f"# One\n\n{body}\n\n## Two\n\n{body}\n\n#no heading {body}", 200))
    assert [passage.partition("\n")[0] for passage in found] == ["# One", "## Two"]


def test_an_html_page_is_its_blocks_without_scripts_and_navigation():
    page = (
        "<nav>Home<p>x</nav><h1>Sun &amp; moon</h1><div>It<br>is <i>ho</i>t<style>p{}</style><ul><li>a<li>b</ul></div>&lt;p&gt;"
    )
    assert html_text(page) == "Sun & moon\n\nIt is hot\n\na\n\nb\n\n<p>"
    assert html_text("<p>unclosed <b>bold <script>never") == "unclosed bold"


@pytest.mark.parametrize(
    ("label", "raw", "found"),
    [
        ("iso-8859-1", b"caf\xe9 \x80 \x93so\x94 \x81", "café € “so” \x81"),
        ("latin1", b"it\x92s", "it’s"),
        ("us-ascii", b"caf\xe9 \x97", "café —"),
        ("windows-1252", b"\x80 \x8d", "€ \x8d"),
        ("iso-8859-15", b"\xa4", "€"),
        ("windows-1251", "Лима".encode("cp1251"), "Лима"),
        ("utf-16", "größe".encode(), "größe"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_browsers_read_it_in(tmp_path, label, raw, found):
    (tmp_path / "a.html").write_bytes(b"<meta charset='%s'><p>%s" % (label.encode(), raw))
    (one,) = read_documents(str(tmp_path), 1000)
    assert one == Document("a.html", found, False)


@pytest.mark.parametrize("label", ["zlib", "rot13", "base64", "hex", "bz2", "uu", "quopri"])
def test_a_page_in_what_is_no_encoding_of_text_is_refused_by_name(tmp_path, label):
    (tmp_path / "a.html").write_bytes(f"<meta charset={label}><p>Hello".encode())
    assert list(read_documents(str(tmp_path), 1000)) == [
        Refused("a.html", f"it says that it is in {label}, which is no encoding of text; convert it to UTF-8")
    ]


def test_a_file_is_cut_at_its_last_whole_line_and_a_cut_character_is_no_fault(tmp_path):
    (tmp_path / "a.txt").write_text("größe eins\ngröße zwei\n")
    for most in range(13, 22):
        (found,) = read_documents(str(tmp_path), most)
        assert found == Document("a.txt", "größe eins\n", True)
    (tmp_path / "b.md").write_bytes(b"caf\xe9")
    assert [type(one) for one in read_documents(str(tmp_path), 100)] == [Document, Refused]


# ---- checks

PASSAGE = "The capital of Peru is Lima, which lies on the coast. Its harbour is called Callao."


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Which city is the seat of Peru's government?", None),
        ("Lima?", "no question"),
        ("Which harbour does the passage name?", "points at the passage"),
        ("The capital of Peru is Lima", "copy of the passage"),
        ("Its harbour is called Callao?", "copy of the passage"),
    ],
)
def test_a_question_that_copies_its_passage_or_points_at_it_is_named(question, reason):
    found = question_problem(question, PASSAGE)
    assert (found and found.reason) == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Lima", None),
        ("Lima, on the coast.", None),
        ("It is Lima.", "not in the passage"),  # "it is" is half of what it says beyond the question
        ("Cuzco", "not in the passage"),
        ("Lima and also Cuzco and Arequipa", "not in the passage"),
        ("That is not in the passage.", "not answerable"),
        ("The capital of Peru.", "answer says nothing new"),
        ("", "answer says nothing new"),
        ("!?", "answer says nothing new"),
    ],
)
def test_an_answer_stands_in_its_passage_or_is_named(answer, reason):
    found = checked_answer(answer, "What is the capital of Peru?", PASSAGE, 0.7)
    assert (found.problem and found.problem.reason) == reason
    assert bool(found.reason) is (reason is None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--wording", "bad.j2"], "--wording bad.j2 has no block 'answer'"),
        (["--name", "m", "--writer", "w"], "--name and --key-env are for an address"),
    ],
)
def test_wrong_options_are_named(here, capsys, more, said):
    Path("bad.j2").write_text("{% block questions %}{{ passage }} {{ number }}{% endblock %}")
    Path("notes/a.txt").write_text(text("Aldford"))
    assert main(["documents", "notes", "--writer", "http://127.0.0.1:9/v1", "--name", "m", "--out", "out", *more]) == 1
    assert said in capsys.readouterr().err


def test_a_folder_without_a_passage_is_refused(here, capsys):
    arguments = ["--writer", "w", "--out", "out"]
    assert main(["documents", "nothere", *arguments]) == 1
    assert "nothere is no folder" in capsys.readouterr().err
    assert main(["documents", "notes", *arguments]) == 1
    assert "notes has no files" in capsys.readouterr().err
    Path("notes/a.pdf").write_text("x")
    assert main(["documents", "notes", *arguments]) == 1
    assert re.search(r"no file of notes has a passage; the first: a\.pdf: its name ends in \.pdf", capsys.readouterr().err)
