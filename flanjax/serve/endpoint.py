"""The OpenAI-compatible endpoint: /v1/models, /v1/completions and /v1/chat/completions, streamed by server-sent events or not.

Formats: https://platform.openai.com/docs/api-reference. `finish_reason` is "length" for a text that broke off at max_tokens and
"stop" for every other one.
"""

import asyncio
import collections
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from flanjax.data.tokenizer import Tokenizer
from flanjax.generate.request import Piece, Text
from flanjax.names import nearest
from flanjax.serve import wanted as wanted_of
from flanjax.serve.answers import Answers, Dropped, News
from flanjax.serve.logprobs import chat_logprobs, completion_logprobs, likelihoods_of
from flanjax.serve.wanted import Refused, Wanted
from flanjax.serve.worker import Broken, Worker

WORKERS: web.AppKey[Mapping[str, Worker]] = web.AppKey("workers")
STALL_SECONDS = 30.0  # for which a client may take nothing of what is sent to it
_BODY_SECONDS = 30.0


def routes() -> list[web.RouteDef]:
    """Returns the routes of the endpoint; the application has WORKERS by the models' names."""
    return [
        web.get("/v1/models", _models),
        web.get("/v1/models/{name:.+}", _model),
        web.post("/v1/completions", _completions),
        web.post("/v1/chat/completions", _chat),
    ]


async def read_body(request: web.Request) -> dict[str, Any]:
    """Returns the JSON object that a client sent. Raises Refused, or an HTTP error if it is too large or too slow."""
    try:
        raw = await asyncio.wait_for(request.read(), _BODY_SECONDS)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {_BODY_SECONDS:.0f} s") from error
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(f"the body is a {type(body).__name__}, expected a JSON object")
    return body


def worker_of(request: web.Request, body: Mapping[str, Any]) -> Worker:
    """Returns the worker of the model that a body names; the first one if it names none."""
    workers = request.app[WORKERS]
    name = body.get("model")
    if name is None:
        return next(iter(workers.values()))
    if not isinstance(name, str) or name not in workers:
        raise web.HTTPNotFound(text=f"there is no model {name!r}; {nearest(str(name), workers)}")
    return workers[name]


async def _models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [_described(name) for name in request.app[WORKERS]]})


async def _model(request: web.Request) -> web.Response:
    return web.json_response(_described(worker_of(request, {"model": request.match_info["name"]}).model.name))


def _described(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "flanjax"}


async def _completions(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    worker = worker_of(request, body)
    asked = wanted_of.completion(body, worker.model)
    reply = _Reply("text_completion", "cmpl", worker.model.name)
    if asked.stream:
        return await _stream(request, worker, asked, reply, lambda text: {"text": text, "logprobs": None})
    texts = await _texts(request, worker, asked)
    choices = []
    found = await likelihoods_of(worker, asked, texts)
    for (prompt, sample), text in texts.items():
        shown = _echoed(asked.prompts[prompt], text, worker.model.layout.tokenizer) if asked.echo else text.text
        logprobs = completion_logprobs(found[prompt, sample], worker.model.layout.tokenizer) if found else None
        index = prompt * asked.settings.samples + sample
        choices.append({"index": index, "text": shown, "logprobs": logprobs, "finish_reason": _reason(text)})
    return web.json_response(reply.record(choices, usage=_usage(asked, texts)))


def _echoed(prompt: Sequence[int], text: Text, tokenizer: Tokenizer) -> str:
    """A prompt and its text, decoded as one: alone, the text would lose the space before its first word."""
    cut = len(tokenizer.decode(text.ids)) - len(text.text)  # what a stop string cuts off
    whole = tokenizer.decode([*prompt, *text.ids])
    return whole[: len(whole) - cut]


async def _chat(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    worker = worker_of(request, body)
    asked = wanted_of.chat(body, worker.model)
    if asked.stream:
        reply = _Reply("chat.completion.chunk", "chatcmpl", worker.model.name)
        return await _stream(
            request, worker, asked, reply, lambda text: {"delta": {"content": text} if text else {}}, role=True
        )
    reply = _Reply("chat.completion", "chatcmpl", worker.model.name)
    texts = await _texts(request, worker, asked)
    choices = []
    found = await likelihoods_of(worker, asked, texts)
    for key, text in texts.items():
        message = {"role": "assistant", "content": text.text}
        logprobs = chat_logprobs(found[key], worker.model.layout.tokenizer) if found else None
        choices.append({"index": key[1], "message": message, "logprobs": logprobs, "finish_reason": _reason(text)})
    return web.json_response(reply.record(choices, usage=_usage(asked, texts)))


class _Reply:
    """What all parts of a reply have in common."""

    def __init__(self, kind: str, prefix: str, model: str):
        self._common = {"id": f"{prefix}-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}

    def record(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {**self._common, "choices": choices, **more}


Texts = dict[tuple[int, int], Text]  # by prompt and sample, in this order


async def _texts(request: web.Request, worker: Worker, asked: Wanted) -> Texts:
    """Returns all texts once they are finished."""
    order = [(prompt, sample) for prompt in range(len(asked.prompts)) for sample in range(asked.settings.samples)]
    if not asked.writes:
        return {key: Text(0, key[1], [], "", "length") for key in order}
    texts: Texts = {}
    with _ask(request, worker, asked) as answers:
        async for found in answers:
            if isinstance(found.new, Text):
                texts[found.prompt, found.new.sample] = found.new
    return {key: texts[key] for key in order}


async def _stream(
    request: web.Request,
    worker: Worker,
    asked: Wanted,
    reply: _Reply,
    shown: Callable[[str], dict[str, Any]],
    *,
    role: bool = False,
) -> web.StreamResponse:
    """Sends the texts as they are made, as server-sent events.

    Args:
      shown: what a choice has for a new piece of its text.
      role: whether the first event says who speaks.
    """
    with _ask(request, worker, asked) as answers:
        events = aiter(answers)
        first = await anext(events)  # a refusal still has a status of its own
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        try:
            if role:
                said = {"delta": {"role": "assistant", "content": ""}, "finish_reason": None}
                await _send(response, reply.record([{"index": i, **said} for i in range(asked.settings.samples)]))
            await _send_news(response, first, events, asked, reply, shown)
        except Broken as error:
            await _send(response, {"error": {"message": str(error), "type": "server_error", "param": None, "code": None}})
        except (Dropped, TimeoutError, ConnectionError):  # the client does not read, or is gone
            _hang_up(request)
    return response


async def _send_news(
    response: web.StreamResponse,
    found: News,
    later: AsyncIterator[News],
    asked: Wanted,
    reply: _Reply,
    shown: Callable[[str], dict[str, Any]],
) -> None:
    """Sends an event for each piece of news, then the usage if it was asked for, and the end."""
    lengths, texts = collections.Counter[int](), Texts()
    news: News | None = found
    while news is not None:
        new, index = news.new, news.prompt * asked.settings.samples + news.new.sample
        text = new.text if isinstance(new, Piece) else new.text[lengths[index] :]
        lengths[index] += len(text)
        if text:
            await _send(response, reply.record([{"index": index, **shown(text), "finish_reason": None}]))
        if isinstance(new, Text):
            texts[news.prompt, new.sample] = new
            await _send(response, reply.record([{"index": index, **shown(""), "finish_reason": _reason(new)}]))
        news = await anext(later, None)
    if asked.usage:
        await _send(response, reply.record([], usage=_usage(asked, texts)))
    await _write(response, b"data: [DONE]\n\n")
    await response.write_eof()


def _ask(request: web.Request, worker: Worker, asked: Wanted) -> Answers:
    prompts = [(ids, asked.settings) for ids in asked.prompts]
    return worker.ask(prompts, stream=asked.stream, on_drop=lambda: _hang_up(request))


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _send(response: web.StreamResponse, record: Mapping[str, Any]) -> None:
    await _write(response, f"data: {json.dumps(record)}\n\n".encode())


async def _write(response: web.StreamResponse, data: bytes) -> None:
    await asyncio.wait_for(response.write(data), STALL_SECONDS)


def _reason(text: Text) -> str:
    return "length" if text.stop == "length" else "stop"


def _usage(asked: Wanted, texts: Texts) -> dict[str, int]:
    read, written = sum(map(len, asked.prompts)), sum(len(text.ids) for text in texts.values())
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
