"""Descriptions of data sets, own data, the check of every file, and the converters."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from training.data.__main__ import main
from training.data.datasets import has_development, open_set, read_mask, read_photo
from training.data.sets.check import check_set, find_sets
from training.data.sets.convert import coco_train_ids, context_ids, convert_coco_stuff, convert_context, convert_sbd
from training.data.sets.known import DATA_SETS
from training.data.sets.synthetic import write_synthetic
from training.data.splits import split_names
from zsseg.errors import UserError
from zsseg.text.class_lists import COCO80, COCO171, CONTEXT59


def own_data(root: Path, photos: int = 40) -> Path:
    folder = root / "garden"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    (folder / "classes.txt").write_text("-\nrose\n  tulip \nlawn\n")
    (folder / "unseen.txt").write_text("tulip\n")
    rng = np.random.default_rng(0)
    for i in range(photos):
        mask = rng.integers(0, 4, (2, 3)).repeat(16, 0).repeat(16, 1).astype(np.uint8)
        Image.fromarray((60 * mask[..., None] + np.zeros(3)).astype(np.uint8)).save(folder / f"images/p{i}.png")
        Image.fromarray(mask).save(folder / f"masks/p{i}.png")
    return folder


@pytest.mark.parametrize("name", DATA_SETS)
def test_descriptions__the_official_layout_opens_and_checks(tmp_path: Path, name: str) -> None:
    write_synthetic(DATA_SETS[name], tmp_path)
    assert find_sets(tmp_path) == [name]
    for split in DATA_SETS[name].splits:
        items = open_set(name, tmp_path, "trainval" if split == "train" else split).items
        assert len(items) == 4
        assert all(read_photo(item).shape[:2] == read_mask(item).shape == (96, 128) for item in items)
    assert len(open_set(name, tmp_path, "development").items) == 1
    report = check_set(name, tmp_path)
    assert report.problems == []
    for split in report.splits:
        items = open_set(name, tmp_path, "trainval" if split.split == "train" else split.split).items
        pixels = np.bincount(np.concatenate([read_mask(item).ravel() for item in items]), minlength=256)
        names = DATA_SETS[name].class_names
        assert [count.pixels for count in split.classes] == [pixels[i] for i, n in enumerate(names) if n is not None]


def test_descriptions__the_papers_splits() -> None:
    sizes = {"voc2012": (15, 5), "coco_stuff164k": (156, 15), "pascal_context": (49, 10)}
    for name, (seen, unseen) in sizes.items():
        for published in DATA_SETS[name].unseen.values():
            assert tuple(map(len, split_names(name, published))) == (seen, unseen)
    assert "keyboard" in split_names("pascal_context")[1]
    assert DATA_SETS["pascal_context"].unseen["cascade-clip"][0] == "aeroplane"
    assert DATA_SETS["pascal_context"].unseen["cascade-clip"][-1] == "plate"


def test_own_data__needs_no_code(tmp_path: Path) -> None:
    own_data(tmp_path)
    opened = {split: open_set("garden", tmp_path, split) for split in ("train", "development", "val")}
    keys = [{item.key for item in photos.items} for photos in opened.values()]
    assert sum(map(len, keys)) == 40 == len(set.union(*keys))
    assert 4 <= len(keys[2]) <= 14
    assert opened["val"].split_names() == (("rose", "lawn"), ("tulip",))
    assert opened["val"].raw_names == (None, "rose", "tulip", "lawn")
    assert open_set("garden", tmp_path / "garden", "val").items == opened["val"].items
    assert has_development("garden", tmp_path)
    assert check_set("garden", tmp_path).problems == []


def test_own_data__lists_decide_the_splits(tmp_path: Path) -> None:
    folder = own_data(tmp_path, photos=6)
    (folder / "train.txt").write_text("p0\np1\n")
    (folder / "val.txt").write_text("p2\n")
    assert [item.key for item in open_set("garden", tmp_path, "trainval").items] == ["garden/p0", "garden/p1"]
    assert [item.key for item in open_set("garden", tmp_path, "val").items] == ["garden/p2"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("classes.txt", "rose\nrose\n", "each name once"),
        ("classes.txt", "-\n", "at least|1 to 255"),
        ("unseen.txt", "oak\n", "oak"),
    ],
)
def test_own_data__says_what_is_wrong(tmp_path: Path, file: str, text: str, message: str) -> None:
    (own_data(tmp_path, photos=2) / file).write_text(text)
    with pytest.raises(UserError, match=message):
        open_set("garden", tmp_path, "trainval")
    with pytest.raises(UserError, match="no data set 'meadow'"):
        open_set("meadow", tmp_path, "val")


def test_check__finds_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = write_synthetic(DATA_SETS["voc2012"], tmp_path, photos=8)
    lists = home / "ImageSets/Segmentation"
    train, val = ((lists / f"{name}.txt").read_text().split() for name in ("trainaug", "val"))
    masks, photos = home / "SegmentationClassAug", home / "JPEGImages"
    (photos / f"{train[0]}.jpg").unlink()
    (masks / f"{train[1]}.png").unlink()
    (photos / f"{train[2]}.jpg").write_bytes(b"no picture")
    Image.fromarray(np.zeros((96, 128, 3), np.uint8)).save(masks / f"{train[3]}.png")
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(masks / f"{train[4]}.png")
    Image.fromarray(np.full((96, 128), 77, np.uint8)).save(masks / f"{train[5]}.png")
    (lists / "val.txt").write_text("\n".join([*val, train[6]]))
    report = tmp_path / "report.json"
    assert main(["check", "--data-root", str(tmp_path), "--json", str(report)]) == 1
    (document,) = json.loads(report.read_text())
    found = {(p["kind"], p["key"]) for split in document["splits"] for p in split["problems"]}
    assert found == {
        ("photo missing", f"voc2012/{train[0]}"),
        ("mask missing", f"voc2012/{train[1]}"),
        ("photo malformed", f"voc2012/{train[2]}"),
        ("mask malformed", f"voc2012/{train[3]}"),
        ("sizes differ", f"voc2012/{train[4]}"),
        ("unknown ids", f"voc2012/{train[5]}"),
        ("in two splits", f"voc2012/{train[6]}"),
    }
    text = capsys.readouterr().out
    assert "7 problems" in text
    assert "10,582" in text
    (lists / "val.txt").unlink()
    assert main(["check", "--data-root", str(tmp_path)]) == 1
    assert "list missing" in capsys.readouterr().out


def test_check__says_where_there_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--data-root", str(tmp_path)]) == 2
    assert "no data set" in capsys.readouterr().err
    assert main(["check", "--data-root", str(tmp_path / "nowhere")]) == 2
    assert "no folder" in capsys.readouterr().err


def test_coco_train_ids__are_the_ranks_of_the_used_ids() -> None:
    table = coco_train_ids()
    # Raw id = COCO category id - 1: stop sign is category 13, toothbrush 90, banner 92, wood 182.
    names = {12: "stop sign", 89: "toothbrush", 91: "banner", 181: "wood", 0: "person", 20: "cow"}
    assert {raw: COCO171[table[raw]] for raw in names} == names
    assert table[[11, 25, 90, 182, 255]].tolist() == [255] * 5
    assert sorted(table[table != 255].tolist()) == list(range(171))
    assert COCO171[:80] == COCO80


def test_convert_coco_stuff__makes_the_official_layout(tmp_path: Path) -> None:
    home = write_synthetic(DATA_SETS["coco_stuff164k"], tmp_path)
    raw_of = {int(train): raw for raw, train in enumerate(coco_train_ids()) if train != 255} | {255: 255}
    expected = {}
    for split in ("train2017", "val2017"):
        (tmp_path / "raw" / split).mkdir(parents=True)
        for path in sorted((home / "annotations" / split).iterdir()):
            mask = np.asarray(Image.open(path))
            expected[path] = mask
            raw = np.vectorize(raw_of.__getitem__)(mask).astype(np.uint8)
            Image.fromarray(raw).save(tmp_path / "raw" / split / path.name.replace("_labelTrainIds", ""))
            path.unlink()
    assert convert_coco_stuff(tmp_path / "raw", home) == 8
    for path, mask in expected.items():
        np.testing.assert_array_equal(np.asarray(Image.open(path)), mask)
    assert check_set("coco_stuff164k", tmp_path).problems == []
    Image.fromarray(np.full((4, 4), 11, np.uint8)).save(tmp_path / "raw/train2017/odd.png")
    with pytest.raises(UserError, match="does not use"):
        convert_coco_stuff(tmp_path / "raw", tmp_path / "other")
    with pytest.raises(UserError, match="no mask"):
        convert_coco_stuff(tmp_path / "nothing", tmp_path / "other")


def test_convert_sbd__joins_both_sets(tmp_path: Path) -> None:
    home = write_synthetic(DATA_SETS["voc2012"], tmp_path, photos=6)
    lists, cls = home / "ImageSets/Segmentation", tmp_path / "benchmark_RELEASE/dataset/cls"
    cls.mkdir(parents=True)
    ids = (lists / "trainaug.txt").read_text().split()
    val = (lists / "val.txt").read_text().split()
    masks = {one: np.asarray(Image.open(home / f"SegmentationClassAug/{one}.png")) for one in (*ids, *val)}
    (home / "SegmentationClass").mkdir()
    for one in (*ids[:2], *val):  # VOC's own photos
        (home / f"SegmentationClassAug/{one}.png").rename(home / f"SegmentationClass/{one}.png")
    for one in ids:
        savemat(cls / f"{one}.mat", {"GTcls": {"Segmentation": masks[one] if one in ids[2:] else 0 * masks[one]}})
        (home / f"SegmentationClassAug/{one}.png").unlink(missing_ok=True)
    (lists / "trainaug.txt").unlink()
    (lists / "train.txt").write_text("\n".join(ids[:2]))
    (cls.parent / "train.txt").write_text("\n".join(ids[1:4]))
    (cls.parent / "val.txt").write_text("\n".join([*ids[4:], val[0]]))
    assert convert_sbd(tmp_path / "benchmark_RELEASE", home) == 6
    assert (lists / "trainaug.txt").read_text().split() == ids
    for one in (*ids, *val):
        np.testing.assert_array_equal(np.asarray(Image.open(home / f"SegmentationClassAug/{one}.png")), masks[one])
    assert check_set("voc2012", tmp_path).problems == []


def test_convert_context__keeps_59_of_459_classes(tmp_path: Path) -> None:
    home = write_synthetic(DATA_SETS["pascal_context"], tmp_path)
    source = tmp_path / "source/trainval"
    source.mkdir(parents=True)
    others = [f"other{i}" for i in range(400)]
    names = sorted([name.replace(" ", "") for name in CONTEXT59] + others)
    (source.parent / "labels.txt").write_text("\n".join(f"{i}: {name}" for i, name in enumerate(names, 1)))
    raw_of = {i: names.index(name.replace(" ", "")) + 1 for i, name in enumerate(CONTEXT59, 1)}
    raw_of |= {0: names.index("other7") + 1, 255: 0}
    expected = {}
    for path in sorted((home / "SegmentationClassContext").iterdir()):
        mask = np.asarray(Image.open(path))
        expected[path] = np.where(mask == 255, 0, mask)
        savemat(source / f"{path.stem}.mat", {"LabelMap": np.vectorize(raw_of.__getitem__)(mask).astype(np.uint16)})
        path.unlink()
    (home / "ImageSets/Main").mkdir()
    for split in ("train", "val"):
        path = home / f"ImageSets/SegmentationContext/{split}.txt"
        path.rename(home / f"ImageSets/Main/{split}.txt")
    assert convert_context(source.parent, home) == 8
    for path, mask in expected.items():
        np.testing.assert_array_equal(np.asarray(Image.open(path)), mask)
    assert check_set("pascal_context", tmp_path).problems == []
    (source.parent / "labels.txt").write_text("1: aeroplane\n")
    with pytest.raises(UserError, match="bag"):
        context_ids(source.parent / "labels.txt")
