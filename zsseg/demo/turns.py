"""A fair lock for the networks: one request at a time, in order of arrival, so that a batch lets others pass."""

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A lock that threads get in order of arrival; Python's own may go to the same thread for ever.

    Used as ``with turns:``; a thread that holds it must not ask again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    def __enter__(self) -> None:
        """Wait until it is this thread's turn."""
        mine = threading.Event()
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            self._waiting.append(mine)
        mine.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Pass the turn to the thread that has waited longest."""
        with self._lock:
            # The lock stays taken if a thread waits, so that no newcomer gets in between.
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
