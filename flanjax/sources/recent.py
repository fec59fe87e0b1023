"""What was used last, within a budget: decoded tables and open files, of all sources of this process together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key. Those that were not used for the longest time are forgotten while all together cost more than `budget`.

    A value that is still in use elsewhere stays alive until that use ends. Threads that ask for the same key at once make its
    value once.
    """

    def __init__(self, budget: int):
        self.budget, self.spent = budget, 0
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._values)

    def has_room(self, cost: int) -> bool:
        return self.spent + cost <= self.budget

    def get(self, key: Hashable, make: Callable[[], tuple[Value, int]]) -> Value:
        """Returns the key's value; `make` returns it with its cost."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key][0]
            try:
                value, cost = make()
                self._add(key, value, cost)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def _add(self, key: Hashable, value: Value, cost: int) -> None:
        with self._lock:
            self._values[key] = value, cost
            self.spent += cost
            while self.spent > self.budget and len(self._values) > 1:
                self.spent -= self._values.popitem(last=False)[1][1]
