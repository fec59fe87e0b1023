"""Log-probabilities of tokens, in the two forms of OpenAI's interface."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flanjax.data.tokenizer import Tokenizer
from flanjax.generate.request import Text
from flanjax.serve.wanted import Wanted
from flanjax.serve.worker import Worker


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
        end = worker.model.prompts.targets("")[-1:] if text.stop == "eos" else []
        whole = [*asked.prompts[prompt], *text.ids, *end]
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
    tokens = [tokenizer.decode([i]) for i in found.ids]
    offsets = [0]
    for token in tokens:
        offsets.append(offsets[-1] + len(token))
    return {
        "tokens": tokens,
        "token_logprobs": list(found.values),
        "top_logprobs": [None if best is None else _by_text(best, tokenizer) for best in found.alternatives],
        "text_offset": offsets[:-1],
    }


def chat_logprobs(found: Likelihoods, tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns the `logprobs` of a choice of /v1/chat/completions."""
    content = []
    for i, value, best in zip(found.ids, found.values, found.alternatives, strict=True):
        content.append({**_token(i, value, tokenizer), "top_logprobs": [_token(j, v, tokenizer) for j, v in best or ()]})
    return {"content": content}


def _token(i: int, value: float | None, tokenizer: Tokenizer) -> dict[str, Any]:
    text = tokenizer.decode([i])
    return {"token": text, "logprob": value, "bytes": list(text.encode())}


def _by_text(best: Sequence[tuple[int, float]], tokenizer: Tokenizer) -> dict[str, float]:
    """Returns the alternatives by their texts; of several tokens with one text, the most probable one."""
    found: dict[str, float] = {}
    for i, value in best:
        found.setdefault(tokenizer.decode([i]), value)
    return found
