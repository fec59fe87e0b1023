"""Each defect that a mixture can have is found where it was planted, and a clean task has none."""

import json

import pytest

from flanjax import Example, ExemplarFormat, Mixture, Task, Template, rows
from flanjax.check import check_mixture
from flanjax.check.findings import KINDS, Finding, Report, read_known
from flanjax.check.traps import traps
from flanjax.cli import main
from flanjax.data.tokenizer import ByteTokenizer

ROWS = [{"text": f"the apple of row {i}", "label": i % 2} for i in range(60)]
CLEAN = (Template("Is this about fruit? {{ text }}"), Template("{{ text }}\nIs it about fruit?", cue="Answer:"))


def task(*templates, example=None, **more):
    def read(row):
        return Example({"text": row["text"]}, ("yes", "no")[row["label"]], ("yes", "no"))

    made = {"name": "fruit", "cluster": "food", "source": rows("fruit", train=ROWS), "example": example or read}
    return Task(**made | more, templates=templates)


def found(*templates, **more):
    tokenizer = more.pop("tokenizer", None)
    mixture = Mixture(name="m", parts=[task(*templates, **more)])
    return check_mixture(mixture, rows=60, tokenizer=tokenizer).findings


def kinds(*templates, **more):
    return {(f.kind, f.template) for f in found(*templates, **more)}


def test_a_clean_task_has_no_finding():
    assert found(*CLEAN) == ()


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        (Template("{{ nothing }}"), "unrendered"),
        (Template("{{ '{{' }} text }} {{ text }}"), "unrendered"),
        (Template("{{ text }} Answer:", cue="Output:"), "double cue"),
        (Template("{{ text }}.. So?"), "double punctuation"),
        (Template("{{ text }} , is it?"), "double punctuation"),
        (Template("{{ text }}  Is it?"), "double punctuation"),
        (Template("{{ text }}\n\n\nIs it?"), "blank lines"),
        (Template("Is it a {{ text[4:] }}?"), "article"),
        (Template("Is it an fruit? {{ text }}"), "article"),
        (Template("Say {{ text }}", when="text == 'x'"), "does not apply"),
        (Template("Tell: {{ text }}", "{{ text }}", "inverted"), "tells the target"),
        (Template("Say {{ text }}", words={"maybe": "perhaps"}), "unused words"),
        (Template("Is this about fruit?  {{ text }}"), "renders alike"),
    ],
)
def test_a_planted_defect_is_found_in_its_template(template, kind):
    assert (kind, "2") in kinds(*CLEAN, template)


def test_templates_that_differ_in_their_exemplars_are_not_alike():
    layout = ExemplarFormat("Item: ", "Kind: ")
    zero, two = (Template("{{ text }}", shots=shots, exemplars=[layout]) for shots in (0, 2))
    other = Template("{{ text }}", shots=2, exemplars=[ExemplarFormat("Thing: ", "Kind: ")])
    assert not {kind for kind, _ in kinds(zero, two, other)} & {"renders alike"}
    assert ("renders alike", "1") in kinds(two, two)


def test_a_defect_that_is_in_the_data_is_no_fault_of_a_template():
    def odd(row):
        return (
            Example({"text": "Oh .. a apple ,  so"}, "yes", ("yes", "no"))
            if row["label"]
            else Example({"text": "b"}, "no", ("yes", "no"))
        )

    assert not {k for k, _ in kinds(*CLEAN, example=odd)} & {"double punctuation", "article", "blank lines"}


def test_bad_rows_unbalanced_answers_and_words_of_one_answer_are_found():
    def bad(row):
        return Example({"text": row["text"]}, row["missing"])

    def always(row):
        return Example({"text": row["text"]}, "yes", ("yes", "no"))

    def spam(row):
        return Example({"text": row["text"]}, ("spam", "ordinary")[row["label"]], ("spam", "ordinary"))

    (only,) = found(*CLEAN, example=bad)
    assert (only.kind, only.count, only.of) == ("bad row", 60, 60)
    assert "missing" in only.examples[0].text
    balance = [f.detail for f in found(*CLEAN, example=always)]
    assert balance == ["answers of 60 rows: 'no' 0, 'yes' 60"]
    assert kinds(Template("Is it spam? {{ text }}"), Template("Is it spam or ordinary? {{ text }}"), example=spam) == {
        ("names one answer", "0")
    }


def asked_with(words, text):
    """The findings about a template that has words of its own for yes and no."""
    return {kind for kind, name in kinds(Template(text, words=dict(zip(("yes", "no"), words, strict=True)))) if name == "0"}


def test_a_wording_that_names_one_of_two_answers_is_told_from_a_question_that_can_be_answered_with_yes():
    assert asked_with(("fresh", "rotten"), "{{ text }} Would you call it fresh?") == {"names one answer"}
    assert asked_with(("fresh", "rotten"), "{{ text }} Would you call it fresh or rotten?") == set()
    assert asked_with(("valid", "not valid"), "{{ text }} Is this valid?") == set()
    assert asked_with(("it follows", "it contradicts"), "{{ text }} Does it follow from this, or contradict it?") == set()


def test_an_answer_may_be_taken_from_a_longer_text_but_is_not_the_text():
    def quoted(row):
        return Example({"text": f"We saw {row['text']} on the table of the kitchen when we came home."}, row["text"])

    def whole(row):
        return Example({"text": row["text"]}, row["text"])

    assert found(*CLEAN, example=quoted) == ()
    assert {f.kind for f in found(*CLEAN, example=whole)} == {"tells the target"}


def test_words_that_the_tokenizer_loses_are_found():
    class NoBraces(ByteTokenizer):
        def decode(self, ids):
            return super().decode(ids).replace("[", "")

    assert ("tokenizer", "2") in kinds(*CLEAN, Template("[{{ text }}] Is it?"), tokenizer=NoBraces())
    assert ("tokenizer", "2") not in kinds(*CLEAN, Template("[{{ text }}] Is it?"), tokenizer=ByteTokenizer())


def test_leaks_and_shared_corpora_of_a_mixture_are_found_and_what_cannot_be_opened_is_named():
    other = task(*CLEAN, name="copy", cluster="other", source=rows("copy", train=ROWS[:5]), lineage=["orchard"])
    held = task(*CLEAN, source=rows("held", test=ROWS[3:]), train=None, evaluation="test", lineage=["orchard"])
    gone = task(*CLEAN, name="gone", source=rows("gone", validation=ROWS))
    more = task(*CLEAN, name="more", cluster="more", source=rows("more", train=[{"text": "pears", "label": 0}]))
    mixture = Mixture(name="m", parts=[held, other, gone, more])
    report = check_mixture(mixture, rows=60)
    made = {(f.kind, f.task, f.other): f.count for f in report.findings}
    assert made["same row", "fruit", "copy"] == 2
    assert ("shared corpus", "fruit", "copy") in made
    assert ("not checked", "gone", "") in made
    assert report.checked["tasks"] == 3
    shared = [
        {f.task for f in check_mixture(mixture, rows=1, leaks=False, tasks=[name]).findings if f.kind == "shared corpus"}
        for name in ("fruit", "more")
    ]
    assert shared == [{"fruit"}, set()]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a hour", "article"), ("an hour", None), ("a university", None), ("an university", "article"), ("a one-off", None),
        ("an MP", None), ("a US film", None), ("an 8", None), ("A apple", "article"), ("Plan A or B", None), ("an x-ray", None),
        ("What is it?.", "double punctuation"), ("It is...", None), ("He said so.?", "double punctuation"), 
        ("ok,.", "double punctuation"),
        ("one. two", None), ("3.5", None), ("U.S.?", None), ("Answer: Output:", "double cue"), ("Question: Answer it.", None),
        ("Input: Question: Why?", None), ("Question: question: Why?", "double cue"),
        ("Is it: : no", "double cue"), ("A (or NONE):", None), ("Was it : :(", None), ("Answer: Question: Why?", None),
        ("What of Caterpillar Inc.?", None), ("He is from Caterpillar Inc..", "double punctuation"),
        ("a\n\nb", None), ("a\n \n\nb", "blank lines"), ("<Undefined>", "unrendered"),
    ],
)  # fmt: skip
def test_traps_are_told_from_what_is_right(text, kind):
    assert {t.kind for t in traps(text)} == ({kind} if kind else set())
    assert not list(traps(f"Say {text} twice", [f"so {text} it"]))


def test_bad_rows_of_two_reasons_are_two_findings_and_a_whole_template_is_one_case():
    def read(row):
        return Example({"text": row["text"]}, ("yes", "no", "maybe")[row["label"]], ("yes", "no"))

    odd = [{"text": "the apple", "label": i % 2} for i in range(40)] + [{"label": 0}] * 2 + [{"text": "x", "label": 2}] * 3
    made = found(*CLEAN, Template("Say {{ text }}", words={"perhaps": "x"}), example=read, source=rows("fruit", train=odd))
    cases = {(f.kind, f.detail[:12]): (f.count, f.of) for f in made if f.kind in ("bad row", "unused words")}
    assert sorted(count for (kind, _), (count, _) in cases.items() if kind == "bad row") == [2, 3]
    assert [case for (kind, _), case in cases.items() if kind == "unused words"] == [(1, 1)]


def test_known_findings_explain_themselves_and_no_others():
    findings = (Finding(kind="article", task="a", template="1"), Finding(kind="same row", task="a", other="b"))
    report = Report(mixture="m", findings=findings, checked={}, known={"article/a": "a name", "near copy/c": "gone"})
    assert [f.kind for f in report.new] == ["same row"]
    assert report.stale == ("near copy/c",)
    assert report.to_json()["findings"][0]["known"] == "a name"
    for text, message in (
        ("{", "are JSON"),
        ("[]", "are a list"),
        ('{"articles/a": "x"}', "unknown kind"),
        ('{"article/a": " "}', "no reason"),
        ('{"article": "x"}', "names no task; expected article/TASK"),
    ):
        with pytest.raises(ValueError, match=message):
            read_known(text)
    assert set(KINDS) >= {f.kind for f in findings}


MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

made = [{"text": f"the apple of row {i}"} for i in range(30)]
fruit = Task(name="fruit", cluster="food", source=rows("fruit", train=made), example=lambda r: Example(r, r["text"][-2:]),
             templates=[Template("Which row? {{ text }}"), Template("Is it a {{ text[4:] }}?")])
mine = Mixture(name="mine", parts=[fruit])
"""


def test_the_command_ends_with_1_for_findings_and_0_once_they_are_explained(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(MIXTURE)
    address, written = f"{tmp_path / 'mine.py'}:mine", tmp_path / "found.json"
    assert main(["check", address, "--json", str(written)]) == 1
    said = capsys.readouterr().out
    assert "article" in said
    assert "Is it a apple" in said
    assert {f["kind"] for f in json.loads(written.read_text())["findings"]} == {"article"}
    known = {"article/fruit": "fruit has no article here", "article/other": "not in it", "same row/fruit/other": "nor is this"}
    (tmp_path / "known_findings.json").write_text(json.dumps(known))
    assert main(["check", address, "--all"]) == 0
    said = capsys.readouterr().out
    assert "0 findings, and 1 that are known and explained" in said
    assert "was not made" not in said
    assert main(["check", address, "--tasks", "froit"]) == 1
    assert "did you mean 'fruit'" in capsys.readouterr().err
