"""A reverse proxy that serves another server below a path, as nginx does with `proxy_buffering off`."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FRAME = "/frame.html"
"""A page of the same site that shows the proxied page in a frame."""

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        self.pass_on(b"")

    def do_POST(self) -> None:
        self.pass_on(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def pass_on(self, body: bytes) -> None:
        path = self.server.path
        if self.path == FRAME:
            self.reply(200, f'<iframe src="{path}/" width="1366" height="900"></iframe>'.encode())
        elif not self.path.startswith(path + "/"):
            self.server.outside.append(self.path)
            self.reply(404, b"not below the path")
        else:
            self.forward(self.path.removeprefix(path), body)

    def forward(self, inner: str, body: bytes) -> None:
        target = http.client.HTTPConnection(self.server.host, timeout=120)
        headers = {**self.headers, "X-Forwarded-Proto": "http"}
        target.request(self.command, inner, body, headers)
        answer = target.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.end_headers()
        # Piece by piece: progress is streamed.
        while piece := answer.read1():
            self.wfile.write(piece)
            self.wfile.flush()
        target.close()

    def reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """Knows which server it stands before, below which path, and what was asked for outside of that path."""

    daemon_threads = True
    host: str
    path: str
    outside: list[str]


@contextmanager
def proxying(url: str, path: str) -> Iterator[_Server]:
    """Serve `url` below `path` on a free port of this machine until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.host, server.path, server.outside = urlsplit(url).netloc, path, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
