"""The tab Ground truth: a mask that the visitor adds, and the scores of each method against it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from markupsafe import Markup

from zsseg.analysis.ground_truth import NO_CLASS, AmbiguousMask, Truth, read_truth, score
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import title_of
from zsseg.demo.html.parts import figure, help_text, number, table
from zsseg.demo.html.templates import render
from zsseg.errors import UserError
from zsseg.files import is_file
from zsseg.image.load import turn_of
from zsseg.segmentation import Segmentation
from zsseg.visualize import error_map, overlay, with_labels

_EQUAL = 0.01  # mean IoU
_MUCH = 0.05  # of the photo
_HALF_TURNS = 4  # EXIF's numbers up to this one leave width and height as they are

_SUMMARY = (
    ("pAcc", "accuracy"),
    ("mIoU of seen", "miou_seen"),
    ("mIoU of unseen", "miou_unseen"),
    ("hIoU", "hiou"),
)


def read(answer: Answer, path: str, meanings: str) -> Truth:
    """Read a mask for the photo and the names of an answer.

    Raises:
        UserError: it cannot be read, or does not fit; see `zsseg.analysis.ground_truth.read_truth`. Or the photo was
            turned by its EXIF tag, and nothing shows whether the mask lies the same way.
    """
    height, width = answer.photo.shape[:2]
    # A quarter turn of a photo that is not square shows in the mask's shape; other turns do not.
    if is_file(Path(answer.path)) and (turn := turn_of(answer.path)) != 1 and (turn <= _HALF_TURNS or height == width):
        raise UserError(
            f"The photo is turned by its EXIF tag (orientation {turn}), and nothing shows whether the mask is turned "
            "as well: save the photo upright without the tag, and run it again."
        )
    return read_truth(path, answer.vocabulary.names, meanings or None, size=answer.photo.shape[:2])


def ask(question: AmbiguousMask) -> Markup:
    """The question about an ambiguous mask, with a button for each interpretation."""
    return render("tabs/mask_question.html", sentence=str(question), readings=question.readings)


def truth_view(answer: Answer, display: DisplaySettings, truth: Truth) -> Markup:
    """The mask, the errors of every method on the photo, and the scores."""
    if not _fits(truth, answer):
        return help_text("The mask was read for other names: press Run.")
    shown = {title_of(method): display.apply(answer, method) for method in answer.results}
    true = overlay(answer.photo, with_labels(next(iter(shown.values())), truth.labels), display.opacity)
    pictures, errors = [figure(true, "The ground truth", "Ground truth", photo=True)], []
    for title, seg in shown.items():
        painted = overlay(answer.photo, seg, display.opacity)
        pictures.append(figure(painted, f"Painted by {title}", title, photo=True))
        wrong = error_map(answer.photo, seg.labels, truth.labels, truth.none_is_right(seg.labels))
        caption = f"{title}: red is wrong, dark is right or unknown"
        errors.append(figure(wrong, f"Errors of {title}", caption, photo=True))
    return render(
        "tabs/truth.html",
        verdict=verdict(answer, display, truth),
        pictures=pictures,
        errors=errors,
        scores=_table(shown, truth),
    )


def verdict(answer: Answer, display: DisplaySettings, truth: Truth) -> str:
    """Which method is better on this photo and by how much, in one sentence; empty if the mask is of another photo."""
    if not _fits(truth, answer):
        return ""
    present = np.unique(truth.labels[truth.labels != NO_CLASS]).tolist()
    means = {}
    for method in answer.results:
        iou = score(truth, display.apply(answer, method)).iou
        # Over the classes of the truth: others that were asked have no IoU to gain.
        means[title_of(method)] = sum(iou[index] or 0.0 for index in present) / len(present)
    (best, high), *others = sorted(means.items(), key=lambda pair: -pair[1])
    if not others:
        return f"{best} has a mean IoU of {high:.2f} over the classes of this photo.{_uncounted(truth)}"
    # Less than a hundredth is not worth a verdict.
    equal = [title for title, value in others if high - value < _EQUAL]
    lower = [f"{title} by {high - value:.2f} ({value:.2f})" for title, value in others if title not in equal]
    first = " and ".join([best, *equal]) + (" are equally good" if equal else " is best")
    behind = f", better than {' and '.join(lower)}" if lower else ""
    return f"{first} on this photo: mean IoU {high:.2f} over its classes{behind}.{_uncounted(truth)}"


def _uncounted(truth: Truth) -> str:
    """Where the ground truth is none of the classes, and where it is unknown, if that is much of the photo."""
    other, ground = (0.0 if part is None else float(part.mean()) for part in (truth.others, truth.background))
    unknown = sum(truth.unknown.values())
    said = f" On {other:.0%} of the photo the truth is none of these classes." if other >= _MUCH else ""
    if ground >= _MUCH:
        said += f" On {ground:.0%} the mask says only that none of its own classes is there."
    if unknown >= _MUCH:
        said += f" Not counted: {unknown:.0%} of the photo, whose true classes are not named."
    return said


def _fits(truth: Truth, answer: Answer) -> bool:
    return truth.names == answer.vocabulary.names and truth.labels.shape == answer.photo.shape[:2]


def _table(shown: Mapping[str, Segmentation], truth: Truth) -> Markup:
    """IoU per class and the four scores of every method, as they are shown now."""
    scores = {title: score(truth, seg) for title, seg in shown.items()}
    rows: list[tuple[str, ...]] = [
        (name, *(number(result.iou[index], 3) for result in scores.values())) for index, name in enumerate(truth.names)
    ]
    rows += [(label, *(number(getattr(result, key), 3) for result in scores.values())) for label, key in _SUMMARY]
    return table(("IoU on this photo", *scores), rows) + _left_out(truth)


def _left_out(truth: Truth) -> Markup:
    """The classes of the mask that were not asked, with their shares of the photo."""
    said = (
        ("Not asked, so that “none of these” is right", truth.named),
        ("Ignored (no class is named)", truth.unknown),
    )
    return Markup().join(
        help_text(f"{what}: {', '.join(f'{name} ({share:.1%})' for name, share in shares.items())}.")
        for what, shares in said
        if shares
    )
