"""The wheel: what is in it, and that a fresh environment with nothing else answers from another folder.

Needs the package index (or pip's cache of it): where that cannot be reached, the tests of the fresh environment skip.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zsseg import Predictor, __version__
from zsseg.examples import EXAMPLES
from zsseg.predictor import default_checkpoints

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "zsseg", "checkpoints", "assets")
PHOTO, SEEN, UNSEEN = EXAMPLES[0].path, "cat, dog", "cow"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"

pytestmark = pytest.mark.slow


def pip(python: Path | str, *arguments: str, cwd: Path | None = None) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where no package can be had, so that what fails below is the package's own fault."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "setuptools>=77"]
    folder = tmp_path_factory.mktemp("download")
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode != 0:
        pytest.skip("no package index can be reached")


@pytest.fixture(scope="module")
def wheel(index: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, for a build writes beside its sources."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder / "dist"), str(folder))
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The scripts' folder of a new virtual environment with the wheel and what it needs, at the tested releases."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    constraints = str(ROOT / "requirements.txt")
    pip(folder / SCRIPTS / "python", "install", "--constraint", constraints, str(wheel), cwd=folder)
    yield folder / SCRIPTS
    shutil.rmtree(folder)  # a gigabyte, which pytest would keep for three runs


def zsseg(environment: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call the installed command in `folder`, with no way back to this repository."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ZSSEG_WEIGHTS")}
    command = [str(environment / "zsseg"), *arguments]
    return subprocess.run(command, cwd=folder, env=kept | variables, capture_output=True, text=True, check=False)


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"zsseg-{__version__}.dist-info/METADATA").decode()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"zsseg", f"zsseg-{__version__}.dist-info"}
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "zsseg").rglob("*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} <= names
    weights = {path.relative_to(ROOT).as_posix() for path in (ROOT / "checkpoints").rglob("*.safetensors")}
    photos = {example.path.relative_to(ROOT).as_posix() for example in EXAMPLES}
    licences = {"checkpoints/LICENSE.md", "assets/LICENSE.md"}
    assert {f"zsseg/{name}" for name in weights | photos | licences} <= names
    assert "zsseg/py.typed" in names
    for line in (f"Version: {__version__}", "Requires-Python: >=3.11", "Provides-Extra: demo", "License-File: LICENSE"):
        assert line in metadata.splitlines()


def test_installed_command_answers_from_another_folder(environment: Path, tmp_path: Path) -> None:
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    words = ("--seen", SEEN, "--unseen", UNSEEN, "--method", "both", "--out", "answer")
    result = zsseg(environment, tmp_path, "segment", "photo.jpg", *words)
    assert result.returncode == 0, result.stderr
    for method, name in default_checkpoints().items():
        expected = Predictor.from_checkpoint(ROOT / "checkpoints" / f"{name}.safetensors").predict(PHOTO, SEEN, UNSEEN)
        with Image.open(tmp_path / "answer" / method / "labels.png") as picture:
            assert (np.asarray(picture) == expected.labels.astype(np.uint8)).mean() > 0.999


def test_installed_command_lists_the_models_of_the_package(environment: Path, tmp_path: Path) -> None:
    rows = json.loads(zsseg(environment, tmp_path, "info", "--json").stdout)
    assert {row["name"] for row in rows} >= set(default_checkpoints().values())
    assert all(Path(row["file"]).parent.parts[-2:] == ("zsseg", "checkpoints") for row in rows)


def test_page_says_which_extra_it_needs(environment: Path, tmp_path: Path) -> None:
    result = zsseg(environment, tmp_path, "demo")
    assert result.returncode == 2
    assert result.stderr == 'The page needs Gradio, which is not installed: pip install "zsseg[demo]".\n'


def test_weights_elsewhere_are_found_and_missed_in_one_sentence(environment: Path, tmp_path: Path) -> None:
    """Last, for it takes the weights away."""
    (installed,) = environment.parent.glob("**/site-packages/zsseg/checkpoints")
    shutil.move(installed, tmp_path / "weights")
    words = ("segment", str(PHOTO), "--seen", "cat", "--method", "zegclip", "--out", "answer")
    missing = zsseg(environment, tmp_path, *words)
    assert missing.returncode == 2
    assert len(missing.stderr.splitlines()) == 1
    assert "ZSSEG_WEIGHTS" in missing.stderr
    found = zsseg(environment, tmp_path, *words, ZSSEG_WEIGHTS=str(tmp_path / "weights"))
    assert found.returncode == 0, found.stderr
