"""The page in a browser: it asks every model, shows answers as they come, and compares options; and the exported one."""

import asyncio
import json
import re
import sys

import pytest
from browser import CHROMIUM, browser
from scripted import ScriptedModel, said
from serving import EXAMPLES, served

from flanjax.ask.settings import Settings
from flanjax.cli import main
from flanjax.serve import command, examples
from flanjax.serve.compare import Example, compare

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser")


def texts(of):
    return f"[...document.querySelectorAll('.asked:first-child {of}')].map(e => e.textContent)"


@in_a_browser
def test_a_browser_asks_both_models_and_shows_texts_and_bars():
    async def look(address):
        async with browser(address) as tab:
            await tab.value("examples.value = '0'; examples.dispatchEvent(new Event('change')); form.requestSubmit()")
            await tab.until("!stopping")
            prompt = EXAMPLES[0].prompt
            assert await tab.value(texts("h3")) == ["base", "tuned"]
            assert await tab.value(texts(".answer pre")) == [prompt.upper(), said(prompt)]
            assert await tab.value(texts(".likelihoods .text")) == ["sun", "moon"] * 2
            assert await tab.value(texts(".expected")) == ["expected: sun"]
            widths = await tab.value("[...document.querySelectorAll('.likelihoods i')].map(e => parseFloat(e.style.width))")
            assert widths[0] + widths[1] == pytest.approx(100, abs=0.1)
            assert widths[0] > widths[1]
            assert (await tab.value(texts(".told")))[0].startswith(f"{len(prompt)} tokens, ")
            await tab.value("document.getElementById('prompt').value = 'x'.repeat(1000); form.requestSubmit()")
            await tab.until("!stopping && document.querySelectorAll('.asked').length === 2")
            told = await tab.value(texts(".told.failed"))
            assert len(told) == 2
            assert all("more than the 400 that fit" in line for line in told)
            # The second of these would be blocked by the page's policy, and said in the log.
            assert [c for c in tab.complaints if c.get("entry", {}).get("source") != "network"] == []
            assert await tab.value("fetch('http://127.0.0.1:1/').then(() => 'went', () => 'blocked')") == "blocked"

    with served(ScriptedModel("base", rule=str.upper), ScriptedModel("tuned")) as server:
        asyncio.run(look(server.address))


@in_a_browser
def test_the_page_asks_with_all_settings_of_the_command():
    async def look(address):
        async with browser(address) as tab:
            await tab.value("$('prompt').value = 'a'; $('top_k').value = '9'; form.requestSubmit()")
            await tab.until("!stopping && document.querySelectorAll('.asked').length === 1")

    model = ScriptedModel()
    with served(model, settings=Settings(temperature=0.5, min_p=0.25, repetition_penalty=1.5)) as server:
        asyncio.run(look(server.address))
    ((sampler,),) = [engine.samplers for engine in model.engines]
    assert (sampler.temperature, sampler.top_k, sampler.min_p, sampler.repetition_penalty) == (0.5, 9, 0.25, 1.5)


@in_a_browser
def test_an_answer_grows_as_it_is_made_and_can_be_stopped():
    async def look(address):
        async with browser(address) as tab:
            await tab.value("document.getElementById('prompt').value = 'slow'; form.requestSubmit()")
            await tab.until("document.querySelector('.answer pre')?.textContent.length > 20")
            assert await tab.value("document.querySelector('.answer').classList.contains('writing')")
            await tab.value("document.getElementById('end').click()")
            await tab.until("!stopping")
            assert (await tab.value(texts(".told")))[0].startswith("stopped after ")

    model = ScriptedModel(pause=0.02, rule=lambda prompt: prompt * 200)
    with served(model) as server:
        asyncio.run(look(server.address))
        assert len(model.engines[0].cancelled) == 1


@pytest.fixture
def exported(monkeypatch, tmp_path):
    """`flanjax serve base tuned --export` with scripted models: lines -> the page's path."""
    models = [ScriptedModel("base", rule=str.upper), ScriptedModel("tuned")]
    monkeypatch.setattr(command, "open_models", lambda names, untuned: models)
    monkeypatch.chdir(tmp_path)

    def export(lines):
        (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return main(
            ["serve", "base", "tuned", "--export", "pages/compared.html", "--file", "prompts.jsonl"]
        ), tmp_path / "pages" / "compared.html"

    return export


LINES = [
    {"prompt": "</script><b>one</b>", "options": ["a", "bb"], "expected": "a", "group": "first"},
    {"prompt": "SAME", "group": "second"},
    {"prompt": "x" * 1000},
]


def test_the_exported_page_has_every_answer_and_fetches_nothing(exported):
    status, page = exported(LINES)
    assert status == 0
    text = page.read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])
    assert data["models"] == ["base", "tuned"]
    first, second, third = data["records"]
    assert [answer["text"] for answer in first["answers"]] == [LINES[0]["prompt"].upper(), said(LINES[0]["prompt"])]
    assert [option["text"] for option in first["answers"][0]["options"]] == ["a", "bb"]
    assert second["answers"][0] == {"text": "SAME", "ended": "eos", "tokens": 4, "options": []}
    assert "more than the 400 that fit" in third["answers"][1]["error"]
    assert not re.search(r"<(?:link|img|iframe)|<script[^>]* src|@import|url\(|https?://", text)


@in_a_browser
def test_the_exported_page_opens_from_disk_and_is_searched(exported):
    async def look(address):
        async with browser(address) as tab:
            assert await tab.value("document.getElementById('count').textContent") == "3 of 3 prompts"
            assert await tab.value("document.querySelectorAll('.answer').length") == 6
            assert "<b>one</b>" in (await tab.value(texts("pre")))[0]
            await tab.value("search.value = 'same'; search.dispatchEvent(new Event('input'))")
            assert await tab.value("document.querySelectorAll('.asked').length") == 1
            await tab.value("search.value = ''; differ.checked = true; differ.dispatchEvent(new Event('input'))")
            assert await tab.value("document.querySelectorAll('.asked').length") == 2
            assert tab.complaints == []

    asyncio.run(look(exported(LINES)[1].as_uri()))


def test_lines_that_cannot_be_asked_are_named(exported, capsys):
    for line, reason in (
        ({"prompt": ""}, "prompts.jsonl, line 1: prompt is '', expected text"),
        ({"prompt": "a", "options": "yes"}, "prompts.jsonl, line 1: options is 'yes', expected a list of texts"),
    ):
        status, page = exported([line])
        assert status == 1
        assert reason in capsys.readouterr().err
        assert not page.exists()
    assert exported([])[0] == 1
    assert "prompts.jsonl has no prompts" in capsys.readouterr().err


def test_a_refused_prompt_with_options_costs_no_other_answer(exported):
    status, page = exported([{"prompt": "a"}, {"prompt": "x" * 1000, "options": ["y"]}])
    assert status == 0
    assert "more than the 400 that fit" in page.read_text()


def test_an_answer_does_not_depend_on_the_other_prompts():
    model, many = ScriptedModel(), [Example(f"p{n}") for n in range(50)]
    together = compare([model], many, Settings(), slots=3)
    assert together == [compare([model], [one], Settings(), slots=3)[0] for one in many]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: this server is for this machine alone"),
        (["--export", "gs://b/page.html"], "--export gs://b/page.html: a page is written to a local disk"),
        (["--file", "gs://b/in.jsonl"], "--file gs://b/in.jsonl: a file of prompts is on a local disk"),
        (["--file", "nowhere.jsonl"], "nowhere.jsonl"),
        (
            ["--temperature", "1", "--beams", "2"],
            "--beams is 2, expected 1 together with a temperature",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_before_a_model_is_loaded(monkeypatch, capsys, options, reason):
    monkeypatch.setattr(command, "open_models", lambda *names, **more: pytest.fail("a model was loaded"))
    assert main(["serve", "base", *options]) == 1
    assert reason in capsys.readouterr().err


def test_without_aiohttp_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert main(["serve", "base"]) == 1
    assert capsys.readouterr().err == "flanjax: flanjax serve needs aiohttp: pip install 'flanjax[serve]'\n"


def test_one_model_twice_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(command, "open_models", lambda names, untuned: [ScriptedModel(name) for name in names])
    assert main(["serve", "base", "base"]) == 1
    assert "A and B are both base" in capsys.readouterr().err


def test_without_a_run_there_are_prompts_of_ours():
    assert command._examples(None, "google/flan-t5-base") == list(examples.OURS)
