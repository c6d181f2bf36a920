"""A ground truth for a photo that its EXIF tag turns: nobody can tell how the mask lies, so it is asked about."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_segmentation import random_answer
from zsseg.demo.actions import Answer
from zsseg.demo.tabs import ground_truth
from zsseg.errors import UserError
from zsseg.image.load import load_image
from zsseg.text.vocabulary import Vocabulary


def answer_of(photo: Path) -> Answer:
    pixels = load_image(photo)
    seg = random_answer(2, pixels.shape[:2])
    names = Vocabulary(seg.names, seg.seen, tuple((name,) for name in seg.names))
    return Answer(pixels, photo.name, names, {"zegclip": seg}, path=str(photo))


def turned(folder: Path, kind: str, turn: int, size: tuple[int, int]) -> Path:
    exif, path = Image.Exif(), folder / f"photo.{kind.lower()}"
    exif[0x0112] = turn
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path, kind, exif=exif)
    return path


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "AVIF", "WEBP"])
@pytest.mark.parametrize(
    ("turn", "size", "unclear"),
    [(1, (20, 30), False), (3, (20, 30), True), (2, (20, 30), True), (6, (20, 30), False), (8, (24, 24), True)],
)
def test_a_turn_that_no_shape_shows_is_asked_about(
    tmp_path: Path, kind: str, turn: int, size: tuple[int, int], unclear: bool
) -> None:
    answer = answer_of(turned(tmp_path, kind, turn, size))
    mask = tmp_path / "mask.png"
    Image.fromarray(np.eye(*answer.photo.shape[:2], dtype=np.uint8)).save(mask)
    if unclear and kind != "WEBP":  # which browsers do not turn
        with pytest.raises(UserError, match=rf"orientation {turn}\).*upright"):
            ground_truth.read(answer, str(mask), "")
        return
    assert ground_truth.read(answer, str(mask), "").labels.max() == 1
    Path(answer.path).unlink()  # the upload may be gone by now
    assert ground_truth.read(answer, str(mask), "").labels.max() == 1
