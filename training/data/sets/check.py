"""Reads every file of a data set and reports what is missing, malformed or misfitting, and what each class has."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.data.datasets import Item, describe_set, read_mask, read_photo
from training.data.labels import VOID
from training.data.sets.description import DataSet
from training.data.sets.known import DATA_SETS
from training.data.sets.own import is_own
from training.data.sets.run_files import black_and_white, file_fault
from zsseg.errors import UserError

_EXAMPLES = 5  # of each kind of problem, in the text


@dataclass(frozen=True)
class Problem:
    """One fault: its kind, the key of the photo (or the name of the split), and the details."""

    kind: str
    key: str
    detail: str


@dataclass(frozen=True)
class ClassCount:
    """How often a class occurs in a split: in how many photos, and on how many pixels."""

    name: str
    photos: int
    pixels: int


@dataclass(frozen=True)
class SplitReport:
    """What a split contains.

    Attributes:
        split: "train", "val", "test".
        photos: number of photos in its list.
        published: number of photos in the published split; None if unknown.
        classes: one entry per class, in id order.
        unlabelled: share of the pixels, 0..1, whose id is no class.
        problems: all faults.
    """

    split: str
    photos: int
    published: int | None
    classes: tuple[ClassCount, ...]
    unlabelled: float
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class SetReport:
    """What a data set contains.

    Attributes:
        name: of the data set.
        title: for people.
        folder: where it lies.
        unseen: the default unseen class names.
        splits: one report per split that is there.
    """

    name: str
    title: str
    folder: str
    unseen: tuple[str, ...]
    splits: tuple[SplitReport, ...]

    @property
    def problems(self) -> list[Problem]:
        """All faults of all splits."""
        return [problem for split in self.splits for problem in split.problems]


def find_sets(root: Path) -> list[str]:
    """Return the names of the data sets under a data root: known ones, then folders of own data.

    Raises:
        UserError: there are none.
    """
    if not root.is_dir():
        raise UserError(f"There is no folder {root}: give the one that holds the data sets with --data-root.")
    known = [name for name, one in DATA_SETS.items() if _is_there(one, root)]
    own = [folder.name for folder in (root, *sorted(root.iterdir())) if folder.name not in known and is_own(folder)]
    if not known and not own:
        raise UserError(f"There is no data set under {root}: give the folder that holds them with --data-root.")
    return [*known, *own]


def _is_there(one: DataSet, root: Path) -> bool:
    # The root itself counts only for a set that is named; else "annotations" alone would be several sets.
    return any((root / folder / one.proof).exists() for folder in one.folders if folder)


def check_set(name: str, root: Path, limit: int | None = None) -> SetReport:
    """Read every photo and every mask of a data set.

    Args:
        name: of the data set.
        root: folder that holds it.
        limit: read only the first `limit` photos of each split; None for all.

    Raises:
        UserError: there is no such data set.
    """
    one = describe_set(name, root)
    home = one.find(root)
    reports: list[SplitReport] = []
    # By key: the same photo in train and val would make every score too good.
    owners: dict[str, str] = {}  # split by key
    for split in one.splits:
        try:
            items = [Item(*files) for files in one.files(home, split)]
        except UserError as error:
            missing = Problem("list missing", split, str(error))
            # One list that is missing does not keep the other splits from being read.
            reports.append(SplitReport(split, 0, one.splits[split].published, (), 0.0, (missing,)))
            continue
        repeated = [
            Problem("in two splits", i.key, f"in {owners[i.key]} and {split}") for i in items if i.key in owners
        ]
        owners |= dict.fromkeys((item.key for item in items), split)
        # `limit` shortens what is read, not what is counted as listed.
        reports.append(_check_split(one, split, items[:limit], len(items), repeated))
    return SetReport(one.name, one.title, str(home), one.default_unseen, tuple(reports))


def _check_split(
    one: DataSet, split: str, items: Sequence[Item], listed: int, repeated: Iterable[Problem]
) -> SplitReport:
    # 256 columns: ids that are no class are counted too, as unlabelled.
    photos, pixels = np.zeros(256, np.int64), np.zeros(256, np.int64)
    problems = list(repeated)
    with ThreadPoolExecutor(os.cpu_count()) as readers:
        # Decoding releases the interpreter lock, so threads are enough.
        for counts, found in tqdm(readers.map(lambda item: _check_item(one, item), items), split, len(items)):
            photos += counts > 0
            pixels += counts
            problems += found
    if not items:
        problems.append(Problem("empty", split, "the split has no photo"))
    if sentence := black_and_white(one.name, one.class_names, set(np.flatnonzero(pixels).tolist())):
        problems.append(Problem("no class ids", split, sentence))
    names = one.class_names
    classes = [ClassCount(str(n), int(photos[i]), int(pixels[i])) for i, n in enumerate(names) if n is not None]
    labelled = sum(count.pixels for count in classes)
    unlabelled = 1 - labelled / pixels.sum() if pixels.any() else 0.0
    return SplitReport(
        split, listed, one.splits[split].published, tuple(classes), round(float(unlabelled), 5), tuple(problems)
    )


def _check_item(one: DataSet, item: Item) -> tuple[np.ndarray, list[Problem]]:
    """Pixels per raw id (256,) of a mask, zero if it cannot be read, and the faults of photo and mask."""
    problems, sizes = [], []
    counts = np.zeros(256, np.int64)
    for kind, path in (("photo", item.photo), ("mask", item.mask)):
        if not path.is_file():
            problems.append(Problem(f"{kind} missing", item.key, str(path)))
            continue
        try:
            array = read_photo(item) if kind == "photo" else read_mask(item)
        except UserError as error:
            problems.append(Problem(f"{kind} malformed", item.key, str(error)))
            continue
        except Exception as error:  # a damaged file can raise anything
            problems.append(Problem(f"{kind} malformed", item.key, f"{path}: {error}"))
            continue
        sizes.append(array.shape[:2])
        if kind == "mask":
            counts = np.bincount(array.ravel(), minlength=256)  # (256,)
    # Shapes are (H, W); people read width x height.
    if len(sizes) == 2 and sizes[0] != sizes[1]:
        problems.append(Problem("sizes differ", item.key, "photo {1}x{0}, mask {3}x{2}".format(*sizes[0], *sizes[1])))
    # What stops a run is a problem here, too: it sends people to this command.
    if not problems and (sentence := file_fault(item)):
        problems.append(Problem("no run takes it", item.key, sentence))
    return counts, [*problems, *_unknown_ids(one, item, counts)]


def _unknown_ids(one: DataSet, item: Item, counts: np.ndarray) -> list[Problem]:
    # 255 is void in every set, so it is never strange.
    strange = [i for i in np.flatnonzero(counts).tolist() if i >= len(one.class_names) and i != VOID]
    if not strange:
        return []
    return [Problem("unknown ids", item.key, f"ids {', '.join(map(str, strange))} are no class")]


def describe_report(report: SetReport) -> str:
    """Format a report for people."""
    lines = [f"{report.name}: {report.title} in {report.folder}"]
    for split in report.splits:
        published = "" if split.published in (None, split.photos) else f" (the published split has {split.published:,})"
        lines.append(
            f"  {split.split}: {split.photos:,} photos{published}, {split.unlabelled:.1%} of pixels unlabelled"
        )
        lines += _problem_lines(split.problems)
    lines += _class_lines(report)
    count = len(report.problems)
    lines.append(f"  {count:,} problems" if count else "  no problem found")
    return "\n".join(lines)


def _problem_lines(problems: Sequence[Problem]) -> list[str]:
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    lines = []
    for kind, cases in kinds.items():
        lines.append(f"    {kind}: {len(cases):,}")
        lines += [f"      {case.key}: {case.detail}" for case in cases[:_EXAMPLES]]
        lines += [f"      and {len(cases) - _EXAMPLES:,} more"] if len(cases) > _EXAMPLES else []
    return lines


def _class_lines(report: SetReport) -> list[str]:
    """A table of photos per class and split; * marks unseen classes."""
    splits = [split for split in report.splits if split.classes]
    if not splits:
        return []
    head = "  " + "class".ljust(24) + "".join(f"{split.split + ' photos':>14s}{'pixels':>16s}" for split in splits)
    lines = [head]
    # Row by row: splits of one set have the same classes in the same order.
    for row in zip(*(split.classes for split in splits), strict=True):
        name = row[0].name + (" *" if row[0].name in report.unseen else "")
        lines.append("  " + name.ljust(24) + "".join(f"{count.photos:>14,d}{count.pixels:>16,d}" for count in row))
    return lines
