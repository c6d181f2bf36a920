"""The page as a server: loading, health, the address, the end, and the tools it offers to programs."""

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import gradio as gr
import pytest

from tests.servers.demo_server import serve
from tests.tiny import tiny_checkpoint
from zsseg import Predictor, UserError, __version__, examples
from zsseg.demo import catalog_of, find_catalog
from zsseg.demo import server as serving
from zsseg.demo.theme import launch_options
from zsseg.predictor import default_checkpoints

ROOT = Path(__file__).resolve().parents[2]


def get(url: str) -> tuple[int, dict[str, object]]:
    """Status and JSON content of an address."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def empty_page() -> gr.Blocks:
    with gr.Blocks() as page:
        pass
    return page


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def test_health_names_what_is_loaded(url: str, checkpoints: dict[str, str]) -> None:
    status, content = get(f"{url}healthz")
    assert status == 200
    assert content == {
        "status": "ok",
        "version": __version__,
        "temporary_files": {"usable": True},
        "models": {
            method: {
                "loaded": True,
                "checkpoint": f"{method}-tiny-inductive",
                "sha256": Predictor.from_checkpoint(path).sha256,
            }
            for method, path in checkpoints.items()
        }
        | {"training-free": {"loaded": True, "checkpoint": "training-free-tiny-clip", "sha256": ""}},
    }


def test_health_beside_the_page(url: str) -> None:
    with urllib.request.urlopen(url) as reply:
        assert b"<html" in reply.read().lower()
    head = urllib.request.Request(f"{url}healthz", method="HEAD")
    with urllib.request.urlopen(head) as reply:
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Content-Type"] == "application/json"


def test_health_is_bad_without_checkpoints() -> None:
    with serve({"zegclip": "gone", "clip_rc": "gone-too"}) as address:
        status, content = get(f"{address}healthz")
    assert status == 503
    assert content["status"] == "down"
    assert "no checkpoint gone-too.safetensors" in content["models"]["clip_rc"]["problem"]
    assert content["models"]["zegclip"]["loaded"] is False


def test_one_method_of_two_is_degraded(checkpoints: dict[str, str]) -> None:
    catalog = catalog_of({**checkpoints, "clip_rc": "gone"})
    half = catalog.get(catalog.first)
    assert serving.health(half)["status"] == "degraded"
    assert [model["loaded"] for model in serving.health(half)["models"].values()] == [True, False, True]
    assert serving.health({})["status"] == "down"


def test_load_searches_the_given_place_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", lambda: [])
    tiny_checkpoint(tmp_path, "zegclip", name=default_checkpoints()["zegclip"])
    catalog = find_catalog(str(tmp_path))
    loaded = catalog.get(catalog.first)
    assert list(loaded) == [*default_checkpoints(), "training-free"]
    assert isinstance(loaded["zegclip"], Predictor)
    assert isinstance(loaded["clip_rc"], UserError)
    assert str(tmp_path) in str(loaded["clip_rc"])


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_a_wrong_host_is_told_at_once(host: str) -> None:
    with (
        pytest.raises(UserError, match=f"cannot be served on {host} .*--host"),
        serving.running(empty_page(), {}, host, quiet=True),
    ):
        pass


def test_a_wrong_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for wrong, says in ((port, f"127.0.0.1, port {port} .*in use.*--port"), (70000, "no port"), (0, "no port")):
            with pytest.raises(UserError, match=says), serving.running(empty_page(), {}, port=wrong, quiet=True):
                pass


def test_the_end_frees_the_port() -> None:
    port = free_port()
    for _ in range(2):
        with serving.running(empty_page(), {}, port=port, quiet=True) as address:
            assert address == f"http://127.0.0.1:{port}/"
            assert get(f"{address}healthz")[0] == 503


def tool_call(url: str, arguments: dict[str, object]) -> tuple[list[str], bool, str]:
    """Names of the tools the page offers; whether calling "segment" failed, and the text of its answer."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk() -> tuple[list[str], bool, str]:
        async with (
            streamable_http_client(f"{url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            names = [tool.name for tool in (await session.list_tools()).tools]
            result = await session.call_tool("segment", arguments)
            return names, bool(result.isError), " ".join(getattr(part, "text", "") for part in result.content)

    return asyncio.run(talk())


def test_segment_is_a_tool(url: str) -> None:
    photo = "data:image/jpeg;base64," + base64.b64encode(examples.EXAMPLES[0].path.read_bytes()).decode()
    names, failed, text = tool_call(url, {"photo": photo, "seen": "dog", "unseen": "quokka"})
    assert names == ["segment"]
    assert not failed
    assert "zegclip-tiny-inductive" in text
    assert "quokka" in text


WRONG_PHOTOS = (
    "data:image/png;base64,abc", "data:image/png;base64,é", "data:image/png", "a photo", "", "\0",
    None, 5, 1.5, True, [], {}, ["data:"], {"path": 5},
)  # fmt: skip


@pytest.mark.parametrize("photo", WRONG_PHOTOS)
def test_a_tool_says_what_a_photo_must_be(url: str, photo: object) -> None:
    _, failed, text = tool_call(url, {"photo": photo, "seen": "dog"})
    assert failed
    assert text.startswith("The photo cannot be read: send it as a data URL")


def test_a_tool_without_a_photo_or_with_no_picture_says_so(url: str) -> None:
    assert tool_call(url, {"seen": "dog"})[2].startswith("The photo cannot be read")
    _, failed, text = tool_call(url, {"photo": "data:image/png;base64,aGk=", "seen": "dog"})
    assert failed
    assert re.search(r"photo|picture", text), text


@pytest.mark.parametrize("form", ["path", "file", "record"])
def test_a_tool_opens_no_file_of_the_server(url: str, tmp_path: Path, form: str) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(examples.EXAMPLES[0].path.read_bytes())
    record = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    photo = {"path": str(secret), "file": secret.as_uri(), "record": record}[form]
    _, failed, text = tool_call(url, {"photo": photo, "seen": "dog"})
    assert failed
    assert "zegclip-tiny" not in text


def test_tools_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch_options()["mcp_server"] is True
    monkeypatch.setenv("GRADIO_MCP_SERVER", "False")
    assert launch_options()["mcp_server"] is False


def test_ctrl_c_ends_the_wait() -> None:
    # What a shell starts in the background ignores the signal, and the wait would have no end.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        serving.wait_for_stop()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_app_serves_until_it_is_stopped(tmp_path: Path) -> None:
    for method in default_checkpoints():
        tiny_checkpoint(tmp_path, method, name=default_checkpoints()[method])
    port = free_port()
    command = [sys.executable, "app.py", "--weights", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            content = wait_for_health(process, port)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert content["models"]["zegclip"]["checkpoint"] == default_checkpoints()["zegclip"]
    assert content["status"] == "ok"
    assert process.returncode == 0
    assert "Traceback" not in errors


def wait_for_health(process: subprocess.Popen[str], port: int) -> dict[str, object]:
    """The first content of /healthz; fails when the process ends before, or after two minutes."""
    for _ in range(600):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        with contextlib.suppress(OSError):
            return get(f"http://127.0.0.1:{port}/healthz")[1]
        time.sleep(0.2)
    pytest.fail("no answer within two minutes")
