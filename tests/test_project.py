"""The promises that no single module keeps: pins, front matter, sizes of functions, shipped pictures."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_FUNCTION, MAX_FORWARD = 40, 25
SOURCES = [ROOT / "app.py", *sorted((ROOT / "zsseg").rglob("*.py")), *sorted((ROOT / "training").rglob("*.py"))]


def _front_matter() -> dict[str, str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    lines = text.split("---\n")[1].splitlines()
    return {key: value.strip().strip("'\"") for key, value in (line.split(":", 1) for line in lines if ":" in line)}


def _pins(name: str) -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return dict(line.split("==") for line in lines if line and not line.startswith("-r "))


def test_requirements_are_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for version in _pins(name).values():
            assert re.fullmatch(r"\d+(\.\d+)+", version)


def test_front_matter_fits_the_pins() -> None:
    front = _front_matter()
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == _pins("requirements.txt")["gradio"]
    assert (ROOT / front["app_file"]).is_file()
    assert front["license"] == "mit"
    assert len(front["short_description"]) <= 60
    # As https://huggingface.co/docs/hub/spaces-config-reference lists them.
    assert {front["colorFrom"], front["colorTo"]} <= set(
        ["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"]
    )
    assert front["suggested_hardware"] in ("cpu-basic", "cpu-upgrade")
    # The weights lie in this repository and nothing asks the Hub for others by itself: there is none to name.
    assert "models" not in front
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert supported == f">={front['python_version']}"


def test_readme_shows_a_picture_and_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first_screen = "\n".join(text.split("---\n", 2)[2].splitlines()[:30])
    assert "make demo" in first_screen
    assert "make test" in first_screen
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file()


def test_readme_lists_every_module() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").rsplit("```", 2)[1]
    for path in [*sorted((ROOT / "zsseg").glob("*.py")), *sorted((ROOT / "zsseg").glob("*/"))]:
        if path.name not in ("__init__.py", "__pycache__"):
            assert path.name in tree, f"{path.name} is missing in README's file tree"


def test_every_example_picture_has_its_credit() -> None:
    credits = (ROOT / "assets" / "README.md").read_text(encoding="utf-8")
    pictures = sorted((ROOT / "assets" / "examples").iterdir())
    assert pictures
    for path in pictures:
        assert f"examples/{path.name}" in credits


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every function's name and its lines, without decorators and docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            lines = (node.end_lineno or 0) - node.lineno + 1
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(node.body) > 1:
                lines -= (first.end_lineno or 0) - first.lineno + 1
            yield node.name, lines


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_too_long_to_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name, lines in _functions(ast.parse(text)):
        assert lines <= (MAX_FORWARD if name == "forward" else MAX_FUNCTION), f"{name} has {lines} lines"
