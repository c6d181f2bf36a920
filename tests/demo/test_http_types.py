"""Values of any type over HTTP: null means none, everything else that cannot be used is a sentence."""

import json
import urllib.request
from collections.abc import Sequence

import pytest

from zsseg import examples


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
