"""What the server's memory is kept free of: answers that nobody fetches, and what was freed but not given back."""

import ctypes
import gc
from collections import OrderedDict
from contextlib import suppress
from typing import Any

MAX_UNREAD = 100
"""Sessions whose messages are kept although nothing of theirs waits or runs; an answer has up to 2 MB."""


class Messages(OrderedDict[str, Any]):
    """Takes the place of Gradio's messages by session, of which it keeps 2000, read or not.

    Sessions that wait for an answer all stay: Gradio's own limit could drop one of them for a stranger's new one.

    Args:
        queue: Gradio's queue, whose lists of events say who still waits.
    """

    def __init__(self, queue: Any) -> None:  # noqa: ANN401 - Gradio has no public type for it
        super().__init__()
        self._queue = queue

    def __setitem__(self, session: str, messages: Any) -> None:  # noqa: ANN401
        """Add a session, and forget the oldest ones that neither wait nor were asked for what they got."""
        super().__setitem__(session, messages)
        idle = [name for name in self if name != session and not self._waits(name)]
        for name in idle[: max(0, len(idle) - MAX_UNREAD)]:
            del self[name]
            self._queue.pending_event_ids_session.pop(name, None)

    def _waits(self, session: str) -> bool:
        events = self._queue.pending_event_ids_session.get(session, ())
        return any(event in self._queue.event_ids_to_events for event in events)


def give_back_memory() -> None:
    """Free what only refers to itself, and hand free memory back to the system.

    Python looks through old objects only when a quarter of all are new, and the C library keeps what its threads
    freed, in pieces, as long as something above them is in use: half an hour of visitors held 25 MB more without need.
    """
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # another C library than glibc, or another system
        ctypes.CDLL(None).malloc_trim(0)
