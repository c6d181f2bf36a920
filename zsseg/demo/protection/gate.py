"""Decides which requests the public page answers: limits for each request and each visitor."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import Scope

MEGABYTE = 1_000_000
# Bounds the memory that requests from many addresses can make this page use.
MAX_VISITORS = 10_000
"""Addresses that are remembered; the one that was quiet for longest is forgotten first."""

UPLOAD_PATH = "/gradio_api/upload"
MCP_PATH = "/gradio_api/mcp"
# Every way to put a question into the queue: the page, programs, the Model Context Protocol.
QUEUE_PATHS = ("/gradio_api/queue/join", "/gradio_api/call/", MCP_PATH)
# Gradio fetches these from any public server on any visitor's request; nothing on the page needs it.
RELAY_PATHS = ("/gradio_api/file=http:", "/gradio_api/file=https:", "/gradio_api/proxy=")


@dataclass(frozen=True)
class Limits:
    """What one request and one visitor may ask for.

    Attributes:
        upload: bytes of one upload, of all its files together.
        body: bytes of any other request; a photo of 20 MB as base64 has 27 MB.
        upload_hour: bytes that one visitor may upload in an hour.
        posts: requests that change something, of one visitor at once.
        posts_second: how many of them come back each second.
        waiting: questions of one visitor that wait in the queue.
    """

    upload: int = 256 * MEGABYTE
    body: int = 32 * MEGABYTE
    upload_hour: int = 512 * MEGABYTE
    posts: int = 300
    posts_second: float = 10.0
    waiting: int = 16


@dataclass
class _Bucket:
    """A token bucket: what a visitor may still use. It refills over time."""

    left: float
    since: float

    def take(self, amount: float, most: float, a_second: float, now: float) -> bool:
        # Refilled only when something is taken, so no timer runs for a visitor who has left.
        self.left = min(most, self.left + max(0.0, now - self.since) * a_second)
        self.since = now
        if amount > self.left:
            return False
        # A refused request costs nothing, or a visitor who tries again and again would never get in.
        self.left -= amount
        return True


@dataclass
class _Visitor:
    posts: _Bucket
    upload: _Bucket


@dataclass(frozen=True)
class Refusal:
    """Status and sentence of a request that is not answered."""

    status: int
    sentence: str


def visitor_of(scope: Scope) -> str:
    """The network address that counts as one visitor.

    Behind a proxy, which has a private address, it is the one that the proxy appended to ``X-Forwarded-For``; what a
    caller wrote there itself is not believed. Of an IPv6 address only the 64 bits count that name the network.

    Args:
        scope: of an HTTP request.
    """
    address = _address((scope.get("client") or ("",))[0])
    if address is None or address.is_private:
        # The last address, which our own proxy added; those before it are the caller's word.
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        address = _address(",".join(forwarded).rpartition(",")[2].strip()) or address
    if isinstance(address, ipaddress.IPv6Address):
        # One subscriber usually has a whole /64 and could take a new address for every request.
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # "::ffff:192.0.2.1" is an IPv4 address written as IPv6, and the same visitor.
    return getattr(address, "ipv4_mapped", None) or address


@dataclass
class Gate:
    """Says which requests are answered.

    Args:
        limits: of requests and visitors.
        waiting: gives the scope of every request whose question waits in the queue.
        clock: seconds that never go back.
    """

    limits: Limits
    waiting: Callable[[], Iterable[Scope]]
    clock: Callable[[], float] = time.monotonic
    _visitors: OrderedDict[str, _Visitor] = field(default_factory=OrderedDict)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why a request is refused; None where it is answered."""
        path = str(scope["path"])
        # Before the method is looked at: Gradio relays GET requests.
        if path.lower().startswith(RELAY_PATHS):
            return Refusal(403, "This page fetches nothing from other servers: upload the file instead.")
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        size = _size(scope)
        # Without a length the size would be known only after all of it had come.
        if size is None:
            return Refusal(411, "The request does not say how long it is: send a Content-Length.")
        upload = path.startswith(UPLOAD_PATH)
        most = self.limits.upload if upload else self.limits.body
        if size > most:
            return Refusal(413, f"The request is too large: send at most {most // MEGABYTE} MB at a time.")
        return self._over_share(visitor_of(scope), path, size if upload else 0)

    def _over_share(self, visitor: str, path: str, upload: int) -> Refusal | None:
        limits, now = self.limits, self.clock()
        known = self._visitor(visitor, now)
        # Requests are counted before bytes, so that many empty uploads are refused as well.
        if not known.posts.take(1, limits.posts, limits.posts_second, now):
            return Refusal(429, "Too many requests came from your address: wait some seconds, then try again.")
        if not known.upload.take(upload, limits.upload_hour, limits.upload_hour / 3600, now):
            return Refusal(429, f"At most {limits.upload_hour // MEGABYTE} MB an hour can be uploaded: try later.")
        if path.startswith(QUEUE_PATHS) and sum(visitor_of(s) == visitor for s in self.waiting()) >= limits.waiting:
            return Refusal(429, f"{limits.waiting} of your questions wait already: try again when they are answered.")
        return None

    def _visitor(self, name: str, now: float) -> _Visitor:
        if name not in self._visitors:
            limits = self.limits
            self._visitors[name] = _Visitor(_Bucket(limits.posts, now), _Bucket(limits.upload_hour, now))
        self._visitors.move_to_end(name)
        # A forgotten visitor starts with full buckets again, which costs less than remembering all of them.
        while len(self._visitors) > MAX_VISITORS:
            self._visitors.popitem(last=False)
        return self._visitors[name]


def _size(scope: Scope) -> int | None:
    """Bytes of the body by its header, which the server holds the body to; None where there is no such header."""
    headers = Headers(scope=scope)
    text = headers.get("content-length", "" if "transfer-encoding" in headers else "0")
    return int(text) if text.isascii() and text.isdigit() else None
