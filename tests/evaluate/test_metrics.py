"""The metrics against sklearn, rouge-score and sacrebleu used directly, and against SQuAD cases worked out by hand."""

from decimal import Decimal

import numpy as np
import pytest
import sacrebleu
from rouge_score import rouge_scorer
from sklearn.metrics import accuracy_score, f1_score

from flanjax.evaluate import metrics
from flanjax.evaluate.metrics import METRICS, get_metric
from flanjax.tasks.metric_names import METRIC_NAMES

WORDS = [
    "the",
    "cats",
    "were",
    "running",
    "over",
    "a",
    "red",
    "bridge",
    "while",
    "dogs",
    "ran",
    "quickly",
    "to",
    "houses",
    "near",
    "rivers",
]


def random_sentences(rng: np.random.Generator, n: int) -> list[str]:
    return [" ".join(rng.choice(WORDS, rng.integers(3, 12))) for _ in range(n)]


def random_labels(seed: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    gold = rng.choice(["yes", "no", "it is not possible to tell"], 60, p=[0.6, 0.3, 0.1])
    return list(rng.choice(["yes", "no", "it is not possible to tell", "maybe"], 60)), list(gold)


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_and_macro_f1_agree_with_sklearn(seed):
    got, gold = random_labels(seed)
    references = [[g] for g in gold]
    macro = f1_score(gold, got, labels=sorted(set(gold)), average="macro", zero_division=0)
    assert METRICS["accuracy"].corpus(got, references) == pytest.approx(100 * accuracy_score(gold, got))
    assert METRICS["macro_f1"].corpus(got, references) == pytest.approx(100 * macro)


@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL"])
def test_rouge_is_the_best_reference_of_rouge_score(kind):
    rng = np.random.default_rng(1)
    got, first, second = (random_sentences(rng, 20) for _ in range(3))
    scorer = rouge_scorer.RougeScorer([kind], use_stemmer=True)
    best = [100 * max(scorer.score(r, p)[kind].fmeasure for r in refs) for p, *refs in zip(got, first, second, strict=True)]
    references = list(zip(first, second, strict=True))
    np.testing.assert_allclose(METRICS[kind].per_item(got, references), best)
    assert METRICS[kind].corpus(got, references) == pytest.approx(np.mean(best))


def test_rouge_stems_words():
    assert METRICS["rouge1"].corpus(["running"], [["runs"]]) == 100


def test_bleu_agrees_with_sacrebleu_with_one_and_with_many_references():
    rng = np.random.default_rng(2)
    got, first, second = (random_sentences(rng, 30) for _ in range(3))
    one = sacrebleu.corpus_bleu(got, [first]).score
    assert METRICS["bleu"].corpus(got, [[r] for r in first]) == pytest.approx(one)
    uneven = [[a] if i % 2 else [a, b] for i, (a, b) in enumerate(zip(first, second, strict=True))]
    seconds = [None if i % 2 else b for i, b in enumerate(second)]
    many = sacrebleu.corpus_bleu(got, [first, seconds]).score
    assert METRICS["bleu"].corpus(got, uneven) == pytest.approx(many)


def test_bleu_keeps_the_signature_of_sacrebleu():
    signature = METRICS["bleu"].signature([["a cat"], ["a dog", "the dog"]])
    assert {"nrefs:var", "tok:13a", f"version:{sacrebleu.__version__}"} <= set(signature.split("|"))


@pytest.mark.parametrize(
    ("prediction", "references", "exact", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos", "the Denver Broncos"], 100, 100),
        ("The Denver Broncos!", ["denver broncos"], 100, 100),
        ("Broncos", ["Denver Broncos"], 0, 200 / 3),
        ("in the late 1990s", ["late 1990s", "in the 1990s"], 0, 80),
        ("Santa Clara, California", ["Levi's Stadium", "Santa Clara"], 0, 80),
        ("a gold gold medal", ["gold medal"], 0, 80),
        ("", [""], 100, 100),
        ("the", [""], 100, 100),
        ("no answer", [""], 0, 0),
        ("Carolina Panthers", ["Denver Broncos"], 0, 0),
    ],
)
def test_squad_cases(prediction, references, exact, f1):
    assert METRICS["exact_match"].per_item([prediction], [references])[0] == exact
    assert METRICS["token_f1"].per_item([prediction], [references])[0] == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The answer is 42.", "42"),
        ("She has 3 apples and pays $1,250.50.", "1250.50"),
        ("a rise of 12%", "12"),
        ("-$5", "-5"),
        ("it fell to -3 degrees", "-3"),
        ("5-3", "3"),
        ("1, 2, 3", "3"),
        ("1,2,3", "3"),
        ("12,345,678 people", "12345678"),
        (".5 of it", "0.5"),
        ("#### 7", "7"),
        ("\u22128", "-8"),
        ("1234,567", "567"),
    ],
)
def test_last_number(text, number):
    assert metrics.last_number(text) == Decimal(number)


def test_number_match_compares_values_not_strings():
    score = METRICS["number_match"].per_item(["so 1,000.00 dollars.", "no idea", "0.10"], [["1000"], ["3"], ["0.1"]])
    assert score.tolist() == [100, 0, 100]


def test_number_match_refuses_a_reference_without_number():
    with pytest.raises(ValueError, match=r"number_match needs a number .* 'many'"):
        METRICS["number_match"].per_item(["3"], [["many"]])


def test_accuracy_ignores_case_and_blanks_but_not_words():
    assert METRICS["accuracy"].per_item(["  YES ", "yes sir"], [["no", "yes"], ["yes"]]).tolist() == [100, 0]


def test_a_corpus_metric_has_no_item_scores_and_its_counts_add_up():
    got, gold = random_labels(0)
    metric, references = METRICS["macro_f1"], [[g] for g in gold]
    assert metric.per_item is None
    counts = metric.corpus_counts.counts(got, references)
    twice = metric.corpus_counts.from_counts(np.stack([counts.sum(0), 2 * counts.sum(0)]))
    np.testing.assert_allclose(twice, metric.corpus(got, references))


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(ValueError, match=r"unknown metric 'acuracy'.*did you mean 'accuracy'"):
        get_metric("acuracy")


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="2 predictions and 1 lists"):
        METRICS["accuracy"].per_item(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="item 0 are 'a'"):
        METRICS["accuracy"].per_item(["a"], ["a"])
    with pytest.raises(ValueError, match="no predictions"):
        METRICS["accuracy"].corpus([], [])


def test_tasks_know_the_names_of_exactly_the_metrics_that_there_are():
    assert sorted(METRICS) == sorted(METRIC_NAMES)


def test_macro_f1_counts_any_of_several_right_labels_as_the_first():
    assert METRICS["macro_f1"].corpus(["b", "a"], [["a", "b"], ["a"]]) == 100
