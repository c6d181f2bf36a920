"""Invisible characters: they must neither distinguish two names nor enter the name of a file."""

import unicodedata

JOINERS = "\u200c\u200d"
"""They shape Persian and Indic letters and join emoji; anywhere else they are invisible noise."""

# Letters and marks without a shape (Unicode's Default_Ignorable_Code_Point), apart from the format characters Cf.
_SHAPELESS = frozenset(
    map(chr, [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)])
)
_LAST_LATIN = "\u024f"


def without_invisible(text: str) -> str:
    """Remove invisible characters: zero-width and soft characters, text direction, variation selectors.

    A joiner stays between two characters of other scripts than Latin. Control characters, line breaks among them,
    stay as well: what they separate must not run together.
    """
    kept = [c for c in text if c in JOINERS or not _is_invisible(c)]
    # In a second pass, since a joiner's neighbours are known only when invisible ones are gone.
    return "".join(c for place, c in enumerate(kept) if c not in JOINERS or _joins(kept, place))


def _is_invisible(character: str) -> bool:
    selector = 0xE0100 <= ord(character) <= 0xE01EF
    return selector or character in _SHAPELESS or unicodedata.category(character) == "Cf"


def _joins(characters: list[str], place: int) -> bool:
    around = characters[max(0, place - 1) : place] + characters[place + 1 : place + 2]
    return len(around) == 2 and all(c > _LAST_LATIN and unicodedata.category(c)[0] not in "CZ" for c in around)
