"""Splits typed or pasted text into class names: commas of any script, lists, JSON."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby

from zsseg.characters import JOINERS, without_invisible
from zsseg.errors import UserError

MAX_NAME_LENGTH = 500
MAX_TEXT_LENGTH = 1_000_000
"""Of all names together, in characters."""

# Commas and semicolons: Latin, Greek, Arabic, Armenian, Ethiopic, Mongolian, N'Ko, Vai, Lisu, Chinese and Japanese in
# full, half and small width, and the rarer ones of the punctuation block. A tab and whatever breaks a line as well,
# and the null character, which some programs put between the items of a list.
_COMMAS = ",\uff0c\u3001\u060c\u055d\u1363\u1802\u1808\u07f8\ua60d\ua4fe\uff64\u2e32\u2e34\u2e41\u2e4c"
_COMMAS += "\ufe10\ufe11\ufe50\ufe51"  # of vertical lines, and small ones
_SEMICOLONS = ";\uff1b\u061b\u1364\u204f\u2e35\ufe14\ufe54\ua6f6"
_BREAKS = "\0\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_BARS = "|\uff5c"
BETWEEN_CLASSES = re.compile(rf"[{_COMMAS}{_SEMICOLONS}{_BREAKS}]|(?:^|(?<=\s))\.(?=\s|$)")
"""What separates classes; also a lone dot between spaces, as in "cat . dog .", which grounding models take."""

BETWEEN_SYNONYMS = re.compile(rf"[{_BARS}]")

_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u201e\u201a\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f"
# What also begins or joins words needs a space behind it to be a bullet; signs that no word has need none.
_DINGBATS = r"\u2022\u2023\u25a0-\u25ff\u2610-\u2612\u2713-\u2718\u2192\u2794-\u27be"
_BULLET = re.compile(rf"^(?:[-*+>~&\u2013\u2014]\s+(?:\[[ xX]\]\s*)?|(?:#+|\u00b7)\s+|[{_DINGBATS}]\s*)(?=\S)")
_EMPHASIS = re.compile(r"^(\*\*|__|\*|_)(\S.*\S|\S)\1$")
# No digit behind a dot or a bracket: "3.5 mm jack" keeps its 3.
_NUMBERS = (
    re.compile(r"[(\[{<\uff08\u3010]?(\d{1,3})[.)\]}>:\u00aa\u00b0\u00ba\uff0e\uff09\uff1a\u3011]\s*(?=[^\s\d.)])"),
    re.compile(r"(?:#|[Nn]o\.\s?|\u2116\s?)(\d{1,3})\s+(?=\S)"),
    re.compile(r"(\d{1,3})\s?[-\u2013\u2014]\s+(?=\S)"),
    re.compile(r"\(?([A-Za-z])\)\s*(?=\S)"),
    re.compile(r"(\d)\u20e3\s*(?=\S)"),  # on the cap of a key
    re.compile(r"([\u2460-\u249b\u24ea-\u24ff\u2776-\u2793])\s*(?=\S)"),
)
# Nothing but a space behind it: "1 cat, 2 dog" are a list, "1 euro, 2 euro" are coins.
_BARE_NUMBER = re.compile(r"(\d{1,3})\s+(?=[^\W\d])")
_AND = re.compile(r"^(?:(?:and|or|und|oder|et|ou|y|\u0438|\u0438\u043b\u0438|\u0648|&)\s+)+(?=\S)", re.IGNORECASE)
_EMPTY_BRAILLE = "\u2800"  # no space by Unicode, and blank all the same
# Plain ones, then wide ones, then those of Chinese and Japanese and of mathematics.
_OPENING = "[{(\uff3b\uff5b\uff08\u3008\u300a\u3010\u3014\u3016\u27e8"
_CLOSING = "]})\uff3d\uff5d\uff09\u3009\u300b\u3011\u3015\u3017\u27e9"


def split_classes(text: str) -> list[str]:
    """Split a text into one part per class; `clean_name` cleans a part.

    Raises:
        UserError: the text is longer than `MAX_TEXT_LENGTH`, or more accents than a name may have stand on one letter.
    """
    check_length(len(text))
    # To compose letters, accents are sorted, which takes the square of their number.
    marks = (list(run) for is_mark, run in groupby(text, lambda c: unicodedata.combining(c) > 0) if is_mark)
    if any(len(run) > MAX_NAME_LENGTH for run in marks):
        raise UserError(f"A class name has more than {MAX_NAME_LENGTH} accents on one letter: leave them out.")
    lines = "".join(c if c in _BREAKS else _plain(c) for c in without_invisible(unicodedata.normalize("NFC", text)))
    return BETWEEN_CLASSES.split(lines)


def check_length(characters: int) -> None:
    """Refuse more than `MAX_TEXT_LENGTH` characters.

    Raises:
        UserError: there are more.
    """
    if characters > MAX_TEXT_LENGTH:
        raise UserError(f"{characters} characters are too many for class names: give at most {MAX_TEXT_LENGTH}.")


def clean_name(name: str) -> str:
    """One synonym: composed characters, single spaces, and nothing around it that belongs to a list.

    Quotes, emphasis, a bullet and a lone dot around it go, and brackets that hold it or have no other half. Control
    characters and what nobody sees (`zsseg.characters`) go as well.

    Raises:
        UserError: the name is too long to be one.
    """
    # Before the work: peeling layer by layer takes the square of the length.
    _check_name(name.strip(), 2 * MAX_NAME_LENGTH)
    # Twice: what is invisible may stand between a letter and its accent, which compose only when it is gone.
    name = unicodedata.normalize("NFC", without_invisible(unicodedata.normalize("NFC", name)))
    name = " ".join("".join(map(_plain, name)).split())
    before = ""
    # Until nothing changes, since one layer hides another: a bullet before quotes, brackets within them.
    while name != before:
        before = name
        name = name.strip(_QUOTES + JOINERS + " ")
        name = re.sub(r"^\.(\s|$)|\s\.$", "", _BULLET.sub("", name))
        name = _without_brackets(_EMPHASIS.sub(r"\2", name))
    _check_name(name, MAX_NAME_LENGTH)
    return name


def _check_name(name: str, most: int) -> None:
    if len(name) > most:
        raise UserError(f"The class name “{name[:40]}…” is too long: separate names by commas.")


def without_list(groups: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Remove what belongs to the list and to no class: numbers, as in "1. cat", and a last "and".

    Numbers go where every class has one and they count from 0 or 1. They may also stand apart, as in the first column
    of a table: "1, cat, 2, dog".

    Args:
        groups: a group of clean synonyms per class.
    """
    if len(groups) > 2 and _counts([_value(group[0]) for group in groups[::2]]) and len(groups) % 2 == 0:
        groups = groups[1::2]
    # More than one class: a single "1. cat" may be a name. Again, since numbers may stand before numbers.
    while len(groups) > 1:
        found = [_number(group[0]) for group in groups]
        # A class that is named twice counts once.
        once = {group[0].casefold(): match and _value(match[1]) for group, match in zip(groups, found, strict=True)}
        if not _counts(list(once.values())):
            break
        rests = [group[0][match.end() :] for group, match in zip(groups, found, strict=True) if match]
        is_bare = any(match and match.re is _BARE_NUMBER for match in found)
        if is_bare and len({rest.casefold() for rest in rests}) < len(once):
            break
        groups = _with_firsts(groups, rests)
    if len(groups) > 1:
        groups = _with_firsts(groups, [*(group[0] for group in groups[:-1]), _AND.sub("", groups[-1][0])])
    return groups


def _with_firsts(groups: list[tuple[str, ...]], firsts: list[str]) -> list[tuple[str, ...]]:
    cleaned = map(clean_name, firsts)
    return [(first, *group[1:]) for first, group in zip(cleaned, groups, strict=True) if first]


def _number(name: str) -> re.Match[str] | None:
    """The number of a list at the beginning of a name."""
    return next((match for pattern in (*_NUMBERS, _BARE_NUMBER) if (match := pattern.match(name))), None)


def _value(sign: str) -> int | None:
    """What a number says: digits of any script, a letter, or one sign such as a 1 in a circle; None for other texts."""
    if re.fullmatch(r"\d{1,3}", sign):
        return int(sign)
    if len(sign) != 1:
        return None
    if sign.isascii() and sign.isalpha():
        return ord(sign.lower()) - ord("a") + 1
    value = unicodedata.numeric(sign, -1.0)
    return int(value) if value >= 0 else None


def _counts(numbers: Sequence[int | None]) -> bool:
    """Whether they are those of a list."""
    return list(numbers) in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))


def _plain(character: str) -> str:
    """A space for control, private and half characters and for every other kind of space."""
    is_space = character == _EMPTY_BRAILLE or unicodedata.category(character)[0] in "CZ"
    return " " if is_space and character not in JOINERS else character


def _without_brackets(name: str) -> str:
    for opening, closing in zip(_OPENING, _CLOSING, strict=True):
        surplus = name.count(opening) - name.count(closing)
        if surplus > 0 and name.startswith(opening):
            name = name[1:]
        elif surplus < 0 and name.endswith(closing):
            name = name[:-1]
        elif name.startswith(opening) and name.endswith(closing):
            name = name[1:-1]
    return name
