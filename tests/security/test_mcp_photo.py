"""Which photos a tool refuses before they are decoded; the real server is asked in test_server.py."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsseg.demo.protection.mcp_photo import refusal_of_photo

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "arguments", "photo"]), inner),
    max_leaves=8,
)


def call(photo: object, name: object = "segment") -> dict[str, Any]:
    arguments = {"photo": photo, "seen": "dog"}
    return {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


@given(content=st.binary(), kind=st.sampled_from(["png", "jpeg", "webp"]))
def test_every_whole_data_url_passes(content: bytes, kind: str) -> None:
    assert refusal_of_photo(call(f"data:image/{kind};base64,{base64.b64encode(content).decode()}")) is None


def test_addresses_pass_and_are_looked_at_later() -> None:
    assert refusal_of_photo(call("https://example.org/a.png")) is None


@given(message=JSON)
def test_other_messages_pass(message: object) -> None:
    assert refusal_of_photo(message) is None
    assert refusal_of_photo({"method": "tools/list", "params": message}) is None


@given(params=JSON)
def test_a_call_of_any_shape_gets_an_answer_or_passes(params: object) -> None:
    answer = refusal_of_photo({"method": "tools/call", "id": "x", "params": params})
    assert answer is None or (answer["id"] == "x" and answer["result"]["isError"] is True)


@pytest.mark.parametrize("name", ["segment", "zsseg_segment"])
def test_the_answer_is_one_of_the_protocol(name: str) -> None:
    answer = refusal_of_photo(call("data:image/png;base64,abc", name))
    assert answer is not None
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", 3)
    assert answer["result"]["isError"] is True
    assert answer["result"]["content"][0]["text"].startswith("The photo cannot be read: send it as a data URL")


def test_other_tools_are_left_alone() -> None:
    assert refusal_of_photo(call("abc", "describe")) is None
    assert refusal_of_photo(call("abc", None)) is None
