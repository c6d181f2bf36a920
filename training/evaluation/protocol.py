"""Evaluation protocol: all class names at once (generalised zero-shot), through `zsseg.Predictor` as in the demo."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from training.data.datasets import Item, PhotoSet, read_mask
from training.data.labels import label_table
from training.evaluation.metrics import ConfusionMatrix
from zsseg.analysis.confusion import harmonic_mean
from zsseg.errors import UserError
from zsseg.image.load import shrunk_size
from zsseg.predictor import Predictor
from zsseg.segmentation import Segmentation, cells_of_pixels
from zsseg.weights.metadata import Metadata

# The IoU of a class that occurs in fewer photos depends more on the photos than on the model.
MIN_PHOTOS = 3
# -0.2 to 0.3: inductive heads have wanted -0.1 (training/LOG.md, eighth round).
PENALTIES = tuple(round(0.025 * i, 3) for i in range(-8, 13))


@dataclass(frozen=True)
class EvalProtocol:
    """Class names of an evaluation, and the pixels that count.

    Attributes:
        seen: seen class names.
        unseen: unseen class names; every photo is segmented with `seen` + `unseen`, in this order.
        evaluated_unseen: names among `unseen` whose labels are used; pixels of the others are ignored.
        table: (256,) uint8 from raw mask id to class index, 255 for ignored pixels.
    """

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    evaluated_unseen: tuple[str, ...]
    table: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """All K class names, seen ones first."""
        return self.seen + self.unseen


@dataclass(frozen=True)
class Scores:
    """Pixel accuracy, mIoU over seen and unseen classes, and their harmonic mean; 0..1, nan if nothing was counted."""

    pAcc: float
    mIoU_seen: float
    mIoU_unseen: float
    hIoU: float

    def as_dict(self) -> dict[str, float]:
        """The four scores by name."""
        return {"pAcc": self.pAcc, "mIoU_seen": self.mIoU_seen, "mIoU_unseen": self.mIoU_unseen, "hIoU": self.hIoU}


def build_protocol(
    raw_names: Sequence[str | None], seen: Sequence[str], unseen: Sequence[str], hide: Iterable[str]
) -> EvalProtocol:
    """Build the protocol of a data set.

    Args:
        raw_names: class name of every raw id, None if the id is no class.
        seen: seen class names.
        unseen: unseen class names.
        hide: unseen class names whose labels must not be used.
    """
    evaluated = tuple(n for n in unseen if n not in set(hide))
    # Evaluated names come first, so that one table serves: it maps the hidden ones to 255.
    order = (*seen, *evaluated)
    hidden = tuple(n for n in unseen if n not in evaluated)
    return EvalProtocol(tuple(seen), evaluated + hidden, evaluated, label_table(raw_names, order))


def protocol_for(
    photos: PhotoSet, metadata: Metadata, hide: Iterable[str] = (), unseen_list: str | None = None
) -> EvalProtocol:
    """Build the protocol of a data set with the checkpoint's own seen/unseen split.

    If the checkpoint does not know all class names of the data set, the data set's own split is used.

    Args:
        photos: the data set.
        metadata: of the checkpoint.
        hide: unseen class names whose labels must not be used.
        unseen_list: use this published list of unseen classes instead, e.g. for a fully supervised checkpoint;
            "none" if all classes count as seen, as in cross-data evaluation.

    Raises:
        UserError: the data set has no such list.
    """
    if unseen_list is not None:
        lists = {**photos.unseen_lists, "none": ()}
        if unseen_list not in lists:
            raise UserError(f"{photos.name} has no list {unseen_list!r} of unseen classes: choose {', '.join(lists)}.")
        return build_protocol(photos.raw_names, *photos.split_names(lists[unseen_list]), hide)
    names = [n for n in photos.raw_names if n is not None]
    # A checkpoint that knows every name decides: what it was trained on must not count as unseen.
    if set(names) <= {*metadata.seen, *metadata.unseen}:
        # In the order of the set's ids, not in the checkpoint's.
        seen = tuple(n for n in names if n in metadata.seen)
        unseen = tuple(n for n in names if n not in metadata.seen)
    else:
        seen, unseen = photos.split_names()
    return build_protocol(photos.raw_names, seen, unseen, hide)


def predictions(
    predictor: Predictor, items: Sequence[Item], protocol: EvalProtocol, progress: str | None, photo_gate: float = 0.0
) -> Iterator[tuple[Item, np.ndarray, Segmentation]]:
    """Yield each photo with its raw mask (H, W) and its segmentation, without penalty or threshold.

    Photos above `zsseg.image.load.MAX_SIDE` are answered at that size; their masks are resampled to it, nearest.

    Raises:
        UserError: a file cannot be read, or photo and mask have different sizes.
    """
    for item in tqdm(items, progress, disable=progress is None):
        raw = read_mask(item)
        # Raw scores, so that one answer serves every penalty and threshold.
        answer = predictor.predict(
            item.photo, protocol.seen, protocol.unseen, seen_penalty=0.0, threshold=0.0, photo_gate=photo_gate
        )
        if answer.names != protocol.names:
            raise ValueError(f"{item.key}: the segmentation does not fit the class names")
        yield item, fitted_mask(item, raw, answer.labels.shape), answer


def fitted_mask(item: Item, raw: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Bring a mask (H, W) to the size of the answer about its photo, which may have been shrunk.

    Raises:
        UserError: it is not the mask of this photo.
    """
    if shrunk_size(*raw.shape) != size:
        raise UserError(
            f"{item.mask} has {raw.shape[1]}x{raw.shape[0]} pixels, which does not fit {item.photo}: "
            "give masks of the photos' size."
        )
    if raw.shape == size:
        return raw
    # Nearest, at the centres of the answer's pixels: (H, W) -> `size`.
    return np.asarray(raw[np.ix_(*(cells_of_pixels(to, side) for to, side in zip(size, raw.shape, strict=True)))])


class PenaltySweep:
    """One confusion matrix per seen penalty, all filled in one pass over the photos.

    Args:
        protocol: class names and evaluated pixels.
        penalties: -1..1 each.
    """

    def __init__(self, protocol: EvalProtocol, penalties: Iterable[float]) -> None:
        self.protocol = protocol
        # A model's own penalty may be among the others already.
        self.matrices = {penalty: ConfusionMatrix(len(protocol.names)) for penalty in sorted(set(penalties))}

    def update(self, truth: np.ndarray, answer: Segmentation) -> None:
        """Count one photo at every penalty; truth (H, W) holds class indices of the protocol."""
        for penalty, matrix in self.matrices.items():
            # The network has run once: a penalty only moves the arg max.
            matrix.update(truth, answer.with_settings(seen_penalty=penalty).labels)

    def curve(self) -> dict[float, dict[str, float]]:
        """The four scores at every penalty."""
        return {p: summarise(m, self.protocol).as_dict() for p, m in self.matrices.items()}


def evaluate_predictor(
    predictor: Predictor,
    items: Sequence[Item],
    protocol: EvalProtocol,
    seen_penalty: float,
    progress: str | None = None,
    photo_gate: float = 0.0,
) -> ConfusionMatrix:
    """Return the confusion matrix of all photos. Every pixel gets a class (no threshold), as in the papers.

    Args:
        predictor: the model.
        items: photos with masks.
        protocol: class names and evaluated pixels.
        seen_penalty: -1..1.
        progress: label of a progress bar, or None for none.
        photo_gate: strength of `zsseg.analysis.photo_gate`, 0..1; neither paper has it.
    """
    sweep = PenaltySweep(protocol, (seen_penalty,))
    for _, raw, answer in predictions(predictor, items, protocol, progress, photo_gate):
        sweep.update(protocol.table[raw], answer)
    return sweep.matrices[seen_penalty]


def summarise(matrix: ConfusionMatrix, protocol: EvalProtocol, min_photos: int = MIN_PHOTOS) -> Scores:
    """Compute the scores of a matrix. Classes in fewer than `min_photos` photos are left out of the means."""
    split = len(protocol.seen)
    seen = matrix.mean_iou(range(split), min_photos)
    # Hidden names come after the evaluated ones and are in no mean.
    unseen = matrix.mean_iou(range(split, split + len(protocol.evaluated_unseen)), min_photos)
    return Scores(matrix.accuracy(), seen, unseen, harmonic_mean(seen, unseen))
