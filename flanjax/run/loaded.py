"""A trained or published model, loaded to be asked."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
from etils import epath

from flanjax import checkpoint, parts
from flanjax import huggingface as hf
from flanjax.adapt import peft
from flanjax.adapt.methods import make_tuning, reserved
from flanjax.config import ConfigError
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import Layout, make_layout
from flanjax.data.tokenizer import Tokenizer, load_tokenizer
from flanjax.generate.engine import Engine
from flanjax.generate.request import Piece, Request, Text
from flanjax.generate.sampler import GREEDY, Sampler
from flanjax.generate.scorer import Scorer
from flanjax.models import functional
from flanjax.models.params import Full, Params, Tuning
from flanjax.parallel import sharding
from flanjax.workdir import open_workdir


class LoadedModel:
    """A model with its tokenizer, on the devices of this machine.

    Attributes:
      name: where it came from.
      config: its shape, and how it is computed.
      params: a nested dict of arrays, as flanjax.models.functional takes them.
      tokenizer: text to ids and back.
      features: how a prompt and its answer are put together, as in training.
      step: of its checkpoint; 0 of a published model.
      trained_on: names of the tasks that a run trained on.
    """

    def __init__(
        self,
        name: str,
        config: functional.Config,
        params: Any,
        tokenizer: Tokenizer,
        features: FeatureConfig,
        mesh: sharding.Mesh,
        *,
        step: int = 0,
        trained_on: frozenset[str] = frozenset(),
    ):
        self.name, self.config, self.params = name, config, params
        self.tokenizer, self.features = tokenizer, features
        self.step, self.trained_on = step, trained_on
        self._mesh, self._layout = mesh, make_layout(features, tokenizer)

    def __repr__(self) -> str:
        return f"LoadedModel({self.name!r}, {self.config.kind}, {self.features.layout} rows)"

    def scorer(self, layout: Layout, *, batch_size: int, progress: Callable[[int], None] = lambda n: None) -> Scorer:
        """Log-likelihoods and texts of ids, for prompts laid out by `layout`."""
        return Scorer(self.config, self.params, self._mesh, layout, batch_size=batch_size, progress=progress)

    def engine(self, *, slots: int = 32, stream: bool = False, **settings: Any) -> Engine:
        """What writes texts after the ids of prompts, for many requests at a time; `settings` are those of Engine."""
        return Engine(self.config, self.params, self._mesh, self._layout, slots=slots, stream=stream, **settings)

    def inputs(self, prompts: Sequence[str]) -> list[list[int]]:
        """The ids of prompts as the engine takes them."""
        if isinstance(prompts, str):
            raise TypeError(f"a list of prompts is needed, got one text: write [{prompts[:40]!r}]")
        return [self._layout.inputs(ids) for ids in self.tokenizer.encode(list(prompts))]

    def generate(
        self,
        prompts: Sequence[str],
        sampler: Sampler = GREEDY,
        max_tokens: int = 64,
        *,
        stop: Sequence[str] = (),
        slots: int = 32,
    ) -> list[str]:
        """The text after each prompt.

        Args:
          max_tokens: of a text; one that has not ended by then breaks off.
          stop: texts at which a text ends; they are cut off.
          slots: texts in work at a time.
        """
        found = dict[int, str]()
        for text in self.iterate(prompts, sampler, max_tokens, stop=stop, slots=slots):
            found[text.item] = text.text
        return [found[item] for item in range(len(prompts))]

    def iterate(
        self,
        prompts: Sequence[str],
        sampler: Sampler = GREEDY,
        max_tokens: int = 64,
        *,
        samples: int = 1,
        stop: Sequence[str] = (),
        slots: int = 32,
    ) -> Iterator[Text]:
        """Yields the texts after prompts in the order in which they are finished: `item` is a prompt's number.

        Args:
          samples: texts after each prompt.
          max_tokens, stop, slots: as in `generate`.
        """
        ids = self.inputs(prompts)
        requests = (Request(item, prompt, max_tokens, sampler, samples, tuple(stop)) for item, prompt in enumerate(ids))
        yield from self.engine(slots=slots).generate(requests)

    def stream(
        self, prompt: str, sampler: Sampler = GREEDY, max_tokens: int = 64, *, stop: Sequence[str] = ()
    ) -> Iterator[str]:
        """Yields the text after a prompt, piece by piece, while it is written."""
        engine = self.engine(slots=1, stream=True)
        engine.add(Request(0, self.inputs([prompt])[0], max_tokens, sampler, 1, tuple(stop)))
        while not engine.idle:
            yield from (piece.text for piece in engine.advance() if isinstance(piece, Piece))

    def score(self, prompt: str, options: Sequence[str], *, batch_size: int = 8) -> list[float]:
        """The log-likelihood of each option after the prompt, its end included, in nats."""
        return self.scores([prompt], options, batch_size=batch_size)[0]

    def scores(self, prompts: Sequence[str], options: Sequence[str], *, batch_size: int = 8) -> list[list[float]]:
        """The log-likelihood of each option after each prompt, its end included, in nats."""
        ids = [self._layout.targets(option) for option in self.tokenizer.encode(list(options))]
        scorer = self.scorer(self._layout, batch_size=batch_size)
        return scorer.log_likelihoods(self.inputs(prompts), [ids] * len(prompts))


def load_model(
    source: epath.PathLike,
    *,
    step: int | None = None,
    tokenizer: str | None = None,
    features: FeatureConfig | None = None,
    tuning: Tuning = Full(),
    **computed: Any,
) -> LoadedModel:
    """A model of a run's workdir, of a Hugging Face directory, or of an id of the hub ("google/flan-t5-base", "id@revision").

    A directory of Hugging Face's peft gives the model that it names, with its few weights.

    Args:
      step: of a workdir's checkpoint; the newest when None.
      tokenizer: a path or an id; the model's own when None.
      features: how prompts are laid out; the run's own, or those of the model's kind, when None.
      tuning: what the run was trained with, if not all its parameters were trained.
      computed: fields of the model's config that say how it is computed, such as dtype="bfloat16".

    Raises:
      ConfigError: there is no such model.
    """
    mesh = sharding.make_mesh(sharding.MeshConfig())
    place = open_workdir(source).path
    if checkpoint.steps_of(place):
        saved = parts.open_saved(place, step, tuning, **computed)
        at, params = saved.read_params(mesh)
        trained_on = frozenset(saved.meta["split"]["train"])
        laid_out = features or saved.config.data.features
        return LoadedModel(str(place), saved.model, params, saved.tokenizer, laid_out, mesh, step=at, trained_on=trained_on)
    if peft.is_adapter(place):
        return _adapted(place, mesh, tokenizer, features, computed)
    try:
        directory = hf.find(str(source))
    except FileNotFoundError as error:
        raise ConfigError(f"{source} is no run that has a checkpoint, and no model of Hugging Face's: {error}") from error
    published = hf.open_model(directory, **computed)
    config = published.config
    params = published.params(parts.param_shardings(config, mesh))
    features = features or FeatureConfig(layout=config.layouts[0], separator="")  # type: ignore[arg-type]
    own = load_tokenizer(tokenizer or str(source))  # of an id, the directory holds what `hf.find` downloads: no tokenizer
    return LoadedModel(str(source), config, params, own, features, mesh)


def _adapted(
    place: epath.Path, mesh: sharding.Mesh, tokenizer: str | None, features: FeatureConfig | None, computed: dict[str, Any]
) -> LoadedModel:
    """The model that a directory of peft names, with the few weights in it."""
    if not (name := peft.base_of(place)):
        raise ConfigError(f"{place / peft.CONFIG} names no base_model_name_or_path")
    base = load_model(name, tokenizer=tokenizer, features=features, **computed)
    found = peft.load(place, base.config)
    tuning = make_tuning(found.method, found.config, base.config, lambda text: base.tokenizer.encode([text])[0])
    places = parts.abstract_pair(base.config, tuning, mesh)
    trainable = jax.tree.map(lambda x, shape: sharding.place(x, shape.sharding), found.trainable, places.trainable)
    frozen = parts.frozen_params(base.config, mesh, tuning, lambda: base.params)
    laid_out = dataclasses.replace(base.features, reserved=reserved(found.method, found.config, base.config))
    params = tuning.join(Params(trainable, frozen))
    return LoadedModel(str(place), base.config, params, base.tokenizer, laid_out, mesh, trained_on=base.trained_on)
