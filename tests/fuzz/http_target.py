"""Fuzz the page's own door: requests of any body against a real server of tiny models in this process.

An input is a path, a line break and a body. The server must refuse it (4xx), or take it and answer with a result or a
sentence. A 5xx, an error without a sentence and no answer at all are findings.
"""

import atexit
import json
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import httpx

from tests.servers.demo_server import tiny_checkpoints
from zsseg.demo import build_demo, catalog_of
from zsseg.demo.protection import Limits
from zsseg.demo.server import running
from zsseg.errors import UserError

CALL, JOIN, UPLOAD, MCP = "/gradio_api/call/segment", "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/mcp/"
PHOTO = b"@photo@"
"""Stands for the path of a photo that was uploaded; kept findings must not depend on the run."""

_ENDLESS = Limits(upload_hour=2**60, posts=2**60, posts_second=2.0**60)
_BORDER = "border"
_HEADERS = {"Accept": "application/json, text/event-stream"}


class _Server:
    """The page, served until the process ends, and a photo that was uploaded to it."""

    def __init__(self) -> None:
        stack = ExitStack()
        atexit.register(stack.close)
        folder = Path(mkdtemp(prefix="zsseg-fuzz-"))
        stack.callback(rmtree, folder, ignore_errors=True)
        catalog = catalog_of(tiny_checkpoints(folder))
        page = build_demo(catalog)
        self.url = stack.enter_context(running(page, catalog.get(catalog.first), quiet=True, limits=_ENDLESS))
        self.url = self.url.rstrip("/")
        self.client = stack.enter_context(httpx.Client(timeout=60, trust_env=False))
        self.segment = next(number for number, event in page.fns.items() if event.api_name == "segment")
        reply = self.client.post(self.url + UPLOAD, files={"files": ("a.png", _png())})
        self.photo = str(reply.json()[0])


@cache
def _server() -> _Server:
    return _Server()


def _png() -> bytes:
    from tests.fuzz.seeds import images

    return images()[0]


@cache
def requests() -> Sequence[bytes]:
    """Good questions by every way in."""
    photo = {"path": PHOTO.decode(), "meta": {"_type": "gradio.FileData"}}
    data = [photo, "cat, dog", "cow", 0.1, None, "zegclip", "", 0]
    join = {"fn_index": _server().segment, "session_hash": "abc", "event_data": None, "trigger_id": None}
    named = dict(zip(("seen", "unseen", "method"), ("cat", "dog | puppy", "clip_rc"), strict=True))
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "segment", "arguments": named}}
    part = f'--{_BORDER}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    bodies = [(CALL, json.dumps({"data": data})), (CALL, json.dumps({"data": [data[0], "猫", *[None] * 6]}))]
    bodies += [(JOIN, json.dumps({**join, "data": data})), (MCP, json.dumps(call))]
    made = [f"{path}\n{body}".encode() for path, body in bodies]
    return [*made, f"{UPLOAD}\n{part}".encode() + _png() + f"\r\n--{_BORDER}--\r\n".encode()]


def read_request(data: bytes) -> None:
    """Send one request, wait for its answer, and assert what must hold of that.

    Raises:
        UserError: the server refused it, or answered with a sentence.
    """
    server = _server()
    line, _, body = data.partition(b"\n")
    path = line.decode("ascii", "ignore")
    path = path if path in (CALL, JOIN, UPLOAD, MCP) else CALL
    body = body.replace(PHOTO, server.photo.encode())
    kind = f"multipart/form-data; boundary={_BORDER}" if path == UPLOAD else "application/json"
    request = {"content": body, "headers": {**_HEADERS, "Content-Type": kind}}
    try:
        reply = server.client.post(server.url + path, **request)
    except httpx.TransportError:  # a connection that was kept open may be closed in the same moment: once more
        reply = server.client.post(server.url + path, **request)
    assert reply.status_code < 500, f"{path} answered {reply.status_code}: {reply.text[:200]}"
    if reply.status_code >= 400:
        raise UserError(f"refused with {reply.status_code}.")
    if path == CALL:
        event = reply.json()["event_id"]
        _check_end(server.client.get(f"{server.url}{CALL}/{event}").text)


def _check_end(stream: str) -> None:
    """A question that was taken ends with a result or with a sentence."""
    assert "event: complete" in stream or "event: error" in stream, stream[-300:]
    if "event: error" in stream:
        error = json.loads(stream.rpartition("event: error")[2].partition("data: ")[2].splitlines()[0])
        text = error["error"] if isinstance(error, dict) else error
        assert isinstance(text, str), f"an error without a sentence: {stream[-300:]}"
        assert text.rstrip().endswith("."), f"no sentence: {text[:300]}"
        raise UserError("The server answered with a sentence.")
