"""What ``zsseg demo`` does: the page, served until it is stopped."""

import argparse
import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from zsseg.errors import UserError
from zsseg.weights.hub import names_repository, weights_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--host", help="address to listen on (GRADIO_SERVER_NAME, else 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("GRADIO_SERVER_PORT"),
        help="port to listen on (GRADIO_SERVER_PORT, else the first free one from 7860)",
    )


def run(args: argparse.Namespace) -> int:
    """Load the checkpoints, build the page, serve it until stopped, and return the exit code.

    Raises:
        UserError: Gradio is not installed, or weights or address cannot be had.
    """
    _stay_home(args.weights or os.environ.get("ZSSEG_WEIGHTS", ""))
    if find_spec("gradio") is None:
        raise UserError('The page needs Gradio, which is not installed: pip install "zsseg[demo]".')
    with suppress(KeyboardInterrupt):  # stopped before the page was up, or again while it closes
        _serve(args)
    return 0


def _stay_home(weights: str) -> None:
    """Forbid all network access, except for weights that are named by their repository.

    Must come before the first import that would look.
    """
    if not names_repository(weights):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def _serve(args: argparse.Namespace) -> None:
    # A container is stopped by SIGTERM, which its first process would not even notice: end as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.weights:
        weights_folder(args.weights)  # missing weights end the program here, before anything else is loaded

    with _without_collection():
        from zsseg.demo import build_demo, find_catalog, server

        catalog = find_catalog(args.weights)
        page = build_demo(catalog)
    with server.running(page, catalog.get(catalog.first), args.host, args.port):
        server.wait_for_stop()


@contextmanager
def _without_collection() -> Iterator[None]:
    """What is imported and built in the block stays to the end, so to search it for garbage would only delay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
