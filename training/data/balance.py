"""Repeat factor sampling: photos of rare seen classes occur more often in an epoch (Gupta et al., LVIS, CVPR 2019)."""

from collections.abc import Sequence

import numpy as np

from training.data.datasets import PhotoSet, read_mask
from training.data.labels import label_table

MAX_REPEATS = 8  # upper limit: without it a class with five photos would be overfitted


def repeats(photos: PhotoSet, seen: Sequence[str], rare: float) -> tuple[int, ...]:
    """Return how often each photo occurs in an epoch, at least once. Labels of unseen classes are not used.

    A class that occurs in a share f of the photos has the repeat factor `sqrt(rare / f)`, rounded, at most
    `MAX_REPEATS`. A photo has the factor of its rarest class.

    Args:
        photos: training photos of one data set.
        seen: class names whose labels may be used.
        rare: share of the photos, 0..1, below which a class is repeated.
    """
    table = label_table(photos.raw_names, seen)
    shown = np.zeros((len(photos.items), 256), bool)  # photo x training label; 255 (no label) has a column too
    for row, item in zip(shown, photos.items, strict=True):
        # (H, W) labels of one mask set the columns of the classes that occur; how often makes no difference.
        row[table[read_mask(item)]] = True
    # A class without any photo would divide by 0; its factor is then clipped, and no photo has it.
    shares = np.maximum(shown[:, : len(seen)].mean(0), 1e-9)
    asked = np.clip(np.rint(np.sqrt(rare / shares)), 1, MAX_REPEATS).astype(int)  # (classes,)
    # initial=1: a photo without a labelled class occurs once.
    return tuple(int(times) for times in (shown[:, : len(seen)] * asked).max(1, initial=1))
