"""An OpenAI-compatible address that is asked for texts: POST ADDRESS/chat/completions (https://platform.openai.com/docs/api-reference/chat)."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, InvalidURL
from typing import Any

from flanjax.ask.settings import Settings
from flanjax.lab.writing.ask import Ask, Reply
from flanjax.lab.writing.deadline import Deadline
from flanjax.names import shown

_AGAIN = (408, 409, 425, 429)  # and all of 500 and above
_OF_PROMPT = (400, 413, 422)  # a prompt over the context, or one that the provider's filter stops; another prompt may do


class Refused(RuntimeError):
    """The address answers that it takes no request like this, so asking again does not help.

    Attributes:
      finished: replies that were there by then behind the one that was waited for, with what was asked.
    """

    finished: tuple[tuple[Ask, Reply], ...] = ()


class _Unfit(RuntimeError):
    """The address takes no such prompt."""


class _Failed(RuntimeError):
    """One attempt failed; the next one may not."""


class Endpoint:
    """A model at an address.

    Args:
      address: up to and with its version, such as http://localhost:8000/v1.
      model: the name that the address knows it by.
      problem_of: of a reply's text, what makes it useless; "" if it is of use.
      key: sent as a bearer token; none if empty.
      timeout_seconds: for one attempt, from its beginning to the last byte of the reply.
      retries: attempts beside the first one. They are asked at a temperature, since the same words would come again without.
      parallel: prompts asked at a time.
    """

    def __init__(
        self,
        address: str,
        model: str,
        problem_of: Callable[[str], str],
        *,
        key: str = "",
        timeout_seconds: float = 60.0,
        retries: int = 3,
        parallel: int = 4,
        wait_seconds: float = 1.0,
    ):
        self.name = f"{model} at {address}"
        self._url = f"{address.rstrip('/')}/chat/completions"
        self._model, self._problem_of, self._key = model, problem_of, key
        self._timeout, self._retries, self._parallel, self._wait = timeout_seconds, retries, parallel, wait_seconds

    def __call__(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Yields a reply to each prompt, in order; one with an error where no attempt was of use, or the prompt is not taken.

        Raises:
          Refused: the address takes no request. Only those under way at that time are asked beside it.
        """
        pool, over, refused = ThreadPoolExecutor(self._parallel), threading.Event(), list[Refused]()

        def asked(ask: Ask) -> Reply:
            try:
                return self._asked(ask, over)
            except Refused as error:
                refused.append(error)
                over.set()
                raise

        replies = [pool.submit(asked, ask) for ask in asks]
        try:
            for reply in replies:
                yield reply.result()
        except Refused:
            told = refused[0]  # not that of a request which was given up for it
            there = [reply.done() and not reply.cancelled() and not reply.exception() for reply in replies]
            told.finished = tuple((ask, reply.result()) for ask, reply, good in zip(asks, replies, there, strict=True) if good)
            raise told from None
        finally:
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _asked(self, ask: Ask, over: threading.Event) -> Reply:
        text, ended, problem = "", True, ""
        for attempt in range(self._retries + 1):
            if over.is_set():
                raise Refused("another request was refused")
            try:
                text, ended = self._post(_body(self._model, ask, attempt))
                problem = self._problem_of(text)
                if not problem:
                    return Reply(text, "", attempt + 1, ended)
            except _Unfit as error:
                return Reply(text, str(error), attempt + 1, ended)
            except _Failed as error:
                problem = str(error)
                if attempt < self._retries:
                    over.wait(self._wait * 2**attempt)
        return Reply(text, problem, self._retries + 1, ended)

    def _post(self, body: dict[str, Any]) -> tuple[str, bool]:
        with Deadline(self._timeout) as deadline:
            try:
                return self._answer(body, urllib.request.build_opener(deadline))
            except _Failed as error:
                if deadline.over:
                    raise _Failed(f"{self._url} has not answered in {self._timeout:g} s") from error
                raise

    def _answer(self, body: dict[str, Any], opener: urllib.request.OpenerDirector) -> tuple[str, bool]:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self._key}"} if self._key else {})}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            with opener.open(request, timeout=self._timeout) as response:
                raw = response.read()
        except urllib.error.HTTPError as error:
            said = f"{self._url} answers {error.code} {error.reason}: {shown(_body_of(error))}"
            kind = _Failed if error.code >= 500 or error.code in _AGAIN else _Unfit if error.code in _OF_PROMPT else Refused
            raise kind(said) from error
        except InvalidURL as error:
            raise Refused(f"{self._url} is no address: {error}") from error
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            timed_out = isinstance(cause, TimeoutError)
            raise _Failed(
                f"{self._url} has not answered in {self._timeout:g} s"
                if timed_out
                else f"{self._url} cannot be reached: {cause}"
            ) from error
        except HTTPException as error:
            raise _Failed(f"{self._url} breaks off, or answers no HTTP: {error!r}") from error
        return _content(raw, self._url)


def _body_of(error: urllib.error.HTTPError) -> str:
    try:
        return error.read(500).decode(errors="replace")
    except (OSError, HTTPException):
        return ""


def _body(model: str, ask: Ask, attempt: int) -> dict[str, Any]:
    """What is posted: OpenAI's names of the settings."""
    how: Settings = ask.settings
    temperature = how.temperature if attempt == 0 else max(how.temperature, 0.5)
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": ask.prompt}]}
    body |= {"temperature": temperature, "max_tokens": how.max_tokens}
    if how.top_p < 1:
        body["top_p"] = how.top_p
    if how.stop:
        body["stop"] = [*how.stop]
    if how.temperature:
        body["seed"] = (how.seed + 1_000 * ask.number + attempt) % 2**31
    return body


def _content(raw: bytes, url: str) -> tuple[str, bool]:
    """The text in an answer, and whether it is whole."""
    try:
        choice: Any = json.loads(raw)["choices"][0]
        found, ended = choice["message"]["content"], choice.get("finish_reason") != "length"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _Failed(f"{url} answers what is no chat completion: {shown(raw[:500].decode(errors='replace'))}") from error
    if not isinstance(found, str):
        raise _Failed(f"{url} answers a chat completion without text: {shown(found)}")
    return found, ended
