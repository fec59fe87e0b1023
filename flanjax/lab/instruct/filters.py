"""What is no task for a model of text, and what is no row."""

from collections.abc import Sequence
from pathlib import Path

from flanjax.lab.instruct.seeds import Instance
from flanjax.lab.writing.likeness import words_of
from flanjax.lab.writing.rows import Drop

LEAST_WORDS, MOST_WORDS = 3, 150  # of an instruction, as in the papers
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
    words = words_of(text)
    if len(words) < LEAST_WORDS:
        return Drop("too short", f"{len(words)} words, fewer than {LEAST_WORDS}")
    if len(words) > MOST_WORDS:
        return Drop("too long", f"{len(words)} words, more than {MOST_WORDS}")
    if not text.lstrip("\"'“‘¿¡(").strip()[:1].isalnum():
        return Drop("begins with a mark", f"begins with {text[:10]!r}")
    line = f" {' '.join(words)} "
    if found := [phrase for phrase in blocked if f" {' '.join(words_of(phrase))} " in line]:
        return Drop("blocked word", found[0])
    return None


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
