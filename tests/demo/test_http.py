"""The page over HTTP: the same numbers as Python, one clear sentence for everything else."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.servers.demo_server import serve
from zsseg import Predictor, examples
from zsseg.demo import build_demo
from zsseg.demo.catalog import Catalog, ModelEntry
from zsseg.demo.server import running


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    client = Client(url, verbose=False)
    yield client
    client.close()


@pytest.mark.parametrize("method", ["zegclip", "clip_rc"])
def test_same_numbers_as_the_predictor(client: Client, checkpoints: dict[str, str], method: str) -> None:
    photo = examples.EXAMPLES[0].path
    result, labels, scores = client.predict(
        photo=handle_file(photo),
        seen="dog, person",
        unseen="cow; sheep",
        seen_penalty=0.05,
        threshold=0.4,
        method=method,
        api_name="/segment",
    )
    expected = Predictor.from_checkpoint(checkpoints[method]).predict(
        photo, ["dog", "person"], ["cow", "sheep"], seen_penalty=0.05, threshold=0.4
    )
    saved = np.load(scores)
    np.testing.assert_array_equal(saved["scores"], expected.scores)
    assert tuple(saved["names"]) == expected.names
    index = np.asarray(Image.open(labels)).astype(int)
    np.testing.assert_array_equal(np.where(index == 255, -1, index), expected.labels)
    assert [row["area"] for row in result["classes"]] == pytest.approx(expected.area)


def test_settings_default_to_the_checkpoint(client: Client) -> None:
    result, _, _ = client.predict(
        photo=handle_file(examples.EXAMPLES[0].path), seen="dog", unseen="cow", api_name="/segment"
    )
    assert result["method"] == "zegclip"
    assert result["settings"] == {"seen_penalty": 0.1, "threshold": 0.0, "photo_gate": 0.0}


def test_a_name_that_is_cut_is_reply_text_in_the_result(client: Client) -> None:
    for method in ("zegclip", "clip_rc"):
        result, _, _ = _ask(client, examples.EXAMPLES[0].path, seen="dog, " + "word " * 20, method=method)
        assert len(result["classes"]) == 2
        assert [warning[:10] for warning in result["warnings"]] == ["The end of"]
    result, _, _ = _ask(client, examples.EXAMPLES[0].path)
    assert result["warnings"] == []


def _ask(client: Client, photo: Path, seen: str = "cat", **more: object) -> Any:  # noqa: ANN401
    return client.predict(photo=handle_file(photo), seen=seen, unseen="", **more, api_name="/segment")


def test_unreadable_files_get_a_sentence(client: Client, tmp_path: Path) -> None:
    text, cut, bomb = tmp_path / "note.png", tmp_path / "cut.jpg", tmp_path / "bomb.png"
    text.write_text("this is not a picture")
    cut.write_bytes(examples.EXAMPLES[0].path.read_bytes()[:5000])
    Image.new("1", (12000, 12000)).save(bomb)
    for path, says in ((text, "not a picture"), (cut, "damaged"), (bomb, "too large")):
        with pytest.raises(AppError, match=says):
            _ask(client, path)


def test_bad_questions_get_a_sentence(client: Client) -> None:
    photo = examples.EXAMPLES[0].path
    with pytest.raises(AppError, match="class name"):
        _ask(client, photo, seen=" , ")
    with pytest.raises(AppError, match="at most 200"):
        _ask(client, photo, seen=", ".join(map(str, range(500))))
    with pytest.raises(AppError, match="between 0 and 1"):
        _ask(client, photo, threshold=7)
    with pytest.raises(AppError, match="no model “other”: choose one of model"):
        _ask(client, photo, model="other")


def test_a_program_may_choose_the_model(checkpoints: dict[str, str]) -> None:
    catalog = Catalog(
        [ModelEntry("first", {**checkpoints, "zegclip": "gone"}), ModelEntry("second", dict(checkpoints))]
    )
    with running(build_demo(catalog), catalog.get(catalog.first), quiet=True) as url:
        client = Client(url, verbose=False)
        with pytest.raises(AppError, match="gone"):
            _ask(client, examples.EXAMPLES[0].path)
        result, _, _ = _ask(client, examples.EXAMPLES[0].path, model="second")
        assert result["model"] == "zegclip-tiny-inductive"
        client.close()


def test_only_segment_is_public(client: Client) -> None:
    api = client.view_api(return_format="dict")
    assert list(api["named_endpoints"]) == ["/segment"]
    assert not api["unnamed_endpoints"]
    parameters = [parameter["parameter_name"] for parameter in api["named_endpoints"]["/segment"]["parameters"]]
    assert parameters == ["photo", "seen", "unseen", "seen_penalty", "threshold", "method", "model", "photo_gate"]


@pytest.mark.parametrize("meta", [{"meta": {"_type": "gradio.FileData"}}, {}])
def test_no_file_of_the_server_can_be_asked_for(client: Client, tmp_path: Path, meta: dict[str, object]) -> None:
    # The events do not let Gradio open the picture; that it still refuses paths which nobody uploaded is tested here.
    secret = tmp_path / "secret.png"
    Image.new("RGB", (32, 32)).save(secret)
    body = {"data": [{"path": str(secret), **meta}, "cat", "", None, None, "zegclip", "", 0]}
    call = f"{client.src}gradio_api/call/segment"
    request = urllib.request.Request(call, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{call}/{event}") as reply:
        reply_text = reply.read().decode()
    assert reply_text.startswith("event: error")
    assert "labels.png" not in reply_text
    assert "was not uploaded" in reply_text or meta


def test_page_starts_without_checkpoints() -> None:
    with serve({"zegclip": "gone", "clip_rc": "gone-too"}) as url:
        client = Client(url, verbose=False)
        with pytest.raises(AppError, match="gone"):
            _ask(client, examples.EXAMPLES[0].path)
        client.close()
