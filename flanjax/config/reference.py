"""The reference of config keys, with type, default and meaning, generated from the dataclasses.

`flanjax train --help-config` prints it as text, with the values of a config. docs/config.md is the same as Markdown:

    python -m flanjax.config.reference > docs/config.md
"""

import dataclasses
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flanjax import fields
from flanjax.config.run_config import RunConfig
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config

_WIDTH = 100
_INTRODUCTION = """# Every key of a config

A config is a Python file with a `get_config()` that returns nested keys. Each key can be set on the command line:
`--config.train.steps=100` or `--config.train.steps 100`. A list is written with commas (`--config.heldout=topic,reading`), no
value as `none`, and a switch needs no value (`--config.data.features.chat`). `flanjax train --config FILE --help-config` prints
this page beside the values of a config.

A file with several configs takes the name of one behind a colon: `configs/flan_t5.py:base`. Its `get_config(variant)` makes it,
and its `VARIANTS` names them all.

This page is written by `python -m flanjax.config.reference > docs/config.md`.
"""


class Key(NamedTuple):
    """One key: its full name, the values that it takes, its default as on a command line, and its meaning."""

    name: str
    takes: str
    default: str
    meaning: str


class Group(NamedTuple):
    """Keys that belong together.

    Attributes:
      name: a name such as "train.optimizer"; "" for the keys outside any group.
    """

    name: str
    summary: str
    keys: list[Key]


def groups() -> Iterator[Group]:
    """Yields all keys of RunConfig, group by group; the model's fields once for each kind of model."""
    for group in _groups(RunConfig, ""):
        yield group
        if group.name == "model":
            for kind, title in ((T5Config, "model, of a T5"), (DecoderConfig, "model, decoder-only")):
                yield Group(title, fields.summary(kind), list(_keys(kind, "model.")))


def text(config: RunConfig | None = None) -> str:
    """Returns the reference for a terminal. If a config's value differs from the default, it is shown beside the default."""
    values = flat(config.to_dict()) if config else {}
    lines = []
    for group in groups():
        lines += ["", group.name or "the run", *_wrapped(group.summary, 2)]
        for key in group.keys:
            value = values.get(key.name, key.default)
            here = f"   [{value} in this config]" if value != key.default else ""
            lines += ["", f"  {key.name} = {key.default}{here}", *_wrapped(f"{key.takes}. {_sentence(key.meaning)}", 6)]
    return "\n".join(lines).lstrip("\n")


def markdown() -> str:
    """docs/config.md."""
    lines = [_INTRODUCTION]
    for group in groups():
        lines += [
            f"## {group.name or 'The run'}",
            "",
            group.summary,
            "",
            "| key | takes | default | meaning |",
            "|---|---|---|---|",
        ]
        for key in group.keys:
            cells = (f"`{key.name}`", key.takes, f"`{key.default}`", _sentence(key.meaning))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _groups(cls: Any, prefix: str) -> Iterator[Group]:
    inner = {name: hint for name, hint in fields.hints(cls).items() if dataclasses.is_dataclass(hint)}
    yield Group(prefix.rstrip("."), fields.summary(cls), [k for k in _keys(cls, prefix) if k.name != "model.fields"])
    for name, hint in inner.items():
        yield from _groups(hint, f"{prefix}{name}.")


def _keys(cls: Any, prefix: str) -> Iterator[Key]:
    said = fields.meanings(cls)
    for field in dataclasses.fields(cls):
        hint = fields.hints(cls)[field.name]
        if dataclasses.is_dataclass(hint):
            continue
        default = "(required)" if field.default is dataclasses.MISSING else fields.shown(field.default)
        if cls in (T5Config, DecoderConfig) and field.name == "vocab_size":
            default = "(the tokenizer's)"
        yield Key(f"{prefix}{field.name}", fields.describe(hint), default, said[field.name])


def flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Returns full key -> value, as on a command line, for a nested dict."""
    found: dict[str, str] = {}
    for name, value in record.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": fields.shown(value)}
    return found


def _sentence(meaning: str) -> str:
    return meaning[0].upper() + meaning[1:]


def _wrapped(paragraph: str, indent: int) -> list[str]:
    return textwrap.wrap(paragraph, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)


if __name__ == "__main__":
    print(markdown(), end="")
