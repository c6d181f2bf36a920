"""The tab Ground truth: a mask that the visitor adds, and the scores of each method against it."""

from markupsafe import Markup

from zsseg.analysis.ground_truth import Truth, read_truth, score
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import title_of
from zsseg.demo.html.parts import help_text, number, table

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


def truth_table(answer: Answer, display: DisplaySettings, truth: Truth) -> Markup:
    """IoU per class and the four scores of every method, as they are shown now."""
    if truth.names != answer.vocabulary.names or truth.labels.shape != answer.photo.shape[:2]:
        return help_text("The mask was read for another question: add it again.")
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
