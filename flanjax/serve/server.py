"""The application: the page, its own two requests, and the OpenAI-compatible endpoint; and how it runs until Ctrl-C."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from flanjax.ask.models import Asked
from flanjax.serve.compare import score_options
from flanjax.serve.endpoint import WORKERS, read_body, routes, worker_of
from flanjax.serve.guard import MOST_BYTES, add_headers, guard, page_response
from flanjax.serve.page import Shown
from flanjax.serve.wanted import Refused
from flanjax.serve.worker import Worker

MOST_OPTIONS = 256
_PAGE: web.AppKey[Shown] = web.AppKey("page")
_SHUTDOWN_SECONDS = 2.0


def make_app(workers: Mapping[str, Worker], page: Shown) -> web.Application:
    """Returns the application for workers by their models' names."""
    app = web.Application(middlewares=[guard], client_max_size=MOST_BYTES)
    app[WORKERS], app[_PAGE] = workers, page
    app.on_response_prepare.append(add_headers)
    app.add_routes([web.get("/", _page), web.post("/score", _score), web.get("/health", _health), *routes()])
    return app


async def _page(request: web.Request) -> web.Response:
    return page_response(request.app[_PAGE].live)


async def _health(request: web.Request) -> web.Response:
    """How much each model has to do, and whether all of them still answer."""
    workers = request.app[WORKERS]
    found = {name: {"texts": worker.num_texts, "failure": worker.failure} for name, worker in workers.items()}
    return web.json_response(found, status=503 if any(worker.failure for worker in workers.values()) else 200)


async def _score(request: web.Request) -> web.Response:
    """The log-likelihoods of options after a prompt."""
    body = await read_body(request)
    worker, options = worker_of(request, body), body.get("options")
    if not isinstance(options, list) or not options or not all(isinstance(o, str) and o for o in options):
        raise Refused("options must be a list of texts", "options")
    if len(options) > MOST_OPTIONS:
        raise Refused(f"there are {len(options)} options, more than {MOST_OPTIONS}", "options")
    try:
        ids = worker.model.prompts.of_messages([{"role": "user", "content": body.get("prompt")}])
    except ValueError as error:
        raise Refused(str(error), "prompt") from error
    return web.json_response({"options": await worker.call(lambda: score_options(worker.model, ids, options))})


@contextlib.asynccontextmanager
async def serving(models: Sequence[Asked], page: Shown, *, host: str, port: int, slots: int) -> AsyncIterator[str]:
    """Serves models while the block runs; gives the address.

    Raises:
      OSError: the port is taken.
    """
    loop = asyncio.get_running_loop()
    workers = {model.name: Worker(model, slots=slots, loop=loop) for model in models}
    # A client that goes away ends its handler, and so what it asked for.
    runner = web.AppRunner(make_app(workers, page), handler_cancellation=True, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, shutdown_timeout=_SHUTDOWN_SECONDS)
        await site.start()
        address = f"[{host}]" if ":" in host else host
        yield f"http://{address}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
        for worker in workers.values():
            worker.close()


async def serve(
    models: Sequence[Asked], page: Shown, *, host: str, port: int, slots: int, log: Callable[[str], Any] = print
) -> None:
    """Serves models until Ctrl-C or SIGTERM."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with serving(models, page, host=host, port=port, slots=slots) as address:
        log(f"{address} shows {' and '.join(m.name for m in models)}; {address}v1 is for OpenAI clients. Ctrl-C ends it")
        await ended.wait()
