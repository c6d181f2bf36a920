"""The command that serves the page: its options, what it forbids, and what it says when it cannot."""

import importlib.util
import os

import pytest

from zsseg.cli import demo
from zsseg.cli.main import main


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


def test_ctrl_c_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_serve", stopped)
    assert main(["demo"]) == 0
