"""The one door between a mask on disk and a loss: labels of unseen names do not pass it.

After it a pixel is the index of a *seen* name, `HIDDEN` or `VOID`, whatever its true name. Everything downstream
(crops, losses, scores on the development split) works on these values, so no later mistake can leak.
"""

from collections.abc import Sequence

import numpy as np

HIDDEN = 254  # some unseen name, not said which: only where a recipe asks for the papers' transductive oracle
VOID = 255  # training.core.losses.IGNORE: a negative of every name asked


def label_table(raw_names: Sequence[str | None], seen: Sequence[str], reveal_hidden: bool = False) -> np.ndarray:
    """Return the (256,) uint8 table from raw mask id to training label.

    Args:
        raw_names: the asked name of every raw id, None where the id is not asked.
        seen: names whose labels may be used; a label is an index into them.
        reveal_hidden: mark pixels of the other asked names as `HIDDEN` instead of `VOID`.
    """
    if len(seen) >= HIDDEN:
        raise ValueError(f"{len(seen)} names do not fit into 8-bit labels")
    table = np.full(256, VOID, np.uint8)
    index = {name: i for i, name in enumerate(seen)}
    for raw, name in enumerate(raw_names):
        if name is not None:
            table[raw] = index.get(name, HIDDEN if reveal_hidden else VOID)
    return table
