"""A small cache that threads may share, and values that are computed when they are read."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Generic, TypeVar

_V = TypeVar("_V")


class LRU(Generic[_V]):
    """A small cache that evicts the least recently used entry; safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, _V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _V]) -> _V:
        """Return the entry, made first if need be; two threads at once may both make it."""
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


class Later(Mapping[str, _V]):
    """A mapping whose names are known, and whose values are computed together when the first of them is read.

    Args:
        names: all of them.
        compute: returns their values; called once, and then forgotten with all that it holds.
    """

    def __init__(self, names: tuple[str, ...], compute: Callable[[], Mapping[str, _V]]) -> None:
        self._names = names
        self._compute: Callable[[], Mapping[str, _V]] | None = compute
        self._found: Mapping[str, _V] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> _V:
        # Before the computation: a name that is not there must cost nothing.
        if name not in self._names:
            raise KeyError(name)
        # Two threads that read at once: one computes, the other waits.
        with self._lock:
            if self._compute is not None:
                self._found, self._compute = self._compute(), None
        return self._found[name]

    def __reduce__(self) -> tuple[type[dict[str, _V]], tuple[dict[str, _V]]]:
        """What goes to another process are the values: what they are computed from is not there."""
        return dict, (dict(self),)

    def __contains__(self, name: object) -> bool:
        # The abstract class would read the value.
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
