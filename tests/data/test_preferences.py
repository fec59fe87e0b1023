"""Features of pairs: both answers after one prompt, the same in every epoch, with numbers found by the pair's tokens."""

import dataclasses
import itertools

import numpy as np
import pytest
from test_chat import TALK, TEMPLATES, tokenizer

from flanjax import Example, Mixture, StyleShares, Task, Template, rows
from flanjax.data.chat import Chat
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.pipeline import BatchIterator
from flanjax.data.plan import Visits
from flanjax.data.preferences import REFERENCE, Pair, PairFeatures, References, read_pairs
from flanjax.data.tokenizer import ByteTokenizer

DATA = [{"q": f"Say {i}", "good": f"yes {i}", "bad": f"no {i}"} for i in range(40)]
DATA[3] = {**DATA[3], "bad": ""}
DATA[5] = {**DATA[5], "bad": "n" * 300}


def task(bad=lambda row: row["bad"], **more):
    settings = {"metrics": ["exact_match"], "long_fields": ["answer"], **more}
    templates = [Template("{{ q }}"), Template("Please: {{ q }}")]
    example = lambda row: Example({"q": row["q"]}, row["good"], rejected=bad(row))  # noqa: E731
    return Task(name="say", cluster="saying", source=rows("say", train=DATA), example=example, templates=templates, **settings)


def corpus_of(task, layout="encoder_decoder", references=None, numbers=(REFERENCE,)):
    mixture = Mixture(name="m", parts=[task], styles=StyleShares(few_shot=0.0))
    features = FeatureConfig(layout=layout, inputs_length=32, targets_length=16, separator=" ", answers=2)
    config = DataConfig(batch_size=4, num_streams=2, window=16, features=features)
    made = {"features": PairFeatures(references)} if references else {}
    return open_corpus(mixture, open_rows(mixture), ByteTokenizer(), config, numbers=numbers, **made)


def pairs_of(corpus, epoch=0):
    numbers = np.arange(len(DATA))
    visits = Visits(np.zeros_like(numbers), numbers, np.full_like(numbers, epoch))
    return {row: pair for _, row, pair in read_pairs(corpus.entries, corpus.rows, visits, corpus.layout, 0)}


def references_of(pairs):
    found = sorted((pair.key, row) for row, pair in pairs.items() if isinstance(pair, Pair))
    values = np.array([(row, -row) for _, row in found], np.float32)
    return References(np.array([key for key, _ in found], np.uint64), values, "reference.parquet")


@pytest.mark.parametrize("layout", ["encoder_decoder", "causal"])
def test_both_answers_follow_the_same_prompt_and_carry_the_numbers_of_their_row(layout):
    pairs = pairs_of(corpus_of(task(), layout))
    corpus = corpus_of(task(), layout, references_of(pairs))
    tokenizer, seen = ByteTokenizer(), set()
    batches = BatchIterator(corpus)
    for batch in (next(batches) for _ in range(6)):
        for i, targets in enumerate(batch["targets"]):
            segments = batch["segment_ids"][i]
            segments = segments if layout == "encoder_decoder" else segments[batch["target_positions"][i]]
            segments = np.where(batch["loss_weights"][i] > 0, segments, 0)
            assert segments.max() % 2 == 0
            for first in range(1, segments.max() + 1, 2):
                texts = [tokenizer.decode(targets[segments == n].tolist()) for n in (first, first + 1)]
                numbers = [set(batch[REFERENCE][i][segments == n].tolist()) for n in (first, first + 1)]
                row = int(texts[0].split()[1].strip("</s>"))
                assert numbers == [{float(row)}, {float(-row)}]
                assert texts[1].startswith("nnn" if row == 5 else f"no {row}") if row != 3 else not texts[1].strip("</s>")
                seen.add(row)
                if layout == "encoder_decoder":
                    asked = [batch["inputs"][i][batch["inputs_segment_ids"][i] == n].tolist() for n in (first, first + 1)]
                    assert asked[0] == asked[1]
    assert {3, 5} < seen


def test_a_row_is_the_same_pair_in_every_epoch_and_an_answer_that_is_cut_has_no_end():
    corpus = corpus_of(task())
    first, later = pairs_of(corpus), pairs_of(corpus, epoch=7)
    assert {row: pair.key for row, pair in first.items()} == {row: pair.key for row, pair in later.items()}
    assert len({pair.key for pair in first.values()}) == len(DATA)
    end = ByteTokenizer().eos_id
    assert first[3].rejected.targets.tolist() == [end]
    assert len(first[5].rejected.targets) == 15
    assert end not in first[5].rejected.targets
    assert first[4].rejected.targets[-1] == end


def test_both_answers_of_a_pair_are_of_its_task():
    mixture = Mixture(name="m", parts=[task(), dataclasses.replace(task(), name="other")], styles=StyleShares(few_shot=0.0))
    features = FeatureConfig(inputs_length=32, targets_length=16, answers=2)
    config = DataConfig(batch_size=4, num_streams=2, window=16, features=features)
    corpus = open_corpus(mixture, open_rows(mixture), ByteTokenizer(), config, numbers=(REFERENCE,))
    visits = Visits(np.array([0, 1, 0, 1]), np.array([0, 1, 2, 4]), np.zeros(4, np.int64))
    pairs = [pair for _, _, pair in read_pairs(corpus.entries, corpus.rows, visits, corpus.layout, 0)]
    assert [(pair.chosen.task, pair.rejected.task) for pair in pairs] == [(0, 0), (1, 1), (0, 0), (1, 1)]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_conversation_is_a_pair_of_its_last_answers_and_only_they_count(template):
    """Both are laid out by the chat template as the conversation alone is; what was said before is read, and not trained on."""
    reader = tokenizer(TEMPLATES[template][0])
    source = rows("talk", train=[{"bad": "What is the tallest"}, {"bad": "metres " * 300}])
    example = lambda row: Example({}, TALK[-1].content, messages=TALK, rejected=row["bad"])  # noqa: E731
    judged = Task(name="talk", cluster="talk", source=source, example=example, templates=[Template("Talk")], metrics=["rougeL"])
    features = FeatureConfig(layout="causal", inputs_length=160, targets_length=96, answers=2, chat=True)
    config = DataConfig(batch_size=2, num_streams=1, window=2, features=features)
    mixture = Mixture(name="m", parts=[judged], styles=StyleShares(few_shot=0.0))
    corpus = open_corpus(mixture, open_rows(mixture), reader, config, numbers=(REFERENCE,))
    pair, too_long = (
        found.pair
        for found in read_pairs(corpus.entries, corpus.rows, Visits(*np.array([[0, 0], [0, 1], [0, 0]])), corpus.layout, 0)
    )
    chat, before = Chat(reader), [m._replace(trained=False) for m in TALK[:-1]]
    for side, text in ((pair.chosen, TALK[-1].content), (pair.rejected, "What is the tallest")):
        alone = chat.conversation([*before, TALK[-1]._replace(content=text)])
        assert (side.inputs.tolist(), side.targets.tolist()) == (alone.inputs.tolist(), alone.targets.tolist())
        trained = side.targets[side.trained].tolist()
        assert (reader.decode(trained), trained[-1]) == (text, chat.end_id)
    assert str(too_long).startswith("a pair of ")


def test_what_gives_no_pair_says_why():
    missing = pairs_of(corpus_of(task(bad=lambda row: None)))
    assert {str(why) for why in missing.values()} == {"it has no rejected answer, and objective.name=dpo learns from pairs"}
    whole = pairs_of(corpus_of(task(long_fields=[])))
    assert str(whole[5]).startswith("300 tokens of the rejected answer do not fit 15")
    inverted = dataclasses.replace(task(), templates=[Template("{{ answer }}?", "{{ q }}", kind="inverted")])
    assert "inverted" in str(pairs_of(corpus_of(inverted))[0])


def test_a_pair_that_the_references_do_not_know_stops_the_run_by_name():
    corpus = corpus_of(
        task(), references=references_of({row: pair for row, pair in pairs_of(corpus_of(task())).items() if row != 7})
    )
    with pytest.raises(ValueError, match="task say, row 7: its pair has no log-likelihoods in reference"):
        list(itertools.islice(BatchIterator(corpus), 20))
