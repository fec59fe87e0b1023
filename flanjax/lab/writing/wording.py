"""Prompts as Jinja templates in files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

Blocks = Mapping[str, Callable[..., str]]
_MARK = "\x00"


def wording_of(file: str | None, names: Sequence[str], default: str, more: Sequence[str] = ()) -> jinja2.Template:
    """Returns the wording in a file, or the default.

    Args:
      names: what it must show.
      more: what it may show beside them.

    Raises:
      ValueError: the file cannot be read, is no template, or does not show what `names` stand for.
    """
    probe = dict.fromkeys((*names, *more), "")
    try:
        template = _environment().from_string(_text(file, default))
        for name in names:
            if _MARK not in template.render({**probe, name: _MARK}):
                raise ValueError(f"--wording {file} does not show {{{{ {name} }}}}; it needs {', '.join(names)}")
    except jinja2.TemplateError as error:
        raise ValueError(f"--wording {file}: {error}; it may have {', '.join(probe)}") from error
    return template


def blocks_of(file: str | None, default: str, probes: Mapping[str, Mapping[str, Any]]) -> Blocks:
    """Returns the prompts of a file, or of the default: each is a block of one template, and is called with its values.

    Args:
      probes: block -> values to try it with. Those that are text must be shown; a list must be gone through.

    Raises:
      ValueError: the file cannot be read, is no template, lacks a block, or a block does not show a value.
    """
    try:
        template = _environment().from_string(_text(file, default))
        for block, values in probes.items():
            if block not in template.blocks:
                raise ValueError(f"--wording {file} has no block {block!r}; it needs {', '.join(probes)}")
            for name, value in values.items():
                if _rendered(template, block, values) == _rendered(template, block, {**values, name: type(value)()}):
                    raise ValueError(f"--wording {file}, block {block!r} does not show {name}; it has {', '.join(values)}")
    except jinja2.TemplateError as error:
        raise ValueError(f"--wording {file}: {error}") from error

    def prompt(block: str) -> Callable[..., str]:
        return lambda **values: _rendered(template, block, values)

    return {block: prompt(block) for block in probes}


def _environment() -> jinja2.Environment:
    return SandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)


def _text(file: str | None, default: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8") if file else default
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--wording {file} cannot be read: {error}") from error


def _rendered(template: jinja2.Template, block: str, values: Mapping[str, Any]) -> str:
    return "".join(template.blocks[block](template.new_context(dict(values)))).strip()
