"""How long each stage of a start took, until the first step is done."""

import time
from collections.abc import Callable
from typing import Any

import jax


class Stages:
    """The seconds of the stages of a start, one after another.

    Args:
      began: time.perf_counter() when the first one began.
    """

    def __init__(self, began: float):
        self.began = self._at = began
        self._seconds: dict[str, float] = {}

    def passed(self, name: str) -> None:
        """Ends the stage that has run since the last call."""
        now = time.perf_counter()
        self._seconds[name] = now - self._at
        self._at = now

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self._seconds.items())
        return f"the first step was done after {self._at - self.began:.1f} s: {parts}"

    def until_first(self, step_fn: Callable[..., Any], log: Callable[[str], None]) -> Callable[..., Any]:
        """Returns the step function, whose first call tells the stages once its result is there."""
        first = True

        def step(*arguments: Any) -> Any:
            nonlocal first
            if not first:
                return step_fn(*arguments)
            first = False
            self.passed("first batch")
            found = step_fn(*arguments)
            self.passed("compilation")
            jax.block_until_ready(found)
            self.passed("first step")
            log(str(self))
            return found

        return step
