"""What lets requests in: only those of programs on this machine, and of the page itself.

A page of any other site that is open in a browser here can send requests to this address. So a request must name this machine
as its host (a foreign name that was made to point here, DNS rebinding, does not), must not come from a page of another origin,
and must say that its body is JSON, which a form of another page cannot.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from flanjax.serve.answers import Dropped
from flanjax.serve.wanted import Refused
from flanjax.serve.worker import Broken, Busy

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_BYTES = 4 << 20  # of a request's body

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def error_response(status: int, message: str, *, kind: str = "invalid_request_error", field: str | None = None) -> web.Response:
    """Returns an error in the form of OpenAI's interface."""
    record = {"message": message, "type": kind, "param": field, "code": None}
    return web.json_response({"error": record}, status=status)


def host_name(host: str) -> str:
    """Returns the name in a Host header, without its port.

    >>> host_name("localhost:8000"), host_name("[::1]:8000"), host_name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


@web.middleware
async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuses foreign requests, and turns every error into JSON with a reason."""
    return foreign(request) or await _answered(request, handler)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers that every response has; for `Application.on_response_prepare`."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def page_response(render: Callable[[str], str]) -> web.Response:
    """Returns a page whose own scripts and styles alone may run, and which may fetch from this server alone.

    Args:
      render: nonce -> the page.
    """
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy}
    return web.Response(text=render(nonce), content_type="text/html", charset="utf-8", headers=headers)


def foreign(request: web.Request) -> web.Response | None:
    """Returns the refusal of a request that comes from elsewhere; None if it may go on."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if host_name(host) not in LOOPBACK:
        names = ", ".join(LOOPBACK)
        return error_response(403, f"the request is for host {host[:80]!r}; only {names} are served", kind="forbidden")
    if origin is not None and origin != f"http://{host}":
        return error_response(403, f"requests of pages of another origin ({origin[:80]}) are refused", kind="forbidden")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return error_response(403, "requests of pages of another site are refused", kind="forbidden")
    if request.method == "POST" and request.content_type != "application/json":
        return error_response(415, f"the body is {request.content_type}, expected application/json")
    return None


async def _answered(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as error:
        return error_response(400, str(error), field=error.field)
    except web.HTTPRequestEntityTooLarge:
        return error_response(413, f"the body is longer than {MOST_BYTES >> 20} MiB")
    except web.HTTPMethodNotAllowed as error:
        methods = ", ".join(sorted(error.allowed_methods))
        return error_response(405, f"{request.path} takes {methods}, not {request.method}")
    except web.HTTPNotFound as error:
        plain = error.text in (None, "404: Not Found")
        return error_response(404, f"there is nothing at {request.path}" if plain else str(error.text))
    except web.HTTPException as error:
        return error_response(error.status, error.text or error.reason)
    except ValueError as error:  # the engine's refusal of a prompt
        return error_response(400, str(error), field="prompt")
    except Busy as error:
        return error_response(429, str(error), kind="rate_limit_error")
    except Broken as error:
        return error_response(503, str(error), kind="server_error")
    except (Dropped, ConnectionError):  # nobody reads this
        return error_response(400, "the connection is lost")
    except Exception as error:
        logging.getLogger("flanjax").exception("a request failed")
        return error_response(500, f"{type(error).__name__}: {error}", kind="server_error")
