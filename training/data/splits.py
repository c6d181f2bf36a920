"""Which names each data set asks, which of them are unseen, and which training photos are kept for choices.

Names are what a person would type: the data sets' own spellings ("tvmonitor") stand in ordinary English
("tv monitor"). An id without a name (background, garments without one labelled pixel) is never asked.
"""

import zlib
from collections.abc import Iterable, Sequence

from zsseg import synthetic
from zsseg.text.class_lists import CAMVID11, COCO80, COCO171, DATASETS, VOC20

# Share of the training photos kept apart for choices (threshold, best weights): 1 in this many.
_DEVELOPMENT_OF = 16

_CCP = (
    "background accessories bag belt blazer blouse bodysuit boots bra bracelet cape cardigan clogs coat dress earrings "
    "flats glasses gloves hair hat heels hoodie intimate jacket jeans jumper leggings loafers necklace panties pants "
    "pumps purse ring romper sandals scarf shirt shoes shorts skin skirt sneakers socks stockings suit sunglasses "
    "sweater sweatshirt swimwear t-shirt tie tights top vest wallet watch wedges"
)
# The last four have no labelled pixel in any photo: asked, they could only be learnt as absent.
_CCP_NOT_ASKED = {"background", "clogs", "intimate", "panties", "swimwear"}

# The asked name of every raw mask id, in id order.
_NAMES: dict[str, tuple[str | None, ...]] = {
    "voc2012": (None, *VOC20),
    "camvid": CAMVID11,
    "ccp": tuple(None if n in _CCP_NOT_ASKED else n for n in _CCP.split()),
    "coco_mini": COCO80,
    "coco_stuff164k": COCO171,
    "shapes": synthetic.NAMES,
}
# The unseen names of the embedded heads. VOC's differ from the papers' because the photos at hand hold hardly a train.
UNSEEN: dict[str, tuple[str, ...]] = {
    "voc2012": DATASETS["voc20"][1],
    "camvid": DATASETS["camvid11"][1],
    "ccp": ("dress", "jeans", "hat", "scarf", "shorts", "sunglasses"),
    "coco_mini": DATASETS["coco80"][1],
    "coco_stuff164k": DATASETS["coco171"][1],
    "shapes": synthetic.held_out(),
}
# The papers' split of VOC.
PAPER_VOC_UNSEEN: tuple[str, ...] = DATASETS["voc20-papers"][1]
SETS = tuple(_NAMES)


def class_names(name: str) -> tuple[str | None, ...]:
    """Return the asked name of every raw mask id of set `name`, in id order; None where the id is not asked.

    Raises:
        KeyError: the set is not one of `SETS`.
    """
    return _NAMES[name]


def split_names(name: str, unseen: Sequence[str] | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (seen, unseen) asked names of a set, each in id order.

    Args:
        name: one of `SETS`.
        unseen: names to hide instead of the default `UNSEEN` of the set.

    Raises:
        ValueError: a name to hide is not a name of the set.
    """
    asked = [n for n in class_names(name) if n is not None]
    hidden = set(UNSEEN[name] if unseen is None else unseen)
    if strange := hidden.difference(asked):
        raise ValueError(f"{', '.join(sorted(strange))}: no such name in {name}")
    return tuple(n for n in asked if n not in hidden), tuple(n for n in asked if n in hidden)


def union_names(splits: Iterable[tuple[Sequence[str], Sequence[str]]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Join the (seen, unseen) names of several sets, each name once, in order of appearance.

    Raises:
        ValueError: a name is seen in one set and unseen in another, which would make "unseen" untrue.
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
    """Tell whether a training photo is kept for choices and never trained on; depends on its id alone."""
    return zlib.crc32(key.encode()) % _DEVELOPMENT_OF == 0
