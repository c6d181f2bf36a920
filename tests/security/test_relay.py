"""The server fetches nothing for a visitor: a photo's address is refused wherever it is given (SSRF)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from tests.demo.test_server import tool_call
from tests.security.test_protection import ask


class Inside:
    """A server that only this machine should reach, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"inside")

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def inside() -> Iterator[Inside]:
    server = Inside()
    thread = threading.Thread(target=server.server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


def addresses(inside: Inside) -> list[str]:
    """The same address in the notations that filters have missed before."""
    port = inside.address.rpartition(":")[2]
    hosts = ["127.0.0.1", "localhost", "0.0.0.0", "2130706433", "0x7f000001", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
    return [f"http://{host}:{port}/photo.png" for host in hosts] + [
        f"HTTP://{inside.address}/photo.png",
        f"http://public.example@{inside.address}/photo.png",
        f"http:/{inside.address}/photo.png",
        f"https://{inside.address}/photo.png",
        "http://169.254.169.254/latest/meta-data/",
        f"ftp://{inside.address}/photo.png",
        f"gopher://{inside.address}/photo.png",
    ]


def segment(url: str, photo: object) -> str:
    """All events of a call of /segment with this value for the photo."""
    body: dict[str, Any] = {"data": [photo, "dog", "", None, None, "zegclip", "", 0]}
    call = "/gradio_api/call/segment"
    status, _, content = ask(url, "POST", call, json.dumps(body).encode(), **{"Content-Type": "application/json"})
    if status != 200:
        return content.decode()
    return ask(url, "GET", f"{call}/{json.loads(content)['event_id']}")[2].decode()


@pytest.mark.parametrize("form", ["path", "url", "both", "meta", "text"])
def test_segment_fetches_no_photo(url: str, inside: Inside, form: str) -> None:
    meta = {"meta": {"_type": "gradio.FileData"}}
    for address in addresses(inside):
        photo = {
            "path": {"path": address},
            "url": {"path": "photo.png", "url": address},
            "both": {"path": address, "url": address},
            "meta": {"path": address, "url": address, **meta},
            "text": address,
        }[form]
        reply = segment(url, photo)
        assert "error" in reply
        assert "labels.png" not in reply
    assert inside.asked == []


def test_the_page_is_no_relay(url: str, inside: Inside) -> None:
    for address in addresses(inside):
        for route in ("/gradio_api/file=", "/gradio_api/file/", "/gradio_api/proxy="):
            for text in (quote(address, safe=":/@[]"), quote(address, safe="")):
                status, headers, content = ask(url, "GET", route + text)
                assert status in (400, 403, 404), (route, text)
                assert "location" not in headers
                assert content != b"inside"
    assert inside.asked == []


def test_public_servers_are_not_fetched_either(url: str) -> None:
    for scheme in ("http", "https", "HTTPS", "hTTp"):
        status, _, content = ask(url, "GET", f"/gradio_api/file={scheme}://example.com/photo.png")
        assert (status, "nothing from other servers" in content.decode()) == (403, True)


def test_a_tool_fetches_no_photo(url: str, inside: Inside) -> None:
    for address in addresses(inside)[:3]:
        _, failed, text = tool_call(url, {"photo": address, "seen": "dog"})
        assert failed
        assert "zegclip-tiny" not in text
    assert inside.asked == []
