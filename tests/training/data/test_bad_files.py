"""Files of a data set that are missing, damaged, misfitting or turned: one sentence before the work begins."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.beside import case
from tests.tiny import tiny_checkpoint
from training import calibrate, evaluate, train
from training.data.datasets import Item, open_set
from training.data.sets.run_files import check_files, check_photos
from training.evaluation.protocol import fitted_mask, predictions, protocol_for
from zsseg.errors import UserError
from zsseg.predictor import Predictor

CHECKPOINT = ["--checkpoint", "zegclip-mini-inductive"]
KINDS = (
    *("cut photo", "missing mask", "missing photo", "empty", "cut", "text", "one pixel smaller", "colours"),
    *("16 bits", "1 bit"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Own data: three photos of 24x20 pixels with masks of two classes."""
    folder = tmp_path / "own"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    (folder / "classes.txt").write_text("cat\ndog\n")
    for split, ids in (("train", "abc"), ("val", "abc")):
        (folder / f"{split}.txt").write_text("\n".join(ids))
    for one in "abc":
        Image.new("RGB", (24, 20), (90, 120, 40)).save(folder / "images" / f"{one}.jpg")
        Image.fromarray(np.eye(20, 24, dtype=np.uint8)).save(folder / "masks" / f"{one}.png")
    return folder


def spoil(folder: Path, kind: str) -> Path:
    """Make photo or mask "b" bad; return the file that the sentence must name."""
    mask, photo = folder / "masks/b.png", folder / "images/b.jpg"
    noise = np.random.default_rng(0).integers(0, 2, (20, 24)).astype(np.uint8)
    if kind == "cut photo":
        photo.write_bytes(photo.read_bytes()[:-100])
    elif kind.startswith("missing"):
        (mask if kind == "missing mask" else photo).unlink()
    elif kind in ("empty", "cut", "text"):
        data = mask.read_bytes()
        mask.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "text": b"no picture"}[kind])
    else:
        picture = {
            "one pixel smaller": Image.fromarray(noise[:-1]), "colours": Image.new("RGB", (24, 20)),
            "16 bits": Image.fromarray(noise.astype(np.uint16)), "1 bit": Image.fromarray(noise > 0),
        }[kind]  # fmt: skip
        picture.save(mask)
    return photo if kind.endswith("photo") else mask


def items_of(folder: Path) -> tuple[Item, ...]:
    files = [(folder / f"images/{one}.jpg", folder / f"masks/{one}.png") for one in "abc"]
    return tuple(Item(f"own/{photo.stem}", photo, mask) for photo, mask in files)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_file_is_named_before_the_work(root: Path, kind: str) -> None:
    check_files(items_of(root))
    bad = spoil(root, kind)
    with pytest.raises(UserError) as problem:
        check_files(items_of(root))
    assert str(bad) in str(problem.value)
    assert "training.data check" in str(problem.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_goes_bad_later_is_a_sentence_too(root: Path, kind: str) -> None:
    photos = open_set("own", root.parent, "val")
    spoil(root, kind)
    predictor, items = Predictor.from_checkpoint(tiny_checkpoint(root.parent, "zegclip")), items_of(root)
    protocol = protocol_for(photos, predictor.metadata)
    with pytest.raises(UserError, match=r"[/\\]?b\.(png|jpg)"):
        list(predictions(predictor, items, protocol, None))


def test_the_commands_stop_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(root, "one pixel smaller")
    place = ["--data", "own", "--root", str(root.parent)]
    assert evaluate.main([*CHECKPOINT, *place]) == 2
    assert calibrate.main([*CHECKPOINT, *place]) == 2
    out = root.parent / "run"
    training = ["--recipe", "zegclip_mini_inductive", "--data", "own", "--data-root", str(root.parent)]
    assert train.main([*training, "--iters", "2", "--out", str(out), "--features", str(out / "f")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3
    assert all("b.png" in line or "development" in line for line in lines)
    assert not out.exists()


@pytest.mark.parametrize(
    ("turn", "mask", "fits"),
    [(1, (24, 20), True), (6, (20, 24), True), (6, (24, 20), False), (3, (24, 20), False), (2, (24, 20), False)],
)
def test_turned_photos_need_turned_masks(root: Path, turn: int, mask: tuple[int, int], fits: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.new("RGB", (24, 20)).save(root / "images/b.jpg", exif=exif)
    Image.new("L", mask).save(root / "masks/b.png")
    if fits:
        check_files(items_of(root))
        return
    with pytest.raises(UserError, match=rf"b\.jpg is turned by its EXIF tag \(orientation {turn}\)"):
        check_files(items_of(root))


def test_a_mask_that_a_tag_turns_is_refused(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("L", (24, 20)).save(root / "masks/b.png", exif=exif)
    with pytest.raises(UserError, match=r"b\.png is turned by a tag of its own \(orientation 3\)"):
        check_files(items_of(root))


def test_sidecar_files_are_no_masks(root: Path) -> None:
    (root / "train.txt").unlink()
    for one in "abc":
        (root / f"masks/._{one}.png").write_bytes(b"\0\5\x16\7")
    assert {item.mask.name for item in open_set("own", root.parent, "train").items} <= {"a.png", "b.png", "c.png"}


def test_black_and_white_masks_are_no_ids(root: Path) -> None:
    for one in "abc":
        Image.fromarray(np.eye(20, 24, dtype=np.uint8) * np.uint8(255)).save(root / f"masks/{one}.png")
    photos = open_set("own", root.parent, "val")
    with pytest.raises(UserError, match="hold only 0 and 255"):
        check_photos(photos, photos.items)


@pytest.mark.parametrize("high", [2, 128, 254])
def test_ids_that_stand_for_nothing_are_refused(root: Path, high: int) -> None:
    Image.fromarray(np.eye(20, 24, dtype=np.uint8) * np.uint8(high)).save(root / "masks/b.png")
    photos = open_set("own", root.parent, "val")
    with pytest.raises(UserError, match=f"hold {high}, which no line"):
        check_photos(photos, photos.items)


def test_a_mask_that_is_a_jpeg_under_another_name_is_refused(root: Path) -> None:
    Image.fromarray(np.eye(20, 24, dtype=np.uint8)).save(root / "masks/b.png", "JPEG")
    with pytest.raises(UserError, match="b.png is a JPEG picture"):
        check_files(open_set("own", root.parent, "val").items)


def test_lists_in_other_encodings(root: Path) -> None:
    (root / "val.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    assert len(open_set("own", root.parent, "val").items) == 2
    for name in ("val.txt", "classes.txt"):
        (root / name).write_bytes("é\n".encode("latin-1"))
        with pytest.raises(UserError, match=f"{name} is no text in UTF-8"):
            open_set("own", root.parent, "val")


def test_the_mask_of_a_large_photo_is_brought_to_its_answer(root: Path) -> None:
    item = Item("own/large", root / "images/large.jpg", root / "masks/large.png")
    ids = np.zeros((600, 2000), np.uint8)
    ids[:, 1000:] = 1
    Image.fromarray(np.dstack([ids * 200] * 3)).save(item.photo)
    Image.fromarray(ids).save(item.mask)
    check_files([item])
    predictor = Predictor.from_checkpoint(tiny_checkpoint(root.parent, "zegclip"))
    protocol = protocol_for(open_set("own", root.parent, "val"), predictor.metadata)
    ((_, mask, answer),) = predictions(predictor, [item], protocol, None)
    assert mask.shape == answer.labels.shape == (307, 1024)
    assert (mask[:, :512] == 0).all()
    assert (mask[:, 512:] == 1).all()
    with pytest.raises(UserError, match=r"large\.png has 1999x600 pixels"):
        fitted_mask(item, ids[:, 1:], (300, 1024))


def test_what_other_programs_append_does_no_harm(root: Path) -> None:
    for path in (root / "images/b.jpg", root / "masks/b.png"):
        path.write_bytes(path.read_bytes() + b"x" * 500)
    check_files(items_of(root))


def test_training_finds_out_first_whether_it_can_write(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "file").touch()
    words = ["--recipe", "zegclip_mini_inductive", "--data", "own", "--data-root", str(root.parent), "--iters", "2"]
    for places in (["--out", str(root / "file")], ["--export", str(root / "file" / "under")]):
        assert train.main([*words, *places]) == 2
        assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["empty", "truncated", "missing", "one-pixel-smaller"])
def test_reported_bad_masks(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = case("05-bad-masks") / folder
    assert evaluate.main([*CHECKPOINT, "--data", "voc2012", "--root", str(place), "--split", "val"]) == 2
    assert ".png" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["rotated-90", "rotated-180"])
def test_reported_turned_photos(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = case("06-exif-vs-mask") / folder
    assert evaluate.main([*CHECKPOINT, "--data", "voc2012", "--root", str(place), "--split", "val"]) == 2
    assert "EXIF" in capsys.readouterr().err


def test_reported_large_photos_can_be_checked() -> None:
    check_files(open_set("voc2012", case("04-photo-over-1024px"), "val").items)


@pytest.mark.parametrize("value", ["-1", "0", "1.5", "x", "²"])
def test_a_limit_below_one_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main([*CHECKPOINT, "--root", "x", "--limit", value])
    assert "whole number" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--json", "--plot", "--table"])
def test_outputs_are_tried_before_the_work(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for target in (tmp_path, tmp_path / "file" / "under.json", Path("/dev/full"), tmp_path / ("x" * 300)):
        assert evaluate.main([*CHECKPOINT, "--root", str(tmp_path), option, str(target)]) == 2
        assert str(target)[:20] in capsys.readouterr().err


def test_an_unknown_device_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for device in ("foo", "cuda:99", "cpu:x", ""):
        assert evaluate.main([*CHECKPOINT, "--root", str(tmp_path), "--device", device or " "]) == 2
        assert "no device" in capsys.readouterr().err
