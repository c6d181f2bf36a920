"""The tab Ground truth: a mask that the visitor adds, and the scores of each method against it."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from zsseg.analysis.ground_truth import NO_CLASS, Truth, read_truth, score
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import title_of
from zsseg.demo.html.parts import figure, help_text, number, table
from zsseg.demo.html.templates import render
from zsseg.segmentation import Segmentation
from zsseg.visualize import error_map, overlay, with_labels

_EQUAL = 0.01  # mean IoU

_SUMMARY = (
    ("pAcc", "accuracy"),
    ("mIoU of seen", "miou_seen"),
    ("mIoU of unseen", "miou_unseen"),
    ("hIoU", "hiou"),
)


def read(answer: Answer, path: str, meanings: str) -> Truth:
    """Read a mask for the photo and the names of an answer.

    Raises:
        UserError: it cannot be read, or does not fit; see `zsseg.analysis.ground_truth.read_truth`.
    """
    return read_truth(path, answer.vocabulary.names, meanings or None, size=answer.photo.shape[:2])


def truth_view(answer: Answer, display: DisplaySettings, truth: Truth) -> Markup:
    """The mask, the errors of every method on the photo, and the scores."""
    if truth.names != answer.vocabulary.names or truth.labels.shape != answer.photo.shape[:2]:
        return help_text("The mask was read for other names: press Run.")
    shown = {title_of(method): display.apply(answer, method) for method in answer.results}
    first = next(iter(shown.values()))
    pictures = [
        figure(
            overlay(answer.photo, with_labels(first, truth.labels), display.opacity),
            "The ground truth",
            "Ground truth",
            True,
        )
    ]
    for title, seg in shown.items():
        caption = f"Errors of {title}: red is wrong, dark is right or unknown"
        errors = error_map(answer.photo, seg.labels, truth.labels)
        pictures.append(figure(errors, f"Errors of {title}", caption, photo=True))
    return render(
        "tabs/truth.html", verdict=_verdict(truth, shown), pictures=pictures, scores=truth_table(answer, display, truth)
    )


def _verdict(truth: Truth, shown: Mapping[str, Segmentation]) -> str:
    """Which method is better on this photo and by how much, in one sentence."""
    means = {}
    for title, seg in shown.items():
        present = np.unique(truth.labels[truth.labels != NO_CLASS])
        values = [score(truth, seg).iou[index] or 0.0 for index in present.tolist()]
        means[title] = sum(values) / len(values)
    ranked = sorted(means.items(), key=lambda pair: -pair[1])
    if len(ranked) < 2:
        return f"{ranked[0][0]} has a mean IoU of {ranked[0][1]:.2f} over the classes of this photo."
    (best, high), (other, low) = ranked[:2]
    if high - low < _EQUAL:
        return f"{best} and {other} are equally good on this photo: mean IoU {high:.2f} and {low:.2f} over its classes."
    return (
        f"{best} is better than {other} on this photo by {high - low:.2f}: mean IoU {high:.2f} against {low:.2f} over "
        "its classes."
    )


def truth_table(answer: Answer, display: DisplaySettings, truth: Truth) -> Markup:
    """IoU per class and the four scores of every method, as they are shown now."""
    if truth.names != answer.vocabulary.names or truth.labels.shape != answer.photo.shape[:2]:
        return help_text("The mask was read for other names: press Run.")
    scores = {method: score(truth, display.apply(answer, method)) for method in answer.results}
    rows: list[tuple[str, ...]] = [
        (name, *(number(result.iou[index], 3) for result in scores.values())) for index, name in enumerate(truth.names)
    ]
    rows += [(label, *(number(getattr(result, key), 3) for result in scores.values())) for label, key in _SUMMARY]
    head = ("IoU on this photo", *(title_of(method) for method in scores))
    return table(head, rows) + _left_out(truth)


def _left_out(truth: Truth) -> Markup:
    if not truth.unmatched:
        return Markup()
    shares = ", ".join(f"{name} ({share:.1%})" for name, share in truth.unmatched.items())
    return help_text(f"Ignored (not among the requested classes): {shares}.")
