"""The contact sheet: every example and every named photo, and nothing of a data set inside a repository."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import tiny_checkpoint
from tests.training.photosets import draw_voc
from training import contact_sheet
from training.contact_sheet import example_rows, find_photo, labelled, named_row
from training.data.splits import split_names
from zsseg.errors import UserError
from zsseg.examples import EXAMPLES
from zsseg.predictor import Predictor
from zsseg.text.vocabulary import build_vocabulary

SEEN, UNSEEN_VOC = split_names("voc2012")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkpoints(tmp_path: Path) -> list[str]:
    known = {"seen": SEEN, "unseen": UNSEEN_VOC}
    return [str(tiny_checkpoint(tmp_path, method, **known)) for method in ("zegclip", "clip_rc")]


def test_example_rows__ask_what_the_demo_asks(checkpoints: list[str]) -> None:
    rows = example_rows([Predictor.from_checkpoint(checkpoints[0])])
    assert [row.title for row in rows] == [example.title for example in EXAMPLES]
    assert rows[0].answers[0][1].names == build_vocabulary(EXAMPLES[0].seen, EXAMPLES[0].unseen).names
    assert rows[0].answers[0][0] == "zegclip-tiny-inductive"
    assert rows[0].answers[0][1].labels.shape == rows[0].photo.shape[:2]


def test_named_row__shows_the_labels_first(tmp_path: Path, checkpoints: list[str]) -> None:
    draw_voc(tmp_path)
    photos, item = find_photo("voc2012/2007_000003", tmp_path)  # a validation photo
    row = named_row(photos, item, [Predictor.from_checkpoint(name) for name in checkpoints])
    assert [caption for caption, _ in row.answers] == ["labels", "zegclip-tiny-inductive", "clip_rc-tiny-inductive"]
    truth = np.array(Image.open(item.mask))
    labels = row.answers[0][1].labels
    assert (labels[truth == 0] == -1).all()
    assert (labels[truth == 255] == -1).all()
    assert {row.answers[0][1].names[i] for i in np.unique(labels[labels >= 0])} <= {"cat", "dog", "cow", "sheep"}
    assert find_photo("voc2012/2007_000000", tmp_path)[1].key == "voc2012/2007_000000"  # a training photo


def test_labelled__is_the_mask() -> None:
    answer = labelled(np.array([[1, 255], [0, 1]]), ("dog", "cow"), ("dog",))
    assert answer.labels.tolist() == [[1, -1], [0, 1]]
    assert answer.seen == (True, False)


def test_contact_sheet__writes_one_picture(tmp_path: Path, checkpoints: list[str]) -> None:
    draw_voc(tmp_path)
    out = tmp_path / "new/sheet.png"
    arguments = ["--checkpoints", *checkpoints, "--out", str(out), "--root", str(tmp_path)]
    assert contact_sheet.main([*arguments, "--ids", "voc2012/2007_000003"]) == 0
    with Image.open(out) as sheet:
        assert sheet.width == 4 * 320  # photo, labels, two checkpoints
        assert sheet.height == (len(EXAMPLES) + 1) * 320


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--out": str(ROOT / "runs/never-made.png")}, "git repository"),
        ({"--ids": "voc2012/1999_000000"}, "no photo 'voc2012/1999_000000'"),
        ({"--ids": "elsewhere/1"}, "no data set 'elsewhere'"),
        ({"--checkpoints": "nothing"}, "no checkpoint nothing"),
    ],
)
def test_contact_sheet__says_what_is_wrong(
    tmp_path: Path,
    checkpoints: list[str],
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    message: str,
) -> None:
    draw_voc(tmp_path)
    options = {
        "--checkpoints": checkpoints[0],
        "--out": str(tmp_path / "sheet.png"),
        "--root": str(tmp_path),
        "--ids": "voc2012/2007_000003",
    }
    assert contact_sheet.main([part for pair in (options | changes).items() for part in pair]) == 2
    assert message in capsys.readouterr().err
    assert not Path((options | changes)["--out"]).exists()


def test_contact_sheet__needs_a_root_for_photos(checkpoints: list[str], tmp_path: Path) -> None:
    arguments = ["--checkpoints", *checkpoints, "--out", str(tmp_path / "s.png"), "--ids", "voc2012/2007_000003"]
    assert contact_sheet.main(arguments) == 2
    with pytest.raises(UserError, match="no data set"):
        find_photo("voc2013/1", tmp_path)
