"""The shell: files, exit codes, one sentence on stderr and never a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zsseg
from tests.tiny import tiny_checkpoint
from zsseg.cli.main import main
from zsseg.predictor import Predictor

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
FILES = ["labels.png", "overlay.png", "result.json", "scores.npz"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models under the names of the embedded ones."""
    folder = tmp_path_factory.mktemp("weights")
    tiny_checkpoint(folder, "zegclip", name="zegclip-mini-inductive", scores={"hIoU": 0.25})
    tiny_checkpoint(folder, "clip_rc", name="clip_rc-mini-inductive")
    return folder


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path)
    return str(path)


@pytest.fixture(autouse=True)
def _our_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(weights))


def segment(photo: str, out: Path, *more: str) -> int:
    return main(["segment", photo, "--out", str(out), *more])


def test_segment_writes_one_folder_per_method(photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert segment(photo, tmp_path / "out", "--seen", "dog, person", "--unseen", "cow; sheep") == 0
    for method in ("zegclip", "clip_rc"):
        assert sorted(path.name for path in (tmp_path / "out" / method).iterdir()) == FILES
    written = capsys.readouterr()
    assert "zegclip (zegclip-mini-inductive" in written.out
    assert written.err == ""


def test_numbers_are_those_of_the_predictor(photo: str, tmp_path: Path) -> None:
    settings = ["--seen-penalty", "-0.2", "--threshold", "0.3"]
    assert segment(photo, tmp_path, "--method", "clip_rc", "--seen", "dog", "--unseen", "cow", *settings) == 0
    predictor = Predictor.from_checkpoint("clip_rc-mini-inductive")
    seg = predictor.predict(PIXELS, "dog", "cow", seen_penalty=-0.2, threshold=0.3)
    with np.load(tmp_path / "clip_rc" / "scores.npz") as arrays:
        np.testing.assert_array_equal(arrays["scores"], seg.scores)
    with Image.open(tmp_path / "clip_rc" / "labels.png") as picture:
        np.testing.assert_array_equal(np.array(picture), seg.labels.astype(np.uint8))
    result = json.loads((tmp_path / "clip_rc" / "result.json").read_text(encoding="utf-8"))
    assert result["settings"] == {"seen_penalty": -0.2, "threshold": 0.3, "photo_gate": 0.0}
    assert result["provenance"]["sha256"] == predictor.sha256
    assert not (tmp_path / "zegclip").exists()


def test_own_checkpoints_get_their_own_folders(photo: str, tmp_path: Path) -> None:
    other = tmp_path / "models"
    other.mkdir()
    mine = tiny_checkpoint(other, "zegclip", name="Mine!")
    both = ["--checkpoint", "zegclip-mini-inductive", "--checkpoint", str(mine)]
    assert segment(photo, tmp_path / "out", "--seen", "dog", *both) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mine", "zegclip-mini-inductive"]


def test_info_lists_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for words in ("zegclip-mini-inductive", "clip_rc-mini-inductive", "tiny-clip", "cow, sheep", "hIoU 0.250"):
        assert words in text


def test_info_for_programs(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    row = rows["zegclip-mini-inductive"]
    assert (row["method"], row["setting"], row["backbone"]) == ("zegclip", "inductive", "tiny-clip")
    assert (row["seen"], row["unseen"], row["scores"]) == (["dog", "person"], ["cow", "sheep"], {"hIoU": 0.25})
    assert len(row["sha256"]) == 64
    assert Path(row["file"]).parent == weights


def test_info_of_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"junk")
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    assert main(["info", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert "damaged" in rows["broken"]["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.jpg", "--seen", "dog"], "no file missing.jpg"),
        ([".", "--seen", "dog"], "folder"),
        (["PHOTO"], "No class name"),
        (["PHOTO", "--seen", " , "], "No class name"),
        (["PHOTO", "--seen", "dog", "--unseen", "dog"], "both as seen and as unseen"),
        (["PHOTO", "--seen", "dog", "--threshold", "7"], "between 0 and 1"),
        (["PHOTO", "--seen", "dog", "--seen-penalty", "nan"], "between -1 and 1"),
        (["PHOTO", "--seen", "dog", "--checkpoint", "no-such-model"], "no-such-model"),
        (["TEXT", "--seen", "dog"], "not a picture"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], words: str, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("no picture")
    places = {"PHOTO": photo, "TEXT": str(text)}
    assert segment(places.get(arguments[0], arguments[0]), tmp_path / "out", *arguments[1:]) == 2
    written = capsys.readouterr()
    assert words in written.err
    assert len(written.err.splitlines()) == 1
    assert written.out == ""
    assert not (tmp_path / "out").exists()


def test_missing_default_weights(
    photo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", lambda: [tmp_path, tmp_path])
    assert segment(photo, tmp_path / "out", "--seen", "dog") == 2
    assert "zegclip-mini-inductive.safetensors" in capsys.readouterr().err


def test_out_that_is_a_file(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert segment(photo, Path(photo), "--seen", "dog") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_same_name_twice(photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for sub in ("a", "b"):
        (tmp_path / sub).mkdir()
        paths += ["--checkpoint", str(tiny_checkpoint(tmp_path / sub, "zegclip"))]
    assert segment(photo, tmp_path / "out", "--seen", "dog", *paths) == 2
    assert "same name" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["segment"], ["segment", "a.png"], ["paint"]])
def test_slips_of_the_hand_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_import_official_of_what_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk.pth").write_bytes(b"junk")
    for name in ("junk.pth", "missing.pth"):
        assert main(["import-official", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_import_official_passes_on_what_no_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(
        "zsseg.weights.released.official.import_official", lambda *where, **how: asked.update(how) or where[1]
    )
    order = ["import-official", "a.pth", "--out", str(tmp_path), "--name", "mine", "--setting", "transductive"]
    assert main(order) == 0
    assert asked == {"name": "mine", "setting": "transductive"}


def test_through_a_real_shell(photo: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zsseg", "segment", photo, "--seen", "dog", "--out", str(tmp_path / "out")]
    root = Path(zsseg.__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out" / "clip_rc").iterdir()) == FILES


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, zsseg, zsseg.cli.main; zsseg.load_image; assert 'torch' not in sys.modules"
    root = Path(zsseg.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_public_names_are_there() -> None:
    assert all(getattr(zsseg, name) is not None for name in zsseg.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = zsseg.nonsense


def test_weights_are_searched_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", lambda: [])
    tiny_checkpoint(tmp_path / "elsewhere", "zegclip", name="mine")
    assert main(["info", "--json", "--weights", str(tmp_path / "elsewhere")]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["mine"]
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(photo)
    question = ["segment", str(photo), "--seen", "dog", "--checkpoint", "mine", "--out", str(tmp_path / "out")]
    assert main(question) == 2
    assert main([*question, "--weights", str(tmp_path / "elsewhere")]) == 0
    assert (tmp_path / "out/zegclip/labels.png").is_file()
