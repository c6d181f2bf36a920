"""The exported files give the answers of torch, on any grid and for any number of classes; packed, nearly so."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from tests.tiny import tiny_checkpoint
from zsseg.cli.main import main
from zsseg.errors import UserError
from zsseg.export.onnx import PARTS, _pack, _quantized, export_onnx
from zsseg.predictor import Predictor

ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(MISSING), reason=f"optional packages that are not here: {', '.join(MISSING)}")


def run(folder: Path, pixels: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    import onnxruntime

    patches, encoder, decoder = (onnxruntime.InferenceSession(folder / f"{part}.onnx") for part in PARTS)
    embedded = patches.run(None, {"pixels": pixels.numpy()})[0]
    values = dict(zip(("cls", "tokens", "regions"), encoder.run(None, {"patches": embedded}), strict=True))
    wanted = {tensor.name for tensor in decoder.get_inputs()}
    inputs: dict[str, Any] = {name: value for name, value in values.items() if name in wanted}
    return torch.from_numpy(decoder.run(None, {**inputs, "text": text.numpy()})[0])


def packed_copy(folder: Path, copy: Path) -> Path:
    """The files with weights in 8 bits: packing is the last step, and tracing again would only take time."""
    import onnx

    copy.mkdir()
    for part in PARTS:
        program = onnx.load(folder / f"{part}.onnx")
        _pack(program, smallest=64)
        onnx.checker.check_model(program)
        onnx.save(program, copy / f"{part}.onnx")
    return copy


@needs_onnx
@pytest.mark.slow
@pytest.mark.parametrize("method", ["zegclip", "clip_rc"])
def test_the_files_are_the_model(tmp_path: Path, method: str) -> None:
    predictor = Predictor.from_checkpoint(tiny_checkpoint(tmp_path, method))
    files = export_onnx(predictor, tmp_path / "exact", "dog", "cow | bull, sheep")
    assert [path.name for path in files] == [*(f"{part}.onnx" for part in PARTS), "classes.npz", "model.json"]
    packed = packed_copy(tmp_path / "exact", tmp_path / "packed")
    # The same inputs in every run: of all that chance can give, some have classes alike to the last digits.
    torch.manual_seed(0)
    for rows, cols, classes in ((4, 4, 3), (6, 5, 1), (5, 11, 40)):
        pixels = torch.randn(1, 3, 16 * rows, 16 * cols)
        text = F.normalize(torch.randn(classes, 16), dim=-1)
        with torch.no_grad():
            expected = predictor.model(pixels, text).mask_logits
        found = run(tmp_path / "exact", pixels, text)
        assert found.shape == (1, classes, rows, cols)
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)
        assert torch.equal(found.argmax(1), expected.argmax(1))
        rounded = run(packed, pixels, text)
        # Rounding moves logits less than they differ among patches, even in a network of 16 channels.
        assert float((rounded - expected).abs().mean()) < 0.25 * float(expected.std())
    # Notes of the exporter would be paths of this machine, and two megabytes.
    assert not any(str(ROOT).encode() in path.read_bytes() for path in files)
    with np.load(tmp_path / "exact" / "classes.npz") as arrays:
        assert (arrays["names"].tolist(), arrays["seen"].tolist()) == (["dog", "cow", "sheep"], [True, False, False])
        assert arrays["text"].shape == (3, 16)
    assert json.loads((tmp_path / "exact" / "model.json").read_text())["size"] == 64


@needs_onnx
@pytest.mark.slow
def test_the_example_runs_without_torch(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path, "zegclip")
    arguments = ["export-onnx", str(checkpoint), "--seen", "dog", "--unseen", "cow", "--out", str(tmp_path / "onnx")]
    assert main([*arguments, "--bits", "8"]) == 0
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 80, 3), dtype=np.uint8)).save(photo)
    script = ROOT / "docs" / "examples" / "onnx_segment.py"
    code = f"import sys, runpy; sys.modules['torch'] = None; sys.argv[:] = sys.argv[1:]; runpy.run_path({str(script)!r}, run_name='__main__')"  # noqa: E501
    result = subprocess.run(
        [sys.executable, "-c", code, "example", str(tmp_path / "onnx"), str(photo), str(tmp_path / "labels.png")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["dog", "cow"]
    with Image.open(tmp_path / "labels.png") as labels:
        assert labels.size == (80, 50)
        assert set(np.unique(np.asarray(labels)).tolist()) <= {0, 1, 255}


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor.from_checkpoint(tiny_checkpoint(tmp_path, "zegclip"))
    monkeypatch.setattr("zsseg.export.onnx.importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r'needs onnx and onnxscript: pip install "zsseg\[onnx\]"'):
        export_onnx(predictor, tmp_path / "out", "dog", "")


@pytest.mark.parametrize("transpose", [False, True])
def test_weights_on_a_grid_of_rows_are_kept_whichever_way_they_lie(transpose: bool) -> None:
    random = np.random.default_rng(0)
    whole = random.integers(-127, 128, (40, 300)).astype(np.float32)
    whole[:, 0] = 127  # the largest of every row
    weight = whole * random.uniform(0.001, 0.1, (40, 1)).astype(np.float32)
    axis, found, scales = _quantized(weight.T if transpose else weight)
    assert axis == (1 if transpose else 0)
    again = found * (scales if transpose else scales[:, None])
    np.testing.assert_allclose(again.T if transpose else again, weight, rtol=1e-6)
