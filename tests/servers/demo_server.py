"""A real server of the page on a free port, with tiny untrained checkpoints; shared by the HTTP and browser tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.tiny import tiny_checkpoint
from zsseg.demo import build_demo, catalog_of
from zsseg.demo.server import running


def tiny_checkpoints(folder: Path, **changes: object) -> dict[str, str]:
    """Write one tiny checkpoint per method; its threshold lets every pixel be painted.

    `changes` are fields of the metadata.
    """
    return {method: str(tiny_checkpoint(folder, method, **changes)) for method in ("zegclip", "clip_rc")}


@contextmanager
def serve(checkpoints: Mapping[str, str]) -> Iterator[str]:
    """Serve the page as app.py does and give its address."""
    catalog = catalog_of(checkpoints)
    with running(build_demo(catalog), catalog.get(catalog.first), quiet=True) as url:
        yield url
