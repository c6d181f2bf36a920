"""What people and other programs type or paste as class names, taken apart: commas of any script, lists, JSON."""

import re
import unicodedata

from zsseg.errors import UserError
from zsseg.text.characters import JOINERS, without_invisible

MAX_NAME_LENGTH = 500
MAX_TEXT_LENGTH = 1_000_000
"""Of all names together, in characters."""

# Commas and semicolons: Latin, Greek, Arabic, Armenian, Ethiopic, Mongolian, N'Ko, Vai, Lisu, Chinese and Japanese in
# full, half and small width, and the rarer ones of the punctuation block. A tab and whatever breaks a line as well.
_COMMAS = ",\uff0c\u3001\u060c\u055d\u1363\u1802\u1808\u07f8\ua60d\ua4fe\ufe50\ufe51\uff64\u2e32\u2e34\u2e41\u2e4c"
_SEMICOLONS = ";\uff1b\u061b\u1364\u204f\u2e35\ufe14\ufe54\ua6f6"
_BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
_BARS = "|\uff5c"
BETWEEN_CLASSES = re.compile(rf"[{_COMMAS}{_SEMICOLONS}{_BREAKS}]|(?:^|(?<=\s))\.(?=\s|$)")
"""What separates classes; also a lone dot between spaces, as in "cat . dog .", which grounding models take."""

BETWEEN_SYNONYMS = re.compile(rf"[{_BARS}]")

_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u201e\u201a\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f"
# A bullet needs a space behind it, or "-" would be taken off a word that begins with it.
_BULLET = re.compile(r"^[-*+\u2022\u2023\u25e6\u25aa\u25cf\u2013\u2014\u00b7]\s+(?=\S)")
# No digit behind it: "3.5 mm jack" keeps its 3.
_NUMBER = re.compile(r"\(?(\d{1,3})[.)\uff0e:]\s*(?=[^\s\d.)])")
_BRACKETS = (("[", "]"), ("{", "}"), ("(", ")"))


def split_classes(text: str) -> list[str]:
    """Split a text into what stands for one class each; the parts still have to be cleaned.

    Raises:
        UserError: the text is longer than `MAX_TEXT_LENGTH`.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise UserError(f"{len(text)} characters are too many for class names: give at most {MAX_TEXT_LENGTH}.")
    lines = "".join(c if c in _BREAKS else _plain(c) for c in without_invisible(unicodedata.normalize("NFC", text)))
    return BETWEEN_CLASSES.split(lines)


def clean_name(name: str) -> str:
    """One synonym: composed characters, single spaces, and nothing around it that belongs to a list.

    Quotes, a bullet and a lone dot around it go, and brackets that hold it or have no other half. Control characters
    and what nobody sees (`zsseg.text.characters`) go as well.

    Raises:
        UserError: the name is too long to be one.
    """
    # Twice: what is invisible may stand between a letter and its accent, which compose only when it is gone.
    name = unicodedata.normalize("NFC", without_invisible(unicodedata.normalize("NFC", name)))
    name = " ".join("".join(map(_plain, name)).split())
    before = ""
    # Until nothing changes, since one layer hides another: a bullet before quotes, brackets within them.
    while name != before:
        before = name
        name = name.strip(_QUOTES + JOINERS + " ")
        name = re.sub(r"^\.(\s|$)|\s\.$", "", _BULLET.sub("", name))
        name = _without_brackets(name)
    if len(name) > MAX_NAME_LENGTH:
        raise UserError(f"The class name “{name[:40]}…” is too long: separate names by commas.")
    return name


def without_numbers(groups: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Take away the numbers of a list, as in "1. cat", where every class has one and they count from 0 or 1.

    Args:
        groups: a group of clean synonyms per class.
    """
    # More than one class: a single "1. cat" may be a name. Again, since numbers may stand before numbers.
    while len(groups) > 1:
        found = [_NUMBER.match(group[0]) for group in groups]
        numbers = [int(match[1]) for match in found if match]
        if numbers not in (list(range(len(groups))), list(range(1, len(groups) + 1))):
            break
        firsts = [clean_name(_NUMBER.sub("", group[0], count=1)) for group in groups]
        groups = [(first, *group[1:]) for first, group in zip(firsts, groups, strict=True) if first]
    return groups


def _plain(character: str) -> str:
    """A space for control, private and half characters and for every other kind of space."""
    return " " if character not in JOINERS and unicodedata.category(character)[0] in "CZ" else character


def _without_brackets(name: str) -> str:
    for opening, closing in _BRACKETS:
        surplus = name.count(opening) - name.count(closing)
        if surplus > 0 and name.startswith(opening):
            name = name[1:]
        elif surplus < 0 and name.endswith(closing):
            name = name[:-1]
        elif name.startswith(opening) and name.endswith(closing):
            name = name[1:-1]
    return name
