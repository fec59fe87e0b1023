"""Renders a page from a template of a package, as one file that fetches nothing."""

import json
import re
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_UNSAFE = re.compile("[<\u2028\u2029\ud800-\udfff]")  # ends a script or a line, or is half of a surrogate pair


def environment() -> Environment:
    """Returns an environment with the parts that pages share.

    They are `style`, the style sheet; `controls`, that of filters and searches; `tables`, the script that sorts and scrolls
    tables.
    """
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    shared = {"style": "style.css", "controls": "controls.css", "tables": "tables.js"}
    made.globals.update({name: asset("flanjax.pages", file) for name, file in shared.items()})
    made.filters["in_script"] = in_script
    return made


def asset(package: str, name: str) -> Markup:
    """Returns a template, a style sheet or a script that lies in a package, as it is: nothing in it is escaped."""
    return Markup(resources.files(package).joinpath(name).read_text(encoding="utf-8"))


def in_script(value: Any) -> Markup:
    """Returns a value as JSON that can stand in a script element, whatever texts it holds.

    >>> in_script({"text": "</script>"})
    Markup('{"text":"\\\\u003c/script>"}')
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
