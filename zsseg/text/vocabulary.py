"""What a person types, as class names: synonyms, duplicates, seen or unseen; and the data sets' own lists."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zsseg.errors import UserError
from zsseg.text.names import BETWEEN_CLASSES, BETWEEN_SYNONYMS, check_length, clean_name, split_classes, without_list

MAX_NAMES = 1000
MAX_ENTRIES = 4 * MAX_NAMES
"""Classes that a text may name, repeated ones among them; they are compared with one another."""

MAX_SYNONYMS = 50
"""Of one class."""

MAX_ALL_SYNONYMS = 2 * MAX_NAMES
"""Of all classes together, the names among them: each of them costs the text encoder and the decoder as much."""


@dataclass(frozen=True)
class Vocabulary:
    """The K classes of one request.

    Attributes:
        names: K different names.
        seen: K flags, True where the class counts as seen in training.
        synonyms: K groups of synonyms; the first of each is the name. A class scores as its best synonym.
    """

    names: tuple[str, ...]
    seen: tuple[bool, ...]
    synonyms: tuple[tuple[str, ...], ...]


def parse_names(text: str | Iterable[str] | None) -> list[tuple[str, ...]]:
    """Split what was typed into classes and their synonyms.

    Args:
        text: classes separated by commas, semicolons, tabs or new lines, of any script, or by a dot between spaces;
            numbers, bullets, quotes, brackets and the "and" of a list are no part of the names. Or one class per item.
            The synonyms of a class are separated by ``|``, as in "cat | kitten". None is no class.

    Returns:
        One group of synonyms per class, in order, without empty ones; duplicates are still there.

    Raises:
        UserError: an item is not text, a name or the whole is too long, or there are more than `MAX_ENTRIES`.
    """
    groups = []
    for entry in _entries(text):
        if not isinstance(entry, str):
            raise UserError(f"A class name must be text, not {type(entry).__name__}.")
        group = tuple(name for name in map(clean_name, BETWEEN_SYNONYMS.split(entry)) if name)
        if group:
            groups.append(group)
    if len(groups) > MAX_ENTRIES:
        raise UserError(f"{len(groups)} class names are too many: give at most {MAX_NAMES}.")
    # Items of a list were separated by a program, so a number in front of one is part of its name.
    return without_list(groups) if isinstance(text, str) else groups


def _entries(text: object) -> list[object]:
    if text is None:
        return []
    if isinstance(text, str):
        return list(split_classes(text))
    # Bytes would be read as numbers, and of a mapping only the keys would be left.
    if isinstance(text, Iterable) and not isinstance(text, bytes | bytearray | Mapping):
        entries = list(text)
        check_length(sum(len(entry) for entry in entries if isinstance(entry, str)))
        return entries
    raise UserError(f"Class names are a text or a list of texts, not {type(text).__name__}: write “dog, person”.")


def format_names(groups: Sequence[Sequence[str]]) -> str:
    """Write classes as a person would type them: `parse_names` reads the same groups back.

    Args:
        groups: one group of synonyms per class, as `parse_names` gives them.

    Returns:
        One line, such as "cat | kitten, dog".

    Raises:
        UserError: a synonym holds a comma, semicolon or bar of any script, which would split it.
    """
    for synonym in (synonym for group in groups for synonym in group):
        if BETWEEN_CLASSES.search(synonym) or BETWEEN_SYNONYMS.search(synonym):
            raise UserError(f"The class name “{synonym}” holds a comma, semicolon or bar: write it without.")
    return ", ".join(" | ".join(group) for group in groups)


def split_by_seen(
    groups: Sequence[tuple[str, ...]], seen: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Split classes into those a checkpoint has seen in training and the others.

    A class counts as seen when any of its synonyms is a seen name, in any case of letters; singular and plural are
    different names. Groups that share a synonym are one class, so they stay together.

    Args:
        groups: one group of synonyms per class, as `parse_names` gives them.
        seen: the checkpoint's own seen names; a name in no list of the checkpoint is unseen.

    Returns:
        The seen groups and the unseen groups, each in the order typed.
    """
    known = {synonym.casefold() for group in parse_names(seen) for synonym in group}
    all_folded = [{synonym.casefold() for synonym in group} for group in groups]
    flags = [False] * len(groups)
    grown = True
    while grown:  # a group reached through a shared synonym may share another one with the next
        grown = False
        for index, folded in enumerate(all_folded):
            if not flags[index] and folded & known:
                flags[index] = grown = True
                known |= folded
    pairs = list(zip(groups, flags, strict=True))
    return [group for group, flag in pairs if flag], [group for group, flag in pairs if not flag]


def build_vocabulary(seen: str | Iterable[str] | None = (), unseen: str | Iterable[str] | None = ()) -> Vocabulary:
    """Put the two lists together, the seen classes first.

    A name that is repeated, in any case of letters, counts once, with all the synonyms given.

    Args:
        seen, unseen: see `parse_names`.

    Raises:
        UserError: no name at all, too many names or synonyms, or one synonym in two classes or in both lists.
    """
    # Seen classes first; the order decides colours, and who wins a tie.
    groups = [(group, True) for group in parse_names(seen)] + [(group, False) for group in parse_names(unseen)]
    classes: dict[str, dict[str, str]] = {}  # name -> its synonyms, by what they are in any case of letters
    flags: dict[str, bool] = {}
    owner: dict[str, str] = {}
    for group, flag in groups:
        # A group that begins with another class's synonym is that class once more.
        name = owner.get(group[0].casefold(), group[0])
        if flags.setdefault(name, flag) != flag:
            raise UserError(f"“{group[0]}” is listed both as seen and as unseen: keep it in one of the two.")
        synonyms = classes.setdefault(name, {})
        for synonym in group:
            _add_synonym(synonym, name, synonyms, owner)
    _check_count(len(classes))
    _check_synonyms(classes)
    return Vocabulary(tuple(classes), tuple(flags.values()), tuple(tuple(group.values()) for group in classes.values()))


def _add_synonym(synonym: str, name: str, synonyms: dict[str, str], owner: dict[str, str]) -> None:
    # Who used a synonym first owns it, whatever its case.
    first = owner.setdefault(synonym.casefold(), name)
    if first != name:
        raise UserError(f"“{synonym}” belongs to both “{first}” and “{name}”: keep it in one of them.")
    synonyms.setdefault(synonym.casefold(), synonym)


def _check_count(count: int) -> None:
    if count == 0:
        raise UserError("No class name was given: type at least one, such as “dog, person”.")
    if count > MAX_NAMES:
        raise UserError(f"{count} class names are too many: give at most {MAX_NAMES}.")


def _check_synonyms(classes: Mapping[str, Mapping[str, str]]) -> None:
    longest = max(classes, key=lambda name: len(classes[name]))
    if len(classes[longest]) > MAX_SYNONYMS:
        raise UserError(
            f"{len(classes[longest])} synonyms of “{longest}” are too many: give at most {MAX_SYNONYMS} of a class."
        )
    count = sum(map(len, classes.values()))
    if count > MAX_ALL_SYNONYMS:
        raise UserError(f"{count} names with their synonyms are too many: give at most {MAX_ALL_SYNONYMS} in all.")


def with_templates(name: str, templates: Sequence[str]) -> list[str]:
    """Insert a name into each template.

    Args:
        name: one synonym.
        templates: sentences with ``{}`` where the name goes, such as "a photo of a {}".

    Raises:
        ValueError: a template has no place for the name.
    """
    for template in templates:
        if "{}" not in template:
            raise ValueError(f"the template {template!r} has no {{}}")
    return [template.replace("{}", name) for template in templates]
