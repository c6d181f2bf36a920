"""Bodies of requests: read whole, checked, and given on."""

import json
import re

from starlette.types import Message, Receive

# Escaped halves of characters beyond 16 bits; two that belong together are one character.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


async def whole_body(receive: Receive) -> bytes:
    """The body of a request, whose length the gate has bounded."""
    parts, is_more = [], True
    while is_more:
        message = await receive()
        parts.append(message.get("body", b""))
        is_more = message.get("more_body", False)  # neither has the message of a caller who is gone
    return b"".join(parts)


def read_json(body: bytes) -> tuple[bool, object]:
    """Whether a body is JSON that can be encoded again, and what it says; text with lone surrogates cannot."""
    try:
        document = json.loads(body)
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False, None
    return True, document


def whole_characters(body: bytes) -> bytes:
    """JSON with a question mark for each half of a character; anything else as it is."""
    if not _HALF.search(body):
        return body
    try:
        return json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        return body


def again(body: bytes, receive: Receive) -> Receive:
    """Replay a body that was read already, then pass on what follows."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return messages.pop() if messages else await receive()

    return give
