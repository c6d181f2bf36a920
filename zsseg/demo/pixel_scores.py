"""What every class scores at the point of the photo that a visitor clicked, for both methods."""

from zsseg.analysis.regions import region_of
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import TITLES, Predictors, working
from zsseg.demo.html import escape, help_text
from zsseg.visualize import PixelScore, pixel_scores

EMPTY = help_text("Click a point of a painted photo: the score of every class there appears here.")
_SHOWN = 12


def pixel_panel(answer: Answer, display: DisplaySettings, predictors: Predictors, point: tuple[float, float]) -> str:
    """Bars of every class's sigmoid at a point.

    Args:
        answer: the stored scores.
        display: gives the seen penalty and the threshold.
        predictors: tell which region token owns the patch.
        point: (x, y) relative to the photo, 0..1.
    """
    height, width = answer.photo.shape[:2]
    x, y = (min(side - 1, max(0, int(part * side))) for part, side in zip(point, (width, height), strict=True))
    panels = "".join(
        f"<section><h4>{escape(TITLES[method])}</h4>{_bars(answer, method, display, y, x)}</section>"
        for method in answer.results
    )
    return (
        f'<div class="zs-pixel"><p class="zs-help">Pixel ({x}, {y}).{_owner(answer, predictors, y, x)} The mark on a '
        f'bar is the score after the seen penalty.</p><div class="zs-two">{panels}</div></div>'
    )


def _bars(answer: Answer, method: str, display: DisplaySettings, y: int, x: int) -> str:
    shown = display.apply(answer, method)
    rows = pixel_scores(shown, y, x)
    more = f'<p class="zs-help">and {len(rows) - _SHOWN} more below.</p>' if len(rows) > _SHOWN else ""
    label = shown.labels[y, x]
    winner = shown.names[label] if label >= 0 else "none of these"
    bars = "".join(_bar(row, row.name == winner) for row in rows[:_SHOWN])
    return f'<ol class="zs-bars">{bars}</ol>{more}<p class="zs-help">painted: {escape(winner)}</p>'


def _bar(row: PixelScore, wins: bool) -> str:
    kind = "seen" if row.seen else "unseen"
    return (
        f'<li class="{"zs-wins" if wins else ""}" style="--c: {_hex(row)}; --s: {row.score:.4f}; '
        f'--a: {min(max(0.0, row.adjusted), 1.0):.4f}"><span class="zs-name">{escape(row.name)}</span>'
        f'<span class="zs-track"><i class="zs-fill zs-{kind}"></i><i class="zs-tick"></i></span>'
        f'<span class="zs-area">{row.score:.2f}</span></li>'
    )


def _hex(row: PixelScore) -> str:
    return "#{:02x}{:02x}{:02x}".format(*row.color)


def _owner(answer: Answer, predictors: Predictors, y: int, x: int) -> str:
    predictor = working(predictors).get("clip_rc")
    if predictor is None or "clip_rc" not in answer.results:
        return ""
    view = predictor.region_view(answer.photo, *boxes(answer))
    window, region = region_of(view, y, x)
    where = f" of window {window + 1}" if len(view.boxes) > 1 else ""
    return f" In CLIP-RC its patch belongs to region token {region + 1}{where}."


def boxes(answer: Answer) -> tuple[list[str], list[str]]:
    """The seen and the unseen classes of an answer, as `Predictor.predict` takes them."""
    groups = list(zip(map(" | ".join, answer.vocabulary.synonyms), answer.vocabulary.seen, strict=True))
    return [text for text, seen in groups if seen], [text for text, seen in groups if not seen]
