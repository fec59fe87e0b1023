"""What a wording asks of an example, and the interface of everything that can ask.

A wording decides what is asked: the question, and also the answer, the options and the metrics, if it words these differently
from its task. Options blocks, exemplars and reasoning are added to it in one place, flanjax.tasks.render.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from flanjax.tasks.chains import ChainOfThought
from flanjax.tasks.draws import Draws
from flanjax.tasks.example import Example
from flanjax.tasks.exemplar_formats import FORMATS
from flanjax.tasks.exemplars import ExemplarFormat
from flanjax.tasks.options import PLAIN, OptionStyle
from flanjax.tasks.styles import Style


class Wording(NamedTuple):
    """All choices for one query: template, style and words. Its exemplars have the same wording."""

    template: int
    style: Style
    num_shots: int = 0
    options: OptionStyle = PLAIN
    chain: ChainOfThought | None = None
    exemplars: ExemplarFormat = FORMATS[0]


class Asked(NamedTuple):
    """One example as one wording asks it.

    Attributes:
      input: the question, with the options where the wording places them itself.
      target: what is to be written, without reasoning.
      references: the right answers, as metrics compare them with a prediction; the first is trained on.
      options: the texts to choose from in the order shown; empty for free text.
      targets: what is to be written for each option.
      rationale: the reasoning that leads to the answer, if there is any.
      metrics: names of metrics; empty for those of the task.
      preamble: said once, above the exemplars.
      cue: the words at the very end that call for the answer.
      places_options: whether the input shows the options already, so that no block is added.
      ends_in_cue: whether the input itself ends in words that call for the answer.
    """

    input: str
    target: str
    references: tuple[str, ...]
    options: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    rationale: str = ""
    metrics: tuple[str, ...] = ()
    preamble: str = ""
    cue: str = ""
    places_options: bool = False
    ends_in_cue: bool = False


class AnyTemplate(Protocol):
    """One wording of a task: `flanjax.Template`, or one that an importer made.

    Attributes:
      input: its text, for reports.
      options: whether its options are shown: "always", "never", or as the style says. A wording that says its options in its
        own way does so always.
      shots: the number of exemplars that it always has; None if the style decides.
      exemplars: the exemplar formats that it draws from; empty for those of the mixture.
      literals: its own words, between the fields.
      input_variables, target_variables: the names that its texts use.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Literal["forward", "inverted"]: ...
    @property
    def input(self) -> str: ...
    @property
    def options(self) -> Literal["style", "always", "never"]: ...
    @property
    def shots(self) -> int | None: ...
    @property
    def exemplars(self) -> Sequence[ExemplarFormat]: ...
    @property
    def lists_choices(self) -> bool: ...
    @property
    def literals(self) -> tuple[str, ...]: ...
    @property
    def input_variables(self) -> frozenset[str]: ...
    @property
    def target_variables(self) -> frozenset[str]: ...

    def named(self, name: str) -> "AnyTemplate":
        """Returns the same wording under another name."""
        ...

    def ask(self, example: Example, wording: Wording, draws: Draws | None) -> Asked | None:
        """Returns what is asked; None if this wording does not apply to the example, in which case another is drawn.

        Args:
          example: its options are in the order in which they are to be shown.
          draws: seeded choices of the wording; None for none, so that the first of several is taken.

        Raises:
          BadRow: the wording applies, but cannot be rendered.
        """
        ...
