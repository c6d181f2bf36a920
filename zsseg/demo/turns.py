"""Who runs the networks next: one at a time, in the order of asking, so that many photos let single ones pass."""

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A lock that threads get in the order in which they ask for it; Python's own may go to the same thread for ever.

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
        """Hand the turn to who asked first of those that wait."""
        with self._lock:
            # It stays taken where somebody waits: nobody who comes now can get in between.
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
