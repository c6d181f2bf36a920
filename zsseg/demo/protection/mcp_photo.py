"""Photos that programs send by the Model Context Protocol, checked before Gradio decodes them.

Gradio answers what it cannot decode with the words of Python's base64 module, which say nothing of a photo.
"""

import base64
from typing import Any

_TOOL = "segment"  # of `zsseg.demo.endpoint`
_WRONG = "The photo cannot be read: send it as a data URL with whole base64, such as data:image/png;base64,..."


def refusal_of_photo(message: object) -> dict[str, Any] | None:
    """The answer to a call of a tool whose photo cannot be decoded; None for every other message.

    Args:
        message: the JSON document of a request.

    Returns:
        A JSON-RPC answer with a result that says ``isError``, as the protocol reports errors of a tool.
    """
    if not isinstance(message, dict) or message.get("method") != "tools/call":
        return None
    call = message.get("params")
    # A Space puts its own name before the tool's.
    if not isinstance(call, dict) or not str(call.get("name")).endswith(_TOOL):
        return None
    arguments = call.get("arguments")
    if isinstance(arguments, dict) and _is_readable(arguments.get("photo")):
        return None
    result = {"content": [{"type": "text", "text": _WRONG}], "isError": True}
    return {"jsonrpc": "2.0", "id": message.get("id"), "result": result}


def _is_readable(photo: object) -> bool:
    if not isinstance(photo, str):
        return False
    if photo.startswith(("http://", "https://")):  # refused later, by the rule for other servers
        return True
    if not photo.startswith("data:"):
        return False
    try:
        # As Gradio decodes it: what follows the last comma, letters outside the alphabet left out.
        base64.b64decode(photo.rpartition(",")[2])
    except ValueError:
        return False
    return True
