"""The page: served, it asks the models; exported, it shows what they answered. Both draw answers by the same script."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flanjax.ask.settings import Settings
from flanjax.pages.environment import asset, environment
from flanjax.serve.compare import Example

_TEMPLATE = "compare.html.j2"


class Shown(NamedTuple):
    """What the page is about.

    Attributes:
      models: their names, in the order of the columns.
    """

    models: Sequence[str]
    examples: Sequence[Example]
    settings: Settings

    def live(self, nonce: str) -> str:
        """Returns the page that asks; its scripts and styles carry the nonce that alone lets them run."""
        return _render(self, nonce=nonce, records=[], examples=[example._asdict() for example in self.examples])

    def exported(self, records: Sequence[dict[str, Any]]) -> str:
        """Returns the page of given answers, as one file that opens from disk and fetches nothing."""
        return _render(self, nonce="", records=list(records), examples=[])


def _render(shown: Shown, *, nonce: str, records: list[dict[str, Any]], examples: list[dict[str, Any]]) -> str:
    scripts = ("answers", "live" if nonce else "exported")
    return (
        environment()
        .from_string(asset("flanjax.serve", _TEMPLATE))
        .render(
            nonce=nonce,
            look=asset("flanjax.serve", "compare.css"),
            scripts=[asset("flanjax.serve", f"{name}.js") for name in scripts],
            models=list(shown.models),
            settings=vars(shown.settings),
            data={"models": list(shown.models), "examples": examples, "records": records, "settings": vars(shown.settings)},
        )
    )
