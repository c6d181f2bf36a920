"""Converts the published annotation files to the layouts that `training.data.sets.known` describes.

- COCO-Stuff 164k: `stuffthingmaps_trainval2017` has raw ids 0..181 with gaps; the papers use 171 train ids.
- SBD: `benchmark_RELEASE/dataset/cls/*.mat` are the masks that VOC's augmented training split adds.
- PASCAL Context: `trainval/*.mat` have 459 classes, of which 59 are used.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from training.data.labels import VOID
from zsseg.errors import UserError
from zsseg.text.class_lists import COCO171, CONTEXT59

# Raw ids that COCO-Stuff reserves for classes which it does not annotate.
_COCO_GAPS = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}


def convert_coco_stuff(source: Path, out: Path) -> int:
    """Write `annotations/{train,val}2017/ID_labelTrainIds.png`; return the number of masks.

    Args:
        source: holds `train2017/` and `val2017/` of stuffthingmaps_trainval2017.
        out: folder of the data set, `coco_stuff164k`, which also gets `images/`.

    Raises:
        UserError: there are no masks in `source`, or one has an id that COCO-Stuff does not use.
    """
    table = coco_train_ids()
    count = 0
    for split in ("train2017", "val2017"):
        # Masks that an earlier run converted in place are not raw.
        paths = [path for path in sorted((source / split).glob("*.png")) if "_labelTrainIds" not in path.name]
        target = out / "annotations" / split

        # Bound as a default, since a closure would follow the loop's variable.
        def convert(path: Path, target: Path = target) -> None:
            raw = np.asarray(Image.open(path))
            train = table[raw]  # (H, W)
            # Raw 255 is void and may stay; any other id without a class means another file format.
            if ((train == VOID) & (raw != VOID)).any():
                strange = np.unique(raw[(train == VOID) & (raw != VOID)]).tolist()
                raise UserError(f"{path} has ids that COCO-Stuff does not use: {strange}. Is it a raw stuffthingmap?")
            _write_mask(target / f"{path.stem}_labelTrainIds.png", train)

        count += _for_all(paths, convert, split)
    if count == 0:
        raise UserError(f"There is no mask in {source}/train2017 or val2017: unpack stuffthingmaps_trainval2017 there.")
    return count


def coco_train_ids() -> np.ndarray:
    """Return the (256,) uint8 table from raw COCO-Stuff id to train id 0..170; 255 for unused ids."""
    table = np.full(256, VOID, np.uint8)
    # 182 ids less 11 gaps are the 171 classes.
    used = [raw for raw in range(182) if raw not in _COCO_GAPS]
    table[used] = np.arange(len(COCO171))
    return table


def convert_sbd(source: Path, out: Path) -> int:
    """Write SBD's masks to `SegmentationClassAug/` and the list `trainaug.txt`; return the number of training photos.

    VOC's own masks take precedence: they have fine borders. The list is VOC's train list and all SBD photos that are
    not in VOC's val list, as in the papers (10,582).

    Args:
        source: `benchmark_RELEASE`, or its folder `dataset`.
        out: `VOCdevkit/VOC2012` with VOC's own lists and masks.

    Raises:
        UserError: files of SBD or VOC are missing.
    """
    home = source / "dataset" if (source / "dataset").is_dir() else source
    lists = out / "ImageSets/Segmentation"
    train, val = (_read_ids(lists / f"{split}.txt") for split in ("train", "val"))
    # SBD divides its photos in its own way; both of its lists are used.
    sbd = [*_read_ids(home / "train.txt"), *_read_ids(home / "val.txt")]
    # dict.fromkeys drops repetitions and keeps the order.
    joint = list(dict.fromkeys([*train, *(one for one in sbd if one not in set(val))]))
    own = {*train, *val}
    masks = out / "SegmentationClassAug"

    def convert(one: str) -> None:
        if one in own:
            _write_mask(masks / f"{one}.png", np.asarray(Image.open(out / f"SegmentationClass/{one}.png")))
        else:
            _write_mask(masks / f"{one}.png", _read_mat(home / f"cls/{one}.mat")["GTcls"]["Segmentation"])

    # Val masks too: SegmentationClassAug then serves every split.
    _for_all(list(dict.fromkeys([*joint, *val])), convert, "SBD")
    (lists / "trainaug.txt").write_text("\n".join(joint) + "\n", encoding="utf-8")
    return len(joint)


def convert_context(source: Path, out: Path) -> int:
    """Write `SegmentationClassContext/` and the two lists of PASCAL Context; return the number of masks.

    Args:
        source: holds `labels.txt` (459 names) and the .mat files, in it or in `trainval/`.
        out: `VOCdevkit/VOC2010` with VOC's own lists of 2010 in `ImageSets/Main`.

    Raises:
        UserError: files are missing, or `labels.txt` lacks one of the 59 classes.
    """
    table = context_ids(source / "labels.txt")
    folder = source / "trainval" if (source / "trainval").is_dir() else source
    paths = {path.stem: path for path in sorted(folder.glob("*.mat"))}
    if not paths:
        raise UserError(f"There is no .mat file in {folder}: unpack trainval.tar.gz of PASCAL Context there.")

    def convert(one: str) -> None:
        # (H, W) ids 1..459 -> 0..59
        _write_mask(out / f"SegmentationClassContext/{one}.png", table[_read_mat(paths[one])["LabelMap"].astype(int)])

    lists = out / "ImageSets/SegmentationContext"
    lists.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        ids = [one for one in _read_ids(out / f"ImageSets/Main/{split}.txt") if one in paths]
        (lists / f"{split}.txt").write_text("\n".join(ids) + "\n", encoding="utf-8")
    return _for_all(list(paths), convert, "PASCAL Context")


def context_ids(labels: Path) -> np.ndarray:
    """Return the (460,) uint8 table from PASCAL Context's 459 ids to 1..59; 0 for all other classes.

    Args:
        labels: `labels.txt`, a line "ID: name" for each of the 459 classes.

    Raises:
        UserError: the file is missing, or lacks one of the 59 classes.
    """
    if not labels.is_file():
        raise UserError(f"{labels} is missing: it comes with the annotations of PASCAL Context.")
    rows = (line.split(":", 1) for line in labels.read_text(encoding="utf-8").splitlines() if ":" in line)
    # The file has "tvmonitor" where our list has "tv monitor".
    raw = {name.replace(" ", ""): int(number) for number, name in rows}
    if missing := [name for name in CONTEXT59 if name.replace(" ", "") not in raw]:
        raise UserError(f"{labels} has no line for {', '.join(missing)}: is it the list of all 459 classes?")
    table = np.zeros(max(460, max(raw.values()) + 1), np.uint8)
    for index, name in enumerate(CONTEXT59, start=1):
        table[raw[name.replace(" ", "")]] = index
    return table


def _read_mat(path: Path) -> dict[str, Any]:
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise UserError("MATLAB files need scipy: pip install -r requirements-train.txt.") from error
    if not path.is_file():
        raise UserError(f"{path} is missing: unpack the annotations whole.")
    mat: dict[str, Any] = loadmat(path, simplify_cells=True)
    return mat


def _read_ids(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError(f"The list {path} is missing: unpack the data set whole.")
    # Lists of ImageSets/Main may have a second column.
    return [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _write_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # MATLAB's arrays hold columns first, and PIL reads rows.
    Image.fromarray(np.ascontiguousarray(mask, np.uint8)).save(path)


def _for_all(inputs: Sequence[Any], convert: Callable[[Any], None], title: str) -> int:
    """Convert every input, in threads; return their number."""
    # Reading, decoding and writing release the interpreter lock: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        done: Iterable[None] = workers.map(convert, inputs)
        return sum(1 for _ in tqdm(done, title, len(inputs)))
