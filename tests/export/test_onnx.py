"""The exported files and the engine `onnx` give the answers of torch, on any grid and for any number of classes."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from tests.tiny import tiny_checkpoint
from tests.training.photosets import draw_voc
from training import evaluate
from zsseg.cli.main import main
from zsseg.engines.build import engine_of
from zsseg.engines.graphs import program_bytes
from zsseg.engines.onnx import Onnx
from zsseg.errors import UserError
from zsseg.export.onnx import PARTS, _pack, _quantized, export_onnx, packed_onnx_engine
from zsseg.predictor import Predictor

METHODS = ("zegclip", "clip_rc")
ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(MISSING), reason=f"optional packages that are not here: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both heads, over one backbone."""
    path = tmp_path_factory.mktemp("weights")
    for method in METHODS:
        tiny_checkpoint(path, method)
    return path


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder where traced programs are kept, one for all these tests, since tracing takes seconds."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zsseg.engines.graphs.cache_folder", lambda: path)
        yield path


def opened(folder: Path, method: str, engine: str = "eager") -> Predictor:
    return Predictor.from_checkpoint(folder / f"{method}-tiny-inductive.safetensors", engine=engine)


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
        _pack(program, smallest=64, large=64)
        onnx.checker.check_model(program)
        onnx.save(program, copy / f"{part}.onnx")
    return copy


@needs_onnx
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_engine_gives_the_labels_of_eager(folder: Path, method: str) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (48, 200, 3), dtype=np.uint8)  # several windows
    exact, other = (
        opened(folder, method, engine).predict(photo, "dog", "cow | bull, a") for engine in ("eager", "onnx")
    )
    np.testing.assert_allclose(other.scores, exact.scores, atol=2e-5)
    np.testing.assert_array_equal(other.labels, exact.labels)
    assert other.provenance["engine"] == "onnx"
    for name, feature in exact.features.items():
        np.testing.assert_allclose(other.features[name], feature, atol=2e-4, err_msg=name)


@needs_onnx
@pytest.mark.slow
def test_a_program_is_traced_once_for_the_same_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(folder, "zegclip").model
    patches = torch.randn(2, 32, 4, 4)
    with torch.no_grad():
        expected = model.encode_patches(patches)
    Onnx().run(model.encode_patches, patches)

    def fail(*_: object, **_options: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("torch.onnx.export", fail)
    engine = Onnx()  # as in another process
    for _ in range(2):
        found = engine.run(model.encode_patches, patches)
        torch.testing.assert_close(found.patch_tokens, expected.patch_tokens, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.cls_token, expected.cls_token, atol=1e-5, rtol=0)
    with torch.no_grad():
        model.encoder.prompts.proj.weight.mul_(3)  # type: ignore[union-attr]
    with pytest.raises(UserError, match=r"This model's encoder cannot be written as ONNX \(RuntimeError\)"):
        engine.run(model.encode_patches, patches)


@needs_onnx
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_files_are_the_model(folder: Path, tmp_path: Path, method: str) -> None:
    predictor = opened(folder, method)
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
def test_the_example_runs_without_torch(folder: Path, tmp_path: Path) -> None:
    checkpoint = folder / "zegclip-tiny-inductive.safetensors"
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


@needs_onnx
@pytest.mark.slow
def test_what_is_evaluated_in_8_bits_are_the_exported_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The weights of a tiny model are smaller than those that are packed of a real one.
    monkeypatch.setattr("zsseg.export.onnx._pack", partial(_pack, smallest=64, large=64))
    predictor, engine = opened(folder, "clip_rc"), packed_onnx_engine()
    export_onnx(predictor, tmp_path / "files", "dog", "cow", bits=8)
    torch.manual_seed(0)
    pixels, text = torch.randn(1, 3, 64, 96), F.normalize(torch.randn(5, 16), dim=-1)
    patches = engine.run(predictor.model.backbone.embed_patches, pixels)
    found = engine.run(predictor.model.decode, engine.run(predictor.model.encode_patches, patches), text).mask_logits
    torch.testing.assert_close(found, run(tmp_path / "files", pixels, text), atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        assert not torch.allclose(found, predictor.model(pixels, text).mask_logits, atol=1e-3)

    draw_voc(tmp_path)
    words = ["--checkpoint", str(folder / "clip_rc-tiny-inductive.safetensors"), "--root", str(tmp_path), "--bits", "8"]
    assert evaluate.main([*words, "--engine", "onnx", "--device", "cpu", "--json", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["engine"], report["photos"]) == ("onnx, 8 bits", 3)
    assert evaluate.main(words) == 2
    assert "--bits 8 is for --engine onnx" in capsys.readouterr().err
    baseline = ["--baseline", str(folder / "tiny-clip"), *words[2:], "--engine", "onnx"]
    assert evaluate.main(baseline) == 2
    assert "--bits 8 is for a --checkpoint" in capsys.readouterr().err


def test_missing_packages_are_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = opened(folder, "zegclip")
    monkeypatch.setattr("zsseg.engines.graphs.importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r'export needs onnx and onnxscript: pip install "zsseg\[onnx\]"'):
        export_onnx(predictor, tmp_path / "out", "dog", "")
    with pytest.raises(UserError, match=r"engine onnx needs onnx, onnxscript and onnxruntime: pip install"):
        engine_of.__wrapped__("onnx")


@needs_onnx
@pytest.mark.slow
def test_a_folder_that_takes_no_files_only_costs_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    backbone = opened(folder, "zegclip").model.backbone
    kept = program_bytes("embed_patches", backbone)
    monkeypatch.setattr("zsseg.engines.graphs.cache_folder", lambda: blocked)
    assert len(program_bytes("embed_patches", backbone)) == len(kept)


@pytest.mark.parametrize("transpose", [False, True])
def test_weights_on_a_grid_of_rows_are_kept_whichever_way_they_lie(transpose: bool) -> None:
    random = np.random.default_rng(0)
    whole = random.integers(-127, 128, (40, 300)).astype(np.float32)
    whole[:, 0] = 127  # the largest of every row
    weight = whole * random.uniform(0.001, 0.1, (40, 1)).astype(np.float32)
    error, axis, found, scales = _quantized(weight.T if transpose else weight)
    assert error < 1e-6
    assert axis == (1 if transpose else 0)
    again = found * (scales if transpose else scales[:, None])
    np.testing.assert_allclose(again.T if transpose else again, weight, rtol=1e-6)


@needs_onnx
def test_small_weights_are_rounded_only_where_nothing_is_lost() -> None:
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    small = random.normal(size=(64, 80)).astype(np.float32)
    grid = random.integers(-127, 128, (64, 80)).astype(np.float32)
    grid[:, 0] = 127  # the largest of every row
    weights = {"small": small, "grid": grid, "large": random.normal(size=(256, 300)).astype(np.float32)}
    held = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    output = [helper.make_tensor_value_info("small", TensorProto.FLOAT, (64, 80))]
    program = helper.make_model(helper.make_graph([], "weights", [], output, held))
    _pack(program)
    names = {weight.name for weight in program.graph.initializer}
    assert names == {"small", "grid_8bit", "grid_scale", "large_8bit", "large_scale"}
