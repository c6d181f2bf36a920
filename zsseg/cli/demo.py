"""What ``zsseg demo`` does: the page, served until it is stopped."""

import argparse
import gc
import importlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from zsseg.cli.terminal import warn
from zsseg.errors import UserError, reason_of
from zsseg.weights.hub import names_repository, weights_folder

BACKBONE_VARIABLE = "ZSSEG_BACKBONE"
"""Names a backbone, such as ViT-B-16/openai, that the page brings at its start unless it is there."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--host", help="address to listen on (GRADIO_SERVER_NAME, else 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        # A variable's text goes through `type` like an option's.
        default=os.environ.get("GRADIO_SERVER_PORT"),
        help="port to listen on (GRADIO_SERVER_PORT, else the first free one from 7860)",
    )


def run(args: argparse.Namespace) -> int:
    """Load the checkpoints, build the page, serve it until stopped, and return the exit code.

    Raises:
        UserError: Gradio is not installed, a proxy cannot be used, or weights, backbone or address cannot be had.
    """
    import_lender()
    backbone = os.environ.get(BACKBONE_VARIABLE, "")
    _forbid_network(args.weights or os.environ.get("ZSSEG_WEIGHTS", ""), needs_network=bool(backbone))
    if find_spec("gradio") is None:
        raise UserError('The page needs Gradio, which is not installed: pip install "zsseg[demo]".')
    check_proxies()
    with suppress(KeyboardInterrupt):  # stopped before the page was up, or again while it closes
        _serve(args, bring_backbone(backbone, args.weights) if backbone else None)
    return 0


def import_lender() -> None:
    """On a Hugging Face Space with a lent GPU its library must be imported before torch, which it changes."""
    with suppress(ImportError):
        importlib.import_module("spaces")


def bring_backbone(name: str, weights: str | None = None) -> str:
    """Download a backbone, and the models over it that need no training, unless they are there.

    Returns:
        The name of the model that the page opens with: MaskCLIP's, since the tokens of CLIP's last layer, which was
        trained for the class token alone, say little about what lies at their own place.

    Args:
        name: as open_clip calls it, "MODEL/TAG", or as `zsseg weights list` does.
        weights: searched first; see `zsseg.weights.search.find_checkpoint`.

    Raises:
        UserError: no backbone of that name is known, or it cannot be had.
    """
    from zsseg.weights.released.get import get, home
    from zsseg.weights.released.listing import VALUES_SUFFIX, released_backbone
    from zsseg.weights.search import find_checkpoint

    row = released_backbone(name)
    opens_with = row.name + VALUES_SUFFIX
    # Not found: it is downloaded below.
    with suppress(UserError):
        find_checkpoint(opens_with, weights)
        return opens_with
    get(row, home(), say=warn)
    return opens_with


def _forbid_network(weights: str, needs_network: bool) -> None:
    """Forbid all network access, except for weights that are named by their repository, or a backbone to be brought.

    Must come before the first import that would look.
    """
    if not needs_network and not names_repository(weights):
        # setdefault: who sets a variable knows what for.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def check_proxies() -> None:
    """Try the proxies that the environment names: Gradio makes clients for them when it is imported, or fails.

    Where all access to the network is forbidden nobody needs a proxy, so one that cannot be used does not count.

    Raises:
        UserError: one cannot be used, and something may have to be fetched through it.
    """
    from urllib.request import getproxies  # here, as every command of the shell loads this module

    if not getproxies():
        return
    try:
        importlib.import_module("httpx").Client().close()  # what Gradio asks other servers with
    except Exception as error:  # SOCKS without its library is an ImportError, an address of no use an InvalidURL
        if os.environ.get("HF_HUB_OFFLINE") != "1":
            raise UserError(
                f"The proxy that the environment names cannot be used ({reason_of(error)}): change or remove "
                "http_proxy, https_proxy and all_proxy."
            ) from error
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = "*"


def _serve(args: argparse.Namespace, baseline: str | None) -> None:
    # A container is stopped by SIGTERM, which its first process would not even notice: end as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.weights:
        weights_folder(args.weights)  # missing weights end the program here, before anything else is loaded

    with _without_collection():
        from zsseg.demo.folders import keep_uploads_private

        keep_uploads_private()
        from zsseg.demo import build_demo, find_catalog, server

        catalog = find_catalog(args.weights, baseline)
        page = build_demo(catalog)
    with server.running(page, catalog.get(catalog.first), args.host, args.port):
        server.wait_for_stop()


@contextmanager
def _without_collection() -> Iterator[None]:
    """Switch garbage collection off in the block: what is built there stays, so a search only delays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
