"""The only place where masks become training labels; labels of unseen classes are removed here.

A training label is the index of a *seen* class, `HIDDEN` or `VOID`, whatever the true class of the pixel is. Crops,
losses and the evaluation on the development split read only these values, so no later code can leak an unseen label.
"""

from collections.abc import Sequence

import numpy as np

HIDDEN = 254  # an unseen class; which one is not known; only in recipes with the papers' transductive oracle
VOID = 255  # no label; the losses count such a pixel as a negative of every class (training.core.losses.IGNORE)


def label_table(raw_names: Sequence[str | None], seen: Sequence[str], reveal_hidden: bool = False) -> np.ndarray:
    """Return the (256,) uint8 table from raw mask id to training label.

    Args:
        raw_names: class name of every raw id, None if the id is no class.
        seen: class names whose labels may be used; a training label is an index into them.
        reveal_hidden: map the other classes to `HIDDEN` instead of `VOID`.

    Raises:
        ValueError: more seen classes than 8-bit labels can count.
    """
    if len(seen) >= HIDDEN:
        raise ValueError(f"{len(seen)} names do not fit into 8-bit labels")
    table = np.full(256, VOID, np.uint8)  # ids without a class, and ids beyond the list, stay unlabelled
    index = {name: i for i, name in enumerate(seen)}
    for raw, name in enumerate(raw_names):
        if name is not None:
            table[raw] = index.get(name, HIDDEN if reveal_hidden else VOID)
    return table
