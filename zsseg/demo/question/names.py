"""The class names while they are typed: seen or unseen, whether the model was trained on them, likely slips."""

from markupsafe import Markup

from zsseg.demo.catalog import Predictors, working
from zsseg.demo.html.parts import warning
from zsseg.demo.html.templates import render
from zsseg.errors import UserError
from zsseg.text.presets import PRESETS
from zsseg.text.vocabulary import build_vocabulary, format_names, parse_names, split_by_seen

_MANY = 60  # with more names than this the marks would bury the page
_WARNINGS = 2


def preset(title: str, predictors: Predictors) -> tuple[str, str]:
    """Return the texts of both boxes for a preset, each name in the box that the model's training says.

    Raises:
        UserError: there is no such preset.
    """
    if title not in PRESETS:
        raise UserError(f"There is no preset “{title}”: choose one of {', '.join(PRESETS)}.")
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


def marks(seen: str, unseen: str, predictors: Predictors) -> Markup:
    """Show each class with its mark, which a click flips, and what looks like a slip; never an exception."""
    able = list(working(predictors).values())
    try:
        vocabulary = build_vocabulary(seen, unseen)
    except UserError as error:
        return warning(str(error)) if (seen + unseen).strip(" ,;\n") else Markup()
    if not able:
        return Markup()
    trained = {name.casefold() for name in able[0].metadata.seen}
    chips = [
        _chip(group, flag, any(synonym.casefold() in trained for synonym in group))
        for group, flag in zip(vocabulary.synonyms, vocabulary.seen, strict=True)
    ]
    count, sentences = len(chips), [entry.sentence for entry in able[0].name_warnings(vocabulary)]
    # The first warnings are open and the rest folded away: the button below must stay in sight.
    return render(
        "marks.html",
        chips=chips if count <= _MANY else None,
        count=count,
        warnings=sentences[:_WARNINGS],
        more=sentences[_WARNINGS:],
    )


def _chip(group: tuple[str, ...], seen: bool, trained: bool) -> dict[str, object]:
    kind, other = ("seen", "unseen") if seen else ("unseen", "seen")
    surprise = ""
    if seen != trained:
        surprise = "no masks of it in training" if seen else "this model was trained with masks of it"
    hint = f"{surprise}; click to mark it {other}" if surprise else f"click to mark it {other}"
    return {"name": group[0], "kind": kind, "surprise": surprise, "hint": hint}
