"""What a wording asks of an example, as text."""

from flanjax.tasks.render import ask, render


def written(task, example, wording, draws=None):
    """(input, target), without exemplars."""
    rendered = render(ask(task, example, wording, draws), wording)
    return rendered.text, rendered.target


def candidates(task, example, wording, draws=None):
    """The target of every option, in the order shown."""
    return ask(task, example, wording, draws).targets
