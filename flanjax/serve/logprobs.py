"""Log-probabilities of tokens, in the two forms of OpenAI's interface."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flanjax.data.tokenizer import Tokenizer
from flanjax.generate.request import Text
from flanjax.generate.writing import TORN
from flanjax.serve.wanted import Wanted
from flanjax.serve.worker import Worker

_CONTEXT = 8  # tokens before one that decide how it is decoded


class Likelihoods(NamedTuple):
    """Tokens of a text with the natural logarithms of their probabilities, given all before them.

    Attributes:
      values: None for a token that nothing stands before.
      alternatives: for each token its most probable alternatives, (id, value), the best first.
    """

    ids: Sequence[int]
    values: Sequence[float | None]
    alternatives: Sequence[Sequence[tuple[int, float]] | None]


async def likelihoods_of(
    worker: Worker, asked: Wanted, texts: Mapping[tuple[int, int], Text]
) -> dict[tuple[int, int], Likelihoods]:
    """Returns the log-probabilities of texts, with `echo` those of the prompts before them too; {} if none are asked for.

    The token that ended a text is one of its tokens here: of a text of one token, clients leave out the last one.
    """
    if asked.top is None:
        return {}
    top = max(asked.top, 1)
    rows = []
    for (prompt, _), text in texts.items():
        whole = [*asked.prompts[prompt], *text.ids, *([] if text.end is None else [text.end])]
        begin = 1 if asked.echo else len(asked.prompts[prompt])
        rows.append((whole[:begin], whole[begin:]))
    found = await worker.call(lambda: worker.model.log_probs([row for row in rows if row[1]], top))
    scored = iter(found)
    result = {}
    for key, (before, ids) in zip(texts, rows, strict=True):
        values, alternatives = next(scored) if ids else ([], [])
        shown = [best[: asked.top] for best in alternatives]
        result[key] = (
            Likelihoods([*before, *ids], [None, *values], [None, *shown]) if asked.echo else Likelihoods(ids, values, shown)
        )
    return result


def completion_logprobs(found: Likelihoods, tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns the `logprobs` of a choice of /v1/completions."""
    texts = [_Texts(tokenizer, found.ids[:place]) for place in range(len(found.ids))]
    tokens = [text.of(i) for text, i in zip(texts, found.ids, strict=True)]
    return {
        "tokens": tokens,
        "token_logprobs": list(found.values),
        "top_logprobs": [
            None if best is None else _by_text(best, text) for text, best in zip(texts, found.alternatives, strict=True)
        ],
        "text_offset": [0, *itertools.accumulate(map(len, tokens))][: len(tokens)],
    }


def chat_logprobs(found: Likelihoods, tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns the `logprobs` of a choice of /v1/chat/completions."""
    content = []
    for place, (i, value, best) in enumerate(zip(found.ids, found.values, found.alternatives, strict=True)):
        texts = _Texts(tokenizer, found.ids[:place])
        content.append({**_token(i, value, texts), "top_logprobs": [_token(j, v, texts) for j, v in best or ()]})
    return {"content": content}


class _Texts:
    """What tokens add to the text of those before them: a token alone would lose the space before its word.

    A token that ends within a character adds what is whole; the rest of the character comes with the token that completes it.
    """

    def __init__(self, tokenizer: Tokenizer, before: Sequence[int]):
        self._decode, self._before = tokenizer.decode, list(before[-_CONTEXT:])
        self._known = len(self._decode(self._before).rstrip(TORN))

    def of(self, token: int) -> str:
        return self._decode([*self._before, token]).rstrip(TORN)[self._known :]


def _token(i: int, value: float | None, texts: _Texts) -> dict[str, Any]:
    text = texts.of(i)
    return {"token": text, "logprob": value, "bytes": list(text.encode())}


def _by_text(best: Sequence[tuple[int, float]], texts: _Texts) -> dict[str, float]:
    """Returns the alternatives by their texts; of several tokens with one text, the most probable one."""
    found: dict[str, float] = {}
    for i, value in best:
        found.setdefault(texts.of(i), value)
    return found
