"""The command that serves the page: its options, what it forbids, and what it says when it cannot."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.tiny import tiny_checkpoint
from zsseg.cli import demo
from zsseg.cli.main import main
from zsseg.errors import UserError
from zsseg.predictor import default_checkpoints


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_a_port_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["GRADIO_SERVER_PORT"] = "many"
    with pytest.raises(SystemExit):
        main(["demo"])
    assert "--port" in capsys.readouterr().err


def test_weights_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", "7860", "--weights", "/no/such/folder"]) == 2
    assert "no folder /no/such/folder" in capsys.readouterr().err


def test_without_gradio_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "gradio" else find(name))
    assert main(["demo"]) == 2
    assert 'pip install "zsseg[demo]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "variable", "offline"),
    [(None, None, "1"), ("org/name", None, None), (None, "org/name", None), ("/folder", "org/name", "1")],
)
def test_it_looks_elsewhere_only_for_a_repository(
    monkeypatch: pytest.MonkeyPatch, argument: str | None, variable: str | None, offline: str | None
) -> None:
    monkeypatch.setattr(os, "environ", {"ZSSEG_WEIGHTS": variable} if variable else {})
    monkeypatch.setattr(demo, "_serve", lambda *_: None)
    assert main(["demo", *(["--weights", argument] if argument else [])]) == 0
    assert os.environ.get("HF_HUB_OFFLINE") == offline
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


BAD_PROXIES = (
    {"ALL_PROXY": "socks4://127.0.0.1:9"}, {"https_proxy": "ftp://127.0.0.1"}, {"http_proxy": "http://[::1"},
    {"all_proxy": "http://host:port"}, {"HTTPS_PROXY": "http://user:pass@word@host:x"},
)  # fmt: skip


@pytest.mark.parametrize("proxies", BAD_PROXIES, ids=str)
def test_a_proxy_that_cannot_be_used_counts_only_where_the_network_does(proxies: dict[str, str]) -> None:
    os.environ.update({**proxies, "no_proxy": "", "NO_PROXY": ""})
    os.environ.pop("HF_HUB_OFFLINE", None)
    with pytest.raises(UserError, match="proxy that the environment names cannot be used"):
        demo.check_proxies()
    os.environ["HF_HUB_OFFLINE"] = "1"
    demo.check_proxies()
    httpx.Client().close()


def test_a_proxy_that_can_be_used_stays() -> None:
    os.environ.update({"http_proxy": "http://127.0.0.1:9", "no_proxy": "x", "NO_PROXY": "x", "HF_HUB_OFFLINE": "1"})
    demo.check_proxies()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "x"


@pytest.mark.slow
def test_the_page_can_be_built_behind_a_proxy_of_another_kind(tmp_path: Path) -> None:
    for method, name in default_checkpoints().items():
        tiny_checkpoint(tmp_path, method, name=name)
    environment = {**os.environ, "ALL_PROXY": "socks5://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}
    command = [sys.executable, "-m", "zsseg", "demo", "--weights", str(tmp_path), "--port", "99999"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=170, check=False)
    # The port is looked at last, when all of the page stands.
    assert done.stderr.strip() == "99999 is no port: choose one from 1 to 65535 with --port."


def test_ctrl_c_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_serve", stopped)
    assert main(["demo"]) == 0
