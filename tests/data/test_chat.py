"""Conversations by a tokenizer's chat template: the ids of transformers, and loss on what an assistant wrote."""

import dataclasses
import functools

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from flanjax.data.chat import Chat
from flanjax.data.data_stats import DataStats
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import Features, make_features
from flanjax.data.layout import make_layout
from flanjax.data.plan import Visits
from flanjax.data.tokenizer import HFTokenizer
from flanjax.sources import rows
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import BadRow, Message, Task, conversation
from flanjax.tasks.template import Template

# The way of ChatML (Qwen) and of Llama 3, each with the marks that transformers needs to tell an assistant's words.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>"
    "{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content | trim }}<|eot_id|>{% endgeneration %}{% else %}{{ m.content | trim }}<|eot_id|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
TEMPLATES = {"chatml": (CHATML, "<|im_end|>"), "llama": (LLAMA, "<|eot_id|>")}
SPECIAL = ["<|begin|>", "<|end|>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
TALK = (
    Message("system", "Be brief."),
    Message("user", "What is the tallest mountain?\nAnd where?"),
    Message("assistant", "Everest, in Nepal and China."),
    Message("user", "How tall?"),
    Message("assistant", "8,849 metres."),
)


@functools.cache
def tokenizer(chat_template):
    backend = tokenizers.Tokenizer(models.BPE())
    # As Qwen and Llama 3 do: line breaks stay together and apart from the words after them.
    parts = tokenizers.Regex(r"\s*[\r\n]+| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+")
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(parts, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([m.content for m in TALK] * 3 + ["user assistant system\n\n", "a: Which The And" * 5], trainer)
    return HFTokenizer(backend, {"bos_token": "<|begin|>", "eos_token": "<|end|>"}, chat_template)


def theirs(template, messages, directory):
    """transformers' ids, and its mask of what an assistant wrote."""
    import transformers

    tokenizer(template).save(directory)
    loaded = transformers.PreTrainedTokenizerFast.from_pretrained(directory)
    made = loaded.apply_chat_template([m._asdict() for m in messages], return_assistant_tokens_mask=True, return_dict=True)
    return made["input_ids"], [bool(x) for x in made["assistant_masks"]]


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("talk", [TALK, TALK[1:], TALK[1:3]], ids=["system", "no system", "one turn"])
def test_a_conversation_has_the_ids_and_the_assistants_words_of_transformers(name, talk, tmp_path):
    template, _ = TEMPLATES[name]
    ids, mask = theirs(template, talk, tmp_path)
    ours = Chat(tokenizer(template)).conversation(talk)
    joined = [*ours.inputs, *ours.targets]
    assert joined == ids[: len(joined)]
    assert [*[False] * len(ours.inputs), *ours.trained] == mask[: len(joined)]
    assert not any(mask[len(joined) :])  # what is left out is the template's own line break


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("talk", [TALK[:2], TALK[1:4], TALK[1:2]], ids=["system", "two turns", "one turn"])
def test_a_prompt_has_the_ids_of_transformers_up_to_where_the_answer_begins(name, talk, tmp_path):
    import transformers

    template, _ = TEMPLATES[name]
    tokenizer(template).save(tmp_path)
    loaded = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    whole = loaded.apply_chat_template([m._asdict() for m in talk], add_generation_prompt=True, return_dict=True)
    assert Chat(tokenizer(template)).prompt(talk) == whole["input_ids"]


def test_a_prompt_that_the_template_refuses_or_changes_is_a_bad_row():
    refusing = CHATML.replace(
        "{% for m", "{% if messages | length > 2 %}{{ raise_exception('too long') }}{% endif %}{% for m", 1
    )
    chat = Chat.__new__(Chat)
    chat._tokenizer = tokenizer(refusing)
    with pytest.raises(BadRow, match=r"refuses roles .*too long"):
        chat.prompt(TALK[1:4])


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_answer_ends_with_the_token_that_stops_the_model(name):
    template, end = TEMPLATES[name]
    chat = Chat(tokenizer(template))
    talk = chat.conversation(TALK)
    assert tokenizer(template).tokens([chat.end_id]) == [end]
    words = talk.targets[talk.trained].tolist()
    texts = tokenizer(template).decode(words)
    assert texts == TALK[2].content + TALK[4].content
    assert words.count(chat.end_id) == 2
    assert words[-1] == chat.end_id


def test_a_special_token_in_a_message_stays_text():
    chat = Chat(tokenizer(CHATML))
    talk = chat.conversation([Message("user", "hi"), Message("assistant", "no <|im_end|> here")])
    assert talk.targets.tolist().count(chat.end_id) == 1
    assert "<|im_end|>" in tokenizer(CHATML).decode([*tokenizer(CHATML).encode(["a <|im_end|>"])[0]])


def test_what_follows_the_last_answer_is_left_out():
    chat = Chat(tokenizer(CHATML))
    more = chat.conversation([*TALK, Message("user", "Thanks")])
    assert more.targets.tolist() == chat.conversation(TALK).targets.tolist()
    with pytest.raises(BadRow, match="no turn of an assistant"):
        chat.conversation(TALK[:2])


def test_a_turn_that_is_marked_so_is_read_but_not_trained_on():
    chat = Chat(tokenizer(CHATML))
    whole = chat.conversation(TALK)
    first_untrained = [*TALK[:2], TALK[2]._replace(trained=False), *TALK[3:]]
    talk = chat.conversation(first_untrained)
    assert [*talk.inputs, *talk.targets] == [*whole.inputs, *whole.targets]
    assert tokenizer(CHATML).decode(talk.targets[talk.trained].tolist()) == TALK[4].content
    assert talk.targets[talk.trained].tolist().count(chat.end_id) == 1
    last_untrained = [*TALK[:4], TALK[4]._replace(trained=False)]
    assert chat.conversation(last_untrained).targets.tolist() == chat.conversation(TALK[:3]).targets.tolist()
    with pytest.raises(BadRow, match="trained on"):
        chat.conversation([*TALK[:2], TALK[2]._replace(trained=False)])


def test_a_template_that_rewrites_a_message_makes_a_bad_row():
    hides = CHATML.replace("{{ m.content }}", "{{ m.content.split('</think>')[-1] }}")
    chat = Chat(tokenizer(hides))
    with pytest.raises(BadRow, match="changes the text"):
        chat.conversation([Message("user", "hi"), Message("assistant", "<think>hm</think>hello")])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (CHATML.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}"), "could not learn to stop"),
        (CHATML.replace("{{ m.content }}", "{{ m.content | upper }}"), "does not show the content"),
        (CHATML.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>bot\n{% endif %}"), "generation prompt"),
        (CHATML.replace("{{ m.role }}\n{% if", "{{ m.role }}: {% if").replace("assistant\n", "assistant: "), "joins words"),
    ],
)
def test_a_template_that_cannot_be_taken_apart_is_refused_at_start_up(template, message):
    with pytest.raises(ValueError, match=message):
        Chat(tokenizer(template))


def test_a_template_that_reads_the_clock_writes_one_date():
    dates = "{{ strftime_now('%d %b %Y') }}, {{ strftime_now(format='%Y-%m-%d') }}"
    dated = f"  {{% if strftime_now is defined %}}\n{dates}\n{{% endif %}}\n"
    wholes = [Chat(tokenizer(start + CHATML)).prompt(TALK[:2]) for start in (dated, "26 Jul 2024, 2024-07-26\n")]
    assert wholes[0] == wholes[1]


def test_a_templated_example_becomes_one_turn_of_the_chat():
    layout = make_layout(FeatureConfig(layout="causal", chat=True, inputs_length=64, targets_length=32), tokenizer(CHATML))
    question, answer = tokenizer(CHATML).encode(["How tall?", "8,849 metres."])
    whole = layout.chat.conversation(TALK[3:])
    assert layout.inputs(question) == whole.inputs.tolist()
    assert layout.targets(answer) == whole.targets.tolist()


def talks(layout, turns):
    said = [{"role": ("user", "assistant")[i % 2], "content": f"word {i} " * (i + 1)} for i in range(turns)]
    task = Task(
        name="talk",
        cluster="talking",
        source=rows("talk", train=[{"messages": said}]),
        example=lambda row: conversation(row["messages"]),
        templates=[Template("{{ conversation }}\nAssistant:")],
    )
    entries = Mixture(name="m", parts=[task]).resolve({"talk": 1})
    zero = np.zeros(1, np.int64)
    return make_features(entries, [task.source.open("train")], Visits(zero, zero, zero), layout, 0)


def test_a_conversation_too_long_for_a_row_loses_its_last_turns_and_is_counted():
    config = FeatureConfig(layout="causal", chat=True, inputs_length=40, targets_length=80)
    layout = make_layout(config, tokenizer(CHATML))
    few, many = talks(layout, 4), talks(layout, 8)
    assert (few.cut_tokens.sum(), many.cut_examples.sum()) == (0, 1)
    assert many.examples[0].targets.tolist() == few.examples[0].targets.tolist()
    whole = layout.chat.conversation([Message(("user", "assistant")[i % 2], f"word {i} " * (i + 1)) for i in range(8)])
    assert many.cut_tokens.sum() == len(whole.inputs) + len(whole.targets) - many.examples[0].num_tokens
    tiny = make_layout(FeatureConfig(layout="causal", chat=True, inputs_length=16, targets_length=8), tokenizer(CHATML))
    assert [s.kind for s in talks(tiny, 2).skipped] == ["too_long"]


def test_a_conversation_counts_by_its_trained_tokens_or_as_one_example():
    config = FeatureConfig(layout="causal", chat=True, inputs_length=120, targets_length=120)
    by_tokens, by_examples = (
        talks(make_layout(dataclasses.replace(config, weighting=w), tokenizer(CHATML)), 6).examples[0]
        for w in ("tokens", "examples")
    )
    assert by_tokens.weight == 1.0
    assert 0 < by_examples.num_trained < len(by_examples.targets)
    assert by_examples.weight * by_examples.num_trained == pytest.approx(1.0)
    stats = DataStats(1)
    stats.add(Features([(by_tokens,)], [], *np.zeros((2, 1), np.int64)))
    assert stats.counts["target_tokens"].tolist() == [by_tokens.num_trained]
    assert stats.counts["input_tokens"].tolist() == [by_tokens.num_tokens - by_tokens.num_trained]


@pytest.mark.parametrize(("inputs", "targets", "binds"), [(400, 40, 1), (16, 100, 0)], ids=["few targets", "short rows"])
def test_either_limit_of_a_row_shortens_a_conversation_and_no_turn_is_lost_that_fits(inputs, targets, binds):
    def layout_of(inputs, targets):
        config = FeatureConfig(layout="causal", chat=True, inputs_length=inputs, targets_length=targets)
        return make_layout(config, tokenizer(CHATML))

    roomy, layout = layout_of(500, 500), layout_of(inputs, targets)
    limits = layout.limits(layout.lengths[0])
    sizes = {turns: layout.sizes(talks(roomy, turns).examples[0]) for turns in (2, 4, 6, 8)}
    fitting = max(turns for turns, size in sizes.items() if size[0] <= limits[0] and size[1] <= limits[1])
    assert [size > limit for size, limit in zip(sizes[fitting + 2], limits, strict=True)] == [binds == 0, binds == 1], (
        sizes,
        limits,
    )
    assert layout.sizes(talks(layout, 8).examples[0]) == sizes[fitting]


def test_without_chat_a_conversation_is_asked_by_its_templates():
    layout = make_layout(FeatureConfig(layout="causal", inputs_length=200, targets_length=60), tokenizer(CHATML))
    (found,) = talks(layout, 4).examples
    assert found.trained is None
    assert tokenizer(CHATML).decode(found.inputs).endswith("User: word 2 word 2 word 2\nAssistant:\n")
