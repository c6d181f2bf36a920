"""The class names while they are being typed: how each is marked, whether the model was trained on it, slips."""

from zsseg.demo.catalog import Predictors, working
from zsseg.demo.html import escape, warning
from zsseg.errors import UserError
from zsseg.text.presets import PRESETS
from zsseg.text.vocabulary import build_vocabulary, format_names, parse_names, split_by_seen

_MANY = 60  # with more names than this the marks would bury the page
_WARNINGS = 2


def preset(title: str, predictors: Predictors) -> tuple[str, str]:
    """Return the texts of both boxes for a ready list, marked by what the model was trained on.

    Raises:
        UserError: there is no such list.
    """
    if title not in PRESETS:
        raise UserError(f"There is no list “{title}”: choose one of {', '.join(PRESETS)}.")
    return _boxes([(name,) for name in PRESETS[title]], predictors)


def sort_by_training(seen: str, unseen: str, predictors: Predictors) -> tuple[str, str]:
    """Move every name into the box where the model's own record puts it; nothing that was typed is lost."""
    return _boxes([*parse_names(seen), *parse_names(unseen)], predictors)


def flip(seen: str, unseen: str, name: str) -> tuple[str, str]:
    """Move one class, with its synonyms, to the other box."""
    boxes = [parse_names(seen), parse_names(unseen)]
    for here, there in ((0, 1), (1, 0)):
        moved = [group for group in boxes[here] if group[0].casefold() == name.casefold()]
        if moved:
            boxes[here] = [group for group in boxes[here] if group not in moved]
            boxes[there] += moved
            break
    return format_names(boxes[0]), format_names(boxes[1])


def _boxes(groups: list[tuple[str, ...]], predictors: Predictors) -> tuple[str, str]:
    known = next((predictor.metadata.seen for predictor in working(predictors).values()), ())
    seen, unseen = split_by_seen(groups, known)
    return format_names(seen), format_names(unseen)


def marks(seen: str, unseen: str, predictors: Predictors) -> str:
    """Show each class with its mark, to be flipped by a click, and what looks like a slip; never an exception."""
    able = list(working(predictors).values())
    try:
        vocabulary = build_vocabulary(seen, unseen)
    except UserError as error:
        return warning(str(error)) if (seen + unseen).strip(" ,;\n") else ""
    if not able:
        return ""
    trained = {name.casefold() for name in able[0].metadata.seen}
    chips = "".join(
        _chip(group, flag, any(synonym.casefold() in trained for synonym in group))
        for group, flag in zip(vocabulary.synonyms, vocabulary.seen, strict=True)
    )
    warnings = _few([entry.sentence for entry in able[0].name_warnings(vocabulary)])
    if len(vocabulary.names) > _MANY:
        chips = f'<p class="zs-help">{len(vocabulary.names)} classes.</p>'
    return f'<div class="zs-marks">{chips}</div>{warnings}'


def _few(sentences: list[str]) -> str:
    """Warnings, the first ones open and the rest folded away: the button below must stay in sight."""
    shown, rest = sentences[:_WARNINGS], "".join(map(warning, sentences[_WARNINGS:]))
    more = f"<details><summary>{len(sentences) - _WARNINGS} more warnings</summary>{rest}</details>" if rest else ""
    return "".join(map(warning, shown)) + more


def _chip(group: tuple[str, ...], seen: bool, trained: bool) -> str:
    kind, other = ("seen", "unseen") if seen else ("unseen", "seen")
    surprise = ""
    if seen != trained:
        surprise = "no masks of it in training" if seen else "this model was trained with masks of it"
    hint = f"{surprise}; click to mark it {other}" if surprise else f"click to mark it {other}"
    flag = '<i class="zs-flag" aria-hidden="true">!</i>' if surprise else ""
    name = escape(group[0])
    return (
        f'<button type="button" class="zs-mark zs-{kind}" data-name="{name}" title="{hint}"'
        f' aria-label="{name}, marked {kind}: {hint}"><span>{name}</span>{flag}<small>{kind}</small></button>'
    )
