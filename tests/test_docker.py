"""The container's recipe, which no test can build: what it copies, whom it runs as, where it listens."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and its arguments; continued lines joined, comments gone."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, rest in (line.split(maxsplit=1) for line in lines)]


def every(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def copied() -> dict[str, str]:
    return dict(rest.split() for rest in every("COPY"))


def test_what_is_copied_exists_and_lands_where_the_page_looks() -> None:
    assert {"requirements.txt", "app.py", "zsseg", "checkpoints", "assets/examples"} == copied().keys()
    for source, target in copied().items():
        assert (ROOT / source).exists()
        assert target in ("./", source)


def test_nothing_else_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied().keys()


def test_python_is_that_of_the_space() -> None:
    (image,) = every("FROM")
    version = re.search(r'^python_version: "(.+)"$', (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert image == f"python:{version[1]}-slim"


def test_pip_takes_flags_and_the_pins() -> None:
    assert every("ARG") == ["PIP_FLAGS="]
    (install,) = [rest for rest in every("RUN") if "pip" in rest]
    assert "$PIP_FLAGS -r requirements.txt" in install


def test_runs_as_an_ordinary_user_that_exists() -> None:
    (user,) = every("USER")
    assert user not in ("root", "0")
    assert any("useradd" in rest and user in rest.split() for rest in every("RUN"))
    words = [word for word, _ in instructions()]
    assert words.index("USER") > max(index for index, word in enumerate(words) if word in ("RUN", "COPY"))


def test_one_port_everywhere() -> None:
    (port,) = every("EXPOSE")
    environment = dict(pair.split("=") for rest in every("ENV") for pair in shlex.split(rest))
    assert environment["GRADIO_SERVER_PORT"] == port == "7860"
    assert environment["GRADIO_SERVER_NAME"] == "0.0.0.0"
    (check,) = every("HEALTHCHECK")
    assert f":{port}/healthz" in check


def test_command_starts_the_page() -> None:
    assert every("CMD") == ['["python", "app.py"]']
    assert copied()["app.py"] == "./"
