"""Write the parameters of `/segment` into docs/api.md, from the endpoint: python -m tests.demo.endpoint_schema"""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from gradio.utils import get_function_description

from zsseg.demo.catalog import Catalog
from zsseg.demo.endpoint import wire_endpoint
from zsseg.models import METHODS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "api.md"
EXAMPLES = {
    "photo": 'handle_file("photo.jpg")', "seen": '"dog, person"', "unseen": '"cow, sheep | lamb"',
    "seen_penalty": "0.1", "threshold": "0.4", "method": '"clip_rc"',
    "model": '"shapes-clip, inductive"', "photo_gate": "0.25",
}  # fmt: skip
"""One value of each parameter; a test calls the endpoint with them."""

_BETWEEN = re.compile(r"(?<=<!-- from the endpoint -->\n).*?(?=<!-- end -->)", re.DOTALL)
_TYPES = {"filepath": "file", "str": "text", "float": "number"}


def endpoint() -> tuple[dict[str, Any], Callable[..., Any]]:
    """What Gradio says of `/segment`, and the function behind it; no model is loaded."""
    methods = [key for key, method in METHODS.items() if method.checkpoint or not method.trained]
    with gr.Blocks() as page:
        wire_endpoint(cast(Catalog, SimpleNamespace(methods=methods)))
    (function,) = [one.fn for one in page.fns.values() if one.api_name == "segment"]
    assert function is not None
    return page.get_api_info()["named_endpoints"]["/segment"], function


def table() -> str:
    """The parameters as a Markdown table."""
    description, function = endpoint()
    defaults = inspect.signature(function).parameters
    _, meanings, _ = get_function_description(function)
    lines = ["| parameter | type | default | example | meaning |", "|---|---|---|---|---|"]
    for parameter in description["parameters"]:
        name = parameter["parameter_name"]
        default = defaults[name].default
        shown = "required" if default is inspect.Parameter.empty else f"`{json.dumps(default)}`"
        meaning = meanings[name].replace("|", "\\|")
        example = EXAMPLES[name].replace("|", "\\|")
        lines.append(f"| `{name}` | {_type(parameter)} | {shown} | `{example}` | {meaning} |")
    return "\n".join([*lines, ""])


def _type(parameter: dict[str, Any]) -> str:
    if choices := parameter["type"].get("enum"):
        return " or ".join(f"`{choice}`" for choice in choices)
    return _TYPES.get(parameter["python_type"]["type"].split(" ")[0].split("(")[0], parameter["python_type"]["type"])


def written() -> str:
    """The table that the document has."""
    found = _BETWEEN.search(DOCUMENT.read_text(encoding="utf-8"))
    assert found
    return found.group()


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_BETWEEN.sub(lambda _: table(), text), encoding="utf-8")
