"""One core: Python, the shell, HTTP, the tool for programs and the page's ZIP give the same arrays to the last bit."""

import asyncio
import base64
import io
import re
import shutil
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from zsseg import Predictor, examples
from zsseg.cli.main import main
from zsseg.demo import actions, catalog_of
from zsseg.demo.actions import DisplaySettings
from zsseg.models import TrainingFreeConfig
from zsseg.predictor import default_checkpoints
from zsseg.weights.metadata import read_metadata
from zsseg.weights.search import find_backbone_of

PHOTO = examples.EXAMPLES[0].path
TRAINING_FREE = TrainingFreeConfig.method
SEEN, UNSEEN, PENALTY, THRESHOLD = "dog | hound, person", "cow; sheep", 0.05, 0.4

Arrays = tuple[np.ndarray, np.ndarray]  # scores (K, H, W) float32; labels (H, W), -1 is none of these


@pytest.mark.parametrize("method", ["zegclip", "clip_rc", TRAINING_FREE])
def test_every_way_gives_the_same_arrays(checkpoints: dict[str, str], url: str, tmp_path: Path, method: str) -> None:
    answer = _predictor(checkpoints, method).predict(PHOTO, SEEN, UNSEEN, seen_penalty=PENALTY, threshold=THRESHOLD)
    assert len(np.unique(answer.labels)) > 1  # equal arrays that hold one value would say little
    ways = {
        "shell": _shell(checkpoints, method, tmp_path),
        "http": _http(url, method),
        "tool": _tool(url, method),
        "page": _page(checkpoints, method),
    }
    for way, (scores, labels) in ways.items():
        np.testing.assert_array_equal(scores, answer.scores, err_msg=way)
        np.testing.assert_array_equal(labels, answer.labels, err_msg=way)


def _arrays(scores: bytes, labels: bytes) -> Arrays:
    index = np.asarray(Image.open(io.BytesIO(labels))).astype(np.int16)
    return np.load(io.BytesIO(scores))["scores"], np.where(index == 255, -1, index)


def _predictor(checkpoints: dict[str, str], method: str) -> Predictor:
    if method == TRAINING_FREE:
        return Predictor.training_free(_backbone(checkpoints))
    return Predictor.from_checkpoint(checkpoints[method])


def _backbone(checkpoints: dict[str, str]) -> Path:
    file = Path(checkpoints["zegclip"])
    return find_backbone_of(file, read_metadata(file))


def _model_words(checkpoints: dict[str, str], method: str, folder: Path) -> list[str]:
    """The shell's words for a model; a method without weights of its own takes the backbone of the default one."""
    if method != TRAINING_FREE:
        return ["--checkpoint", checkpoints[method]]
    shutil.copytree(_backbone(checkpoints), folder / _backbone(checkpoints).name)
    shutil.copy(checkpoints["zegclip"], folder / f"{default_checkpoints()['zegclip']}.safetensors")
    return ["--method", method, "--weights", str(folder)]


def _shell(checkpoints: dict[str, str], method: str, folder: Path) -> Arrays:
    model = _model_words(checkpoints, method, folder)
    words = ["segment", str(PHOTO), "--seen", SEEN, "--unseen", UNSEEN, *model]
    numbers = ["--seen-penalty", str(PENALTY), "--threshold", str(THRESHOLD), "--out", str(folder)]
    assert main([*words, *numbers]) == 0
    return _arrays((folder / method / "scores.npz").read_bytes(), (folder / method / "labels.png").read_bytes())


def _http(url: str, method: str) -> Arrays:
    client = Client(url, verbose=False)
    _, labels, scores = client.predict(
        photo=handle_file(PHOTO),
        seen=SEEN,
        unseen=UNSEEN,
        seen_penalty=PENALTY,
        threshold=THRESHOLD,
        method=method,
        api_name="/segment",
    )
    client.close()
    return _arrays(Path(scores).read_bytes(), Path(labels).read_bytes())


def _tool(url: str, method: str) -> Arrays:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    panel = {
        "photo": "data:image/jpeg;base64," + base64.b64encode(PHOTO.read_bytes()).decode(),
        "seen": SEEN,
        "unseen": UNSEEN,
        "seen_penalty": PENALTY,
        "threshold": THRESHOLD,
        "method": method,
    }

    async def call() -> str:
        async with (
            streamable_http_client(f"{url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool("segment", panel)
            return " ".join(getattr(part, "text", "") for part in result.content)

    output = asyncio.run(call())
    files = {}
    for name in ("scores.npz", "labels.png"):
        found = re.search(rf"http://\S+?{name}", output)
        assert found, output[-600:]
        with urllib.request.urlopen(found.group()) as reply:
            files[name] = reply.read()
    return _arrays(files["scores.npz"], files["labels.png"])


def _page(checkpoints: dict[str, str], method: str) -> Arrays:
    catalog = catalog_of(checkpoints)
    answer = actions.segment(catalog.get(catalog.first), str(PHOTO), SEEN, UNSEEN, methods=[method])
    path = actions.write_files(answer, DisplaySettings(dict.fromkeys(answer.results, (THRESHOLD, PENALTY)), 0.6))
    with zipfile.ZipFile(path) as archive:
        return _arrays(archive.read(f"{method}/scores.npz"), archive.read(f"{method}/labels.png"))
