"""Segmentations of several checkpoints side by side, one row per photo, for a visual check before a release.

    python -m training.contact_sheet --checkpoints zegclip-mini-inductive clip_rc-mini-inductive --out runs/sheet.png
    python -m training.contact_sheet --checkpoints A B --out /tmp/sheet.png --root DATA --ids voc2012/2008_000123

The rows are the demo's example photos with the demo's class names. --ids adds photos of the data sets, segmented with
all class names of their data set, with the ground truth beside them. Such a sheet shows photos that must not be
published, so --out must not lie in a git repository then. Every checkpoint uses its own seen penalty and threshold, as
in the demo. A star marks unseen classes.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

from training.data.datasets import Item, PhotoSet, open_set, read_mask
from training.evaluation.protocol import fitted_mask, protocol_for
from training.runtime.console import run_for_person
from zsseg.errors import UserError
from zsseg.examples import available
from zsseg.image.load import Pixels, load_image
from zsseg.models import Backbone
from zsseg.predictor import Predictor
from zsseg.segmentation import Segmentation
from zsseg.visualize import legend, overlay

mpl.use("Agg")
from matplotlib.axes import Axes  # noqa: E402  (the backend must be chosen first)
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402

_SIDE = 3.2  # inches of a cell
_SMALLEST_AREA = 0.005  # share of the photo below which a class has no line in the caption


@dataclass(frozen=True)
class SheetRow:
    """A photo and its segmentations.

    Attributes:
        title: caption of the photo.
        photo: (H, W, 3) uint8 RGB.
        answers: caption and segmentation (H, W), from left to right.
    """

    title: str
    photo: Pixels
    answers: tuple[tuple[str, Segmentation], ...]


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: make_sheet(_parser().parse_args(arguments)))


def make_sheet(options: argparse.Namespace) -> Path:
    """Segment the photos with all checkpoints and draw the sheet; return its path.

    Raises:
        UserError: a checkpoint or a photo does not exist, or --ids is used with --out in a repository.
    """
    keys = [key for key in (options.ids or "").split(",") if key]
    if keys and options.root is None:
        raise UserError("--ids needs --root, the folder that holds the data sets.")
    if keys and _in_repository(options.out):
        raise UserError(f"{options.out} lies in a git repository, which must not hold data-set photos: choose another.")
    named = [find_photo(key, options.root) for key in keys]
    # By content: checkpoints usually share a backbone, which is then read once.
    backbones: dict[str, Backbone] = {}
    predictors = [Predictor.from_checkpoint(name, options.device, backbones) for name in options.checkpoints]
    rows = example_rows(predictors) + [named_row(photos, item, predictors) for photos, item in named]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    draw(rows, options.out)
    print(options.out)
    return Path(options.out)


def find_photo(key: str, root: Path) -> tuple[PhotoSet, Item]:
    """Find a photo by its key, "SET/ID", among the validation photos, then among all training photos.

    Raises:
        UserError: there is no such photo.
    """
    name = key.split("/", maxsplit=1)[0]
    # Validation photos first; a photo is in one of the two lists only.
    for split in ("val", "trainval"):
        try:
            photos = open_set(name, root, split)
        except UserError:
            if split == "trainval":
                raise
            continue  # not every set has validation photos
        item = next((item for item in photos.items if item.key == key), None)
        if item is not None:
            return photos, item
    raise UserError(f"There is no photo {key!r} under {root}: an id reads like voc2012/2008_000123.")


def example_rows(predictors: Sequence[Predictor]) -> list[SheetRow]:
    """Return a row for each of the demo's example photos, segmented with the demo's class names."""
    rows = []
    for example in available():
        photo = load_image(example.path)
        answers = tuple((p.name, p.predict(photo, example.seen, example.unseen)) for p in predictors)
        rows.append(SheetRow(example.title, photo, answers))
    return rows


def named_row(photos: PhotoSet, item: Item, predictors: Sequence[Predictor]) -> SheetRow:
    """Return a row for a photo of a data set: ground truth, then segmentations with all class names of the set."""
    photo = load_image(item.photo)
    answers: list[tuple[str, Segmentation]] = []
    for predictor in predictors:
        protocol = protocol_for(photos, predictor.metadata)
        # Once for the row: the first model's protocol names the labels.
        if not answers:
            # The photo may have been shrunk as it was read.
            mask = fitted_mask(item, read_mask(item), photo.shape[:2])
            answers.append(("labels", labelled(protocol.table[mask], protocol.names, protocol.seen)))
        answers.append((predictor.name, predictor.predict(photo, protocol.seen, protocol.unseen)))
    return SheetRow(item.key, photo, tuple(answers))


def labelled(truth: np.ndarray, names: Sequence[str], seen: Sequence[str]) -> Segmentation:
    """Convert ground truth (H, W) to a segmentation, so that both are drawn alike; unlabelled is "none of these"."""
    scores = (truth == np.arange(len(names))[:, None, None]).astype(np.float32)  # (K, H, W)
    flags = tuple(name in seen for name in names)
    # Scores are 0 or 1, so at .5 a pixel without a true class is "none".
    return Segmentation("labels", "labels", tuple(names), flags, scores, seen_penalty=0.0, threshold=0.5)


def draw(rows: Sequence[SheetRow], path: Path) -> None:
    """Draw the sheet as PNG: photos in the first column, segmentations beside them, classes found below each."""
    columns = 1 + max(len(row.answers) for row in rows)
    figure = Figure(figsize=(_SIDE * columns, _SIDE * len(rows)), layout="constrained")
    for axes, row in zip(figure.subplots(len(rows), columns, squeeze=False), rows, strict=True):
        _show(axes[0], row.photo, row.title)
        # To the right: rows of examples have no labels, and their column stays empty.
        for axis, (caption, answer) in zip(axes[columns - len(row.answers) :], row.answers, strict=True):
            _show(axis, overlay(row.photo, answer), caption)
            _caption(axis, answer)
        for axis in axes[1 : columns - len(row.answers)]:
            axis.axis("off")
    figure.savefig(path, dpi=100, format="png")


def _show(axis: Axes, picture: Pixels, title: str) -> None:
    axis.imshow(picture)
    axis.set_title(title, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])


def _caption(axis: Axes, answer: Segmentation) -> None:
    """List the classes found, largest first; a star marks unseen classes."""
    found = sorted((r for r in legend(answer) if r.area >= _SMALLEST_AREA), key=lambda r: -r.area)
    patches = [Patch(color=r.hex, label=f"{r.name}{'' if r.seen else ' *'} {r.area:.0%}") for r in found]
    if patches:
        axis.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, fontsize=7, frameon=False)


def _in_repository(path: Path) -> bool:
    # A folder in a clone, a file in a worktree.
    return any((folder / ".git").exists() for folder in path.resolve().parents)


def _parser() -> argparse.ArgumentParser:
    about = __doc__.split("\n")[0] if __doc__ else None
    parser = argparse.ArgumentParser(prog="training.contact_sheet", description=about)
    parser.add_argument("--checkpoints", nargs="+", required=True, metavar="NAME", help="names or paths")
    parser.add_argument("--out", type=Path, required=True, help="path of the PNG file")
    parser.add_argument("--root", type=Path, help="folder that holds the data sets, for --ids")
    parser.add_argument("--ids", help="keys of data-set photos, e.g. voc2012/2008_000123, separated by commas")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
