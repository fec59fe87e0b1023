"""A model for lm-evaluation-harness, which scores and writes what its class for Hugging Face's models does for the export.

Contexts and continuations are encoded as that class encodes them: a context with the tokens that the exported tokenizer puts
around a text (the end of sequence after an encoder's, the beginning of sequence before a decoder's), a decoder's continuation
as what the whole has more than the context, an encoder-decoder's by itself. A text that is too long loses its beginning.

One thing differs. `max_gen_toks` limits a text to so many tokens; for an encoder-decoder, that class adds the length of the
prompt, padded as in its batch, so that a text which does not end goes on for longer there.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from flanjax.data.layout import make_layout
from flanjax.data.tokenizer_export import around
from flanjax.generate.engine import Engine
from flanjax.generate.request import Request
from flanjax.generate.sampler import GREEDY, Sampler
from flanjax.harness.library import (
    Instance,
    TemplateLM,
    get_rolling_token_windows,
    handle_stop_sequences,
    make_disjoint_window,
    normalize_gen_kwargs,
    postprocess_generated_text,
    register_model,
)
from flanjax.names import nearest
from flanjax.parallel import distributed
from flanjax.run.loaded import LoadedModel, load_model
from flanjax.train.log import ProgressBar

MAX_GEN_TOKENS = 256  # where a task does not say, as in lm-evaluation-harness
_NO_LIMIT = 1 << 30  # of an encoder-decoder, whose positions are relative; its exports name none either
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
_Scored = tuple[tuple[str, str] | None, list[int], list[int]]  # the texts for the cache, ids of context and continuation


@register_model("flanjax")
class FlanjaxLM(TemplateLM):
    """A model of flanjax for lm-evaluation-harness.

    Args:
      model: a loaded one; or a run's workdir, a directory in Hugging Face's layout, or an id of the hub.
      batch_size: prompts at a time when scoring, and texts in work when writing.
      max_length: tokens of the longest context and continuation. When None, what the weights of a decoder-only model were
        trained for; no limit for an encoder-decoder, so give one where another evaluation cut its prompts.
      seed: of tasks that sample.
    """

    tokenizer = None  # it would be a transformers one

    def __init__(
        self, model: LoadedModel | str, *, batch_size: int = 32, max_length: int | None = None, seed: int = 0, **unknown: Any
    ):
        super().__init__()
        ignored = {"max_batch_size", "device"}  # lm_eval adds them for every model
        if strange := [name for name in unknown if name not in ignored]:
            raise ValueError(f"the model flanjax has no argument {strange[0]!r}; {nearest(strange[0], _ARGUMENTS)}")
        self.model = load_model(model) if isinstance(model, str) else model
        own: int = getattr(self.model.config, "max_positions", _NO_LIMIT)
        self.max_length = int(max_length or own)
        self.batch_size, self._seed = int(batch_size), int(seed)
        self._layout = make_layout(self.model.features, self.model.tokenizer)
        self._before, self._after = around(self._layout)
        self.backend = "seq2seq" if self.model.features.layout == "encoder_decoder" else "causal"
        self._scorer = self.model.scorer(self._layout, batch_size=self.batch_size)

    @property
    def eot_token_id(self) -> int:
        return self.model.tokenizer.eos_id

    @property
    def prefix_token_id(self) -> int:
        tokenizer = self.model.tokenizer
        if named := getattr(tokenizer, "special", {}).get("bos_token"):
            return self._encode(named)[0]
        return self.eot_token_id if tokenizer.bos_id is None else tokenizer.bos_id

    @property
    def tokenizer_name(self) -> str:
        return self.model.tokenizer.fingerprint

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Returns ids of a text in which special tokens may be spelt out, as chat templates do."""
        del kwargs
        ids = self._encode(string)
        if add_special_tokens is False or ids[:1] == [self.prefix_token_id]:
            return ids
        return [*self._before, *ids, *self._after]

    def _encode(self, text: str) -> list[int]:
        tokenizer = self.model.tokenizer
        ids: list[int] = getattr(tokenizer, "encode_template", tokenizer.encode)([text])[0]
        return ids

    def _loglikelihood_tokens(self, requests: Sequence[_Scored], **kwargs: Any) -> list[tuple[float, bool]]:
        """Returns (log-likelihood, whether greedy decoding would write it) of continuations; each context is read once."""
        del kwargs
        places: dict[tuple[int, ...], list[int]] = {}
        for place, (_, context, continuation) in enumerate(requests):
            places.setdefault(self._cut(context, continuation), []).append(place)
        options = [[requests[place][2] for place in those] for those in places.values()]
        found: list[tuple[float, bool]] = [(0.0, True)] * len(requests)
        for those, scores in zip(places.values(), self._scorer.scores(list(places), options), strict=True):
            for place, score in zip(those, scores, strict=True):
                found[place] = (score.log_likelihood, score.is_greedy)
        for (texts, _, _), answer in zip(requests, found, strict=True):
            if texts is not None:
                self.cache_hook.add_partial("loglikelihood", texts, answer)
        return found

    def _cut(self, context: Sequence[int], continuation: Sequence[int]) -> tuple[int, ...]:
        """Returns the end of the context that is left room for."""
        room = self.max_length if self.backend == "seq2seq" else self.max_length + 1 - len(continuation)
        if room < 1 or len(continuation) > self.max_length:
            raise ValueError(f"a continuation has {len(continuation):,} tokens, and the model reads {self.max_length:,}")
        return tuple(context[-room:])

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Returns the log-likelihoods of whole texts, in windows of `max_length` tokens.

        As in lm-evaluation-harness, an encoder-decoder writes the text after an encoder that has read the beginning of the
        window alone.
        """
        del disable_tqdm
        windows: list[_Scored] = []
        counts = []
        for (text,) in (request.args for request in requests):
            found = get_rolling_token_windows(
                self.tok_encode(text), prefix_token=self.prefix_token_id, max_seq_len=self.max_length, context_len=1
            )
            pairs = [make_disjoint_window(window) for window in found]
            windows += [(None, *pair) for pair in pairs]
            counts.append(len(pairs))
        scores = iter(self._loglikelihood_tokens(windows))
        sums = [sum(next(scores)[0] for _ in range(count)) for count in counts]
        for request, total in zip(requests, sums, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return sums

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Returns texts up to their stop strings, which are cut off."""
        del disable_tqdm
        asked = [self._request(item, *request.args) for item, request in enumerate(requests)]
        engine = self.model.engine(slots=self.batch_size, end_repetition=False, longest=self.max_length)
        texts = dict(self._written(engine, asked))
        for item, request in enumerate(requests):
            self.cache_hook.add_partial("generate_until", request.args, texts[item])
        return [texts[item] for item in range(len(requests))]

    def _written(self, engine: Engine, asked: Sequence[Request]) -> Iterable[tuple[int, str]]:
        bar = ProgressBar("writing", len(asked), silent=not distributed.is_first())
        try:
            for text in engine.generate(asked):
                whole = self.model.tokenizer.decode(text.ids)
                yield text.item, postprocess_generated_text(whole, list(asked[text.item].stop), None)
                bar.advance()
        finally:
            bar.close()

    def _request(self, item: int, context: str, settings: dict[str, Any]) -> Request:
        """Returns what a task asks for. Raises ValueError naming a setting that cannot be met."""
        kwargs: dict[str, Any] = dict(normalize_gen_kwargs(settings, MAX_GEN_TOKENS))
        end = getattr(self.model.tokenizer, "special", {}).get("eos_token", "</s>")
        stop = handle_stop_sequences(kwargs.pop("until", None), eos=end)
        limit, draws = int(kwargs.pop("max_gen_toks")), kwargs.pop("do_sample")
        chosen = {name: kwargs.pop(name) for name in _SAMPLING if kwargs.get(name) is not None}
        if strange := {name: value for name, value in kwargs.items() if (name, value) not in _IDLE}:
            name = next(iter(strange))
            raise ValueError(f"generation_kwargs.{name}={strange[name]!r} is not supported; {nearest(name, _SAMPLING)}")
        room = self.max_length - limit if self.backend == "causal" else self.max_length
        if room < 1:
            raise ValueError(f"max_gen_toks is {limit:,}, and the model reads {self.max_length:,} tokens, context included")
        prompt = (self.tok_encode(context) or [self.prefix_token_id])[-room:]
        sampler = _sampler(chosen, self._seed) if draws else GREEDY
        return Request(item, prompt, limit, sampler, stop=tuple(text for text in stop if text))


_ARGUMENTS = ("model", "batch_size", "max_length", "seed")
_IDLE = (("num_beams", 1), ("use_cache", True), ("early_stopping", False), ("num_return_sequences", 1))


def _sampler(chosen: dict[str, Any], seed: int) -> Sampler:
    counted: dict[str, Any] = {name: int(value) if name == "top_k" else float(value) for name, value in chosen.items()}
    return Sampler(**counted, seed=seed)
