"""Scores of a predictor on labelled photos, asked as a person asks: all names at once, through `zsseg.Predictor`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from training.data.datasets import Item, PhotoSet, read_mask
from training.data.labels import label_table
from training.data.splits import split_names
from training.evaluation.metrics import ConfusionMatrix, harmonic_iou
from zsseg.predictor import Predictor
from zsseg.segmentation import Segmentation
from zsseg.weights.metadata import Metadata

# A class in fewer photos than this says more about the photos than about the model.
MIN_PHOTOS = 3
PENALTIES = tuple(round(0.025 * i, 3) for i in range(-8, 13))


@dataclass(frozen=True)
class EvalProtocol:
    """What is asked of every photo of a set, and which answers count.

    Attributes:
        seen, unseen: names asked, all at once, in this order.
        evaluated_unseen: names among `unseen` whose labels are used; pixels of the others are left out.
        table: (256,) from raw mask id to index of the asked name, 255 where the pixel is left out.
    """

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    evaluated_unseen: tuple[str, ...]
    table: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """All names asked, the seen first."""
        return self.seen + self.unseen


@dataclass(frozen=True)
class Scores:
    """pAcc, mIoU over seen and over unseen classes, their harmonic mean; 0..1, nan where nothing was judged."""

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
    """Make the question of a set.

    Args:
        raw_names: the asked name of every raw id.
        seen, unseen: how the names are asked.
        hide: unseen names whose labels must not be used.
    """
    judged = tuple(n for n in unseen if n not in set(hide))
    # Judged names first, so that one table serves: it maps the hidden ones to 255.
    order = (*seen, *judged)
    hidden = tuple(n for n in unseen if n not in judged)
    return EvalProtocol(tuple(seen), judged + hidden, judged, label_table(raw_names, order))


def protocol_for(photos: PhotoSet, metadata: Metadata, hide: Iterable[str] = ()) -> EvalProtocol:
    """Ask a set's names as a checkpoint knows them; by the set's own split where the checkpoint does not."""
    names = [n for n in photos.raw_names if n is not None]
    if set(names) <= {*metadata.seen, *metadata.unseen}:
        seen = tuple(n for n in names if n in metadata.seen)
        unseen = tuple(n for n in names if n not in metadata.seen)
    else:
        seen, unseen = split_names(photos.name)
    return build_protocol(photos.raw_names, seen, unseen, hide)


def predictions(
    predictor: Predictor, items: Sequence[Item], protocol: EvalProtocol, progress: str | None
) -> Iterator[tuple[Item, np.ndarray, Segmentation]]:
    """Yield each photo with its raw mask (H, W) and its segmentation, without penalty or threshold."""
    for item in tqdm(items, progress, disable=progress is None):
        raw = read_mask(item)
        answer = predictor.predict(
            item.photo, seen=protocol.seen, unseen=protocol.unseen, seen_penalty=0.0, threshold=0.0
        )
        if answer.names != protocol.names or answer.labels.shape != raw.shape:
            raise ValueError(f"{item.key}: the answer does not fit the question or the mask")
        yield item, raw, answer


class PenaltySweep:
    """One confusion matrix for each seen penalty, all filled in one pass over the photos.

    Args:
        protocol: what the photos are asked.
        penalties: -1..1 each.
    """

    def __init__(self, protocol: EvalProtocol, penalties: Iterable[float]) -> None:
        self.protocol = protocol
        self.matrices = {penalty: ConfusionMatrix(len(protocol.names)) for penalty in sorted(set(penalties))}

    def update(self, truth: np.ndarray, answer: Segmentation) -> None:
        """Count one photo, truth (H, W) as the question's table makes it, at every penalty."""
        for penalty, matrix in self.matrices.items():
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
) -> ConfusionMatrix:
    """Count every photo in one confusion matrix; every pixel gets a name, as in the papers (no threshold)."""
    sweep = PenaltySweep(protocol, (seen_penalty,))
    for _, raw, answer in predictions(predictor, items, protocol, progress):
        sweep.update(protocol.table[raw], answer)
    return sweep.matrices[seen_penalty]


def summarise(matrix: ConfusionMatrix, protocol: EvalProtocol, min_photos: int = MIN_PHOTOS) -> Scores:
    """Read the scores off a matrix; classes in fewer than `min_photos` photos are not in the means."""
    split = len(protocol.seen)
    seen = matrix.mean_iou(range(split), min_photos)
    unseen = matrix.mean_iou(range(split, split + len(protocol.evaluated_unseen)), min_photos)
    return Scores(matrix.accuracy(), seen, unseen, harmonic_iou(seen, unseen))
