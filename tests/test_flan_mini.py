"""mixtures/flan_mini.py: its structure always, its data where FLANJAX_HUB_MIRROR names a mirror."""

import functools
import itertools
import os
from pathlib import Path

import pytest

from flanjax.data.queries import read_examples
from flanjax.tasks.clusters import check_disjoint, hold_out
from flanjax.tasks.draws import Draws
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.render import choose, render
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import BadRow, Example, SkipRow

MIXTURES = Path(__file__).resolve().parents[1] / "mixtures"
FLAN_MINI = load_mixture(f"{MIXTURES / 'flan_mini.py'}:flan_mini")
TASKS = tuple(FLAN_MINI.tasks())

# GAP's rows with lost letters, hotel records that ask for something instead of telling it, QASC's rows with two equal options.
MOST_SKIPPED = {"gap": 0.15, "rnnlg_hotel": 0.25, "cot_qasc": 0.08}

each_task = pytest.mark.parametrize("task", TASKS, ids=str)
with_data = pytest.mark.skipif("FLANJAX_HUB_MIRROR" not in os.environ, reason="FLANJAX_HUB_MIRROR is not set")


def test_it_has_the_breadth_of_a_flan():
    assert len({t.source.name for t in TASKS}) >= 40
    assert len(FLAN_MINI.clusters()) >= 12
    assert len([t for t in FLAN_MINI.clusters()["entailment"] if t.evaluation]) >= 4


def test_holding_out_entailment_takes_everything_with_it_that_shares_rows():
    split = hold_out(FLAN_MINI, ["entailment"])
    assert {t.name for t in split.heldout} == {"rte", "cb", "snli", "sick", "wnli", "folio"}
    others = {name: why for name, why in split.removed.items() if name not in {t.name for t in split.heldout}}
    assert set(others) == {"glue_mrpc", "stsb", "paws_x_en", "multi30k"}
    assert "flickr30k" in others["multi30k"]
    check_disjoint(split.train.tasks(), split.heldout)


@pytest.mark.parametrize("cluster", FLAN_MINI.clusters())
def test_every_cluster_can_be_held_out(cluster):
    split = hold_out(FLAN_MINI, [cluster])
    assert split.heldout
    assert not {t.cluster for t in split.train.tasks()} & {cluster}


def test_nothing_but_the_chain_of_thought_file_needs_more_than_the_hub():
    direct = load_mixture(f"{MIXTURES / 'flan_mini.py'}:direct")
    assert not [t.name for t in direct.tasks() if "flan_cot" in t.source.name]


def test_shares_sum_to_one_and_a_tenth_is_chain_of_thought():
    entries = FLAN_MINI.resolve({t.name: 5000 for t in TASKS})
    assert sum(e.share for e in entries) == pytest.approx(1)
    assert sum(
        e.share for e in entries if e.styles.chain_of_thought > 0 and e.task.name in _rationale_tasks()
    ) == pytest.approx(0.1)


def _rationale_tasks() -> set[str]:
    return {t.name for t in load_mixture(f"{MIXTURES / 'flan_mini.py'}:chain_of_thought").tasks()}


@functools.cache
def _read(task, split, limit):
    """(examples, number of rows looked at, number skipped on purpose), spread evenly over the split."""
    rows = task.source.open(split)
    positions = range(len(rows)) if len(rows) <= limit else range(0, len(rows), len(rows) // limit)
    examples, skipped = [], 0
    for i in positions:
        try:
            examples.append(task.read(rows[i]))
        except SkipRow:
            skipped += 1
    return examples, len(positions), skipped


@with_data
@each_task
def test_every_row_reads_but_for_a_few_left_out_on_purpose(task):
    for split in filter(None, (task.train, task.evaluation)):
        examples, looked_at, skipped = _read(task, split, 400)
        assert skipped <= MOST_SKIPPED.get(task.name, 0.04) * looked_at, f"{split}: {skipped} of {looked_at} rows skipped"
        assert len(examples) >= 40


@with_data
@each_task
def test_training_and_evaluation_rows_are_apart(task):
    if task.evaluation:
        train, evaluation = task.source.range(task.train), task.source.range(task.evaluation)
        for a, b in itertools.product(train, evaluation):
            assert a.split != b.split or a.stop <= b.start or b.stop <= a.start


@with_data
@each_task
def test_every_verbaliser_of_a_closed_label_set_occurs(task):
    examples = _read(task, task.train, 400)[0]
    if len({e.options for e in examples}) == 1 and examples[0].options:
        assert {e.references[0] for e in examples} == set(examples[0].options)


@with_data
def test_label_maps_say_what_the_rows_say():
    """Rows that one can judge oneself, by their text: a swapped verbaliser would fail here."""
    judged = {
        "cb": ("The language was peeled down.", "entailment"),
        "rte": ("Weapons of Mass Destruction Found in Iraq.", "no"),
        "sick": ("There is no biker jumping in the air", "contradiction"),
        "wnli": ("The carrot had a hole.", "yes"),
        "sst2": ("contains no wit, only labored gags", "negative"),
        "cola": ("The professor talked us.", "unacceptable"),
        "ag_news": ("Phelps, Thorpe Advance in 200 Freestyle", "sports"),
        "dbpedia_14": ("Robs Lake is a lake of Shelburne District", "natural place"),
        "trec": ("What is the highest waterfall in the United States?", "location"),
        "copa": ("My body cast a shadow over the grass.", "The sun was rising."),
        "paws_x_en": ("From the merger of the Four Rivers Council", "yes"),
        "tweet_emotion": ("angel delight is my everything", "joy"),
        "creak": ("The Honda Accord weighs more than a school bus.", "false"),
        "winogrande": ("Sarah was a much better surgeon than Maria so", "Maria"),
    }
    for name, (text, label) in judged.items():
        task = FLAN_MINI.task(name)
        rows = task.source.open(task.train)
        read = (e for _, e in read_examples(task, rows, range(len(rows))) if isinstance(e, Example))
        found = next(e for e in read if any(str(v).startswith(text) for v in e.fields.values()))
        assert found.references[0] == label, name


@with_data
@each_task
def test_training_draws_never_make_a_bad_row(task):
    shares = StyleShares(few_shot=0.0)
    for n, example in enumerate(_read(task, task.train, 400)[0][:100]):
        draws = Draws(1, task.name, n, 0)
        try:
            chosen = choose(task, example, shares, draws)
            render(chosen.asked, chosen.wording)
        except BadRow as error:
            pytest.fail(f"{task}, example {n}: {error}")
