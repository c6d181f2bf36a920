"""The page as a server: address, health check, memory, shutdown."""

import ctypes
import gc
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Scope

from zsseg.demo.catalog import Predictors, working
from zsseg.demo.folders import CLEAN_EVERY_SECONDS, delete_folders, temporary_files_problem
from zsseg.demo.loopback import bypass_proxies
from zsseg.demo.protection import Gate, Limits, Protection
from zsseg.demo.theme import launch_options
from zsseg.errors import UserError
from zsseg.predictor import Predictor
from zsseg.version import __version__

HEALTH_PATH = "/healthz"
MAX_UNREAD = 100
"""Sessions whose messages are kept although nothing of theirs waits or runs; an answer has up to 2 MB."""


def health(predictors: Predictors) -> dict[str, Any]:
    """The state of the page as a JSON object.

    Returns:
        "status": "ok" where every method can answer, "degraded" where some can, "down" where none can or no temporary
        file can be written, without which no photo arrives; "version"; "temporary_files": "usable", else with the
        "problem"; and "models": method -> "loaded", then its "checkpoint" and "sha256", or the "problem".
    """
    able, problem = len(working(predictors)), temporary_files_problem()
    # Without temporary files no upload arrives, however well the models are.
    status = "down" if able == 0 or problem else "ok" if able == len(predictors) else "degraded"
    files = {"usable": not problem, **({"problem": problem} if problem else {})}
    models = {method: _model_health(predictor) for method, predictor in predictors.items()}
    return {"status": status, "version": __version__, "temporary_files": files, "models": models}


def _model_health(predictor: Predictor | UserError) -> dict[str, Any]:
    if isinstance(predictor, UserError):
        return {"loaded": False, "problem": str(predictor)}
    return {"loaded": True, "checkpoint": predictor.name, "sha256": predictor.sha256}


def health_route(predictors: Predictors) -> Route:
    """Answer GET on `HEALTH_PATH`: 503 if no method can answer, else 200."""

    def answer(_request: Request) -> JSONResponse:  # in a thread of its own: a slow disk must not hold up the others
        content = health(predictors)
        return JSONResponse(content, 503 if content["status"] == "down" else 200, {"Cache-Control": "no-store"})

    return Route(HEALTH_PATH, answer)


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


@contextmanager
def running(
    page: gr.Blocks,
    predictors: Predictors,
    host: str | None = None,
    port: int | None = None,
    quiet: bool = False,
    limits: Limits | None = None,
) -> Iterator[str]:
    """Serve a page until the block ends, then close its connections and delete its temporary files.

    Args:
        page: what `build_demo` returned.
        predictors: those of the page, whose health is reported.
        host: address to listen on; None takes that of `launch_options`.
        port: to listen on; None takes the first free one from GRADIO_SERVER_PORT, or 7860, up.
        quiet: do not write the address to stdout.
        limits: of requests and visitors; None takes the usual ones.

    Yields:
        The page's address.

    Raises:
        UserError: the address cannot be had.
    """
    options = launch_options()
    options["server_name"] = host or options["server_name"]
    _check_address(options["server_name"], port)
    # Gradio asks itself for its first page before it says that it is up; a proxy would not find it.
    bypass_proxies(options["server_name"])
    # Routes given from the start come before Gradio's own, and exist from the first moment that the port is open.
    # A function, because the queue is looked into at each request.
    page._queue.pending_messages_per_session = Messages(page._queue)  # type: ignore[assignment]
    gate = Gate(limits or Limits(), lambda: _waiting(page))
    app = {"routes": [health_route(predictors)], "middleware": [Middleware(Protection, gate=gate)]}
    _, url, _ = page.launch(**options, server_port=port, app_kwargs=app, prevent_thread_lock=True, quiet=quiet)
    try:
        with _cleaning():
            yield url
    finally:
        page.close(verbose=False)


def _waiting(page: gr.Blocks) -> list[Scope]:
    """The requests that wait in the page's queue; Gradio has no public function for it."""
    queues = page._queue.event_queue_per_concurrency_id.values()
    return [event.request.scope for queue in queues for event in queue.queue if event.request is not None]


@contextmanager
def _cleaning() -> Iterator[None]:
    """Delete old files of visitors periodically, also those of a killed server, and all of them at the end.

    Free memory is given back as often. Gradio deletes its own copies; these are the ones that they were copied from.
    """
    stop = threading.Event()

    def clean() -> None:
        delete_folders()
        while not stop.wait(CLEAN_EVERY_SECONDS):
            delete_folders()
            give_back_memory()

    # A daemon: a page that is killed must not wait for the next cleaning.
    cleaner = threading.Thread(target=clean, daemon=True)
    cleaner.start()
    try:
        yield
    finally:
        stop.set()
        cleaner.join()
        delete_folders(own=True)


def wait_for_stop() -> None:
    """Return at Ctrl-C, and at SIGTERM where it is handled alike; call it from the main thread."""
    with suppress(KeyboardInterrupt):
        while True:  # a signal may reach another thread, which would not end an unlimited wait
            time.sleep(0.5)


def _check_address(host: str, port: int | None) -> None:
    """Try the address first: with a wrong host Gradio would try a hundred ports, five seconds each.

    Raises:
        UserError: it is not an address of this machine, or taken.
    """
    if port is not None and not 0 < port < 65536:
        raise UserError(f"{port} is no port: choose one from 1 to 65535 with --port.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port or 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            # As the server itself does: a port that was in use a moment ago counts as free.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        place = host if port is None else f"{host}, port {port}"
        raise UserError(
            f"The page cannot be served on {place} ({error.strerror}): choose another with --host or --port."
        ) from error
