"""A small cache that threads may share."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_V = TypeVar("_V")


class LRU(Generic[_V]):
    """A small cache, the least recently used entry leaves first; safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, _V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _V]) -> _V:
        """Return the entry, made first if need be; two threads in a hurry may both make it."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        value = make()  # outside the lock: others need not wait while a network runs
        with self._lock:
            self._entries[key] = value
            # The size counts entries, not bytes: `zsseg.scores.ScoreMemory` is the cache with a budget.
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return value
