"""The OpenAI-compatible endpoint, by the wire format of its clients."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted import LONGEST, ScriptedModel, said
from serving import served

from flanjax.data.tokenizer import ByteTokenizer
from flanjax.generate.request import Text
from flanjax.serve.endpoint import _echoed
from flanjax.serve.logprobs import Likelihoods, chat_logprobs, completion_logprobs

IDS = ByteTokenizer().encode


@pytest.fixture(scope="module")
def server():
    with served(ScriptedModel("runs/tuned"), ScriptedModel("base", rule=str.upper, layout="encoder_decoder")) as running:
        yield running


def test_models_are_listed_by_the_names_that_requests_use(server):
    _, _, raw = server.send("GET", "/v1/models")
    assert [model["id"] for model in json.loads(raw)["data"]] == ["runs/tuned", "base"]
    assert json.loads(server.send("GET", "/v1/models/runs/tuned")[2])["id"] == "runs/tuned"
    assert (
        server.post("/v1/completions", {"model": "base", "prompt": "shout", "temperature": 0})[1]["choices"][0]["text"]
        == "SHOUT"
    )


def test_a_completion_has_what_clients_read(server):
    status, found = server.post("/v1/completions", {"prompt": "one", "temperature": 0, "max_tokens": 100})
    assert status == 200
    assert found["object"] == "text_completion"
    assert (found["model"], found["id"][:5]) == ("runs/tuned", "cmpl-")
    assert found["choices"] == [{"index": 0, "text": said("one"), "logprobs": None, "finish_reason": "stop"}]
    assert found["usage"] == {"prompt_tokens": 4, "completion_tokens": len(said("one")), "total_tokens": 4 + len(said("one"))}


def test_the_limit_is_openais_unless_it_is_given(server):
    choice = server.post("/v1/completions", {"prompt": "one", "temperature": 0})[1]["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == (said("one")[:16], "length")


def test_several_prompts_and_samples_have_the_index_of_their_place(server):
    body = {"prompt": ["a", "b"], "n": 2, "temperature": 1, "seed": 5, "max_tokens": 100}
    choices = server.post("/v1/completions", body)[1]["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2, 3]
    assert [choice["text"] for choice in choices] == [f"5/{s}: {said(p)}" for p in "ab" for s in (0, 1)]
    streamed = {}
    for event in server.events("/v1/completions", body):
        for choice in event["choices"]:
            streamed[choice["index"]] = streamed.get(choice["index"], "") + choice["text"]
    assert streamed == {choice["index"]: choice["text"] for choice in choices}


def test_ids_are_taken_as_they_stand(server):
    (ids,) = IDS(["xyz"])
    choice = server.post("/v1/completions", {"prompt": ids, "temperature": 0, "max_tokens": 100})[1]["choices"][0]
    assert choice["text"] == said("xyz")
    assert server.post("/v1/completions", {"prompt": [ids, ids], "temperature": 0})[1]["choices"][1]["index"] == 1


def test_a_streamed_completion_ends_with_its_reason_and_the_usage_that_was_asked_for(server):
    body = {"prompt": "one", "temperature": 0, "max_tokens": 100, "stream_options": {"include_usage": True}}
    *events, last = server.events("/v1/completions", body)
    assert len(events) > 2
    assert "".join(event["choices"][0]["text"] for event in events) == said("one")
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * (len(events) - 1) + ["stop"]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == len(said("one"))
    assert len({event["id"] for event in events}) == 1


def test_a_chat_has_turns_and_is_streamed_as_deltas(server):
    talk = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": [{"type": "text", "text": "c"}]},
    ]
    text = said("User: a\nAssistant: b\nUser: c\nAssistant:")
    status, found = server.post("/v1/chat/completions", {"messages": talk, "temperature": 0, "user": "me"})
    assert (status, found["object"]) == (200, "chat.completion")
    expected = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": "stop"}
    assert found["choices"] == [expected]
    first, *events = server.events("/v1/chat/completions", {"messages": talk, "temperature": 0, "n": 2})
    assert first["object"] == "chat.completion.chunk"
    assert [choice["delta"] for choice in first["choices"]] == [{"role": "assistant", "content": ""}] * 2
    for index in (0, 1):
        of = [choice for event in events for choice in event["choices"] if choice["index"] == index]
        assert "".join(choice["delta"].get("content", "") for choice in of) == text
        assert of[-1] == {"index": index, "delta": {}, "finish_reason": "stop"}


def test_stop_texts_and_the_limit_of_newer_clients(server):
    body = {"messages": [{"role": "user", "content": "abc"}], "temperature": 0}
    assert server.post("/v1/chat/completions", {**body, "stop": "bc>"})[1]["choices"][0]["message"]["content"] == "<a"
    many = [f"no {n}" for n in range(999)]
    assert server.post("/v1/chat/completions", {**body, "stop": [*many, "c>"]})[1]["choices"][0]["message"]["content"] == "<ab"
    choice = server.post("/v1/chat/completions", {**body, "max_completion_tokens": 2})[1]["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("<a", "length")


def test_echo_with_log_probabilities_is_what_lm_eval_reads(server):
    """lm-eval takes token_logprobs[context : -1], the last one being of the token that was written."""
    (ids,) = IDS(["ab"])
    body = {"prompt": [ids, IDS(["c"])[0]], "temperature": 0, "max_tokens": 1, "logprobs": 1, "echo": True, "seed": 1234}
    choice, other = server.post("/v1/completions", body)[1]["choices"]
    written = IDS([said("ab")[:1]])[0]
    assert choice["text"] == "ab" + said("ab")[:1]
    found = choice["logprobs"]
    assert found["tokens"] == ["a", "b", "<"]
    assert found["text_offset"] == [0, 1, 2]
    assert found["token_logprobs"] == [None, -ids[1] / 8, -written[0] / 8]
    assert found["top_logprobs"] == [None, {"": 0.0}, {"": 0.0}]
    assert len(other["logprobs"]["tokens"]) == 2
    body = {**body, "prompt": IDS(["ab"])[0]}
    ended = server.post("/v1/completions", {**body, "stop": None, "max_tokens": 400})[1]["choices"][0]
    assert ended["logprobs"]["token_logprobs"][-1] == -1 / 8  # the end token, whose id is 1
    nothing = server.post("/v1/completions", {**body, "max_tokens": 0})[1]["choices"][0]
    assert nothing["logprobs"]["tokens"] == ["a", "b"]


def test_log_probabilities_of_the_written_tokens(server):
    body = {"prompt": "ab", "temperature": 0, "max_tokens": 2, "logprobs": 0}
    found = server.post("/v1/completions", body)[1]["choices"][0]["logprobs"]
    assert found["tokens"] == ["<", "a"]
    assert found["top_logprobs"] == [{}, {}]
    body = {
        "messages": [{"role": "user", "content": "ab"}],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 2,
    }
    (token,) = server.post("/v1/chat/completions", body)[1]["choices"][0]["logprobs"]["content"]
    assert (token["token"], token["bytes"], token["logprob"]) == ("<", [60], -63 / 8)
    assert [best["logprob"] for best in token["top_logprobs"]] == [0.0, -0.125]


class Words:
    """Decodes as SentencePiece does: the space before the first word is gone. A character's bytes may be two tokens."""

    texts = (b" say", b" sun", b"sun", b"\xc3", b"\xa9")

    def decode(self, ids):
        return b"".join(self.texts[i] for i in ids).decode(errors="replace").removeprefix(" ")


def test_tokens_are_told_as_they_add_to_the_text():
    found = Likelihoods([0, 1, 3, 4], [-1.0] * 4, [None, [(1, -1.0), (2, -2.0)], [], []])
    told = completion_logprobs(found, Words())
    assert told["tokens"] == ["say", " sun", "", "é"]
    assert told["text_offset"] == [0, 3, 7, 7]
    assert told["top_logprobs"][1] == {" sun": -1.0, "sun": -2.0}
    assert [token["token"] for token in chat_logprobs(found, Words())["content"]] == ["say", " sun", "", "é"]


def test_a_prompt_and_its_text_are_echoed_as_one():
    assert _echoed([0], Text(0, 0, [1, 2], "sunsun", "length"), Words()) == "say sunsun"
    assert _echoed([0], Text(0, 0, [1, 2], "su", "stop"), Words()) == "say su"


@pytest.mark.parametrize(
    ("change", "status", "field", "message"),
    [
        ({"model": "basr"}, 404, None, "there is no model 'basr'; did you mean 'base'?"),
        ({"prompt": None}, 400, "prompt", "prompt is None, expected text"),
        ({"prompt": []}, 400, "prompt", "expected ids from 0 to 383"),
        ({"prompt": [1, 999]}, 400, "prompt", "expected ids from 0 to 383"),
        ({"prompt": ["a", ""]}, 400, "prompt", "prompt is empty"),
        ({"prompt": ["a"] * 1025}, 400, "prompt", "prompt has 1,025 prompts, more than 1,024"),
        ({"prompt": "x" * (LONGEST + 1)}, 400, "prompt", "more than the 400 that fit"),
        ({"temperature": "hot"}, 400, "temperature", "temperature is 'hot', expected a number of at least 0"),
        ({"temperature": -1}, 400, "temperature", "temperature is -1"),
        ({"top_p": 0}, 400, "top_p", "top_p is 0, expected a number"),
        ({"n": 0}, 400, "n", "n is 0, expected an integer from 1 to 128"),
        ({"max_tokens": 0}, 400, "max_tokens", "max_tokens is 0"),
        ({"stop": ["a", 1]}, 400, "stop", "stop is "),
        ({"stream": "yes"}, 400, "stream", "stream is 'yes', expected true or false"),
        ({"logprobs": 99}, 400, "logprobs", "logprobs is 99, expected an integer from 0 to 20"),
        ({"logprobs": 1, "stream": True}, 400, "logprobs", "logprobs does not go together with stream"),
        ({"echo": True, "model": "base"}, 400, "echo", "this is an encoder-decoder"),
        ({"best_of": 3}, 400, "best_of", "best_of is 3, expected 1"),
        ({"frequency_penalty": 0.5}, 400, "frequency_penalty", "frequency_penalty is 0.5, which is not supported here"),
        ({"logit_bias": {"5": -100}}, 400, "logit_bias", "is not supported here; leave it out"),
        ({"suffix": "end"}, 400, "suffix", "not supported"),
        ({"temprature": 1}, 400, "temprature", "temprature is not known here; did you mean 'temperature'"),
        ({"messages": []}, 400, "messages", "messages is not known here"),
    ],
)
def test_a_wrong_field_is_refused_by_name(server, change, status, field, message):
    got, found = server.post("/v1/completions", {"prompt": "a", **change})
    assert (got, found["error"]["param"]) == (status, field)
    assert message in found["error"]["message"]


def test_fields_that_change_nothing_are_passed_over(server):
    harmless = {"user": "u", "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "suffix": None, "best_of": 1}
    assert server.post("/v1/completions", {"prompt": "a", **harmless})[0] == 200
    chat = {"tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "store": False, "metadata": {}}
    talk = [{"role": "user", "content": "a"}]
    assert server.post("/v1/chat/completions", {"messages": talk, **chat})[0] == 200
    status, found = server.post("/v1/chat/completions", {"messages": talk, "response_format": {"type": "json_object"}})
    assert (status, found["error"]["param"]) == (400, "response_format")
    status, found = server.post("/v1/chat/completions", {"messages": talk, "tools": [{"type": "function"}]})
    assert (status, found["error"]["param"]) == (400, "tools")


def test_a_seed_makes_a_text_again_and_without_one_texts_differ(server):
    def ask(**more):
        return server.post("/v1/completions", {"prompt": "a", "max_tokens": 100, **more})[1]["choices"][0]["text"]

    assert ask(seed=9) == ask(seed=9) != ask(seed=10)
    assert ask() != ask()  # OpenAI's temperature is 1
    assert ask(seed=-1) == ask(seed=2**32 - 1)


def test_a_seeded_text_comes_again_among_others_that_are_asked_for_meanwhile():
    """The engine's noise is keyed by the request's number; here a text shows which number it had."""

    class Numbered(ScriptedModel):
        def engine(self, **how):
            made = super().engine(**how)
            made._text = lambda request, sample: (f"{request.item}.{sample}", "eos")
            return made

    with served(Numbered(pause=0.005)) as server:
        body = {"prompt": "again", "seed": 4, "n": 2, "max_tokens": 99}
        alone = [choice["text"] for choice in server.post("/v1/completions", body)[1]["choices"]]
        with ThreadPoolExecutor(8) as pool:
            others = pool.map(lambda n: server.post("/v1/completions", {**body, "prompt": f"other {n}"}), range(24))
            again = [choice["text"] for choice in server.post("/v1/completions", body)[1]["choices"]]
            twice = list(pool.map(lambda n: server.post("/v1/completions", body)[1]["choices"][0]["text"], range(4)))
            assert len({other["choices"][0]["text"] for _, other in others}) == 24
        assert alone == again
        assert alone[0] in twice
        both = server.post("/v1/completions", {**body, "prompt": ["again", "again"]})[1]["choices"]
        assert len({choice["text"] for choice in both}) == 4
