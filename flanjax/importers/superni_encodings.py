"""The five encodings that Tk-Instruct draws from for each training instance, as templates.

They are those of its collator (https://github.com/yizhongw/Tk-Instruct, src/ni_collator.py): the definition alone, two positive
examples alone, the definition with two positive ones, the same with two negative ones, and the same with explanations in place
of negative ones. A full stop ends every text that has no punctuation at its end, except the target.

Two details differ: an explanation that is empty is not shown, and once an example does not fit, no other is tried.
"""

import dataclasses
import string

from flanjax.tasks.exemplars import ExemplarFormat
from flanjax.tasks.template import Template

_POSITIVE = ExemplarFormat(
    before_input=" Positive Example {n} -\nInput: ",
    before_target=" Output: ",
    before_query="Now complete the following example -\nInput: ",
    before_answer="Output: ",
)
_NEGATIVE = dataclasses.replace(_POSITIVE, negatives=2, before_negative=" Negative Example {n} -\nInput: ")
_EXPLAINED = dataclasses.replace(_POSITIVE, before_explanation="\n Explanation: ")


def _encoding(name: str, shots: int, exemplars: ExemplarFormat, preamble: str = "Definition: {{ definition }}") -> Template:
    return Template("{{ input }}", name=name, preamble=preamble, shots=shots, exemplars=(exemplars,))


ENCODINGS = (
    _encoding("definition", 0, _POSITIVE),
    _encoding("positive", 2, _POSITIVE, preamble=""),
    _encoding("definition_positive", 2, _POSITIVE),
    _encoding("definition_positive_negative", 2, _NEGATIVE),
    _encoding("definition_positive_explained", 2, _EXPLAINED),
)


def ended(text: str) -> str:
    """Returns the text with a full stop, unless it ends in punctuation.

    >>> ended("Name the river"), ended("Which river?"), ended("")
    ('Name the river.', 'Which river?', '.')
    """
    return text if text and text[-1] in string.punctuation else f"{text}."
