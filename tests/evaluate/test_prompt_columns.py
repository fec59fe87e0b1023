"""Prompts chosen, calibrated or shown with other demonstrations: on constructed models whose answers are known."""

import numpy as np
import pytest
from test_predict import COLOURS, Told, task, tokenizer

from flanjax.data.feature_config import FeatureConfig
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.metrics import get_metric
from flanjax.evaluate.predict import predict
from flanjax.evaluate.prompt_columns import ALL, CHOSEN, PERPLEXITY, dev_chosen, prompt_columns, template_perplexities
from flanjax.evaluate.questions import ask, scoring_layout
from flanjax.evaluate.results import summarize
from flanjax.evaluate.score_matrix import Scores, score_matrix, split_matrices
from flanjax.tasks.demonstrations import DEMONSTRATIONS
from flanjax.tasks.draws import hash64

TEMPLATES = ("{{ text }} which colour ?", "say : {{ text }}", "it looks so {{ text }} .")


class Reading(Told):
    """A model that says what the last line of its prompt says, if the prompt is worded in a way that it knows.

    Args:
      knows: prompt -> whether it is. Otherwise the model says "red".
      surprise: prompt -> nats a token of the prompt.
    """

    def __init__(self, knows, surprise=lambda prompt: 1.0):
        super().__init__()
        self.knows, self.surprise = knows, surprise

    def log_likelihoods(self, prompts, options):
        decode = tokenizer().decode
        return [[self.score(decode(p), decode(list(o)), p, o) for o in each] for p, each in zip(prompts, options, strict=True)]

    def score(self, prompt, option, ids, option_ids):
        if len(ids) == 1:  # a prompt as a text
            return -self.surprise(f"{prompt} {option}") * len(option_ids)
        item = prompt.rpartition("asked")[2]
        said = next((c for c in COLOURS if self.knows(prompt) and f"is {c}" in item), "red")
        return -1.0 if option == said else -3.0


def predictions(model, of=None, *, causal=False, **config):
    config = EvaluationConfig(items=20, options=False, **config)
    features = FeatureConfig(inputs_length=200, layout="causal" if causal else "encoder_decoder")
    laid_out = scoring_layout(features, config, tokenizer())
    of = of or task(templates=TEMPLATES)
    return predict(ask([of], config, laid_out), config, laid_out, model, model="trained", step=1)


def columns(table):
    ((_, found),) = prompt_columns(table)
    return {column.name: column for column in found}


def test_the_template_of_lowest_perplexity_is_the_one_that_the_model_reads_and_equals_a_direct_computation():
    surprise = {"which": 2.0, "say": 0.5, "looks": 3.0}
    model = Reading(lambda p: "say" in p, lambda p: next(v for k, v in surprise.items() if k in p))
    table = predictions(model, causal=True, perplexity=True)
    found = columns(table)
    assert found[PERPLEXITY].templates == ("1",)
    assert found[PERPLEXITY].estimate.mean == 100.0
    assert found[ALL].estimate.mean == pytest.approx(100 * (1 + 2 * 0.25) / 3)
    assert found[PERPLEXITY].difference.estimate.mean == pytest.approx(50)
    rows = table.to_pylist()
    direct = [
        np.mean([np.exp(-r["prompt_log_likelihood"] / (r["prompt_tokens"] - 1)) for r in rows if r["template"] == t])
        for t in "012"
    ]
    (matrix,) = split_matrices(table)
    np.testing.assert_allclose(template_perplexities(matrix), direct)
    np.testing.assert_allclose(direct, np.exp(list(surprise.values())))


def test_perplexity_needs_a_decoder_and_is_no_column_where_it_was_not_measured():
    with pytest.raises(ValueError, match=r"needs a decoder .* this one's layout is 'encoder_decoder'"):
        predictions(Reading(bool), perplexity=True)
    assert PERPLEXITY not in columns(predictions(Reading(bool)))


def test_a_template_is_chosen_on_other_items_than_it_is_scored_on():
    rng = np.random.default_rng(0)
    items = 100.0 * (rng.uniform(size=(40, 3)) < np.array([0.3, 0.9, 0.5]))
    groups = np.arange(40).astype(str)
    half = np.array([hash64("dev", g) % 2 == 1 for g in groups])
    items[half, 2] = 100.0  # the third is best on one half, and the second on the other
    items[~half, 2] = 0.0
    chosen = dev_chosen(Scores(items), groups)
    np.testing.assert_array_equal(chosen, np.where(half, items[~half].mean(0).argmax(), items[half].mean(0).argmax()))
    assert set(chosen[half]) == {1}
    assert set(chosen[~half]) == {2}
    assert dev_chosen(Scores(items[:3]), groups[:3]) is None


def test_the_chosen_template_scores_what_a_direct_computation_gives_in_any_metric():
    for metric in ("accuracy", "macro_f1"):
        table = predictions(Reading(lambda p: "looks" in p), task(templates=TEMPLATES, metrics=(metric,)))
        found = columns(table)[CHOSEN]
        assert found.templates == ("2",)
        rows = [r for r in table.to_pylist() if r["template"] == "2"]
        direct = get_metric(metric).corpus([r["prediction"] for r in rows], [r["references"] for r in rows])
        assert found.estimate.mean == pytest.approx(direct) == 100.0


@pytest.mark.parametrize("kind", DEMONSTRATIONS)
def test_demonstrations_are_shown_as_their_name_says(kind):
    table = predictions(Reading(bool), task(templates=("{{ text }}",)), shots=(2,), demonstrations=tuple({"gold": 0, kind: 0}))
    rows = table.to_pylist()
    assert {r["demonstrations"] for r in rows} == {"gold", kind}
    gold = {r["item"]: r["prompt"] for r in rows if r["demonstrations"] == "gold"}
    labels = []
    for row in (r for r in rows if r["demonstrations"] == kind):
        *shots, query = gold[row["item"]].split("\n\n")
        pairs = [tuple(part.partition(" ")[2] for part in shot.split("\n")) for shot in shots]  # without "Input:"
        *blocks, asked = row["prompt"].split("\n\n")
        assert asked == query
        assert row["shots_shown"] == len(pairs) == 2
        expected = {
            "gold": shots,
            "labels_only": [answer for _, answer in pairs],
            "inputs_only": [text for text, _ in pairs],
            "wrong_format": [f"{answer} {text}" for text, answer in pairs],
            "random_labels": [shot.rpartition(": ")[0] for shot in shots],
        }[kind]
        if kind == "random_labels":
            labels += [(block.rpartition(": ")[2], answer) for block, (_, answer) in zip(blocks, pairs, strict=True)]
            blocks = [block.rpartition(": ")[0] for block in blocks]
        assert blocks == expected
    if labels:
        assert {drawn for drawn, _ in labels} == set(COLOURS)
        assert 0.05 < np.mean([drawn == answer for drawn, answer in labels]) < 0.5  # a quarter by chance


def test_the_form_of_demonstrations_matters_and_their_labels_do_not_to_a_model_that_learns_the_form():
    """Min et al. 2022, figure 1 and 6: gold about random, both above a form without labels or inputs."""

    def knows(prompt):  # once it has seen an input with an output before the question
        return "Output" in prompt.rpartition("asked")[0]

    table = predictions(Reading(knows), task(templates=("{{ text }}",)), shots=(2,), demonstrations=DEMONSTRATIONS)
    found = columns(table)
    means = {name: column.estimate.mean for name, column in found.items() if name != CHOSEN}
    assert means == {ALL: 100, "random_labels": 100, "labels_only": 25, "inputs_only": 25, "wrong_format": 25}
    assert found["labels_only"].difference.estimate.mean == -75
    direct = [r for r in table.to_pylist() if r["demonstrations"] == "labels_only"]
    assert np.mean([r["prediction"] in r["references"] for r in direct]) == 0.25
    # The scores themselves are of right demonstrations alone.
    only_gold = predictions(Reading(knows), task(templates=("{{ text }}",)), shots=(2,))
    plain = [{k: v for k, v in summarize(t).items() if k != "prompts"} for t in (table, only_gold)]
    assert {**plain[0], "tasks": 0} == {**plain[1], "tasks": 0}


def test_columns_stand_in_the_results_with_their_difference_and_other_normalizations_beside_the_used_one():
    table = predictions(Reading(lambda p: "say" in p), normalization="calibrated")
    (row,) = summarize(table)["prompts"]
    found = {column["name"]: column for column in row["columns"]}
    assert list(found) == [ALL, "sum", CHOSEN]
    assert row["task"] == "colour"
    assert found[CHOSEN]["templates"] == ["1"]
    assert found[CHOSEN]["difference"]["low"] > 0
    (matrix,) = split_matrices(predictions(Reading(lambda p: "say" in p)))
    assert found["sum"]["mean"] == pytest.approx(float(score_matrix(matrix, "accuracy").items.mean()))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"demonstrations": ("random_labels",), "shots": (2,)}, "expected 'gold', which the others are held beside"),
        ({"demonstrations": ("gold", "gold"), "shots": (2,)}, "each of them once"),
        ({"shots": (0, 0)}, "each of them once"),
        ({"demonstrations": ("gold", "labels_only")}, "without exemplars; set shots"),
        ({"demonstrations": ("gold", "label_only"), "shots": (2,)}, "'labels_only'"),
    ],
)
def test_demonstrations_that_cannot_be_shown_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        EvaluationConfig(**settings)


def test_older_predictions_have_only_right_demonstrations():
    table = predictions(Reading(bool))
    older = table.drop_columns(["demonstrations", "option_content_free", "prompt_log_likelihood"])
    assert summarize(older)["tasks"] == summarize(table)["tasks"]
