"""A local server of files for tests of downloads: it can misbehave in the ways that real ones do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """What the server answers with: `size` is what it says, however much it sends."""

    body: bytes = b""
    status: int = 200
    size: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FileServer:
    """Its address, its replies by path, and the requests that it got."""

    url: str
    replies: dict[str, Reply]
    requests: list[tuple[str, dict[str, str]]]


@contextmanager
def serving_files() -> Iterator[FileServer]:
    """Serve replies on a free port of this machine until the block ends."""
    replies: dict[str, Reply] = {}
    requests: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append((self.path, dict(self.headers)))
            reply = replies.get(self.path, Reply(b"not here", 404))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.size != -1:
                self.send_header("Content-Length", str(len(reply.body) if reply.size is None else reply.size))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield FileServer(f"http://127.0.0.1:{server.server_port}", replies, requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
