"""What a shell, a full disk and other programs throw at the command line and at Python."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.beside import case
from tests.tiny import tiny_checkpoint
from tests.weights.test_checkpoint import header
from training.data.sets.description import text_of
from zsseg.analysis.ground_truth import read_truth
from zsseg.cli.main import main
from zsseg.errors import UserError
from zsseg.export.manifest import MAX_METHODS, Manifest
from zsseg.image.load import load_image, turn_of
from zsseg.predictor import Predictor
from zsseg.segmentation import softmax_scores

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _tiny_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    for method in ("zegclip", "clip_rc"):
        tiny_checkpoint(folder, method, name=f"{method}-mini-inductive")
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(folder))


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return str(path)


def test_photos_named_by_dots_stay_inside(photo: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("..png", "...png", "con.png", "猫.png", "._b.png"):
        (folder / name).write_bytes(Path(photo).read_bytes())
    before = set(tmp_path.iterdir())
    out = tmp_path / "deep" / "out"
    assert main(["segment", str(folder), "--seen", "cat", "--method", "zegclip", "--out", str(out)]) == 0
    assert set(tmp_path.iterdir()) - before == {tmp_path / "deep"}
    assert sorted(path.name for path in out.iterdir()) == ["_con", "photo", "photo-2", "猫"]
    assert list((tmp_path / "deep").iterdir()) == [out]


def test_reported_photos_named_by_dots_stay_inside(tmp_path: Path) -> None:
    folder, out = case("01-dotdotdot-name") / "in", tmp_path / "deep" / "out"
    assert main(["segment", str(folder), "--seen", "cat", "--method", "zegclip", "--out", str(out)]) == 0
    assert list((tmp_path / "deep").iterdir()) == [out]
    assert len(list(out.iterdir())) == len(list(folder.iterdir()))


@pytest.mark.parametrize("name", ["x" * 300, "data:image/jpeg;base64," + "A" * 20_000, "a/" * 3000, "猫" * 200])
def test_names_that_no_file_can_have(name: str, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"There is no file .{1,130}: check"):
        load_image(name)
    common = ["--seen", "cat", "--out", str(tmp_path / "out")]
    for words in ([name], [photo, "--checkpoint", name], [photo, "--weights", name], [photo, "--manifest", name]):
        assert main(["segment", *words, *common]) == 2
        assert len(capsys.readouterr().err) < 1500
    assert not (tmp_path / "out").exists()


def recipe(photo: str, tmp_path: Path) -> dict[str, object]:
    """The recipe of an answer."""
    words = ["segment", photo, "--seen", "cat", "--method", "zegclip", "--zip", "--out", str(tmp_path / "zip")]
    assert main(words) == 0
    with zipfile.ZipFile(tmp_path / "zip" / "photo.zip") as archive:
        return json.loads(archive.read("recipe.json"))


def test_hostile_recipes_are_a_sentence(photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = recipe(photo, tmp_path)
    step = good["methods"][0]  # type: ignore[index]
    many = [{**step, "folder": f"m{i}"} for i in range(MAX_METHODS + 1)]
    for changes in (
        {"methods": many}, {"methods": [{**step, "folder": ".."}]}, {"methods": [{**step, "folder": "con"}]},
        {"methods": [{**step, "checkpoint": "x" * 5000, "sha256": "0" * 64}]},
        {"methods": [{**step, "backbone": "x" * 5000, "method": "training-free"}]},
        {"seen": ["cat | " * 200 + "cat"], "unseen": ["|".join(f"s{i}" for i in range(60))]},
    ):  # fmt: skip
        path = tmp_path / "recipe.json"
        path.write_text(json.dumps({**good, **changes}))
        assert main(["segment", photo, "--manifest", str(path), "--out", str(tmp_path / "out")]) == 2
        assert len(capsys.readouterr().err) < 1500
    assert Manifest.from_json(json.dumps(good)).methods[0].folder == "zegclip"


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="this system has no devices among its files")
def test_a_device_is_no_file(photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # /dev/zero would be the case in point, but a program that reads it fills the memory of the machine.
    with pytest.raises(UserError, match="it is a device"):
        read_truth("/dev/null", ("cat",), size=(4, 4))
    for words in (["/dev/null", "--seen", "cat"], [photo, "--manifest", "/dev/null"]):
        assert main(["segment", *words, "--out", str(tmp_path / "out")]) == 2
        assert "it is a device" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system has no files that are open files")
def test_what_a_shell_pipes_is_read_as_a_file(photo: str, tmp_path: Path) -> None:
    # As in: zsseg segment <(cat photo.png) --seen cat --out OUT
    reading, writing = os.pipe()
    data = Path(photo).read_bytes()
    writer = threading.Thread(target=lambda: [os.write(writing, data), os.close(writing)])
    writer.start()
    assert load_image(f"/dev/fd/{reading}").shape == (40, 60, 3)
    writer.join()
    os.close(reading)


@pytest.mark.parametrize("way", ["< PHOTO", "< <(sleep 0.1; cat PHOTO)"])
def test_the_standard_input_is_read_as_a_file(way: str, photo: str, tmp_path: Path) -> None:
    program = "import sys; from zsseg.image.load import load_image; print(load_image('/dev/stdin').shape)"
    shell = f'"$0" -c "$1" {way.replace("PHOTO", photo)}'
    command = ["bash", "-c", shell, sys.executable, program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "(40, 60, 3)\n", done.stderr


@pytest.fixture
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """What keeps whoever opens it waiting, under a name that every reader takes; a test that waits for it fails."""
    path = tmp_path / "waits.pth"
    if request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        os.mkfifo(path)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes among its files")
@pytest.mark.parametrize("no_file", ["named pipe", "socket"], indirect=True)
def test_a_pipe_into_which_nobody_writes_is_no_file(
    no_file: Path, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link.pkl"
    link.symlink_to(no_file)
    out = ["--out", str(tmp_path / "out")]
    for path in (no_file, link):
        for words in (
            ["segment", str(path), "--seen", "cat", *out], ["segment", photo, "--manifest", str(path), *out],
            ["import-official", str(path), *out],
        ):  # fmt: skip
            assert main(words) == 2
            assert re.search(r"is not a file: it is a (named pipe|socket)\. Name a file\.$", capsys.readouterr().err)
        for read in (lambda one: read_truth(one, ("cat",), size=(4, 4)), turn_of, text_of):
            with pytest.raises(UserError, match="is not a file"):
                read(path)
        with pytest.raises(UserError, match="There is no"):
            Predictor.from_checkpoint(path)
    (tmp_path / "out").mkdir()
    no_file.rename(tmp_path / "out" / "finished.jsonl")
    assert main(["segment", photo, "--seen", "cat", "--method", "zegclip", "--resume", *out]) == 2
    assert "is not a file" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("words", [["info"], ["info", "--json"], ["segment", "PHOTO", "--seen", "cat", "--json"]])
def test_an_output_that_takes_nothing_is_a_sentence(words: list[str], photo: str, tmp_path: Path) -> None:
    more = ["--method", "zegclip", "--out", str(tmp_path / "out")] if words[0] == "segment" else []
    command = [sys.executable, "-m", "zsseg", *(photo if word == "PHOTO" else word for word in words), *more]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == "The output cannot be written (No space left on device)."
    assert "Traceback" not in done.stderr


def test_results_that_cannot_be_written_are_a_sentence(
    photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["segment", photo, "--seen", "cat", "--method", "zegclip", "--out", str(tmp_path / "a\0b")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    for out in (tmp_path / "file", tmp_path / "file" / "under", tmp_path / ("x" * 300), Path("/dev/full")):
        assert main(["segment", photo, "--seen", "cat", "--method", "zegclip", "--out", str(out)]) == 2
        assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0.1", True, [1], None, {"a": 1}, float("nan"), 1j, "x" * 10_000])
def test_settings_of_other_types_are_a_sentence(value: object, photo: str) -> None:
    predictor = Predictor.from_checkpoint("zegclip-mini-inductive")
    for name in ("seen_penalty", "threshold"):
        if value is None:
            predictor.predict(photo, "cat", **{name: value})
            continue
        with pytest.raises(UserError, match="must lie between") as problem:
            predictor.predict(photo, "cat", **{name: value})
        assert len(str(problem.value)) < 250


@pytest.mark.parametrize("value", ["x", True, [1], {"a": 1}, float("nan"), 1j, -1, 0, b"x", 10**30, 0.5])
def test_other_arguments_of_other_types_are_a_sentence(value: object, photo: str) -> None:
    seg = Predictor.from_checkpoint("zegclip-mini-inductive").predict(photo, "cat")
    calls: tuple[Callable[[object], object], ...] = (
        lambda one: Predictor.training_free("tiny-clip", size=one), lambda one: seg.with_settings(off=one),
        lambda one: Predictor.training_free("tiny-clip", stride=one),
        lambda one: Predictor.training_free("tiny-clip", templates=one),
        lambda one: Predictor.training_free("tiny-clip", method=one),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(UserError) as problem:
            call(value)
        assert len(str(problem.value)) < 300
    if value != 0.5:
        with pytest.raises(UserError, match="must lie between"):
            softmax_scores(seg, value)  # type: ignore[arg-type]
    if value != 10**30:
        with pytest.raises(UserError, match="longest side"):
            load_image(photo, value)  # type: ignore[arg-type]


@pytest.mark.parametrize("device", ["foo", "cuda:99", "", "cpu:x", 5, None])
def test_devices_that_are_none(device: object) -> None:
    with pytest.raises(UserError, match="no device"):
        Predictor.from_checkpoint("zegclip-mini-inductive", device=device)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["cat，dog、cow", "cat . dog . cow .", "cat\tdog\tcow", "1. cat\n2. dog\n3. cow"])
def test_reported_separators(text: str, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["segment", photo, "--seen", text, "--method", "zegclip", "--out", str(tmp_path / "o"), "--json"]
    assert main(words) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert [row["name"] for row in result["classes"]] == ["cat", "dog", "cow"]
    assert result["warnings"] == []


def test_a_list_that_is_not_understood_is_remarked_on(photo: str) -> None:
    seg = Predictor.from_checkpoint("zegclip-mini-inductive").predict(photo, "cat / dog")
    assert any("read as one class" in warning for warning in seg.warnings)


@pytest.mark.slow
def test_words_of_strangers_do_not_steer_the_terminal(
    photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    escapes = "\x1b]0;title\x07\x1b[31m\x9b2J\u202e"
    hostile = tmp_path / f"a{escapes}.png"
    hostile.write_bytes(Path(photo).read_bytes())
    path = tiny_checkpoint(tmp_path, "zegclip", name="odd")
    about = {**header(path), "data": escapes, "recipe": escapes, "seen": [f"cat{escapes}"], "created": escapes}
    save_file(load_file(path), path, {"zsseg": json.dumps(about)})
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    manifest = tmp_path / "recipe.json"
    manifest.write_text(json.dumps({**recipe(photo, tmp_path), "version": escapes}))
    capsys.readouterr()
    for words in (
        ["segment", str(hostile), "--seen", "cat", "--method", "zegclip", "--out", str(tmp_path / "o")],
        ["segment", str(tmp_path / f"none{escapes}"), "--seen", "cat", "--out", str(tmp_path / "o")],
        ["segment", photo, "--manifest", str(manifest), "--out", str(tmp_path / "o")],
        ["info"], ["info", "--json"],
    ):  # fmt: skip
        main(words)
        written = "".join(capsys.readouterr())
        assert len(written) > 20
        assert not set("\x1b\x07\x9b\u202e") & set(written), words
