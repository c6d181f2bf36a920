"""The tab of the ground truth: a mask that the visitor drops in, and how well each method does against it."""

from zsseg.analysis.ground_truth import Truth, read_truth, score
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import TITLES
from zsseg.demo.html import escape, help_text, number, table

TRUTH_HELP = help_text(
    "Drop in the true mask of this photo: an index PNG (0 is the first class asked, 255 is left out, as in our own "
    "labels.png) or a colour PNG. A table says what its numbers or colours mean, one line each: <code>1: cat</code> or "
    "<code>#ff0000: dog</code>. The scores follow the sliders."
)

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


def truth_table(answer: Answer, display: DisplaySettings, truth: Truth) -> str:
    """IoU per class and the four scores of every method, as they are shown now."""
    if truth.names != answer.vocabulary.names or truth.labels.shape != answer.photo.shape[:2]:
        return help_text("The mask was read for another question: drop it in again.")
    scores = {method: score(truth, display.apply(answer, method)) for method in answer.results}
    rows: list[tuple[str, ...]] = [
        (name, *(number(result.iou[index], 3) for result in scores.values())) for index, name in enumerate(truth.names)
    ]
    rows += [(label, *(number(getattr(result, key), 3) for result in scores.values())) for label, key in _SUMMARY]
    head = ("IoU on this photo", *(TITLES[method] for method in scores))
    return table(head, rows) + _left_out(truth)


def _left_out(truth: Truth) -> str:
    if not truth.unmatched:
        return ""
    shares = ", ".join(f"{name} ({share:.1%})" for name, share in truth.unmatched.items())
    return help_text(f"Left out, for it is no class asked: {escape(shares)}.")
