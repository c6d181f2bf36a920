"""Seen and unseen class names, and which training photos belong to the development split."""

import zlib
from collections.abc import Iterable, Sequence

from training.data.sets.known import DATA_SETS

# The development split is 1 in this many training photos. It is used for choices (threshold, best weights).
_DEVELOPMENT_OF = 16

SETS = tuple(DATA_SETS)
"""Names of the data sets that this project knows."""
UNSEEN: dict[str, tuple[str, ...]] = {name: one.default_unseen for name, one in DATA_SETS.items()}
"""Unseen class names of each data set, as the embedded heads use them."""
PAPER_VOC_UNSEEN = DATA_SETS["voc2012"].unseen["papers"]


def class_names(name: str) -> tuple[str | None, ...]:
    """Return the class name of every raw mask id of data set `name`, in id order; None for an id that is no class.

    Raises:
        KeyError: the data set is not one of `SETS`.
    """
    return DATA_SETS[name].class_names


def split_names(name: str, unseen: Sequence[str] | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the (seen, unseen) class names of a data set, each in id order.

    Args:
        name: one of `SETS`.
        unseen: unseen class names; default: the data set's own, `UNSEEN`.

    Raises:
        ValueError: an unseen name is no class of the data set.
    """
    return divide_names(name, class_names(name), UNSEEN[name] if unseen is None else unseen)


def divide_names(
    name: str, names: Sequence[str | None], unseen: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide the class names of a data set into (seen, unseen), each in id order.

    Args:
        name: of the data set, for the message.
        names: class name of every raw mask id, None for an id that is no class.
        unseen: the unseen ones.

    Raises:
        ValueError: an unseen name is no class of the data set.
    """
    classes = [n for n in names if n is not None]
    hidden = set(unseen)
    if strange := hidden.difference(classes):
        raise ValueError(f"{', '.join(sorted(strange))}: no such name in {name}")
    return tuple(n for n in classes if n not in hidden), tuple(n for n in classes if n in hidden)


def union_names(splits: Iterable[tuple[Sequence[str], Sequence[str]]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Join the (seen, unseen) class names of several data sets, each name once, in order of appearance.

    Raises:
        ValueError: a class is seen in one set and unseen in another, so it would not be unseen at all.
    """
    seen: dict[str, None] = {}
    unseen: dict[str, None] = {}
    for one_seen, one_unseen in splits:
        seen.update(dict.fromkeys(one_seen))
        unseen.update(dict.fromkeys(one_unseen))
    if both := sorted(set(seen) & set(unseen)):
        raise ValueError(f"seen in one set and unseen in another: {', '.join(both)}")
    return tuple(seen), tuple(unseen)


def is_development(key: str) -> bool:
    """Whether a training photo belongs to the development split; depends on its key only."""
    # A checksum, not a list: the split stays when photos are added, and other tools can repeat it.
    return zlib.crc32(key.encode()) % _DEVELOPMENT_OF == 0
