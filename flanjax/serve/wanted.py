"""What a request to the OpenAI-compatible endpoint asks for, checked field by field.

Fields that change a text and are not supported are refused by name; those that change nothing here are passed over. A field of
`Settings` that OpenAI's interface lacks (top_k, min_p, repetition_penalty, beams, length_penalty) may be given too.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from flanjax import fields
from flanjax.ask.models import Asked
from flanjax.ask.settings import Settings, changed
from flanjax.fields import Range
from flanjax.names import nearest, shown

MOST_PROMPTS = 1024
MOST_TOP = 20
_COMPLETION_TOKENS = 16  # OpenAI's default
_OURS = ("top_k", "min_p", "repetition_penalty", "beams", "length_penalty")
_IGNORED = frozenset(
    (
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "parallel_tool_calls",
        "reasoning_effort",
        "verbosity",
    )
)
# Field -> the values that ask for nothing.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0, None),
    "presence_penalty": (0, None),
    "logit_bias": ({}, None),
    "suffix": ("", None),
    "tools": ([], None),
    "tool_choice": ("none", "auto", None),
    "functions": ([], None),
    "function_call": ("none", "auto", None),
    "response_format": ({"type": "text"}, None),
    "modalities": (["text"], None),
    "prediction": (None,),
    "audio": (None,),
    "web_search_options": (None,),
}
_BOTH = ("model", "max_tokens", "temperature", "top_p", "n", "stop", "seed", "stream", "stream_options", "logprobs", *_OURS)
COMPLETION_FIELDS = frozenset((*_BOTH, "prompt", "echo", "best_of"))
CHAT_FIELDS = frozenset((*_BOTH, "messages", "max_completion_tokens", "top_logprobs"))


class Refused(ValueError):
    """A request cannot be answered; `field` is the one that is wrong, if it is one."""

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message)
        self.field = field


class Wanted(NamedTuple):
    """What a request asks for.

    Attributes:
      prompts: ids as the model reads them, one for each prompt.
      top: how many alternatives to show for each token; None for no log-probabilities.
      echo: whether the prompt comes before its text.
      writes: whether there is to be a text at all; with `echo`, log-probabilities of the prompt may be all that is asked for.
    """

    prompts: list[list[int]]
    settings: Settings
    stream: bool
    usage: bool
    top: int | None
    echo: bool
    writes: bool = True


def completion(body: Mapping[str, Any], model: Asked) -> Wanted:
    """Returns what a body of /v1/completions asks for.

    A text is put before the model as in training; ids, and a text with `echo`, as they stand.
    """
    _check_names(body, COMPLETION_FIELDS)
    echo = _typed(body, "echo", bool, False)
    best_of, n = _typed(body, "best_of", int, None), _typed(body, "n", int, 1)
    if best_of is not None and best_of != n:
        raise Refused(f"best_of is {best_of}, expected {n}, the value of n: all texts are returned", "best_of")
    stream, usage = _stream(body)
    top = _typed(body, "logprobs", Annotated[int, Range(0, MOST_TOP)], None)
    if echo and model.layout.config.layout == "encoder_decoder":
        raise Refused("echo is for models that read and write one text; this is an encoder-decoder", "echo")
    for name, given in (("echo", echo), ("logprobs", top is not None)):
        if given and stream:
            raise Refused(f"{name} does not go together with stream", name)
    writes = not (echo and body.get("max_tokens") == 0)
    settings = _settings(body if writes else {**body, "max_tokens": None}, _COMPLETION_TOKENS)
    return Wanted(_prompts(body, model, echo), settings, stream, usage, top, echo, writes)


def chat(body: Mapping[str, Any], model: Asked) -> Wanted:
    """Returns what a body of /v1/chat/completions asks for."""
    _check_names(body, CHAT_FIELDS)
    stream, usage = _stream(body)
    top = _typed(body, "top_logprobs", Annotated[int, Range(0, MOST_TOP)], 0) if _typed(body, "logprobs", bool, False) else None
    if top is not None and stream:
        raise Refused("logprobs does not go together with stream", "logprobs")
    limit = body.get("max_completion_tokens")
    body = body if limit is None else {**body, "max_tokens": limit}
    try:
        prompt = model.prompts.of_messages(body.get("messages"))
    except ValueError as error:
        raise Refused(str(error), "messages") from error
    return Wanted([prompt], _settings(body, Settings().max_tokens), stream, usage, top, False)


def _settings(body: Mapping[str, Any], max_tokens: int) -> Settings:
    given: dict[str, Any] = {name: body.get(name) for name in ("max_tokens", "temperature", "top_p", "stop", "seed", *_OURS)}
    given["samples"] = body.get("n")
    one_answer = given["beams"] not in (None, 1)
    defaults = {"max_tokens": max_tokens, "temperature": 0 if one_answer else 1, "seed": secrets.randbits(32)}
    stop = given["stop"]
    given["stop"] = None if stop == [] else stop
    given["seed"] = given["seed"] % 2**32 if type(given["seed"]) is int else given["seed"]
    try:
        return changed(Settings(), {**given, **{k: v for k, v in defaults.items() if given[k] is None}})
    except ValueError as error:
        field = str(error).partition(" ")[0]
        named = "n" if field == "samples" else field
        raise Refused(f"{named}{str(error)[len(field) :]}", named) from error


def _prompts(body: Mapping[str, Any], model: Asked, echo: bool) -> list[list[int]]:
    given = body.get("prompt")
    several = isinstance(given, list) and not all(type(part) is int for part in given)
    prompts: list[Any] = given if isinstance(given, list) and several else [given]
    if len(prompts) > MOST_PROMPTS:
        raise Refused(f"prompt has {len(prompts):,} prompts, more than {MOST_PROMPTS:,}", "prompt")
    try:
        return [_prompt(prompt, model, echo) for prompt in prompts]
    except ValueError as error:
        raise Refused(str(error), "prompt") from error


def _prompt(prompt: Any, model: Asked, echo: bool) -> list[int]:
    if isinstance(prompt, list):
        vocabulary = model.layout.tokenizer.vocab_size
        if not prompt or not all(type(i) is int and 0 <= i < vocabulary for i in prompt):
            raise ValueError(f"prompt is {shown(prompt)}, expected ids from 0 to {vocabulary - 1:,}")
        return prompt
    ids = model.prompts.of_text(prompt)
    if not echo:
        return ids
    tokenizer = model.layout.tokenizer
    return [*([] if tokenizer.bos_id is None else [tokenizer.bos_id]), *tokenizer.encode([prompt])[0]]


def _check_names(body: Mapping[str, Any], known: frozenset[str]) -> None:
    for name, value in body.items():
        if name in known or name in _IGNORED:
            continue
        if name not in _NEUTRAL:
            raise Refused(f"{name} is not known here; {nearest(name, known)}", name)
        if value not in _NEUTRAL[name]:
            raise Refused(f"{name} is {shown(value)}, which is not supported here; leave it out", name)


def _stream(body: Mapping[str, Any]) -> tuple[bool, bool]:
    stream = _typed(body, "stream", bool, False)
    options = _typed(body, "stream_options", dict, {})
    return stream, _typed(options, "include_usage", bool, False)


def _typed(body: Mapping[str, Any], name: str, hint: Any, default: Any) -> Any:
    value = body.get(name)
    if value is None:
        return default
    try:
        return fields.fit(hint, value)
    except ValueError as error:
        raise Refused(f"{name} {error}", name) from error
