"""The data pipeline: layouts, names, crops, batches, and the guard that keeps unseen labels out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.photosets import LISTS, draw_voc, write_mask
from training.data.balance import MAX_REPEATS, repeats
from training.data.batches import BatchStream, Part
from training.data.datasets import Item, PhotoSet, open_set, read_mask
from training.data.labels import HIDDEN, VOID, label_table
from training.data.splits import SETS, UNSEEN, class_names, is_development, split_names, union_names
from training.data.transforms import Augmentation, augment, distort, normalise
from zsseg.errors import UserError

HOW = Augmentation(64, (0.5, 2.0), True, (120.0, 110.0, 100.0), (60.0, 61.0, 62.0))


def make_part(root: Path, **changes: object) -> Part:
    seen, unseen = split_names("voc2012")
    return replace(Part(open_set("voc2012", root, "trainval"), seen, unseen), **changes)


def test_open_set__reads_standard_voc_layouts(tmp_path: Path) -> None:
    home = draw_voc(tmp_path)
    for root in (tmp_path, home, home.parent):
        assert len(open_set("voc2012", root, "trainval").items) == 9
    lists = home / LISTS
    (lists / "trainaug.txt").write_text("/JPEGImages/2007_000000.jpg /SegmentationClassAug/2007_000000.png\n")
    assert [i.key for i in open_set("voc2012", tmp_path, "trainval").items] == ["voc2012/2007_000000"]
    assert len(open_set("voc2012", tmp_path, "val").items) == 3


def test_open_set__splits_training_photos_by_their_id(tmp_path: Path) -> None:
    draw_voc(tmp_path, photos=80)
    kept = {s: {i.key for i in open_set("voc2012", tmp_path, s).items} for s in ("train", "development", "trainval")}
    assert kept["train"] | kept["development"] == kept["trainval"]
    assert not kept["train"] & kept["development"]
    assert all(is_development(key) for key in kept["development"])


def test_open_set__says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="PASCAL VOC 2012 was not found"):
        open_set("voc2012", tmp_path, "train")
    with pytest.raises(UserError, match="no data set"):
        open_set("voc2013", tmp_path, "train")
    home = draw_voc(tmp_path)
    with pytest.raises(UserError, match="no split 'test'"):
        open_set("voc2012", tmp_path, "test")
    (home / "SegmentationClassAug/2007_000003.png").unlink()
    with pytest.raises(UserError, match="is missing"):
        open_set("voc2012", tmp_path, "val")


def test_read_mask__reads_indices_not_colours(tmp_path: Path) -> None:
    mask = np.array([[0, 8], [255, 20]], np.uint8)
    write_mask(tmp_path / "m.png", mask)
    assert read_mask(Item("m", tmp_path, tmp_path / "m.png")).tolist() == mask.tolist()


@pytest.mark.parametrize("name", SETS)
def test_splits__every_unseen_name_is_asked(name: str) -> None:
    seen, unseen = split_names(name)
    assert set(unseen) == set(UNSEEN[name])
    assert not set(seen) & set(unseen)
    assert set(seen) | set(unseen) == {n for n in class_names(name) if n}


def test_splits__the_union_has_no_name_on_both_sides() -> None:
    seen, unseen = union_names(split_names(name) for name in ("voc2012", "ccp", "camvid", "coco_mini"))
    assert {"cat", "t-shirt", "road"} <= set(seen)
    assert {"cow", "sofa", "couch", "jeans", "bicyclist", "pizza"} <= set(unseen)
    with pytest.raises(ValueError, match="cow"):
        union_names([(("cow",), ()), (("cat",), ("cow",))])
    with pytest.raises(ValueError, match="unicorn"):
        split_names("voc2012", ("unicorn",))


def test_label_table__knows_seen_names_only() -> None:
    raw = (None, "cat", "cow", "dog")
    assert label_table(raw, ("dog", "cat"))[[0, 1, 2, 3, 9, 255]].tolist() == [VOID, 1, VOID, 0, VOID, VOID]
    assert label_table(raw, ("dog", "cat"), reveal_hidden=True)[[0, 1, 2, 3]].tolist() == [VOID, 1, HIDDEN, 0]


@pytest.mark.parametrize("reveal", [False, True])
def test_batches__unseen_labels_cannot_reach_them(tmp_path: Path, reveal: bool) -> None:
    """Poison every unseen label on disk (cow becomes sheep, and so on): no batch changes by a bit."""
    home = draw_voc(tmp_path)

    def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
        part = make_part(tmp_path, reveal_hidden=reveal)
        often = repeats(part.photos, part.seen, rare=0.9)
        stream = BatchStream([replace(part, repeats=often)], HOW, 4, 5, seed=3)
        return [(b.inputs, b.labels) for b in (stream[i] for i in range(5))]

    clean = batches()
    unseen_ids = [i for i, name in enumerate(class_names("voc2012")) if name in UNSEEN["voc2012"]]
    poison = np.arange(256, dtype=np.uint8)
    poison[unseen_ids] = np.roll(unseen_ids, 1)
    touched = 0
    for path in (home / "SegmentationClassAug").glob("*.png"):
        mask = read_mask(Item("", path, path))
        touched += int((poison[mask] != mask).sum())
        write_mask(path, poison[mask])
    assert touched > 1000
    for before, after in zip(clean, batches(), strict=True):
        torch.testing.assert_close(after[0], before[0], rtol=0, atol=0)
        assert torch.equal(after[1], before[1])
    values = set(torch.cat([labels.flatten() for _, labels in clean]).unique().tolist())
    seen = len(split_names("voc2012")[0])
    assert values - {VOID, HIDDEN} <= set(range(seen))
    assert (HIDDEN in values) == reveal


def test_batches__depend_on_seed_and_index_alone(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    parts = [make_part(tmp_path, weight=3.0), make_part(tmp_path, weight=1.0)]
    one, other = BatchStream(parts, HOW, 4, 40, seed=3), BatchStream(parts, HOW, 4, 80, seed=3)
    for index in (0, 33, 7):
        assert one[index].part == other[index].part
        assert torch.equal(one[index].inputs, other[index].inputs)
    assert not torch.equal(one[0].inputs, BatchStream(parts, HOW, 4, 40, seed=4)[0].inputs)
    assert 0.6 < float((one.choices == 0).mean()) < 0.9


def test_batches__devices_share_a_batch(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    parts = [make_part(tmp_path)]
    whole = BatchStream(parts, HOW, 4, 3, seed=0)[2]
    shares = [BatchStream(parts, HOW, 4, 3, seed=0, rank=r, world_size=2)[2] for r in range(2)]
    assert torch.equal(torch.stack([s.inputs for s in shares], 1).flatten(0, 1), whole.inputs)


def test_batches__an_epoch_shows_every_photo_once(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    stream = BatchStream([make_part(tmp_path)], HOW, 3, 3, seed=0)
    drawn: list[str] = []
    decoded = stream._decoded
    stream._decoded = lambda item, table: (drawn.append(item.key), decoded(item, table))[1]  # type: ignore[assignment, func-returns-value]
    for index in range(3):
        stream[index]
    assert sorted(drawn) == sorted(i.key for i in stream.parts[0].photos.items)


def test_batches__an_epoch_shows_a_photo_as_often_as_its_part_says(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    part = make_part(tmp_path)
    often = tuple(1 + row % 3 for row in range(len(part.photos.items)))
    batches = sum(often)
    stream = BatchStream([replace(part, repeats=often)], HOW, 1, batches, seed=0)
    drawn: list[str] = []
    decoded = stream._decoded
    stream._decoded = lambda item, table: (drawn.append(item.key), decoded(item, table))[1]  # type: ignore[assignment, func-returns-value]
    for index in range(batches):
        stream[index]
    assert [drawn.count(item.key) for item in part.photos.items] == list(often)


def test_repeats__are_the_root_of_how_rare_the_rarest_seen_name_is(tmp_path: Path) -> None:
    raw = ("dog", "cat", "bird", "cow")
    shows = [(0,)] * 50 + [(0, 1)] * 12 + [(2,)] + [(3,)] * 37  # dog .62, cat .12, bird .01, cow (unseen) .37
    items = []
    for index, ids in enumerate(shows):
        path = tmp_path / f"{index}.png"
        write_mask(path, np.array([ids, ids], np.uint8))
        items.append(Item(str(index), path, path))
    photos = PhotoSet("voc2012", raw, tuple(items))
    often = repeats(photos, ("dog", "cat", "bird"), rare=0.5)
    assert often[0] == 1
    assert often[50] == 2  # the root of .5 / .12 is 2.04
    assert often[62] == round((0.5 / 0.01) ** 0.5) == 7
    assert repeats(photos, ("dog", "cat", "bird"), rare=0.9)[62] == MAX_REPEATS
    assert often[63] == 1


@pytest.mark.parametrize("shape", [(48, 80), (200, 90), (1, 1), (64, 64)])
def test_augment__any_photo_makes_a_full_sample(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), (120, 110, 100), np.uint8)
    labels = np.full(shape, 5, np.uint8)
    for seed in range(20):
        pixels, target = augment(rgb, labels, replace(HOW, photometric=False), np.random.default_rng(seed))
        assert pixels.shape == (3, 64, 64)
        assert pixels.dtype == np.float32
        assert set(np.unique(target)) <= {5, VOID}
        assert np.abs(pixels).max() < 0.02, "the mean colour and the padding are both 0"


@pytest.mark.parametrize("antialias", [False, True])
def test_augment__labels_stay_on_their_pixels(antialias: bool) -> None:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 4, (5, 6)), np.ones((32, 32))).astype(np.uint8)
    rgb = np.repeat((labels * 50)[..., None], 3, axis=2)
    plain = Augmentation(64, (0.5, 2.0), False, (0.0, 0.0, 0.0), (50.0, 50.0, 50.0), antialias)
    for seed in range(10):
        pixels, target = augment(rgb, labels, plain, np.random.default_rng(seed))
        inside = target != VOID
        agree = np.abs(pixels[0][inside] - target[inside]) < 0.5
        assert agree.mean() > 0.85


def test_augment__antialias_keeps_what_is_fine() -> None:
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::8] = 240
    labels = np.zeros((320, 320), np.uint8)
    how = Augmentation(32, (1.0, 1.0), False, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), antialias=True)
    pixels, _ = augment(stripes, labels, how, np.random.default_rng(0))
    assert np.abs(pixels - 30).max() < 20, "a tenth of 240 to a fifth: each pixel holds one or two of ten columns"
    sampled, _ = augment(stripes, labels, replace(how, antialias=False), np.random.default_rng(0))
    assert np.abs(sampled - 30).max() > 29, "bilinear samples hit a stripe or miss it"


def test_normalise__is_the_plain_formula() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    np.testing.assert_allclose(normalise(rgb, HOW.mean, HOW.std), (rgb - np.array(HOW.mean)) / HOW.std, atol=1e-5)


def test_distort__changes_colours_within_bounds() -> None:
    grey = np.full((4, 4, 3), 128, np.uint8)
    values = np.concatenate([distort(grey, np.random.default_rng(s)).ravel() for s in range(200)])
    assert values.min() >= (128 - 32) // 2
    assert values.max() <= 1.5 * (128 + 32)
    assert len(np.unique(values)) > 50
