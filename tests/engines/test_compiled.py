"""The engine `compile`: the labels of the reference, the same bits whatever was asked before, and sentences."""

import json
import os
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny import tiny_checkpoint
from zsseg.cli.main import main
from zsseg.engines.compiled import CACHE_VARIABLE, Compiled, has_compiler
from zsseg.errors import UserError
from zsseg.layers import block_function, blocks_run_by
from zsseg.predictor import Predictor

METHODS = ("zegclip", "clip_rc")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder of this test alone; torch's own variable is as it was when the test ends."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(CACHE_VARIABLE, "")
    monkeypatch.delenv(CACHE_VARIABLE)
    return tmp_path / "cache" / "zsseg" / "compile"


@pytest.mark.slow
def test_compiled_models_answer_like_the_reference_and_alike_each_time(cache: Path, tmp_path: Path) -> None:
    """One test, because the first program costs twenty seconds of the compiler, and the others next to nothing."""
    engine = Compiled()
    if not has_compiler():
        pytest.skip("there is no C++ compiler")
    photo = np.random.default_rng(0).integers(0, 256, (48, 100, 3), dtype=np.uint8)  # several windows
    small, names = photo[:, :50], ["dog", "cow | bull", "grass"]
    Image.fromarray(photo).save(tmp_path / "photo.png")
    for method in METHODS:
        path = tiny_checkpoint(tmp_path, method)
        exact = Predictor.from_checkpoint(path, engine="eager")
        compiled = Predictor(exact.model, exact.metadata, sha256=exact.sha256, engine=engine)
        for picture, asked in ((small, names[:1]), (photo, names[:1]), (small, names), (photo, names)):
            expected, answer = exact.predict(picture, "", asked), compiled.predict(picture, "", asked)
            np.testing.assert_allclose(answer.scores, expected.scores, atol=2e-5)
            assert np.mean(answer.labels == expected.labels) >= 0.995
            for name, feature in expected.features.items():
                np.testing.assert_allclose(answer.features[name], feature, atol=2e-4, err_msg=name)
        assert answer.provenance["engine"] == "compile"
        # As another process, that is asked this question first and opens the model by itself.
        torch._dynamo.reset()
        words = ["--checkpoint", str(path), "--unseen", ", ".join(names), "--engine", "compile", "--zip"]
        assert main(["segment", str(tmp_path / "photo.png"), *words, "--out", str(tmp_path / method)]) == 0
        _compare_replay(tmp_path / method / "photo.zip", answer.scores, tmp_path / "photo.png", path)
    assert any(file.suffix == ".so" for file in cache.rglob("*"))
    if os.name == "posix":
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def _compare_replay(archive: Path, scores: np.ndarray, photo: Path, checkpoint: Path) -> None:
    """The shell's scores are those of Python, and its manifest, which names the engine, makes the same bytes again."""
    out = archive.parent / "again"
    with zipfile.ZipFile(archive) as first:
        first.extractall(out / "first")
        method = next(name for name in METHODS if name in str(archive))
        with np.load(out / "first" / method / "scores.npz") as arrays:
            np.testing.assert_array_equal(arrays["scores"], scores)
    manifest = out / "first" / "recipe.json"
    assert "compile" in json.dumps(json.loads(manifest.read_text(encoding="utf-8")))
    words = ["--manifest", str(manifest), "--weights", str(checkpoint.parent), "--zip"]
    assert main(["segment", str(photo), *words, "--out", str(out)]) == 0
    assert (out / "photo.zip").read_bytes() == archive.read_bytes()


@pytest.mark.slow
def test_a_machine_without_a_compiler_is_told_so(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    checkpoint = tiny_checkpoint(tmp_path, "zegclip")
    words = [str(tmp_path / "photo.png"), "--checkpoint", str(checkpoint), "--unseen", "cow", "--engine", "compile"]
    environment = {**os.environ, "CXX": "no-such-compiler", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    result = subprocess.run(
        [sys.executable, "-m", "zsseg", "segment", *words, "--out", str(tmp_path / "out")],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "The engine compile needs a C++ compiler" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_what_cannot_be_compiled_is_a_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import Unsupported

    def fail(*_: object, **_options: object) -> Callable[..., object]:
        def run(*_: object) -> object:
            raise Unsupported("no", "no")

        return run

    @block_function
    def block(x: torch.Tensor) -> torch.Tensor:
        return x + 1

    monkeypatch.setattr("torch.compile", fail)
    with pytest.raises(UserError, match=r"cannot be compiled \(Unsupported\): choose another engine"):
        Compiled().run(block, torch.ones(2))
    assert torch.equal(block(torch.ones(2)), torch.full((2,), 2.0))


def test_programs_are_kept_where_the_user_says_or_may(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Compiled()
    assert os.environ[CACHE_VARIABLE] == str(cache)
    monkeypatch.setenv(CACHE_VARIABLE, "mine")
    Compiled()
    assert os.environ[CACHE_VARIABLE] == "mine"
    monkeypatch.delenv(CACHE_VARIABLE)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    blocked = Compiled()
    folder = Path(os.environ[CACHE_VARIABLE])
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path)
    del blocked
    assert not folder.exists()


def test_another_thread_runs_its_blocks_as_they_are() -> None:
    seen: list[str] = []

    @block_function
    def block(x: int, more: int = 0) -> int:
        return x + more

    class Noted:
        def __call__(self, function: Callable[..., Any], *inputs: Any, **options: Any) -> Any:  # noqa: ANN401
            seen.append(function.__name__)
            return 10 * function(*inputs, **options)

    found: list[int] = []
    with blocks_run_by(Noted()):
        thread = threading.Thread(target=lambda: found.append(block(1, more=2)))
        thread.start()
        thread.join()
        found.append(block(1, more=2))
    found.append(block(1, more=2))
    assert found == [3, 30, 3]
    assert seen == ["block"]
