"""The class names while they are typed: the box of each name, likely typing mistakes, suggestions."""

import json
from collections.abc import Collection, Iterable, Sequence

from markupsafe import Markup

from zsseg.demo.actions import PAGE_NAMES
from zsseg.demo.catalog import Predictors, working
from zsseg.demo.html.parts import warning
from zsseg.demo.html.templates import render
from zsseg.errors import UserError
from zsseg.text.checks import VocabularyWarning
from zsseg.text.class_lists import CAMVID11, COCO80, COCO171, VOC20
from zsseg.text.presets import PRESETS
from zsseg.text.vocabulary import build_vocabulary, format_names, parse_names, split_by_seen

_MANY = 60  # with more names than this the chips would hide the page
_WARNINGS = 2  # open ones; the others are folded away
_LISTED = 6  # names in one sentence
_SETS = {"PASCAL VOC": VOC20, "COCO: things": COCO80, "COCO-Stuff: materials and places": COCO171, "CamVid": CAMVID11}

Flipped = frozenset[str]
"""Names, case-folded, that a visitor marked against the model's own lists."""

_Group = tuple[str, ...]


def preset(title: str, predictors: Predictors) -> tuple[str, str]:
    """Return the texts of both boxes for a preset, each name in the box that the model's own lists give it.

    Raises:
        UserError: there is no such preset.
    """
    if title not in PRESETS:
        raise UserError(f"There is no preset “{title}”: choose one of {', '.join(PRESETS)}.")
    return _boxes(split_by_seen([(name,) for name in PRESETS[title]], _known(predictors)))


def route(seen: str, unseen: str, predictors: Predictors, flipped: Flipped = frozenset()) -> tuple[str, str]:
    """Move each name into the box where the model's own lists put it, but for those that the visitor flipped.

    A class moves with its synonyms, and nothing that was typed is lost; where nothing moves the texts stay as typed.
    Without a model that can answer, or with a name that cannot be read, nothing moves.
    """
    try:
        boxes = parse_names(seen), parse_names(unseen)
        right = split_by_seen([*boxes[0], *boxes[1]], _known(predictors))
        if not working(predictors):
            return seen, unseen
        swapped = [[group for group in side if _is_flipped(group, flipped)] for side in right]
        kept = [[group for group in side if not _is_flipped(group, flipped)] for side in right]
        wanted = _ordered(kept[0] + swapped[1], boxes), _ordered(kept[1] + swapped[0], boxes)
        # The texts as typed, with their spaces and line breaks, unless something has to move.
        return (seen, unseen) if wanted == boxes else _boxes(wanted)
    except UserError:
        return seen, unseen


def add(text: str, seen: str, unseen: str, predictors: Predictors) -> tuple[str, str]:
    """Add names to the boxes where the model's own lists put them; a name that is there already is not added again.

    Raises:
        UserError: a name cannot be read.
    """
    boxes = parse_names(seen), parse_names(unseen)
    # Any synonym counts: adding "kitten" beside "cat | kitten" would make one name belong to two classes.
    there = {synonym.casefold() for box in boxes for group in box for synonym in group}
    new = [group for group in parse_names(text) if not there & {synonym.casefold() for synonym in group}]
    more = split_by_seen(new, _known(predictors))
    return tuple(  # type: ignore[return-value]
        format_names([*box, *extra]) if extra else text
        for box, extra, text in zip(boxes, more, (seen, unseen), strict=True)
    )


def flip(seen: str, unseen: str, name: str, flipped: Flipped = frozenset()) -> tuple[str, str, Flipped]:
    """Move one class, with its synonyms, to the other box, and remember that the visitor wants it there."""
    boxes = [parse_names(seen), parse_names(unseen)]
    for here, there in ((0, 1), (1, 0)):
        moved = [group for group in boxes[here] if group[0].casefold() == name.casefold()]
        if moved:
            boxes[here] = [group for group in boxes[here] if group not in moved]
            boxes[there] += moved
            # `^=`: a name that is flipped back is forgotten.
            flipped ^= {name.casefold()}
            break
    return format_names(boxes[0]), format_names(boxes[1]), flipped


def flipped_names(seen: str, unseen: str, predictors: Predictors) -> Flipped:
    """The names that lie in another box than the model's own lists say, as in a shared link."""
    try:
        boxes = parse_names(seen), parse_names(unseen)
        right = split_by_seen([*boxes[0], *boxes[1]], _known(predictors))
    except UserError:
        return frozenset()
    wrong = [group for box, side in zip(boxes, right, strict=True) for group in box if group not in side]
    return frozenset(group[0].casefold() for group in wrong)


def _known(predictors: Predictors) -> tuple[str, ...]:
    # Of the first method that works: the methods of an entry share backbone and setting.
    return next((tuple(predictor.metadata.seen) for predictor in working(predictors).values()), ())


def _is_flipped(group: _Group, flipped: Flipped) -> bool:
    return group[0].casefold() in flipped


def _ordered(groups: Iterable[_Group], boxes: tuple[list[_Group], list[_Group]]) -> list[_Group]:
    """In the order typed, each group once."""
    # `dict.fromkeys` below keeps the first of equal groups and the order.
    wanted = set(groups)
    return list(dict.fromkeys(group for group in [*boxes[0], *boxes[1]] if group in wanted))


def _boxes(sides: Sequence[Sequence[_Group]]) -> tuple[str, str]:
    return format_names(sides[0]), format_names(sides[1])


def choices(predictors: Predictors) -> Markup:
    """The names to choose from: the model's seen names by data set, and for completion those of all data sets."""
    seen = _known(predictors)
    left, sets = dict.fromkeys(seen), {}
    for title, names in _SETS.items():
        # Taken out of `left`, since things of COCO would come again among those of COCO-Stuff.
        sets[title] = [name for name in names if name in left]
        for name in sets[title]:
            del left[name]
    sets["Others"] = list(left)
    unseen = [name for name in dict.fromkeys(name for names in PRESETS.values() for name in names) if name not in seen]
    shown = {title: names for title, names in sets.items() if names}
    # JSON as plain text, not by Jinja's own filter: that escapes for HTML, and Gradio gives braces and "$" a meaning.
    return render("choices.html", sets=shown, seen=json.dumps(seen), unseen=json.dumps(unseen))


def marks(seen: str, unseen: str, predictors: Predictors) -> Markup:
    """Show each class with its mark, which a click flips, and likely typing mistakes; raises nothing."""
    able = list(working(predictors).values())
    try:
        vocabulary = build_vocabulary(seen, unseen)
    except UserError as error:
        return warning(str(error)) if (seen + unseen).strip(" ,;\n") else Markup()
    if not able:
        return Markup()
    count = len(vocabulary.names)
    if count > PAGE_NAMES:
        return warning(f"{count} class names are too many for this page: use at most {PAGE_NAMES} at a time.")
    # What the model knows, while `vocabulary.seen` is what the boxes say: a chip marks where they differ.
    trained = {name.casefold() for name in able[0].metadata.seen}
    chips = [
        _chip(group, flag, any(synonym.casefold() in trained for synonym in group))
        for group, flag in zip(vocabulary.synonyms, vocabulary.seen, strict=True)
    ]
    sentences = _explain_marks(chips) + _sentences(able[0].name_warnings(vocabulary))
    # The first warnings are open and the rest folded away: the button below must stay in sight.
    return render(
        "marks.html",
        chips=chips if count <= _MANY else None,
        count=count,
        warnings=sentences[:_WARNINGS],
        more=sentences[_WARNINGS:],
    )


def _chip(group: _Group, seen: bool, trained: bool) -> dict[str, object]:
    kind, other = ("seen", "unseen") if seen else ("unseen", "seen")
    surprise = ""
    if seen != trained:
        surprise = "no masks of it in training" if seen else "this model was trained with masks of it"
    hint = f"{surprise}; click to mark it {other}" if surprise else f"click to mark it {other}"
    return {"name": group[0], "kind": kind, "surprise": surprise, "hint": hint}


def _explain_marks(chips: Sequence[dict[str, object]]) -> list[str]:
    """What the chips' exclamation marks mean, for those who cannot hover."""
    sentences = []
    for kind, meaning in (
        ("unseen", "marked unseen, but this model was trained with masks of"),
        ("seen", "marked seen, but training had no masks of"),
    ):
        found = [str(chip["name"]) for chip in chips if chip["surprise"] and chip["kind"] == kind]
        if found:
            sentences.append(f"{_listed(found)}: {meaning} {'it' if len(found) == 1 else 'them'}.")
    return sentences


def _sentences(warnings: Sequence[VocabularyWarning]) -> list[str]:
    """One sentence per warning; where there are many of one kind, one for all that belong together."""
    unknown = [entry for entry in warnings if entry.kind == "unknown word"]
    alike = [entry for entry in warnings if entry.kind == "near-duplicates"]
    sentences = [entry.sentence for entry in warnings if entry.kind == "too long"]
    if len(unknown) > _WARNINGS + 1:
        names = [name for entry in unknown for name in entry.names]
        sentences.append(f"{_listed(names)} may hold words that this model does not know: check the spelling.")
    else:
        sentences += [entry.sentence for entry in unknown]
    for cluster in _clusters([entry.names for entry in alike]):
        pair = [entry.sentence for entry in alike if set(entry.names) == cluster]
        several = f"{_listed(sorted(cluster))} mean nearly the same to this model: use one, or join them with |."
        sentences.append(pair[0] if pair else several)
    return sentences


def _clusters(pairs: Iterable[Collection[str]]) -> list[set[str]]:
    """Names that are linked by pairs, directly or through others, in the order in which they first occur."""
    clusters: list[set[str]] = []
    for pair in pairs:
        touched = [cluster for cluster in clusters if cluster & set(pair)]
        if not touched:
            clusters.append(set(pair))
            continue
        # A pair may join several clusters, which then become one.
        touched[0].update(pair, *touched[1:])
        clusters = [cluster for cluster in clusters if cluster not in touched[1:]]
    return clusters


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"“{name[:40]}”" for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"
