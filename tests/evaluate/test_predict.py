"""Which questions are asked, how answers are scored and stored; and the "lm_eval" preset against lm-evaluation-harness."""

import dataclasses
import functools
import json
import re

import jax
import numpy as np
import pytest

from flanjax import huggingface as hf
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import TokenizerConfig, train_tokenizer
from flanjax.evaluate.config import PRESETS, EvaluationConfig
from flanjax.evaluate.normalizations import NORMALIZATIONS, compared, renormalized
from flanjax.evaluate.predict import SCHEMA, predict
from flanjax.evaluate.questions import ask, scoring_layout
from flanjax.evaluate.results import summarize
from flanjax.generate.request import Text
from flanjax.generate.scorer import Scorer
from flanjax.models import functional
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import MeshConfig, make_mesh
from flanjax.sources import SourceError, jsonl, rows
from flanjax.tasks.render import CHAINS_OF_THOUGHT
from flanjax.tasks.task import Example, SkipRow, Task
from flanjax.tasks.template import Template

COLOURS = ("red", "light green", "blue", "a very dark grey")
MODEL = T5Config(vocab_size=128, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)
LENGTH = 64


def made(split, count):
    return [{"text": f"{split} thing {i} is {COLOURS[i % 4]}", "label": i % 4} for i in range(count)]


def read(row):
    return Example({"text": row["text"]}, COLOURS[row["label"]], COLOURS, f"it looks {COLOURS[row['label']]}")


def task(example=read, templates=("{{ text }} which colour ?", "say : {{ text }}"), **changes):
    source = rows("colour", train=made("seen", 30), test=made("asked", 20))
    settings = {"source": source, "train": "train", "evaluation": "test", **changes}
    return Task(name="colour", cluster="seeing", example=example, templates=[*map(Template, templates)], **settings)


@functools.cache
def tokenizer():
    texts = [row["text"] for row in made("seen", 30) + made("asked", 20)]
    words = "which colour ? say : Input : Output : Options : - it looks So the answer is ."
    chains = f"{CHAINS_OF_THOUGHT[0].request} {CHAINS_OF_THOUGHT[0].bridge}"
    return train_tokenizer([*texts, words, chains], TokenizerConfig(kind="words", vocab_size=128))


class Told:
    """A scorer that records what it is asked, likes long options, and writes what it is told to."""

    def __init__(self, text=""):
        self.prompts, self.options, self.text = [], [], text

    def log_likelihoods(self, prompts, options):
        self.prompts, self.options = list(prompts), list(options)
        return [[-4.0 - 0.5 * len(option) for option in each] for each in options]

    def generate(self, prompts, max_tokens):
        self.prompts = list(prompts)
        ids = tokenizer().encode([self.text])[0]
        assert len(ids) <= max_tokens
        return [Text(item, 0, ids, tokenizer().decode(ids), "eos") for item in range(len(prompts))]


def layout(config, length=LENGTH):
    return scoring_layout(FeatureConfig(inputs_length=length), config, tokenizer())


def answers(config, scorer=None, of=None, length=LENGTH):
    """(rows of the predictions, the scorer)."""
    scorer = scorer or Told()
    asked = ask([of or task()], config, layout(config, length))
    return predict(asked, config, layout(config, length), scorer, model="trained", step=5).to_pylist(), scorer


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_decides_the_ends_of_inputs_and_options(name):
    found, scorer = answers(EvaluationConfig(preset=name, items=3))
    eos = tokenizer().eos_id
    for row, prompt, options in zip(found, scorer.prompts, scorer.options, strict=True):
        assert prompt == tokenizer().encode([row["prompt"]])[0] + [eos] * PRESETS[name].input_eos
        assert options == [ids + [eos] * PRESETS[name].target_eos for ids in tokenizer().encode(row["options"])]
        assert row["prompt_tokens"] == len(prompt)
        assert row["option_tokens"] == [len(o) for o in options]
        assert row["option_characters"] == [len(text) for text in row["options"]]
        assert row["preset"] == name
    assert {(p.input_eos, p.target_eos) for p in PRESETS.values()} == {(True, True), (False, True), (True, False)}


def test_normalisation_decides_among_options_of_unlike_lengths():
    def choice(normalization):
        found, _ = answers(EvaluationConfig(preset="lm_eval", items=3, normalization=normalization))
        assert {row["normalization"] for row in found} == {normalization or "sum"}
        (prediction,) = {row["prediction"] for row in found}
        return prediction

    # Told: -4 - tokens / 2, so that the sum likes few tokens and the mean likes many.
    assert choice("sum") == choice("") == "red"
    assert choice("tokens") == "a very dark grey"
    assert choice("characters") == "a very dark grey"


class Broken(Told):
    """A scorer of weights that are not numbers."""

    def log_likelihoods(self, prompts, options):
        return [[float("nan") for _ in each] for each in options]


def test_log_likelihoods_that_are_not_numbers_are_refused_with_where_they_are():
    with pytest.raises(ValueError, match=r"options of row 0 of task colour have no log-likelihood \(NaN\) under the template"):
        answers(EvaluationConfig(items=3), Broken())


class Unfair(Told):
    """A scorer to which some words are likely whatever is asked; the item makes only the right option more likely."""

    def log_likelihoods(self, prompts, options):
        self.prompts, self.options = list(prompts), [list(each) for each in options]
        return [[self.score(prompt, tuple(option)) for option in each] for prompt, each in zip(prompts, options, strict=True)]

    def score(self, prompt, option):
        colour = tokenizer().decode(option).strip()
        told = f"is {colour}" in tokenizer().decode(prompt)
        return -10.0 + 6 * (colour == "red") + told


def test_pmi_takes_away_what_is_likely_without_the_item():
    plain, _ = answers(EvaluationConfig(items=8, templates=1, options=False), Unfair())
    assert {row["prediction"] for row in plain} == {"red"}
    freed, scorer = answers(EvaluationConfig(items=8, templates=1, options=False, normalization="pmi"), Unfair())
    assert [row["prediction"] for row in freed] == [row["references"][0] for row in freed]
    assert [row["option_unconditional"] for row in freed] == [[-4.0, -10.0, -10.0, -10.0]] * 8
    assert [row["option_unconditional"] for row in plain] == [[]] * 8
    # One pass, in which each option follows the premise once, not once an item.
    assert len(scorer.prompts) == 9
    assert scorer.prompts[-1] == [tokenizer().eos_id]
    assert len(scorer.options[-1]) == len(COLOURS)


def test_the_premise_of_pmi_is_what_options_follow_alone():
    config = EvaluationConfig(items=2, templates=1, normalization="pmi", premise="Output :")
    _, scorer = answers(config, Unfair())
    assert scorer.prompts[-1] == [*tokenizer().encode(["Output :"])[0], tokenizer().eos_id]
    with pytest.raises(ValueError, match=r"the encoder would read nothing. Give a premise, such as 'Answer:'"):
        answers(EvaluationConfig(preset="t0", normalization="pmi"), Unfair())
    with pytest.raises(ValueError, match=r"premise is 'Answer:', expected none, since only normalization='pmi' has"):
        EvaluationConfig(premise="Answer:")


class Biased(Told):
    """A scorer to which "red" is likely after these templates' own words, whatever fills them; the item adds a little."""

    def log_likelihoods(self, prompts, options):
        self.prompts, self.options = list(prompts), [list(each) for each in options]
        decode = tokenizer().decode
        return [[self.score(p, decode(list(o))) for o in each] for p, each in zip(prompts, options, strict=True)]

    def score(self, ids, option):
        prompt = tokenizer().decode(ids)
        bias = (option == "red") * (3.0 * (1 + ("say" in prompt)) + 0.1 * len(ids))
        item = prompt.rpartition("asked")[2] if "asked" in prompt else ""
        return -8.0 + bias + (f"is {option}" in item)

    def without_content(self, row, content):
        """What it says of a row's options where the item's own text is another one."""
        before, _, after = row["prompt"].rpartition(f"asked thing {row['item']} is {row['references'][0]}")
        text = re.sub(
            r" *(\n| |$)", r"\1", f"{before}{content}{after}"
        ).strip()  # a template leaves no blanks where nothing stood
        ids = [*tokenizer().encode([text])[0], tokenizer().eos_id]
        return [self.score(ids, option) for option in row["options"]]


@pytest.mark.parametrize("shots", [0, 2])
def test_calibration_frees_a_biased_model_and_equals_a_direct_computation(shots):
    of, config = task(), EvaluationConfig(items=20, options=False, shots=(shots,), normalization="calibrated")
    plain, _ = answers(dataclasses.replace(config, normalization="sum"), Biased(), of, 200)
    freed, scorer = answers(config, Biased(), of, 200)
    assert {row["prediction"] for row in plain} == {"red"}
    assert [row["prediction"] for row in freed] == [row["references"][0] for row in freed]
    assert {row["shots_shown"] for row in freed} == {shots}
    for row in freed:
        contents = [np.exp(Biased().without_content(row, content)) for content in ("N/A", "", "[MASK]")]
        p_cf = np.mean([each / each.sum() for each in contents], axis=0)
        np.testing.assert_allclose(np.exp(row["option_content_free"]), p_cf, rtol=1e-9)
        p = np.exp(row["option_log_likelihoods"])
        assert row["options"][int(np.argmax(np.linalg.inv(np.diag(p_cf)) @ (p / p.sum())))] == row["prediction"]
    if not shots:  # the same prompts without content serve every item of their template
        assert len(scorer.prompts) <= 2 * 3


def test_a_template_that_needs_its_content_cannot_be_calibrated():
    needs = task(templates=("{{ text }} which colour ? {% if 'asked' not in text %}{{ nothing }}{% endif %}",))
    with pytest.raises(
        ValueError, match=r"task colour, template 0: it cannot be asked without content \('N/A', '', '\[MASK\]'\)"
    ):
        answers(EvaluationConfig(items=2, options=False, normalization="calibrated"), Biased(), needs)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_every_normalization_can_be_recomputed_from_the_predictions_of_one_pass(normalization):
    richest = normalization if normalization == "calibrated" else "pmi"
    everything = of_unlike_options(EvaluationConfig(items=20, normalization=richest))
    alone = of_unlike_options(EvaluationConfig(items=20, normalization=normalization))
    again = renormalized(everything, normalization)
    assert again["prediction"].to_pylist() == alone["prediction"].to_pylist()
    extra = ["option_unconditional", "option_content_free"]
    assert again.drop_columns(extra) == alone.drop_columns(extra)
    assert again.schema.metadata == alone.schema.metadata
    if normalization in ("pmi", "calibrated"):
        without = of_unlike_options(EvaluationConfig(items=2))
        with pytest.raises(ValueError, match=rf"lack option_.* evaluate again with --normalization {normalization}"):
            renormalized(without, normalization)


class Unlike(Told):
    """A scorer to which options are likely at random, the same for the same question."""

    def log_likelihoods(self, prompts, options):
        rng = np.random.default_rng(0)
        return [[float(-rng.uniform(2, 9) - len(option) / 2) for option in each] for each in options]


def of_unlike_options(config):
    """Predictions for options whose lengths in tokens, characters and bytes differ."""

    def translated(row):
        colours = ("red", "светлозелёный", "b l u e", "grey")
        return Example({"text": row["text"]}, colours[row["label"]], colours)

    asked = ask([task(translated)], config, layout(config))
    return predict(asked, config, layout(config), Unlike(), model="trained", step=1).drop_columns(["seconds"])


def test_the_normalizations_of_that_test_prefer_different_options():
    made = of_unlike_options(EvaluationConfig(items=20, normalization="pmi"))
    names = [name for name in NORMALIZATIONS if name != "calibrated"]
    chosen = [tuple(renormalized(made, name)["prediction"].to_pylist()) for name in names]
    assert len(set(chosen)) == len(names)


def test_bytes_are_counted_as_utf8():
    row = {"option_log_likelihoods": [-4.0, -4.0], "option_bytes": [4, 8]}
    assert compared("bytes", row) == [-1.0, -0.5]
    found, _ = answers(
        EvaluationConfig(items=1, templates=1), of=task(lambda r: Example({"text": r["text"]}, "é", ("é", "red")))
    )
    assert found[0]["option_bytes"] == [2, 3]
    assert found[0]["option_characters"] == [1, 3]


def test_options_are_shown_and_scored_in_their_canonical_order():
    found, scorer = answers(EvaluationConfig(items=0))
    eos = [tokenizer().eos_id]
    for row, options in zip(found, scorer.options, strict=True):
        assert tuple(row["options"]) == COLOURS
        assert row["prompt"].endswith("\n".join(f"- {colour}" for colour in COLOURS))
        assert options == [ids + eos for ids in tokenizer().encode(COLOURS)]
        assert row["references"] == [COLOURS[row["item"] % 4]]


WORDS = {"red": "it looks", "light green": "say", "blue": "so the answer", "a very dark grey": "which colour ?"}


@pytest.mark.parametrize("written", [False, True])
def test_a_template_with_words_of_its_own_is_scored_by_the_answers_of_the_task(written):
    reworded = dataclasses.replace(task(), templates=[Template("{{ text }} which colour ?", words=WORDS)])
    config = EvaluationConfig(items=4, chain_of_thought=written)
    found, scorer = answers(config, Told("it looks so . So the answer is say ."), reworded)
    assert [row["chain_of_thought"] for row in found] == ([False, True] * 4 if written else [False] * 4)
    assert scorer.options[0] == [layout(config).targets(ids) for ids in tokenizer().encode(WORDS.values())]
    for row in found:
        assert row["references"] == [COLOURS[row["item"] % 4]]
        assert tuple(row["options"]) == COLOURS
        assert row["prediction"] == "light green", "what the template calls 'say', the shortest of its words"


def test_options_can_be_left_out_of_the_prompt_and_are_scored_all_the_same():
    found, _ = answers(EvaluationConfig(items=2, options=False))
    for row in found:
        assert "light green" not in row["prompt"].replace(f"is {row['references'][0]}", "")
        assert len(row["option_log_likelihoods"]) == 4


def test_items_are_evenly_spaced_over_the_split():
    found, _ = answers(EvaluationConfig(items=5, templates=1))
    assert [row["item"] for row in found] == [0, 4, 8, 12, 16]
    assert all(f"asked thing {row['item']} " in row["prompt"] for row in found)
    for items in (0, 20, 1000):
        assert [row["item"] for row in answers(EvaluationConfig(items=items, templates=1))[0]] == list(range(20))


def test_every_item_meets_every_template_and_number_of_shots():
    found, _ = answers(EvaluationConfig(items=3, shots=(0, 2)))
    assert {(r["item"], r["template"], r["shots"]) for r in found} == {
        (item, template, shots) for item in (0, 6, 13) for template in "01" for shots in (0, 2)
    }
    assert len(found) == 12
    assert {r["template"] for r in answers(EvaluationConfig(items=3, templates=1))[0]} == {"0"}


def test_shots_come_from_training_rows_only():
    found, _ = answers(EvaluationConfig(items=0, shots=(2,)), length=200)
    for row in found:
        assert row["prompt"].count("seen thing") == 2
        assert row["prompt"].count("asked thing") == 1
        assert row["prompt"].rindex("asked thing") > row["prompt"].rindex("seen thing")
    assert len({row["prompt"].split("asked")[0] for row in found}) > 10


def test_the_seed_of_an_evaluation_chooses_its_exemplars():
    one, two, again = (
        [r["prompt"] for r in answers(EvaluationConfig(items=0, shots=(2,), seed=seed), length=200)[0]] for seed in (0, 1, 0)
    )
    assert one == again != two


def test_a_template_with_a_number_of_exemplars_of_its_own_has_them_whatever_is_asked():
    own = dataclasses.replace(task(), templates=[Template("{{ text }} which colour ?", shots=2)])
    found, _ = answers(EvaluationConfig(items=3), length=200, of=own)
    assert {(row["shots"], row["shots_shown"]) for row in found} == {(2, 2)}


def test_shots_without_training_rows_are_an_error_with_the_way_out():
    with pytest.raises(SourceError, match=r"no training split to take exemplars from; .*shots=\(0,\)"):
        answers(EvaluationConfig(shots=(0, 2)), of=task(train=None))


def test_shots_that_do_not_fit_are_left_out_and_those_shown_are_counted():
    found, _ = answers(EvaluationConfig(items=3, shots=(5,)), length=48)
    for row in found:
        assert row["prompt"].count("seen thing") == row["shots_shown"] < 5
        assert row["prompt_tokens"] <= 48
        assert row["shots"] == 5


def test_a_task_without_evaluation_rows_is_an_error_with_the_way_out():
    with pytest.raises(SourceError, match=r"task colour has no evaluation split; set Task\(evaluation='validation'\)"):
        answers(EvaluationConfig(), of=task(evaluation=None))


def test_rows_left_out_are_counted_with_their_reasons():
    def no_blue(row):
        if row["label"] == 2:
            raise SkipRow("blue")
        return read(row) if row["label"] else read({"text": row["text"]})

    config = EvaluationConfig(items=0, templates=1)
    asked = ask([task(no_blue)], config, layout(config))
    assert [i.row for i in asked.items] == [n for n in range(20) if n % 4 in (1, 3)]
    assert asked.skipped["colour"][0].startswith("KeyError: 'label'")
    assert asked.skipped["colour"][2] == "blue"
    lost = asked.left_out["colour"]
    assert (lost["rows"], lost["left_out"], lost["reasons"][1]) == (20, 10, "row 2: blue")
    assert lost["on_purpose"] == 5  # the others have no label, which is an error
    results = summarize(predict(asked, config, layout(config), Told(), model="trained", step=1))
    assert results["left_out"] == asked.left_out


def test_an_unreadable_row_is_counted_and_the_others_are_asked(tmp_path):
    lines = [json.dumps(row) for row in made("asked", 6)]
    (tmp_path / "rows.jsonl").write_text("\n".join([*lines[:2], '{"text": broken', *lines[2:]]))
    config = EvaluationConfig(items=0, templates=1)
    asked = ask(
        [task(source=jsonl(evaluation=tmp_path / "rows.jsonl"), train=None, evaluation="evaluation")], config, layout(config)
    )
    assert [i.row for i in asked.items] == [0, 1, 3, 4, 5, 6]
    assert "rows.jsonl:3: not JSON" in asked.skipped["colour"][2]


def test_a_row_that_one_template_has_no_room_for_is_left_out_under_all():
    wordy = "{{ text }} " + "which colour ? " * 2 + "{% if n > 3 %}" + "which colour ? " * 30 + "{% endif %}"

    def numbered(row):
        return read(row)._replace(fields={"text": row["text"], "n": int(row["text"].split()[2])})

    config = EvaluationConfig(items=0)
    asked = ask([task(numbered, templates=(wordy, "say : {{ text }}"))], config, layout(config))
    assert {(i.row, i.query.wording.template) for i in asked.items} == {(n, t) for n in range(4) for t in (0, 1)}
    assert asked.left_out["colour"]["left_out"] == 16
    assert summarize(predict(asked, config, layout(config), Told(), model="trained", step=1))["tasks"][0]["items"] == 4


def test_the_digest_of_the_questions_changes_with_any_word_and_not_with_their_order():
    config = EvaluationConfig(items=4)
    asked = ask([task()], config, layout(config))
    again = asked._replace(items=asked.items[::-1])
    assert asked.digest == again.digest
    for other in (task(templates=("{{ text }} what colour ?", "say : {{ text }}")), task(lambda r: read({**r, "label": 0}))):
        assert ask([other], config, layout(config)).digest != asked.digest


def test_a_task_of_which_nothing_can_be_asked_is_an_error_with_reasons():
    with pytest.raises(SourceError, match=r"none of its evaluation rows can be asked: .*tokens do not fit"):
        answers(EvaluationConfig(), length=8)


@pytest.mark.parametrize(
    ("text", "prediction", "parsed"),
    [
        ("it looks blue . So the answer is blue .", "blue", True),
        ("it looks blue .", None, False),
        ("it looks red . So the answer is purple .", None, False),
    ],
)
def test_chains_of_thought_are_generated_and_their_answer_found(text, prediction, parsed):
    found, scorer = answers(EvaluationConfig(items=2, templates=1, chain_of_thought=True), Told(text))
    direct, reasoned = ([r for r in found if r["chain_of_thought"] is on] for on in (False, True))
    assert len(direct) == len(reasoned) == 2
    assert {r["scorer"] for r in direct} == {"rank"}
    for row in reasoned:
        assert row["scorer"] == "generate"
        assert row["prompt"].endswith(CHAINS_OF_THOUGHT[0].request)
        assert row["generated"].split() == tokenizer().decode(tokenizer().encode([text])[0]).split()
        assert (row["parsed"], row["stop"]) == (parsed, "eos")
        if prediction:
            assert row["prediction"] == prediction
    assert scorer.prompts[0][-1] == tokenizer().eos_id


class Sampled(Told):
    """A scorer that samples the same texts for every item."""

    def __init__(self, *texts):
        super().__init__()
        self.texts, self.asked = texts, []

    def sample(self, prompts, max_tokens, sampler, *, samples, numbers):
        self.asked.append((sampler, samples, list(numbers)))
        assert samples == len(self.texts)
        return [[Text(n, s, [], text, "eos") for s, text in enumerate(self.texts)] for n in numbers]


RED, BLUE = "it looks red . So the answer is red .", "it looks blue . So the answer is blue ."


@pytest.mark.parametrize(
    ("texts", "prediction", "chosen", "unparsed"),
    [
        ((RED, BLUE, BLUE), "blue", 1, 0),
        ((RED, BLUE, "no idea"), "red", 0, 1 / 3),  # as many votes for each: the first to come
        (("no idea", "none", BLUE), "blue", 2, 2 / 3),  # what is not parsed has no vote
        (("no idea", "no idea", "none"), "no idea", 0, 1),
    ],
)
def test_sampled_chains_of_thought_vote(texts, prediction, chosen, unparsed):
    config = EvaluationConfig(items=2, templates=1, chain_of_thought=True, samples=3, temperature=0.7, seed=5)
    found, scorer = answers(config, Sampled(*texts))
    direct, reasoned = ([r for r in found if r["chain_of_thought"] is on] for on in (False, True))
    assert {(r["scorer"], r["unparsed_samples"]) for r in direct} == {("rank", None)}
    for row in reasoned:
        assert (row["prediction"], row["generated"], row["samples"]) == (prediction, texts[chosen], list(texts))
        assert row["unparsed_samples"] == pytest.approx(unparsed)
        assert row["parsed"] is (unparsed < 1)
    ((sampler, _, _),) = scorer.asked
    assert (sampler.temperature, sampler.seed) == (0.7, 5)


def test_the_noise_of_a_chain_of_thought_does_not_depend_on_what_else_is_asked():
    def numbers(items):
        config = EvaluationConfig(items=items, chain_of_thought=True, samples=1, temperature=1.0)
        found, scorer = answers(config, Sampled(RED))
        asked = [(r["item"], r["template"]) for r in found if r["chain_of_thought"]]
        return dict(zip(asked, scorer.asked[0][2], strict=True))

    few, many = numbers(5), numbers(20)
    assert len(set(many.values())) == len(many) == 40
    assert few == {key: many[key] for key in few}


def test_samples_without_a_temperature_are_refused_with_the_way_out():
    with pytest.raises(
        ValueError, match=r"temperature is 0.0, expected one over 0, such as 0.7: all 5 samples would be the same"
    ):
        EvaluationConfig(samples=5)


def test_the_share_of_unparsed_samples_and_of_answers_found_stand_beside_the_accuracy():
    config = EvaluationConfig(items=4, templates=1, chain_of_thought=True, samples=3, temperature=0.7)
    asked = ask([task()], config, layout(config))
    made = predict(asked, config, layout(config), Sampled(RED, "no idea", BLUE), model="trained", step=1)
    ranked, reasoned = sorted(summarize(made)["tasks"], key=lambda row: row["chain_of_thought"])
    assert (reasoned["samples"], reasoned["parse_rate"], reasoned["unparsed_samples"]) == (3, 1, pytest.approx(1 / 3, abs=1e-6))
    assert reasoned["metrics"]["accuracy"]["mean"] == 25
    assert (ranked["samples"], ranked["unparsed_samples"]) == (1, None)


def test_the_extractor_is_the_tasks_unless_the_evaluation_names_one():
    def free(row):
        return Example({"text": row["text"]}, "2")

    told = "1 or 2\nis it"

    def said(extractor, of):
        config = EvaluationConfig(items=1, templates=1, extractor=extractor)
        return answers(config, Writes(told), of=of)[0][0]

    by_task = task(free, metrics=("exact_match",), extractor="first_line")
    assert said("auto", by_task)["prediction"] == "1 or 2"
    assert said("last_number", by_task)["prediction"] == "2"
    assert said("auto", task(free, metrics=("exact_match",)))["prediction"] == told
    assert (said("boxed", by_task)["prediction"], said("boxed", by_task)["parsed"]) == (told, False)
    with pytest.raises(ValueError, match=r"task colour: unknown extractor 'last_nummber'; did you mean 'last_number'"):
        task(extractor="last_nummber")


class Writes(Told):
    """A scorer that writes a text that its tokenizer may not know."""

    def generate(self, prompts, max_tokens):
        return [Text(n, 0, [], self.text, "eos") for n in range(len(prompts))]


def test_tasks_without_options_are_generated():
    def free(row):
        return Example({"text": row["text"]}, row["text"])

    found, scorer = answers(EvaluationConfig(items=3), Told("asked thing 0 is red"), of=task(free, metrics=("exact_match",)))
    assert not scorer.options
    assert {(r["scorer"], r["prediction"], r["parsed"]) for r in found} == {("generate", "asked thing 0 is red", True)}
    assert all(r["options"] == r["option_log_likelihoods"] == [] for r in found)


def test_predictions_have_the_schema_whatever_was_asked():
    config = EvaluationConfig(items=2, shots=(0, 1), chain_of_thought=True)
    asked = ask([task()], config, layout(config, 200))
    table = predict(asked, config, layout(config), Told("So the answer is red ."), model="untuned", step=0)
    assert table.schema == SCHEMA
    assert table.num_rows == 2 * 2 * 2 * 2
    assert len(set(table["prompt_hash"].to_pylist())) == len(set(table["prompt"].to_pylist()))


def test_what_is_asked_does_not_depend_on_the_other_tasks_or_the_number_of_items():
    few, many = (answers(EvaluationConfig(items=n, shots=(2,)), length=200)[0] for n in (5, 20))
    by_key = {(r["item"], r["template"]): r["prompt"] for r in many}
    assert all(by_key[r["item"], r["template"]] == r["prompt"] for r in few)


def test_the_lm_eval_preset_gives_the_log_likelihoods_of_lm_eval(tmp_path):
    """Recipe: T5ForConditionalGeneration kept untied, HFLM with backend="seq2seq" (lm_eval/models/huggingface.py)."""
    pytest.importorskip("lm_eval")
    pytest.importorskip("accelerate", reason="lm_eval's HFLM needs accelerate: pip install lm-eval[hf]")
    import transformers
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    params = jax.jit(functional.init, static_argnums=0)(MODEL, jax.random.key(0))
    hf.save(tmp_path, MODEL, params)
    tokenizer().save(tmp_path)
    config = EvaluationConfig(preset="lm_eval", items=6)
    scorer = Scorer(MODEL, params, make_mesh(MeshConfig(), jax.devices()[:1]), layout(config), batch_size=8)
    ours, _ = answers(config, scorer)

    torch_model = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path)
    torch_model.tie_weights = lambda *args, **kwargs: None
    fast = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    harness = HFLM(pretrained=torch_model, tokenizer=fast, backend="seq2seq", batch_size=4, device="cpu")
    pairs = [(row["prompt"], option) for row in ours for option in row["options"]]
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    theirs = [score for score, _ in harness.loglikelihood(requests, disable_tqdm=True)]
    found = [score for row in ours for score in row["option_log_likelihoods"]]
    assert np.std(theirs) > 1
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-4)
    # The other conventions are other numbers.
    for other in ("flan", "t0"):
        row = answers(EvaluationConfig(preset=other, items=6), scorer)[0][0]
        assert abs(row["option_log_likelihoods"][0] - theirs[0]) > 1e-2
