"""Values of any type over HTTP: null means none, everything else that cannot be used is a sentence."""

import inspect
import json
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
import httpx
import pytest

from tests.load.visitors import Page, Visitor, make_questions
from zsseg import examples
from zsseg.demo import build_demo, catalog_of
from zsseg.demo.protection import Limits
from zsseg.demo.server import running


def ask(url: str, data: Sequence[object] | str) -> str:
    """What /segment answers to a list of inputs, or to the raw body: the event's text."""
    body = data if isinstance(data, str) else json.dumps({"data": data})
    address = f"{url}gradio_api/call/segment"
    request = urllib.request.Request(address, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{address}/{event}", timeout=120) as stream:
        return stream.read().decode()


@pytest.fixture(scope="module")
def photo(url: str) -> dict[str, object]:
    """A photo that was uploaded to the page."""
    data = examples.EXAMPLES[0].path.read_bytes()
    border = b"----border"
    head = b'Content-Disposition: form-data; name="files"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = b"--" + border + b"\r\n" + head + data + b"\r\n--" + border + b"--\r\n"
    kind = {"Content-Type": f"multipart/form-data; boundary={border.decode()}"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}gradio_api/upload", body, kind), timeout=60) as reply:
        return {"path": json.load(reply)[0], "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "values",
    [
        ["cat", "dog", None, None, "zegclip", "", 0],
        [None, "dog", None, None, None, None, None],
        ["cat", None, 0, 0, "clip_rc", "", None],
        [["cat", "dog"], "", None, None, "zegclip", "", 0],
    ],
)
def test_null_means_none(url: str, photo: dict[str, object], values: list[object]) -> None:
    reply = ask(url, [photo, *values])
    assert "event: complete" in reply
    assert '"classes"' in reply


BAD_PHOTOS: tuple[object, ...] = (
    None, 5, "photo.jpg", True, ["a"], {"path": 7}, {"path": None}, {"path": "/etc/passwd"}, {"path": "x" * 5000},
    {"path": "nul\0l"}, {"url": "http://127.0.0.1:1/x"}, {"path": "data:image/png;base64,iVBORw0KGgo="}, {},
)  # fmt: skip


@pytest.mark.parametrize("bad", BAD_PHOTOS, ids=lambda bad: repr(bad)[:40])
def test_what_is_no_uploaded_photo_is_a_sentence(url: str, bad: object) -> None:
    if isinstance(bad, dict):
        bad = {**bad, "meta": {"_type": "gradio.FileData"}}
    assert_sentence(ask(url, [bad, "cat", "dog", None, None, "zegclip", "", 0]))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((1, value) for value in (5, True, {"a": 1}, "x" * 10_000, ",".join(f"n{i}" for i in range(201)))),
        *((1, "|".join(f"s{i}" for i in range(2000))),),
        *((place, value) for place in (3, 4) for value in ("abc", "0.1", 7, True, [1], {"a": 1})),
        *((5, value) for value in ("foo", 5, ["zegclip"])),
        *((6, value) for value in ("no such", 5, ["x"])),
    ],
)
def test_other_values_are_a_sentence(url: str, photo: dict[str, object], place: int, value: object) -> None:
    data: list[object] = [photo, "cat", "dog", None, None, "zegclip", "", 0]
    data[place] = value
    assert_sentence(ask(url, data))


def test_numbers_beyond_all_bounds_are_a_sentence(url: str, photo: dict[str, object]) -> None:
    data = json.dumps({"data": [photo, "cat", "dog", "HERE", None, "zegclip", "", 0]})
    assert_sentence(ask(url, data.replace('"HERE"', "1e400")))


def test_half_characters_do_no_harm(url: str, photo: dict[str, object]) -> None:
    assert "event: complete" in ask(url, [photo, "ca\ud800t, \u202edog", "", None, None, "zegclip", "", 0])


def assert_sentence(reply: str) -> None:
    assert "event: error" in reply, reply[:300]
    error = json.loads(reply.partition("data: ")[2].splitlines()[0])
    text = error["error"] if isinstance(error, dict) else error
    assert isinstance(text, str), reply[:300]
    assert text.rstrip().endswith("."), text


BAD_VALUES: tuple[Any, ...] = (
    None, "x", [1], {"a": 1}, {"path": "/etc/passwd"}, -1e308, float("nan"), True, "\ud800", "(" * 9999, 10**30,
)  # fmt: skip
BAD_EVENTS: tuple[Any, ...] = (
    None, 5, "x", [1], {"index": 1.5, "x": float("nan"), "y": -1, "name": 5, "key": [1], "table": None},
    {"index": 10**30, "x": "0", "y": 2, "name": "\ud800", "key": "99999", "table": "\ud800"},
)  # fmt: skip
VALUES = 2
"""Of each event, others than of the next one."""


class Browser:
    """A tab that has an answer, and what the page says of its events."""

    def __init__(self, blocks: gr.Blocks, url: str) -> None:
        self.functions, self._url = blocks.fns, url
        self._page = Page(url)
        self._visitor = Visitor(self._page, 40)
        self._client = httpx.Client(timeout=120, trust_env=False)
        question = make_questions(("zegclip",), side=40)[-1]
        assert self._visitor.ask(question).answer
        self._photo = self._visitor.upload(question.photo)

    def close(self) -> None:
        self._visitor.close()
        self._client.close()

    def good(self, number: int) -> list[Any]:
        """Inputs as the page sends them."""
        values = []
        for part in self.functions[number].inputs:
            by_id = {"zs-photo": self._photo, "zs-seen": "dog", "zs-unseen": "cow"}
            values.append(by_id.get(str(part.elem_id), getattr(part, "value", None)))
        return [value if isinstance(value, str | int | float | dict | list) else None for value in values]

    def send(self, number: int, data: list[Any], event: object = None) -> str:
        """Send an event; returns "" for an answer, else the sentence."""
        session = self._visitor.session
        body = {"fn_index": number, "data": data, "session_hash": session, "event_data": event, "trigger_id": None}
        kind = {"Content-Type": "application/json"}
        # As text, since httpx refuses NaN, which a browser's script could send.
        reply = self._client.post(f"{self._url}gradio_api/queue/join", content=json.dumps(body), headers=kind)
        assert reply.status_code == 200, reply.text
        address = f"{self._url}gradio_api/queue/data?session_hash={session}"
        with self._client.stream("GET", address) as stream:
            for line in stream.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {"msg": ""}
                assert message["msg"] != "unexpected_error", message
                if message["msg"] == "process_completed":
                    return "" if message["success"] else str((message["output"] or {}).get("error") or "DEFECT")
        raise AssertionError("no answer")


@pytest.fixture(scope="module")
def browser(checkpoints: dict[str, str]) -> Iterator[Browser]:
    catalog = catalog_of(checkpoints)
    blocks = build_demo(catalog)
    limits = Limits(posts=2**60, posts_second=2.0**60)
    with running(blocks, catalog.get(catalog.first), quiet=True, limits=limits) as url:
        tab = Browser(blocks, url)
        yield tab
        tab.close()


def test_any_value_in_any_event_is_answered_or_refused_in_a_sentence(browser: Browser) -> None:
    tried = 0
    for number, function in browser.functions.items():
        if function.fn is None or not function.inputs:
            continue
        for turn in range(VALUES):
            value = BAD_VALUES[(tried * VALUES + turn) % len(BAD_VALUES)]
            data = browser.good(number)
            data[(tried + turn) % len(data)] = value
            assert browser.send(number, data) != "DEFECT", (function.name, data)
        tried += 1
    assert tried > 30


def test_any_content_of_an_event_is_answered_or_refused_in_a_sentence(browser: Browser) -> None:
    tried = 0
    for number, function in browser.functions.items():
        if function.fn is None or "event" not in inspect.signature(function.fn).parameters:
            continue
        for event in BAD_EVENTS:
            assert browser.send(number, browser.good(number), event) != "DEFECT", (function.name, event)
        tried += 1
    assert tried > 5
