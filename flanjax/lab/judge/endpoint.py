"""A judge at an OpenAI-compatible address: POST ADDRESS/chat/completions (https://platform.openai.com/docs/api-reference/chat)."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flanjax.lab.judge.judges import Reply, verdict_of
from flanjax.names import shown

_AGAIN = (408, 409, 425, 429)  # and all of 500 and above
_LOOPS = 4  # a reply with this many of the same 30 last characters goes round in circles


class Refused(RuntimeError):
    """The address answers that the request is wrong, so asking again does not help."""


class _Failed(RuntimeError):
    """One attempt failed; the next one may not."""


class Endpoint:
    """A judge at an address.

    Args:
      address: up to and with its version, such as http://localhost:8000/v1.
      model: the name that the address knows it by.
      key: sent as a bearer token; none if empty.
      timeout_seconds: for one attempt.
      retries: attempts beside the first one. They are asked at a temperature, since the same words would come again without.
      parallel: prompts asked at a time.
    """

    how = 'Give your reason in one sentence. Then end with a line "Verdict: A", "Verdict: B" or "Verdict: tie".'

    def __init__(
        self,
        address: str,
        model: str,
        *,
        key: str = "",
        timeout_seconds: float = 60.0,
        retries: int = 3,
        parallel: int = 4,
        max_tokens: int = 512,
        wait_seconds: float = 1.0,
    ):
        self.name = f"{model} at {address}"
        self._url = f"{address.rstrip('/')}/chat/completions"
        self._model, self._key, self._max_tokens = model, key, max_tokens
        self._timeout, self._retries, self._parallel, self._wait = timeout_seconds, retries, parallel, wait_seconds

    def __call__(self, prompts: Sequence[str]) -> Iterator[Reply]:
        """Yields a reply to each prompt, in order; one with an error where no attempt had a verdict.

        Raises:
          Refused: the address says that the request is wrong.
        """
        pool = ThreadPoolExecutor(self._parallel)
        try:
            yield from pool.map(self._asked, prompts)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _asked(self, prompt: str) -> Reply:
        text = problem = ""
        for attempt in range(self._retries + 1):
            try:
                text = self._post(prompt, 0.0 if attempt == 0 else 0.5)
                if verdict_of(text) is not None:
                    return Reply(text, tries=attempt + 1)
                problem = _without_verdict(text)
            except _Failed as error:
                problem = str(error)
                if attempt < self._retries:
                    time.sleep(self._wait * 2**attempt)
        return Reply(text, problem, self._retries + 1)

    def _post(self, prompt: str, temperature: float) -> str:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": temperature,
            "max_tokens": self._max_tokens,
        }
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self._key}"} if self._key else {})}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                raw = response.read()
        except urllib.error.HTTPError as error:
            said = f"{self._url} answers {error.code} {error.reason}: {shown(error.read()[:500].decode(errors='replace'))}"
            if error.code >= 500 or error.code in _AGAIN:
                raise _Failed(said) from error
            raise Refused(said) from error
        except TimeoutError as error:
            raise _Failed(f"{self._url} has not answered in {self._timeout:g} s") from error
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            timed_out = isinstance(cause, TimeoutError)
            raise _Failed(
                f"{self._url} has not answered in {self._timeout:g} s"
                if timed_out
                else f"{self._url} cannot be reached: {cause}"
            ) from error
        return _content(raw, self._url)


def _content(raw: bytes, url: str) -> str:
    """The text in an answer."""
    try:
        found: Any = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise _Failed(f"{url} answers what is no chat completion: {shown(raw[:500].decode(errors='replace'))}") from error
    if not isinstance(found, str):
        raise _Failed(f"{url} answers a chat completion without text: {shown(found)}")
    return found


def _without_verdict(text: str) -> str:
    end = text.strip()[-30:]
    if len(end) == 30 and text.count(end) >= _LOOPS:
        return f"the reply repeats itself and has no verdict; it ends {shown(text[-60:])}"
    return f"the reply has no verdict: {shown(text[-200:])}"
