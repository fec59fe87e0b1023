"""`flanjax explore`, and what it is made from: examples in every style, distinct prompts, tasks whose data is missing."""

import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from flanjax.cli import main
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import load_tokenizer
from flanjax.describe.opened import open_mixture
from flanjax.describe.plan import describe
from flanjax.describe.wordings import count_distinct, read_some, render_styles
from flanjax.tasks.registry import load_mixture

MIXTURE = """
from pathlib import Path

from flanjax import Example, Mixture, Part, StyleShares, Task, Template, jsonl, rows

films = Task(
    name="films",
    cluster="mood",
    source=rows("films", train=[{"text": f"good film {i}", "label": i % 2} for i in range(60)], test=[{}]),
    example=lambda row: Example({"text": row["text"]}, ("bad", "fine")[row["label"]], ("bad", "fine"), "It says so."),
    templates=[
        Template("Mood of {{ text }}?", name="mood", words={"fine": "good"}),
        Template("Rate </script><b>this</b>: {{ text }}", name="rate"),
        Template("Invent a {{ answer }} film.", "{{ text }}", kind="inverted", name="invent"),
    ],
    licence="MIT",
    link="https://films.example",
)
songs = Task(
    name="songs",
    cluster="music",
    source=rows("songs", train=[{"n": i} for i in range(20)]),
    example=lambda row: Example({"n": row["n"]}, str(row["n"] + 1)),
    templates=[Template("What follows {{ n }}?")],
)
lost = Task(
    name="lost",
    cluster="music",
    source=jsonl(train=Path(__file__).with_name("nowhere.jsonl")),
    example=lambda row: Example({}, "y"),
    templates=[Template("Say y.", name="say")],
)
empty = Task(
    name="unreadable",
    cluster="music",
    source=rows("broken", train=lambda: 1 / 0),
    example=lambda row: Example({}, "y"),
    templates=[Template("Say y.")],
)
both = Mixture(name="both", parts=[Part(films, 3), Part(songs, 1), Part(lost, 1), Part(empty, 1)])
plain = Mixture(name="plain", parts=[films], styles=StyleShares(few_shot=0, options=1, chain_of_thought=0, inverted=0))
gone = Mixture(name="gone", parts=[lost])
"""
BYTES = load_tokenizer("bytes")
FEATURES = FeatureConfig(inputs_length=512, targets_length=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("mixtures")
    (made / "films.py").write_text(MIXTURE)
    return made


def corpus_of(folder, name):
    return open_mixture(load_mixture(f"{folder}/films.py:{name}"), BYTES, features=FEATURES).corpus


def data_of(page):
    """The page's data: the index, and one record for each task."""
    scripts = re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', page)
    return {name: json.loads(text) for name, text in scripts}


def test_every_style_that_the_mixture_may_show_is_shown_and_every_template_has_its_examples(folder):
    corpus = corpus_of(folder, "both")
    drawn = read_some(corpus, 0)
    samples = render_styles(corpus, 0, drawn, each=2)
    assert {s.style for s in samples} == {
        *(
            f"{shots}/{options}/{chain}/forward"
            for shots in ("zero-shot", "few-shot")
            for options in ("no options", "options")
            for chain in ("direct", "chain-of-thought")
        ),
        "zero-shot/no options/direct/inverted",
        "few-shot/no options/direct/inverted",
    }
    assert all(sum(s.template == name for s in samples) >= 2 for name in ("mood", "rate", "invent"))
    assert all((s.num_shots > 0) == s.style.startswith("few-shot") for s in samples)
    few = next(s for s in samples if s.style == "few-shot/no options/direct/forward" and s.template == "mood")
    assert few.input.count("Mood of") == few.num_shots + 1
    assert render_styles(corpus, 0, drawn, each=2) == samples
    only = corpus_of(folder, "plain")
    assert {s.style for s in render_styles(only, 0, read_some(only, 0), each=9)} == {"zero-shot/options/direct/forward"}


def test_distinct_prompts_count_wordings_that_a_tokenizer_tells_apart(folder):
    corpus = corpus_of(folder, "plain")
    drawn = read_some(corpus, 0)
    layouts = len(set(corpus.entries[0].styles.option_styles))
    counted = count_distinct(corpus, 0, drawn)
    assert counted.wordings == 2 * layouts + 1  # an inverted template shows no options
    assert counted.tokenised == counted.prompts <= counted.wordings
    blind = SimpleNamespace(entries=corpus.entries, tokenizer=SimpleNamespace(encode=lambda texts: [[1] for _ in texts]))
    assert count_distinct(blind, 0, drawn) == (counted.wordings, counted.prompts, 1)


def test_a_description_leaves_out_tasks_whose_data_cannot_be_opened_and_says_why(folder, capsys):
    described = describe(load_mixture(f"{folder}/films.py:both"), BYTES, features=FEATURES, num_examples=1000, sample=40)
    assert [task.name for task in described.tasks] == ["films", "songs"]
    assert described.tasks[0].asked_share == 0.75
    assert described.missing.keys() == {"lost", "unreadable"}
    assert "nowhere.jsonl" in described.missing["lost"]
    assert "ZeroDivisionError" in described.missing["unreadable"]
    nothing = describe(load_mixture(f"{folder}/films.py:gone"), BYTES)
    assert (nothing.tasks, nothing.plan_hash, list(nothing.missing)) == ((), "", ["lost"])
    assert main(["show", f"{folder}/films.py:both", "--num-examples", "1000"]) == 1
    shown = capsys.readouterr()
    assert re.search(r"task lost \(.*% of the whole mixture\): its data cannot be opened", shown.out)
    assert "the data of 2 tasks cannot be opened" in shown.err


def test_the_page_has_everything_and_fetches_nothing(folder, tmp_path, capsys):
    arguments = ["--num-examples", "1000", "--sample", "60", "--inputs-length", "512", "--targets-length", "64"]
    assert main(["explore", f"{folder}/films.py:both", "--out", f"{tmp_path}/out", *arguments]) == 0
    assert "task lost: its data cannot be opened" in capsys.readouterr().err
    page = (tmp_path / "out" / "index.html").read_text()
    data = data_of(page)
    films, songs, lost, unreadable = data["index"]["tasks"]
    assert (films["realised"], films["asked"], films["rows"], films["licence"]) == (0.75, 0.75, 60, "MIT")
    assert (songs["licence"], songs["styles"]) == ("unknown", sorted(songs["styles"]))
    assert "nowhere.jsonl" in lost["missing"]
    assert "realised" not in unreadable
    assert data["t0"]["templates"][0] == {
        "name": "mood",
        "kind": "forward",
        "input": "Mood of {{ text }}?",
        "options": "style",
        "words": {"fine": "good"},
        "parts": {},
    }
    assert data["t0"]["templates"][2]["parts"] == {"target": "{{ text }}"}
    assert data["t0"]["link"] == "https://films.example"
    assert any("</script><b>this</b>" in sample["input"] for sample in data["t0"]["samples"])
    assert data["t2"]["templates"][0]["input"] == "Say y."
    assert data["t2"]["samples"] == []
    assert "Data missing</span><b>2</b>" in page
    assert not re.search(r"<(?:link|img|iframe)|<script src|@import|url\(", page)


def test_held_out_clusters_leave_the_map_and_are_named(folder, tmp_path):
    assert main(["explore", f"{folder}/films.py:both", "--out", str(tmp_path), "--heldout", "music", "--sample", "20"]) == 0
    page = (tmp_path / "index.html").read_text()
    assert [task["name"] for task in data_of(page)["index"]["tasks"]] == ["films"]
    assert "<dt>songs</dt><dd>cluster music is held out</dd>" in page


def test_a_mixture_without_any_data_still_shows_its_templates(folder, tmp_path):
    assert main(["explore", f"{folder}/films.py:gone", "--out", str(tmp_path)]) == 0
    assert data_of((tmp_path / "index.html").read_text())["t0"]["templates"][0]["name"] == "say"


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser")
def test_a_browser_draws_a_tile_for_each_task_as_large_as_its_share_and_opens_the_named_task(folder, tmp_path):
    main(["explore", f"{folder}/films.py:both", "--out", str(tmp_path), "--num-examples", "1000", "--sample", "60"])
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900", "--virtual-time-budget=20000"]
    address = f"file://{tmp_path}/index.html#task=films"
    dom = subprocess.run([CHROMIUM, *flags, "--dump-dom", address], capture_output=True, text=True, timeout=120).stdout
    tiles = re.findall(r'class="tile[^"]*" data-task="(\d)"[^>]*? width: ([\d.]+)px; height: ([\d.]+)px', dom)
    areas = {number: float(width) * float(height) for number, width, height in tiles}
    assert areas.keys() == {"0", "1"}
    assert areas["0"] / (areas["0"] + areas["1"]) == pytest.approx(0.75, abs=0.03)
    assert len(re.findall(r'<tr tabindex="0" data-task', dom)) == 4
    assert "data cannot be opened: " in dom
    opened = dom.partition('<section id="task"')[2].partition("</section>")[0]
    assert "<h2>films</h2>" in opened
    assert '<span class="field">{{ text }}</span>' in opened
    assert "Rate &lt;/script&gt;&lt;b&gt;this&lt;/b&gt;: good film" in opened
