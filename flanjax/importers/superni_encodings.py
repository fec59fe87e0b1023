"""The five encodings that Tk-Instruct draws from for each training instance, as templates.

They are those of its collator (https://github.com/yizhongw/Tk-Instruct, src/ni_collator.py, Apache License 2.0): the definition
alone, two positive examples alone, the definition with two positive ones, the same with two negative ones, and the same with
explanations in place of negative ones. A full stop ends every text that has no punctuation at its end, except the target.
"""

import string

from flanjax.tasks.template import Template

ENCODINGS = (
    Template(
        "Definition: {{ definition }}\n\nNow complete the following example -\nInput: {{ input }}\nOutput:", name="definition"
    ),
)


def ended(text: str) -> str:
    """Returns the text with a full stop, unless it ends in punctuation.

    >>> ended("Name the river"), ended("Which river?"), ended("")
    ('Name the river.', 'Which river?', '.')
    """
    return text if text[-1:] in string.punctuation and text else f"{text}."
