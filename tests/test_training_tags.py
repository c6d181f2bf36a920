"""Image-level names: some patch must show each name said of a photo, and none an absent one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from training.crops import CropSampler
from training.data.photos import Photo, _said_of, _training_files
from training.data.splits import is_development
from training.tags import TagTable
from training.text_targets import TextTargets

DATA = Path(__file__).parents[2] / "shared/data"
GREY = np.full((20, 20, 3), 128, np.uint8)
NAMES = ("cat", "dog", "sky", "sheep")


@pytest.fixture
def targets() -> TextTargets:
    vectors = np.eye(4, 8, dtype=np.float32)
    return TextTargets(NAMES, vectors, vectors[:3], np.zeros(4, bool), np.eye(1000, 8, dtype=np.float32))


@pytest.fixture
def table(targets: TextTargets) -> TagTable:
    said = [("pretrain/1", ("cat",)), ("voc2012/2", ("cat",)), ("voc2012/3", ("dog", "sheep")), ("voc2012/4", ())]
    return TagTable([Photo(key, GREY, names) for key, names in said], targets)


def patches(*columns: int) -> torch.Tensor:
    """One crop of patches that each lie on a name's own vector."""
    return torch.eye(4, 8)[list(columns)][None]


def test_tag_table__asks_a_photo_the_names_of_its_own_set_alone(table: TagTable) -> None:
    asked = table.vectors.argmax(1).tolist()
    assert [NAMES[i] for i in asked] == ["cat", "dog", "sheep"]  # in VOC's order; "sky" is no name of VOC
    assert not table.possible[0].any()
    assert not table.possible[3].any()
    assert table.rarity().tolist() == pytest.approx([0, 0.1, 0.1, 0])


def test_rarity__is_the_mean_of_the_names(targets: TextTargets) -> None:
    said = [("cat",)] * 400 + [("cat", "dog")] * 100
    table = TagTable([Photo(f"voc2012/{i}", GREY, names) for i, names in enumerate(said)], targets)
    assert table.rarity()[[0, 450]].tolist() == pytest.approx([500**-0.5, (500**-0.5 + 0.1) / 2])


def test_loss__is_least_where_the_said_name_is_shown_and_no_other(table: TagTable) -> None:
    sure, photo = torch.ones(1, 4), torch.tensor([1])
    right, mixed, wrong = (
        table.loss(patches(*columns), sure, photo, 0.07) for columns in ((0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1))
    )
    assert 0 <= right < 0.01
    assert right < mixed < wrong


def test_loss__wants_every_said_name_somewhere(table: TagTable) -> None:
    sure, photo = torch.ones(1, 4), torch.tensor([2])
    both, one = (table.loss(patches(*columns), sure, photo, 0.07) for columns in ((1, 1, 3, 3), (1, 1, 1, 1)))
    assert both < one


def test_loss__of_photos_without_tags_is_zero_and_they_change_no_other(table: TagTable) -> None:
    crop = normalize(torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    sure = torch.ones(1, 4)
    assert table.loss(crop, sure, torch.tensor([0]), 0.07) == 0
    alone = table.loss(crop, sure, torch.tensor([2]), 0.07)
    beside = table.loss(crop.repeat(3, 1, 1), sure.repeat(3, 1), torch.tensor([0, 2, 3]), 0.07)
    torch.testing.assert_close(alone, beside)


def test_crop_sampler__draws_favoured_photos_more_often() -> None:
    maps = np.zeros((4, 14, 14, 2), np.float16)
    maps[:, 0, 0] = 1
    photos = [Photo(f"p/{i}", GREY, ()) for i in range(4)]
    sampler = CropSampler(photos, maps, maps, 0.5, np.array([0, 0, 0, 2.0]), 0.6)
    rows = sampler.draw(32, 400, np.random.default_rng(0)).photo
    assert 0.6 < (rows == 3).float().mean() < 0.8  # 0.6 and a quarter of the rest
    assert set(rows.tolist()) == {0, 1, 2, 3}


def test_said_of__says_which_names_occur_not_where(tmp_path: Path) -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[1, 1], mask[2, 2:4], mask[3, 3] = 8, 12, 255
    for name, pixels in (("a", mask), ("b", mask[::-1, ::-1])):
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / f"{name}.png")
    key = next(key for key in (f"voc2012/{i}" for i in range(99)) if not is_development(key))
    assert _said_of(key, tmp_path / "a.png") == _said_of(key, tmp_path / "b.png") == ("cat", "dog")


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets (../shared/data) are not here")
def test_said_of__nothing_of_development_photos_and_of_camvid() -> None:
    files = [(key, mask) for key, _, mask in _training_files(DATA)]
    quiet = [pair for pair in files if is_development(pair[0]) or pair[0].startswith("camvid/")]
    assert [key for key, mask in quiet if _said_of(key, mask)] == []
    assert len(quiet) > 500
    voc = [pair for pair in files if pair[0].startswith("voc2012/") and pair not in quiet][:50]
    assert all(_said_of(*pair) for pair in voc)
