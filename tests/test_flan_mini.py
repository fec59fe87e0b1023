"""mixtures/flan_mini.py: its structure always, its data where FLANJAX_HUB_MIRROR names a mirror."""

import functools
import itertools
import os
from pathlib import Path

import pytest
from asking import candidates, written

from flanjax.tasks.clusters import check_disjoint, hold_out
from flanjax.tasks.draws import Draws
from flanjax.tasks.options import OPTION_STYLES
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.render import Wording, choose, ordered_options, render
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import BadRow, SkipRow

MIXTURES = Path(__file__).resolve().parents[1] / "mixtures"
FLAN_MINI = load_mixture(f"{MIXTURES / 'flan_mini.py'}:flan_mini")
TASKS = tuple(FLAN_MINI.tasks())

each_task = pytest.mark.parametrize("task", TASKS, ids=str)
with_data = pytest.mark.skipif("FLANJAX_HUB_MIRROR" not in os.environ, reason="FLANJAX_HUB_MIRROR is not set")


def test_it_has_the_breadth_of_a_flan():
    assert len({t.source.name for t in TASKS}) >= 40
    assert len(FLAN_MINI.clusters()) >= 12
    assert len([t for t in FLAN_MINI.clusters()["nli"] if t.evaluation]) >= 4


@each_task
def test_every_task_has_five_wordings_and_says_where_it_comes_from(task):
    assert len(task.forward) >= 5
    assert len({task.templates[i].input for i in task.forward}) == len(task.forward)
    assert task.lineage
    assert task.licence
    assert task.link.startswith("https://")


@each_task
def test_templates_use_only_what_every_tokenizer_can_write(task):
    for template in task.templates:
        literal = template.input.replace("{{", "").replace("}}", "").replace("{%", "").replace("%}", "")
        assert not set("<>\\^~`") & set(literal), template
        assert "\n\n" not in literal, template


def test_holding_out_nli_takes_everything_with_it_that_shares_rows():
    split = hold_out(FLAN_MINI, ["nli"])
    assert {t.name for t in split.heldout} == {"rte", "cb", "snli", "sick", "wnli"}
    others = {name: why for name, why in split.removed.items() if name not in {t.name for t in split.heldout}}
    assert set(others) == {"mrpc", "stsb", "paws_x_en", "wsc", "multi30k"}
    assert "winograd_schemas" in others["wsc"]
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
        assert skipped <= 0.04 * looked_at, f"{split}: {skipped} of {looked_at} rows skipped"
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
def test_every_template_renders_in_every_layout_of_options(task):
    for i, example in itertools.product(range(len(task.templates)), _read(task, task.train, 400)[0][:20]):
        inverted = task.templates[i].kind == "inverted"
        with_options = bool(example.options) and not inverted
        wordings = [Wording(i, Style(inverted=inverted))]
        wordings += [Wording(i, Style(options=True), options=layout) for layout in OPTION_STYLES if with_options]
        for wording in wordings:
            draws = Draws(task.name, i)
            read, write = written(task, example, wording, draws)
            assert read.strip()
            assert write.strip()
            if with_options:
                gold = ordered_options(task, example, draws).index(example.references[0])
                assert candidates(task, example, wording, draws)[gold] == write
            if wording.style.options:
                assert all(label in read for label in wording.options.labels(len(example.options)))


@with_data
@each_task
def test_an_inverted_prompt_seldom_holds_its_target(task):
    """Seldom and not never: a hypothesis may quote its premise, and a sentence may need no correction."""
    for i in task.inverted:
        shown = [written(task, e, Wording(i, Style(inverted=True))) for e in _read(task, task.train, 400)[0]]
        holding = [read for read, write in shown if write in read and len(write.split()) > 3]
        assert len(holding) <= 0.1 * len(shown), task.templates[i]


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
        "cb": ("the language was peeled down", "yes"),
        "rte": ("Weapons of Mass Destruction Found in Iraq.", "no"),
        "sick": ("There is no biker jumping in the air", "contradiction"),
        "wnli": ("The carrot had a hole.", "yes"),
        "sst2": ("contains no wit , only labored gags", "negative"),
        "cola": ("The professor talked us.", "unacceptable"),
        "ag_news": ("Phelps, Thorpe Advance in 200 Freestyle", "sports"),
        "dbpedia_14": ("Robs Lake is a lake of Shelburne District", "natural place"),
        "trec": ("What is the highest waterfall in the United States ?", "a place"),
        "copa": ("My body cast a shadow over the grass.", "The sun was rising."),
        "wsc": ("I poured water from the bottle into the cup until [it] was full.", "yes"),
        "paws_x_en": ("From the merger of the Four Rivers Council", "the same"),
        "tweet_emotion": ("angel delight is my everything", "joy"),
        "sensemaking": ("He drinks apple.", "the first"),
        "creak": ("The Honda Accord weighs more than a school bus.", "false"),
        "winogrande": ("Sarah was a much better surgeon than Maria so ____ always got the easier cases.", "Maria"),
    }
    for name, (text, label) in judged.items():
        task = FLAN_MINI.task(name)
        rows = task.source.open(task.train)
        read = (task.read(rows[i]) for i in range(len(rows)))
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
