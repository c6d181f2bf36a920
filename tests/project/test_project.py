"""The promises that no single module keeps: pins, front matter, sizes of functions, shipped pictures."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import zsseg
from tests.project import architecture
from zsseg import __version__
from zsseg.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
MAX_FUNCTION, MAX_FORWARD, MAX_MODULES = 40, 25, 13
_FOLDERS = [ROOT / name for name in ("assets", "checkpoints", "docs", "tests", "training")]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *(path for folder in _FOLDERS for path in sorted(folder.rglob("*.md")))]
OWN = [path for path in DOCUMENTS if path.parent.name != "checkpoints"]
PRESENT = [path for path in DOCUMENTS if not path.name.startswith(("LOG", "CHANGELOG"))]  # those tell of the past
SOURCES = [ROOT / "app.py", *sorted((ROOT / "zsseg").rglob("*.py")), *sorted((ROOT / "training").rglob("*.py"))]
SOURCES += sorted((ROOT / "tools").rglob("*.py"))


def _front_matter() -> dict[str, str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    lines = text.split("---\n")[1].splitlines()
    return {key: value.strip().strip("'\"") for key, value in (line.split(":", 1) for line in lines if ":" in line)}


def _pins(name: str) -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return dict(line.split("==") for line in lines if line and not line.startswith("-r "))


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def test_requirements_are_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-train.txt", "requirements-labelme.txt"):
        for version in _pins(name).values():
            assert re.fullmatch(r"\d+(\.\d+)+", version)


@pytest.mark.parametrize(
    ("file", "extra"),
    [("requirements.txt", "demo"), ("requirements-dev.txt", "dev"), ("requirements-train.txt", "train")],
)
def test_every_pin_lies_in_its_range(file: str, extra: str) -> None:
    """What is tested is what an installer may choose, and nothing is pinned that is not asked for, or the reverse."""
    project = _project()
    texts = project["optional-dependencies"][extra] + (project["dependencies"] if extra == "demo" else [])
    wanted = [Requirement(text) for text in texts]
    ranges = {canonicalize_name(item.name): item.specifier for item in wanted if item.name != "zsseg"}
    pins = {canonicalize_name(name): version for name, version in _pins(file).items()}
    assert pins.keys() == ranges.keys()
    for name, version in pins.items():
        assert version in ranges[name], f"{name} {version} is outside {ranges[name]}"


@pytest.mark.parametrize(
    ("package", "extras"), [("zsseg", ["onnx"]), ("zsseg/demo", ["demo"]), ("training", ["demo", "train"])]
)
def test_every_package_that_is_imported_is_asked_for(package: str, extras: list[str]) -> None:
    project = _project()
    texts = project["dependencies"] + [text for extra in extras for text in project["optional-dependencies"][extra]]
    asked = {canonicalize_name(Requirement(text).name) for text in texts}
    homes = packages_distributions()
    files = [path for path in (ROOT / package).rglob("*.py") if package != "zsseg" or "demo" not in path.parts]
    for path in files:
        for module in _imported(path) - set(sys.stdlib_module_names) - {"zsseg", "training"}:
            names = {canonicalize_name(name) for name in homes.get(module, [module])}
            assert names & asked, f"{path.name} imports {module}"


def _imported(path: Path) -> set[str]:
    """Top modules of all imports, wherever they stand."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in plain | named}


def test_no_folder_holds_more_modules_than_a_reader_can_survey() -> None:
    for top in ("zsseg", "training", "tests", "tools"):
        for folder in (ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())):
            modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
            assert len(modules) <= MAX_MODULES, f"{folder.relative_to(ROOT)} holds {len(modules)}: {modules}"


def test_version_has_one_home_and_a_dated_entry() -> None:
    project = _project()
    assert project["dynamic"] == ["version"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)", heading) for heading in headings]
    dated = [(match[1], match[2]) for match in released if match]
    assert len(dated) >= len(headings) - 1  # only what is not released yet may have no date
    assert dated[0][0] == __version__
    assert [day for _, day in dated] == sorted((day for _, day in dated), reverse=True)


def test_front_matter_fits_the_pins() -> None:
    front = _front_matter()
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == _pins("requirements.txt")["gradio"]
    assert (ROOT / front["app_file"]).is_file()
    assert len(front["short_description"]) <= 60
    # As https://huggingface.co/docs/hub/spaces-config-reference lists them.
    assert {front["colorFrom"], front["colorTo"]} <= set(
        ["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"]
    )
    assert front["suggested_hardware"] in ("cpu-basic", "cpu-upgrade")
    # The weights lie in this repository and nothing asks the Hub for others by itself: there is none to name.
    assert "models" not in front
    assert _project()["requires-python"] == f">={front['python_version']}"


def test_licences_are_told_apart() -> None:
    front, project = _front_matter(), _project()
    assert front["license"] == "other"  # the Hub's word for terms that are not one of its list
    assert (ROOT / front["license_link"]).is_file()
    assert project["license"].startswith("MIT AND ")
    assert set(project["license-files"]) == {"LICENSE", "checkpoints/LICENSE.md", "assets/LICENSE.md"}
    weights = (ROOT / "checkpoints" / "LICENSE.md").read_text(encoding="utf-8")
    for path in (ROOT / "checkpoints").glob("*/"):
        assert f"`{path.name}/`" in weights


def test_readme_shows_a_picture_and_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first_screen = "\n".join(text.split("---\n", 2)[2].splitlines()[:30])
    assert "make demo" in first_screen
    assert "make test" in first_screen
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{target} is not there"
            assert (path.parent / target).resolve().is_relative_to(ROOT), f"{target} leaves the repository"


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_documents_name_are_there(path: Path) -> None:
    for name in re.findall(r"\b(?:zsseg|training|tests|docs)/[\w/-]+\.(?:py|md)\b", path.read_text(encoding="utf-8")):
        assert (ROOT / name).is_file(), f"{name} is not there"


def test_diagram_is_that_of_the_import_table() -> None:
    assert architecture.drawn() == architecture.diagram(), "run python -m tests.project.architecture"


def test_folders_of_the_tree_are_described() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## The folders")[2]
    for parent in (ROOT / "zsseg", ROOT / "training"):
        for folder in (path for path in parent.glob("*/") if path.name != "__pycache__"):
            assert f"  {folder.name}/ " in tree, f"{folder.name} is not described"


def test_interfaces_are_described_completely(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for command in ("segment", "info", "demo", "import-official", "weights get"):
        with pytest.raises(SystemExit):
            main([*command.split(), "--help"])
        for option in set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--recipe"}:
            assert option in text, f"{command} {option} is not described"
    for name in zsseg.__all__:
        assert f"`{name}" in text, f"{name} is not described"


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lines_of_documents_fit_a_screen(path: Path) -> None:
    """A row of a table cannot be broken, nor an address."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        assert len(line) <= 120 or line.startswith("|") or "](http" in line, f"line {number} is too long"


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
