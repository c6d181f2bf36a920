"""Which class an id or a colour of a ground-truth mask means, as a person writes it down."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zsseg.errors import UserError
from zsseg.text.class_lists import CAMVID11, COCO80, COCO171, VOC20
from zsseg.text.names import BETWEEN_SYNONYMS, clean_name

Synonyms = tuple[str, ...]

MAX_TABLE_TEXT = 100_000
MAX_ID = 65535
EXAMPLES = "“1: cat”, “#ff0000: dog” or “255,0,0 = dog”"

KNOWN_LISTS: Mapping[str, Synonyms] = {
    "voc20": ("background", *VOC20),
    "coco80": COCO80,
    "coco171": COCO171,
    "camvid11": CAMVID11,
}
"""Name of a data set: its classes by id, as `parse_table` takes it for a table."""

_ID = re.compile(r"\d{1,5}")
_HEX = re.compile(r"#([0-9a-fA-F]{6})")
# Brackets are optional and the numbers may be apart by spaces alone, as in "(255 0 0)".
_RGB = re.compile(r"\(?\s*(\d{1,3})[\s,\uff0c\u3001]+(\d{1,3})[\s,\uff0c\u3001]+(\d{1,3})\s*\)?")
_SEPARATOR = re.compile(r"\s*[:=\uff1a\uff1d]\s*")  # wide ones too


@dataclass(frozen=True)
class LabelTable:
    """The classes of a mask's ids or colours; a class may have several of them, and several synonyms.

    Attributes:
        ids: synonyms of the class of each id, 0..65535.
        colors: synonyms of the class of each colour, 0xRRGGBB.
    """

    ids: Mapping[int, Synonyms]
    colors: Mapping[int, Synonyms]


def parse_table(text: str) -> LabelTable:
    """Read a table.

    Args:
        text: one of
            lines such as "1: cat", "#ff0000: dog" or "255,0,0 = dog";
            a JSON object of the same, or a JSON list of names, numbered from 0;
            names alone, one a line, numbered from 0 ("background" comes first in many data sets);
            "voc20", "coco80", "coco171" or "camvid11": the ids of PASCAL VOC (1..20), of COCO's 80 things in their
            order, COCO-Stuff's train ids, CamVid's 11.
            The synonyms of a class are separated by ``|``.

    Raises:
        UserError: a line cannot be read, or an id or a colour stands for two classes.
    """
    if len(text) > MAX_TABLE_TEXT:
        raise UserError(
            f"The colour table has {len(text)} characters: give at most {MAX_TABLE_TEXT}, one line per class."
        )
    # Editors of Windows put a byte order mark before the text.
    text = text.strip().removeprefix("\ufeff")
    if text.casefold() in KNOWN_LISTS:
        return _collect(enumerate(KNOWN_LISTS[text.casefold()]))
    return _collect(_from_json(text) if text[:1] in ("{", "[") else _from_lines(text))


def _from_json(text: str) -> Iterable[tuple[object, object]]:
    try:
        value = json.loads(text, object_pairs_hook=tuple)  # pairs, so that a key given twice is noticed
    except (ValueError, RecursionError) as error:
        reason = f"The colour table begins like JSON but is none ({error})"
        raise UserError(f"{reason}: write lines such as {EXAMPLES}.") from None
    return value if isinstance(value, tuple) else enumerate(value)


def _from_lines(text: str) -> Iterable[tuple[object, object]]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Without any separator the lines are names alone; with one, every line must have its own.
    if not any(_SEPARATOR.search(line) for line in lines):
        return enumerate(lines)
    return [_split(line) for line in lines]


def _split(line: str) -> tuple[str, str]:
    parts = _SEPARATOR.split(line, maxsplit=1)
    if len(parts) != 2:
        raise UserError(f"The line “{line[:60]}” of the colour table names no id or colour: write it like {EXAMPLES}.")
    return parts[0], parts[1]


def _collect(entries: Iterable[tuple[object, object]]) -> LabelTable:
    ids: dict[int, Synonyms] = {}
    colors: dict[int, Synonyms] = {}
    for key, value in entries:
        code, is_color = _code(str(key).strip())
        synonyms = _synonyms(key, value)
        known = (colors if is_color else ids).setdefault(code, synonyms)
        # The same line twice is harmless, another class under the same key is not.
        if [name.casefold() for name in known] != [name.casefold() for name in synonyms]:
            raise UserError(f"“{key}” stands for both “{known[0]}” and “{synonyms[0]}” in the colour table: keep one.")
    return LabelTable(ids, colors)


def _code(key: str) -> tuple[int, bool]:
    """The id or 0xRRGGBB that a key means, and whether it is a colour."""
    if _ID.fullmatch(key) and int(key) <= MAX_ID:
        return int(key), False
    if match := _HEX.fullmatch(key):
        return int(match[1], 16), True
    match = _RGB.fullmatch(key)
    if match and max(map(int, match.groups())) <= 255:
        red, green, blue = map(int, match.groups())
        return red << 16 | green << 8 | blue, True
    raise UserError(f"“{key[:60]}” in the colour table is neither an id nor a colour: write lines like {EXAMPLES}.")


def _synonyms(key: object, value: object) -> Synonyms:
    names = (
        tuple(name for name in map(clean_name, BETWEEN_SYNONYMS.split(value)) if name) if isinstance(value, str) else ()
    )
    if not names:
        raise UserError(f"“{str(key)[:60]}” has no class name in the colour table: write lines like {EXAMPLES}.")
    return names
