"""The container, as far as it can be had without Docker: its files alone serve the page, as its lines say."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.docker_replay import copy, every, instructions, is_sent_to_build

ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in every("ENV") for pair in shlex.split(rest))


def fill(folder: Path) -> None:
    """Copy what the image would hold below its working directory."""
    for rest in every("COPY"):
        copy(rest, folder)


def serve_until_healthy(command: list[str], folder: Path, variables: dict[str, str] | None = None) -> int:
    """Start a page in a folder, wait until it says that it is well, stop it as `docker stop` does; its exit code."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = str(trial.getsockname()[1])
    (exposed,), (health,) = every("EXPOSE"), every("HEALTHCHECK")
    environment = {**os.environ, **(variables or {}), "GRADIO_SERVER_PORT": port, "PYTHONPATH": ""}
    check = [sys.executable, *json.loads(health.partition("CMD ")[2].replace(exposed, port))[1:]]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            healthy = False
            for _ in range(240):
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                healthy = subprocess.run(check, capture_output=True, check=False).returncode == 0
                if healthy:
                    break
                time.sleep(0.5)
            process.terminate()
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert healthy
    return process.returncode


@pytest.mark.slow
def test_what_is_copied_serves_the_page_and_is_healthy(tmp_path: Path) -> None:
    fill(tmp_path)
    (exposed,), (command,) = every("EXPOSE"), every("CMD")
    assert environment()["GRADIO_SERVER_NAME"] == "0.0.0.0"  # else nothing outside the container reaches it
    assert environment()["GRADIO_SERVER_PORT"] == exposed
    assert serve_until_healthy([sys.executable, *json.loads(command)[1:]], tmp_path, environment()) == 0


def test_secrets_and_environments_do_not_reach_the_builder() -> None:
    for name in (
        ".git/config",
        ".venv/bin/python",
        "runs/state.pt",
        "tests/tiny.py",
        "zsseg/__pycache__/a.pyc",
        ".env",
    ):
        assert not is_sent_to_build(name), name
    assert is_sent_to_build("zsseg/predictor.py")


def test_python_is_that_of_the_space() -> None:
    (image,) = every("FROM")
    version = re.search(r'^python_version: "(.+)"$', (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert image.split(":")[1].startswith(version[1])


def test_packages_are_the_pinned_ones_and_take_pip_flags() -> None:
    """The line that installs, run by a shell in which `pip` only tells what it was asked."""
    (install,) = [rest for rest in every("RUN") if "pip" in rest]
    tell = subprocess.run(
        ["sh", "-c", f"pip() {{ echo \"$@\"; }}; {install}"],
        env={**os.environ, "PIP_FLAGS": "--extra-index-url there"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = tell.stdout.split()
    assert words[words.index("-r") + 1] == "requirements.txt"
    assert words[words.index("--extra-index-url") + 1] == "there"


def test_the_page_runs_as_an_ordinary_user_that_the_build_creates() -> None:
    """The commands of the build, run by a shell in which those that would change the system only print their words."""
    printing = "; ".join(f'{name}() {{ echo {name} "$@"; }}' for name in ("useradd", "chown", "pip"))
    accounts, owners, user = {"root": "0"}, set(), "root"
    for word, rest in instructions():
        if word == "USER":
            user = rest
        if word == "RUN":
            assert user == "root", "later commands need the rights of root"
            printed = subprocess.run(["sh", "-c", f"{printing}; {rest}"], capture_output=True, text=True, check=True)
            for name, *words in map(str.split, printed.stdout.splitlines()):
                if name == "useradd":
                    accounts[words[-1]] = words[words.index("--uid") + 1]
                if name == "chown":
                    owners.add(words[0])
    # Hugging Face runs an image as the user 1000.
    assert accounts[user] == "1000"
    assert owners <= {user}
