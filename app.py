"""Start the page: ``python app.py``, then open the address it prints. Also the entry point of a Hugging Face Space."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from zsseg.errors import UserError
from zsseg.weights.hub import names_repository, weights_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Load the checkpoints, build the page, serve it until stopped, and return the exit code.

    Args:
        argv: the words after the program's name; None takes those of the process.
    """
    args = _parser().parse_args(argv)
    _stay_home(args.weights or os.environ.get("ZSSEG_WEIGHTS", ""))
    try:
        _serve(args)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:  # stopped before the page was up, or again while it closes
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("app.py", description="Serve the page of ZegCLIP and CLIP-RC.")
    parser.add_argument(
        "--weights",
        metavar="PLACE",
        help="folder, or Hugging Face repository org/name[@revision], searched for checkpoints first",
    )
    parser.add_argument("--host", help="address to listen on (GRADIO_SERVER_NAME, else 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("GRADIO_SERVER_PORT"),
        help="port to listen on (GRADIO_SERVER_PORT, else the first free one from 7860)",
    )
    return parser


def _stay_home(weights: str) -> None:
    """Forbid every look elsewhere, but for weights that are asked for by their repository.

    Must come before the first import that would look.
    """
    if not names_repository(weights):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def _serve(args: argparse.Namespace) -> None:
    # A container is stopped by SIGTERM, which its first process would not even notice: end as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.weights:
        weights_folder(args.weights)  # what was asked for and cannot be had ends it here, before all else is loaded

    from zsseg.demo import build_demo, find_catalog, server

    catalog = find_catalog(args.weights)
    with server.running(build_demo(catalog), catalog.get(catalog.first), args.host, args.port):
        server.wait_for_stop()


if __name__ == "__main__":
    sys.exit(main())
