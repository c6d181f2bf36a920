"""The gate before the page: limits for requests and visitors, no relay, no way past the queue, headers of replies."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Scope

from zsseg.demo import build_demo, catalog_of
from zsseg.demo.protection import HEADERS, MAX_VISITORS, MEGABYTE, Gate, Limits, visitor_of
from zsseg.demo.server import running

LIMITS = Limits(upload=2 * MEGABYTE, body=MEGABYTE, upload_hour=4 * MEGABYTE, posts=5, posts_second=0.5, waiting=2)


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def request(
    path: str = "/gradio_api/queue/join", method: str = "POST", client: str = "9.9.9.9", **headers: str
) -> Scope:
    given = {"content_length": "9", **headers}
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
    return {"type": "http", "method": method, "path": path, "client": (client, 5000), "headers": lines}


def status(gate: Gate, scope: Scope) -> int:
    refused = gate.refusal(scope)
    return 200 if refused is None else refused.status


def test_a_visitor_is_an_address() -> None:
    assert visitor_of(request(client="9.9.9.9")) == "9.9.9.9"
    assert visitor_of(request(client="::ffff:9.9.9.9")) == "9.9.9.9"
    assert visitor_of(request(client="2001:db8:1:2::5")) == visitor_of(request(client="2001:db8:1:2:ffff::9"))
    assert visitor_of(request(client="2001:db8:1:2::5")) != visitor_of(request(client="2001:db8:1:3::5"))


def test_only_a_proxy_is_believed_about_addresses() -> None:
    forged = "8.8.4.4"
    assert visitor_of(request(client="9.9.9.9", x_forwarded_for=forged)) == "9.9.9.9"
    # The proxy appends the address that it sees to whatever the caller wrote.
    assert visitor_of(request(client="10.0.0.1", x_forwarded_for=f"{forged}, 9.9.9.9")) == "9.9.9.9"
    assert visitor_of(request(client="10.0.0.1", x_forwarded_for="nonsense")) == "10.0.0.1"


def test_requests_come_back_with_time() -> None:
    clock = Clock()
    gate = Gate(LIMITS, list, clock)
    assert [status(gate, request()) for _ in range(7)] == [200] * 5 + [429] * 2
    assert status(gate, request(client="9.9.9.8")) == 200  # somebody else
    clock.now = 4.0
    assert [status(gate, request()) for _ in range(3)] == [200, 200, 429]


def test_a_clock_that_goes_back_gives_and_takes_nothing() -> None:
    clock = Clock()
    clock.now = 100.0
    gate = Gate(LIMITS, list, clock)
    for _ in range(5):
        gate.refusal(request())
    clock.now = 0.0
    assert status(gate, request()) == 429
    clock.now = 2.0
    assert status(gate, request()) == 200


def test_reading_is_not_counted() -> None:
    gate = Gate(LIMITS, list, Clock())
    assert {status(gate, request("/", "GET")) for _ in range(50)} == {200}


def test_length_is_told_and_limited() -> None:
    gate = Gate(LIMITS, list, Clock())
    upload = "/gradio_api/upload"
    assert status(gate, request(content_length="1000001")) == 413
    assert status(gate, request(upload, content_length="2000001")) == 413
    assert status(gate, request(upload, content_length="1500000")) == 200
    for wrong in ("", "-1", "1e9", "²", "0x10"):
        assert status(gate, request(content_length=wrong)) == 411
    chunked = request(transfer_encoding="chunked")
    chunked["headers"] = [line for line in chunked["headers"] if line[0] != b"content-length"]
    assert status(gate, chunked) == 411


def test_uploads_of_an_hour_are_limited() -> None:
    clock = Clock()
    gate = Gate(LIMITS, list, clock)
    upload = request("/gradio_api/upload", content_length="1500000")
    assert [status(gate, upload) for _ in range(3)] == [200, 200, 429]
    clock.now = 1800.0
    assert [status(gate, upload) for _ in range(3)] == [200, 200, 429]


def test_nobody_fills_the_queue_alone() -> None:
    gate = Gate(LIMITS, lambda: [request(), request(), request(client="9.9.9.10")], Clock())
    assert status(gate, request()) == 429
    assert status(gate, request("/gradio_api/call/segment")) == 429
    assert status(gate, request(client="9.9.9.10")) == 200
    assert status(gate, request("/gradio_api/upload")) == 200


def test_visitors_do_not_fill_the_memory() -> None:
    gate = Gate(LIMITS, list, Clock())
    for number in range(MAX_VISITORS + 50):
        gate.refusal(request(client=f"198.{number >> 16 & 3}.{number >> 8 & 255}.{number & 255}"))
    assert len(gate._visitors) == MAX_VISITORS


@pytest.fixture(scope="module")
def narrow(checkpoints: dict[str, str]) -> Iterator[str]:
    """Address of a page with the small limits of this file."""
    catalog = catalog_of(checkpoints)
    with running(build_demo(catalog), catalog.get(catalog.first), quiet=True, limits=LIMITS) as url:
        yield url


def ask(url: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case and content of an answer; no redirect is followed and no path is tidied."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request(method, path, body or None, headers)
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, content


@pytest.mark.parametrize("path", ["/", "/healthz", "/config", "/gradio_api/info", "/nothing-here", "/theme.css"])
def test_every_reply_has_the_headers(url: str, path: str) -> None:
    _, headers, _ = ask(url, "GET", path)
    for name, value in HEADERS.items():
        assert headers[name.lower()] == value
    assert "unsafe" not in headers["content-security-policy"].split("object-src")[1]
    assert "access-control-allow-origin" not in headers


def test_another_site_may_not_read_answers(url: str) -> None:
    _, headers, _ = ask(url, "GET", "/config", Origin="https://evil.example")
    assert headers.get("access-control-allow-origin") in (None, "http://" + urlsplit(url).netloc)


def test_refusals_are_sentences(narrow: str) -> None:
    code, headers, content = ask(narrow, "POST", "/gradio_api/queue/join", b"x" * (MEGABYTE + 1))
    assert (code, headers["x-content-type-options"]) == (413, "nosniff")
    assert json.loads(content)["detail"].endswith("send at most 1 MB at a time.")


def test_a_longer_body_than_said_is_cut_off(narrow: str) -> None:
    # The server holds a body to its Content-Length, so the check of the header is enough.
    connection = http.client.HTTPConnection(urlsplit(narrow).netloc, timeout=20)
    connection.putrequest("POST", "/gradio_api/queue/join")
    connection.putheader("Content-Length", "10")
    connection.putheader("Content-Type", "application/json")
    connection.endheaders()
    connection.send(b'{"data": ]' + b"x" * 500_000)
    assert connection.getresponse().status == 422
    connection.close()


def test_there_is_no_way_past_the_queue(url: str) -> None:
    body: dict[str, Any] = {"data": [None, "dog", "", None, None, "zegclip", "", 0]}
    for path in ("/gradio_api/run/segment", "/gradio_api/api/segment", "/gradio_api/run/segment/"):
        code, _, content = ask(url, "POST", path, json.dumps(body).encode(), **{"Content-Type": "application/json"})
        assert code == 404, content
        assert b"queue" in content


BAD_BODIES = (
    ("/gradio_api/upload", b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--b--\r\n'),
    ("/gradio_api/upload", b"\xff\xfe"),
    *(("/gradio_api/mcp/", body) for body in (b"", b"\xff", b"{", b"[" * 100_000, b'{"id": "\\ud800"}')),
    *(("/gradio_api/call/segment", body) for body in (b"", b"\xff", b"[" * 100_000, b"5", b'{"data": {"a": 1}}')),
    *(("/gradio_api/queue/join", body) for body in (b"", b"{}", b'{"data": [], "fn_index": -1}')),
)


@pytest.mark.parametrize(("path", "body"), BAD_BODIES)
def test_a_body_that_is_none_is_refused_and_not_a_defect(url: str, path: str, body: bytes) -> None:
    headers = {
        "Content-Type": "multipart/form-data; boundary=b" if path.endswith("upload") else "application/json",
        "Accept": "application/json, text/event-stream",
    }
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("POST", path, body, headers)
    reply = connection.getresponse()
    assert 400 <= reply.status < 500
    assert reply.read()
    connection.close()
