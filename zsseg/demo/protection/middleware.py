"""The layer between the server and Gradio: refuses requests, repairs bodies, adds headers to replies."""

import logging

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zsseg.demo.protection.bodies import again, read_json, whole_body, whole_characters
from zsseg.demo.protection.gate import MCP_PATH, QUEUE_PATHS, Gate, Refusal
from zsseg.demo.protection.mcp_photo import refusal_of_photo

_LOG = logging.getLogger(__name__)

# Gradio's page needs inline scripts and `eval`, so this does not stop a script that got in; it stops one from sending
# anything away, and other sites from framing the page, except the one that shows a Space in a frame.
_CONTENT_POLICY = "; ".join(
    [
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co",
    ]
)
HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Of every reply."""

_UNREADABLE = Refusal(400, "The request cannot be read: send what the description of the interface says.")


class Protection:
    """ASGI middleware: a `Gate` before the page, and `HEADERS` on every reply."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it with a sentence."""
        # Lifespan events of the server pass unchanged.
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    # A reply's own header wins, where Gradio sets one.
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._answer(scope, receive, send_with_headers)
        except Exception as error:
            # The libraries below fail in many ways on an invalid body. A GET has no body, so there it is a defect.
            if started or scope["method"] == "GET":
                raise
            _LOG.warning("%s %s: %s: %.200s", scope["method"], scope["path"], type(error).__name__, error)
            await _refuse(_UNREADABLE)(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._gate.refusal(scope)
        if refused is None and scope["method"] == "POST" and str(scope["path"]).startswith(MCP_PATH):
            body = await whole_body(receive)
            # Its library answers what is no text with an internal error, and half characters not at all.
            is_json, message = read_json(body)
            refused, receive = None if is_json else _UNREADABLE, again(body, receive)
            answer = refusal_of_photo(message)
            if answer is not None:
                await JSONResponse(answer)(scope, receive, send)
                return
        elif refused is None and scope["method"] == "POST" and str(scope["path"]).startswith(QUEUE_PATHS):
            # An answer that repeats half a character cannot be sent: the stream would break off.
            receive = again(whole_characters(await whole_body(receive)), receive)
        await (self._app if refused is None else _refuse(refused))(scope, receive, send)


def _refuse(refusal: Refusal) -> ASGIApp:
    return JSONResponse({"detail": refusal.sentence}, refusal.status)
