"""What is no task for a model of text, and what is no row.

The rules for an instruction are those of Self-Instruct's code (bootstrap_instructions.py of yizhongw/self-instruct) and of
Alpaca's (generate_instruction.py of tatsu-lab/stanford_alpaca), with more blocked words. Two of theirs are left out: here an
instruction may begin with a letter of any script, and with "Write a program".
"""

import re
from collections.abc import Sequence
from pathlib import Path

from flanjax.lab.instruct.seeds import Instance
from flanjax.lab.writing.likeness import words_of
from flanjax.lab.writing.rows import Drop

LEAST_WORDS, MOST_WORDS = 4, 150  # of an instruction; both codes drop `len(inst.split()) <= 3 or len(inst.split()) > 150`
# Thai, Lao, Burmese, Khmer, Japanese and Chinese put no spaces between words.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
# Things that a model of text neither sees nor makes.
BLOCKED = (
    "image", "images", "picture", "pictures", "photo", "photos", "photograph", "drawing", "draw", "graph", "graphs", "chart",
    "plot", "diagram", "map", "maps", "video", "videos", "audio", "recording", "attached", "attachment", "file", "files",
)  # fmt: skip


def read_blocked(file: str | None) -> tuple[str, ...]:
    """Returns the blocked words and phrases of a file, one a line, or the usual ones.

    Raises:
      ValueError: the file cannot be read.
    """
    if not file:
        return BLOCKED
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--blocklist {file} cannot be read: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


def instruction_problem(text: str, blocked: Sequence[str]) -> Drop | None:
    """Returns why an instruction is none for a model of text; None if it is one."""
    number = _number_of_words(text)
    if number < LEAST_WORDS:
        return Drop("too short", f"{number} words, fewer than {LEAST_WORDS}")
    if number > MOST_WORDS:
        return Drop("too long", f"{number} words, more than {MOST_WORDS}")
    if not text.lstrip("\"'“‘¿¡(").strip()[:1].isalnum():
        return Drop("begins with a mark", f"begins with {text[:10]!r}")
    line = f" {' '.join(words_of(text))} "
    if found := [phrase for phrase in blocked if f" {' '.join(words_of(phrase))} " in line]:
        return Drop("blocked word", found[0])
    return None


def _number_of_words(text: str) -> int:
    """What stands between spaces, as in both codes; a script without spaces is counted as `words_of` finds its words."""
    return sum(len(words_of(part)) if _UNSPACED.search(part) else 1 for part in text.split())


def instance_problem(instruction: str, one: Instance, *, most_words: int) -> Drop | None:
    """Returns why an input with its output is no row; None if it is one."""
    if not one.output:
        return Drop("no output")
    if one.output == one.input:
        return Drop("output is the input")
    if words_of(one.output) == words_of(instruction):
        return Drop("output is the instruction")
    if (number := len(words_of(one.output))) > most_words:
        return Drop("output too long", f"{number} words, more than {most_words}")
    return None


def contradictions(found: Sequence[Instance]) -> set[str]:
    """Returns the inputs that a task answers in two ways: which one is right is not known."""
    outputs: dict[str, set[str]] = {}
    for one in found:
        outputs.setdefault(one.input, set()).add(one.output)
    return {text for text, said in outputs.items() if len(said) > 1}
