"""The models that people ask: loaded, and with the way to lay their prompts out."""

import functools
from collections.abc import Sequence
from typing import Any, Protocol

from etils import epath

from flanjax import parts
from flanjax.ask.likelihoods import Likelihoods, Row, TokenScorer
from flanjax.ask.prompts import Prompts
from flanjax.data.layout import Layout, make_layout
from flanjax.generate.engine import Engine
from flanjax.models.params import share
from flanjax.parallel import compilation_cache, sharding
from flanjax.run.loaded import LoadedModel, load_model


class Asked(Protocol):
    """A model as the commands use it.

    Attributes:
      name: as it was named on the command line.
      step: of its checkpoint; 0 of a published model.
    """

    name: str
    step: int
    prompts: Prompts
    layout: Layout

    def engine(self, *, slots: int, stream: bool = False) -> Any:
        """Returns a new engine (`flanjax.generate.engine.Engine`), with nothing in work."""
        ...

    def log_probs(self, rows: Sequence[Row], top: int) -> list[Likelihoods]:
        """Returns the log-probabilities of each row's second ids after its first ones, and the `top` best alternatives.

        Raises:
          ValueError: a row is too long.
        """
        ...


class _Loaded:
    """A loaded model to be asked."""

    def __init__(self, name: str, model: LoadedModel, *, published: bool):
        self.name, self.step, self.model = name, model.step, model
        self.layout = make_layout(model.features, model.tokenizer)
        self.prompts = Prompts(self.layout, published=published)

    @functools.cached_property
    def _mesh(self) -> sharding.Mesh:
        return sharding.make_mesh(sharding.MeshConfig())

    @functools.cached_property
    def _scorer(self) -> TokenScorer:
        return TokenScorer(self.model.config, self.model.params, self._mesh, self.layout)

    @property
    def _longest(self) -> int:
        """Tokens that are read at most. Nothing says how many a T5 was trained for."""
        return max(2048, self.layout.config.inputs_length, getattr(self.model.config, "max_positions", 0))

    def engine(self, *, slots: int, stream: bool = False) -> Engine:
        stop_ids = sorted(set(self.prompts.stop_ids))
        return self.model.engine(slots=slots, stream=stream, stop_ids=stop_ids, longest=self._longest)

    def log_probs(self, rows: Sequence[Row], top: int) -> list[Likelihoods]:
        # As long a text as the longest prompt may follow it.
        if (longest := max(len(read) + len(written) for read, written in rows)) > 2 * self._longest:
            raise ValueError(f"a prompt and its text have {longest:,} tokens, and {2 * self._longest:,} are the most")
        return self._scorer(rows, top)


def open_models(names: Sequence[str], *, untuned: bool = False) -> list[Asked]:
    """Returns the models of these names: workdirs, Hugging Face directories or ids.

    Args:
      untuned: the first one's weights before its training come too, as the second one.

    Raises:
      ConfigError: there is no such model.
      ValueError: the first one is no run, so nothing says what it was before.
    """
    if untuned and len(names) > 1:
        raise ValueError(f"--untuned and {names[1]}: name the other model, or take the one before training, not both")
    if untuned and not parts.is_run(names[0]):
        raise ValueError(f"--untuned: {names[0]} is no run with a checkpoint, so its weights before training are not known")
    models: list[_Loaded] = []
    for name in names:
        published = not parts.is_run(name)
        if not published:
            compilation_cache.enable(name)
        model = load_model(name)
        if models:  # adapters over one base hold it once
            model.params = share(models[0].model.params, model.params)
        models.append(_Loaded(name, model, published=published))
    if untuned:
        before = _untuned(names[0])
        before.model.params = share(models[0].model.params, before.model.params)
        models.append(before)
    return [*models]


def _untuned(workdir: str) -> _Loaded:
    saved, mesh = parts.open_saved(epath.Path(workdir)), sharding.make_mesh(sharding.MeshConfig())
    params, features = saved.base_params(mesh), saved.base_features
    name = f"{workdir} (untuned)"
    return _Loaded(name, LoadedModel(name, saved.model, params, saved.tokenizer, features, mesh), published=False)
