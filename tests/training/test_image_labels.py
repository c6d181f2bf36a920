"""Image-level names: some place must show each name said of a photo, and none an absent one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.pretraining.crops import CropSampler
from training.pretraining.image_labels import ImageLabels
from training.pretraining.label_teacher import LabelTeacher
from training.pretraining.photos import PretrainingPhoto, _names_in_mask, _training_files
from training.pretraining.text_targets import TextTargets

DATA = Path(__file__).parents[3] / "shared/data"
GREY = np.full((20, 20, 3), 128, np.uint8)
NAMES = ("cat", "dog", "sky", "sheep")


@pytest.fixture
def targets() -> TextTargets:
    vectors = np.eye(4, 8, dtype=np.float32)
    return TextTargets(NAMES, vectors, vectors[:3], np.zeros(4, bool), np.eye(1000, 8, dtype=np.float32))


@pytest.fixture
def table(targets: TextTargets) -> ImageLabels:
    positives = [("pretrain/1", ("cat",)), ("voc2012/2", ("cat",)), ("voc2012/3", ("dog", "sheep")), ("voc2012/4", ())]
    return ImageLabels([PretrainingPhoto(key, GREY, names) for key, names in positives], targets)


def places(*columns: int) -> torch.Tensor:
    """Logits of one photo at places that are each sure of one name, a column of the table, or of none (3)."""
    return 20 * torch.eye(4)[list(columns)][None]


def test_image_labels__asks_a_photo_the_names_of_its_own_set_alone(table: ImageLabels) -> None:
    candidates = table.vectors.argmax(1).tolist()
    assert [NAMES[i] for i in candidates] == ["cat", "dog", "sheep"]  # in VOC's order; "sky" is no name of VOC
    assert table.positives.tolist() == [[False] * 3, [True, False, False], [False, True, True], [False] * 3]
    assert table.rarity().tolist() == pytest.approx([0, 0.1, 0.1, 0])


def test_image_labels__asks_a_photo_of_no_labelled_set_the_names_of_voc(targets: TextTargets) -> None:
    positives = [("voc2012/1", ("cat",)), ("coco_mini/2", ("dog",)), ("camvid/3", ()), ("pretrain/4", ("sky",))]
    table = ImageLabels([PretrainingPhoto(key, GREY, names) for key, names in positives], targets)
    own = [[one == "coco_mini" for one in ("coco_mini",) * 3 + ("voc2012",) * 3]]
    assert table.candidates[1].tolist() == own[0]
    assert all(row.tolist() == [not mine for mine in own[0]] for row in table.candidates[[0, 2, 3]])


def test_rarity__is_the_mean_of_the_names(targets: TextTargets) -> None:
    positives = [("cat",)] * 400 + [("cat", "dog")] * 100
    table = ImageLabels([PretrainingPhoto(f"voc2012/{i}", GREY, names) for i, names in enumerate(positives)], targets)
    assert table.rarity()[[0, 450]].tolist() == pytest.approx([500**-0.5, (500**-0.5 + 0.1) / 2])


def test_loss__is_least_where_the_said_name_is_shown_and_no_other(table: ImageLabels) -> None:
    photo = torch.tensor([1])
    right, mixed, wrong = (
        table.loss(places(*columns), photo) for columns in ((0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1))
    )
    assert 0 <= right < 0.01
    assert right < mixed < wrong


def test_loss__wants_every_said_name_somewhere(table: ImageLabels) -> None:
    photo = torch.tensor([2])
    both, one = (table.loss(places(*columns), photo) for columns in ((1, 1, 2, 2), (1, 1, 1, 1)))
    assert both < one


def test_loss__lets_places_show_nothing_but_not_all_of_them(table: ImageLabels) -> None:
    photo = torch.tensor([1])
    right, half, nowhere = (
        table.loss(places(*columns), photo) for columns in ((0, 0, 0, 0), (0, 0, 3, 3), (3, 3, 3, 3))
    )
    torch.testing.assert_close(right, half)
    assert half + 1 < nowhere


def test_loss__of_photos_without_tags_is_zero_and_they_change_no_other(table: ImageLabels) -> None:
    logits = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert table.loss(logits, torch.tensor([0])) == 0
    alone = table.loss(logits, torch.tensor([2]))
    beside = table.loss(logits.repeat(3, 1, 1), torch.tensor([0, 2, 3]))
    torch.testing.assert_close(alone, beside)


@pytest.fixture(scope="module")
def taught() -> LabelTeacher:
    """A teacher whose first feature is high on cats, the second on dogs; half of each photo shows neither."""
    vectors = np.eye(4, 8, dtype=np.float32)
    targets = TextTargets(NAMES, vectors, vectors[:3], np.zeros(4, bool), np.eye(1000, 8, dtype=np.float32))
    photos = [PretrainingPhoto(f"voc2012/{i}", GREY, (NAMES[i % 2],)) for i in range(40)] + [
        PretrainingPhoto("p/0", GREY, ())
    ]
    features = np.random.default_rng(0).standard_normal((41, 14, 14, 5)).astype(np.float16)
    for row in range(40):
        features[row, :, :7, row % 2] += 6
    return LabelTeacher(ImageLabels(photos, targets), features, unit=2.0)


def test_label_teacher__finds_the_places_of_names_that_it_was_only_told_of(taught: LabelTeacher) -> None:
    cat, dog = (torch.eye(5)[None, None, k] * 3 for k in (0, 1))  # 6 in units of 2
    unsaid = torch.tensor([40])
    assert [int(taught.answers(place, unsaid).argmax()) for place in (cat, dog)] == [0, 1]
    for place in (cat, dog):
        torch.testing.assert_close(taught.answers(place, unsaid).sum(), torch.tensor(1.0))
    named = taught.answers(cat, unsaid)[..., :-1]
    assert named[..., 0] / named.sum() > 0.9
    assert named.sum() > 0.5


def test_label_teacher__calls_none_what_photos_of_all_names_have_in_common(taught: LabelTeacher) -> None:
    common = torch.zeros(1, 1, 5)
    assert int(taught.answers(common, torch.tensor([40])).argmax()) == len(taught.labels.vectors)


def test_label_teacher__leaves_little_to_a_name_that_is_not_said(taught: LabelTeacher) -> None:
    cat = torch.eye(5)[None, None, 0] * 0.5
    share = {row: float(taught.answers(cat, torch.tensor([row]))[..., 0]) for row in (0, 1, 40)}  # cat, dog, neither
    assert share[0] > share[40] > share[1] > 0


def test_label_teacher__teaches_patches_its_answers(taught: LabelTeacher) -> None:
    photo, features = torch.tensor([0, 40]), torch.eye(5)[:2].repeat(2, 2, 1) * 3  # cat, dog, cat, dog
    cat, dog = taught.labels.vectors[0], taught.labels.vectors[1]
    as_told, turned = torch.stack([cat, dog, cat, dog]), torch.stack([dog, cat, dog, cat])
    right, wrong = (taught.loss(patches.expand(2, 4, -1), features, photo, 0.2) for patches in (as_told, turned))
    assert 0 < right < wrong
    half_nothing = features * torch.tensor([1.0, 1, 0, 0])[:, None]
    as_dog = torch.stack([cat, dog, dog, dog]).expand(2, 4, -1)  # wrong only where nothing is shown
    assert taught.loss(as_dog, half_nothing, photo, 0.2) < taught.loss(as_dog, features, photo, 0.2)
    assert not any(parameter.requires_grad for parameter in taught.parameters())


def test_label_teacher__of_a_pool_without_labelled_sets_teaches_nothing(targets: TextTargets) -> None:
    photos = [PretrainingPhoto("p/0", GREY, ("cat",))]
    teacher = LabelTeacher(ImageLabels(photos, targets), np.zeros((1, 14, 14, 5), np.float16))
    assert teacher.loss(torch.ones(1, 4, 8), torch.ones(1, 4, 5), torch.tensor([0]), 0.1) == 0


def test_crop_sampler__draws_favoured_photos_more_often() -> None:
    maps = np.zeros((4, 14, 14, 2), np.float16)
    maps[:, 0, 0] = 1
    photos = [PretrainingPhoto(f"p/{i}", GREY, ()) for i in range(4)]
    sampler = CropSampler(photos, maps, maps, 0.5, np.array([0, 0, 0, 2.0]), 0.6)
    rows = sampler.draw(32, 400, np.random.default_rng(0)).photo
    assert 0.6 < (rows == 3).float().mean() < 0.8  # 0.6 and a quarter of the rest
    assert set(rows.tolist()) == {0, 1, 2, 3}


def test_said_of__says_which_names_occur_not_where(tmp_path: Path) -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[1, 1], mask[2, 2:4], mask[3, 3] = 8, 12, 255
    for name, pixels in (("a", mask), ("b", mask[::-1, ::-1])):
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / f"{name}.png")
    key = "voc2012/1"
    assert _names_in_mask(key, tmp_path / "a.png") == _names_in_mask(key, tmp_path / "b.png") == ("cat", "dog")


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets (../shared/data) are not here")
def test_said_of__nothing_of_camvid() -> None:
    files = [(key, mask) for key, _, mask in _training_files(DATA)]
    quiet = [pair for pair in files if pair[0].startswith("camvid/")]
    assert [key for key, mask in quiet if _names_in_mask(key, mask)] == []
    assert len(quiet) > 300
    assert all(_names_in_mask(*pair) for pair in files[:50])  # of VOC
