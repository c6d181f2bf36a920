"""Photos of rare seen names, shown more often: repeat factor sampling (Gupta et al., LVIS, CVPR 2019)."""

from collections.abc import Sequence

import numpy as np

from training.data.datasets import PhotoSet, read_mask
from training.data.labels import label_table

MOST = 8  # a name that five photos show would be learnt by heart


def repeats(photos: PhotoSet, seen: Sequence[str], rare: float) -> tuple[int, ...]:
    """How often an epoch should show each photo, at least once; labels of unseen names are not looked at.

    A name in a share f of the photos asks for `sqrt(rare / f)` times, rounded, at most `MOST`; a photo gets what the
    rarest of its names asks for.

    Args:
        photos: training photos of one set.
        seen: names whose labels may be used.
        rare: share of the photos, 0..1, from which a name is shown often enough.
    """
    table = label_table(photos.raw_names, seen)
    shown = np.zeros((len(photos.items), 256), bool)
    for row, item in zip(shown, photos.items, strict=True):
        row[table[read_mask(item)]] = True
    shares = np.maximum(shown[:, : len(seen)].mean(0), 1e-9)
    asked = np.clip(np.rint(np.sqrt(rare / shares)), 1, MOST).astype(int)
    return tuple(int(times) for times in (shown[:, : len(seen)] * asked).max(1, initial=1))
