"""Own data: names of classes that a question would change or merge, and what `check` says of what a run refuses."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import tiny_checkpoint
from training import calibrate
from training.data.sets.check import check_set
from training.data.sets.own import describe_own
from training.runtime.console import run_for_person, seed
from zsseg.errors import UserError

SIZE = (20, 24)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for split in ("train", "val"):
        (folder / f"{split}.txt").write_text("a\nb\n")
    for one in "ab":
        Image.new("RGB", SIZE[::-1], (90, 120, 40)).save(folder / "images" / f"{one}.jpg")
        Image.fromarray(np.eye(*SIZE, dtype=np.uint8)).save(folder / "masks" / f"{one}.png")
    (folder / "classes.txt").write_text("cat\ndog\n")
    return folder


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("dog\nDog", "“dog” and “Dog”, which are one class"),
        ("cat\ndog | puppy", "write “dog”"),
        ('cat\n"dog"', "write “dog”"),
        ("cat\n- cow", "write “cow”"),
        ("cat\n(dog)", "id 1"),
        ("cat\ncafe\u0301", "write “café”"),
        ("cat\n\u200b", "write a name, or '-'"),
    ],
)
def test_names_that_a_question_would_change_are_refused(own: Path, names: str, says: str) -> None:
    (own / "classes.txt").write_text(names + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=says) as caught:
        describe_own(own)
    assert "classes.txt" in str(caught.value)


@pytest.mark.parametrize("names", ["cat\n-\nfire hydrant", "Chihuahua\ncafé\n猫", "t-shirt\nNew York style"])
def test_ordinary_names_stay(own: Path, names: str) -> None:
    (own / "classes.txt").write_text(names + "\n", encoding="utf-8")
    expected = tuple(None if name == "-" else name for name in names.split("\n"))
    assert describe_own(own).class_names == expected


def test_check_finds_what_a_run_refuses(own: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("L", SIZE[::-1]).save(own / "masks/b.png", exif=exif)
    assert "is turned by a tag of its own" in str(check_set("own", own.parent).problems)
    for one in "ab":
        Image.new("L", SIZE[::-1], 255).save(own / "masks" / f"{one}.png")
    assert "hold only 255" in str(check_set("own", own.parent).problems)


def test_calibration_without_a_mean_chooses_and_writes_nothing(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "classes.txt").write_text("cat\ndog\ncow\n")
    (own / "unseen.txt").write_text("cow\n")
    # Enough for a development split; no photo shows a cow, so there is no hIoU.
    for number in range(40):
        for folder, ending in (("images", "jpg"), ("masks", "png")):
            (own / folder / f"{number}.{ending}").write_bytes((own / folder / f"a.{ending}").read_bytes())
    (own / "train.txt").write_text("".join(f"{number}\n" for number in range(40)))
    path = tiny_checkpoint(tmp_path / "weights", "zegclip")
    before = path.read_bytes()
    command = ["--checkpoint", str(path), "--root", str(own.parent), "--data", "own", "--write"]
    assert calibrate.main(command) == 2
    assert "no mean to choose by" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_closed_stdout_is_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert run_for_person(lambda: None) == 0


def test_seeds_fit_every_generator() -> None:
    assert seed("4294967295") == 2**32 - 1
    with pytest.raises(Exception, match="below 2"):
        seed("99999999999999999999999")
