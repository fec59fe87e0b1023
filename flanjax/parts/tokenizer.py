"""The tokenizer of a run: the one at the config's path, or one trained on its mixture and kept with it."""

import functools
from typing import Any

from etils import epath

from flanjax import checkpoint
from flanjax.config import RunConfig
from flanjax.data import kept_tokenizer
from flanjax.data.corpus import open_corpus
from flanjax.data.offline import prepared
from flanjax.data.texts import mixture_texts
from flanjax.data.tokenizer import Tokenizer, load_tokenizer, survives, train_tokenizer
from flanjax.parallel import distributed
from flanjax.parts.data import check_prepared
from flanjax.sources import Rows
from flanjax.tasks.mixture import Mixture
from flanjax.workdir import TOKENIZER


def tokenizer_of(config: RunConfig, workdir: epath.Path, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    """The config's tokenizer; a trained one is kept in the workdir and found there again."""
    kept = workdir / TOKENIZER
    path = config.tokenizer.path
    distributed.first_then_others("tokenizer", lambda: keep_tokenizer(config, workdir, mixture, rows))
    return load_tokenizer(str(kept) if path == "train" else path)


def saved_tokenizer(workdir: epath.Path, config: RunConfig, meta: dict[str, Any]) -> Tokenizer:
    """The tokenizer that a run was trained with, by its checkpoint's meta: the workdir's copy, or the one at the config's path.

    Raises:
      ValueError: neither is the one, or not any more.
    """
    kept, path = workdir / TOKENIZER, config.tokenizer.path
    places = [str(kept)] if path == "train" else [*([str(kept)] if kept.exists() else []), path]
    found = {}
    for place in places:
        tokenizer = load_tokenizer(place)
        if tokenizer.fingerprint == meta["tokenizer"]:
            return tokenizer
        found[place] = tokenizer.fingerprint
    there = " and ".join(f"{place} ({fingerprint})" for place, fingerprint in found.items())
    raise ValueError(f"{workdir} was trained with the tokenizer {meta['tokenizer']}, which is not the one at {there}")


def keep_tokenizer(config: RunConfig, directory: epath.Path, mixture: Mixture, rows: dict[str, Rows]) -> None:
    """Leaves the config's tokenizer in the directory: trained, that of the prepared rows, or a copy.

    One that is there stays if it was made from the same, or if checkpoints or rows in the directory have its ids.
    """
    in_use = bool(checkpoint.steps_of(directory)) or (directory / prepared.MANIFEST).exists()
    if config.tokenizer.path != "train":
        origin: dict[str, Any] = {"path": config.tokenizer.path}
    elif config.data.prepared:
        origin = {"prepared": prepared.read_manifest(config.data.prepared)["identity"]["tokenizer"]}
    else:
        # A corpus needs a tokenizer to be opened; its plan does not.
        corpus = open_corpus(mixture, rows, load_tokenizer("bytes"), config.data)
        origin = kept_tokenizer.trained_origin(config.tokenizer, corpus.entries, rows, corpus.plan, config.data.seed)
    kept_tokenizer.keep(directory / TOKENIZER, origin, functools.partial(_made_tokenizer, config, mixture, rows), in_use=in_use)


def _made_tokenizer(config: RunConfig, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    if config.tokenizer.path != "train":
        return load_tokenizer(config.tokenizer.path)
    if not config.data.prepared:
        return _train_tokenizer(config, mixture, rows)
    tokenizer = prepared.load_prepared_tokenizer(config.data.prepared)
    # Before anything is kept: the tokenizer of refused rows would stay with the run.
    check_prepared(config, prepared.Prepared(config.data.prepared), open_corpus(mixture, rows, tokenizer, config.data))
    return tokenizer


def _train_tokenizer(config: RunConfig, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    # A corpus needs a tokenizer to be opened; its plan does not.
    entries, opened, plan, *_ = open_corpus(mixture, rows, load_tokenizer("bytes"), config.data)
    texts = mixture_texts(entries, opened, plan, config.tokenizer.train_examples, config.data.seed)
    return train_tokenizer(texts, config.tokenizer)


def template_warnings(mixture: Mixture, tokenizer: Tokenizer) -> list[str]:
    """One line for each template whose own words the tokenizer cannot write and read back."""
    return [
        f"task {task.name}, template {template.name}: the tokenizer loses part of {text!r}"
        for task in mixture.tasks()
        for template in task.templates
        for text in template.literals
        if not survives(tokenizer, text)
    ]
