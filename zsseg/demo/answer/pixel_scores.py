"""What every class scores at the point of the photo that a visitor clicked, for each method."""

from markupsafe import Markup

from zsseg.analysis.regions import region_of
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import Predictors, title_of, with_regions
from zsseg.demo.html.templates import render
from zsseg.visualize import PixelScore, hex_color, pixel_scores

_SHOWN = 12  # bars for each method; the rest is only counted


def pixel_panel(answer: Answer, display: DisplaySettings, predictors: Predictors, point: tuple[float, float]) -> Markup:
    """Bars of every class's sigmoid at a point.

    Args:
        answer: the stored scores.
        display: gives the seen penalty and the threshold.
        predictors: tell which region token owns the patch.
        point: (x, y) relative to the photo, 0..1.
    """
    height, width = answer.photo.shape[:2]
    # A click on the far edge gives 1.0, which would be one pixel too far.
    x, y = (min(side - 1, max(0, int(part * side))) for part, side in zip(point, (width, height), strict=True))
    panels = [_panel(answer, method, display, y, x) for method in answer.results]
    return render("pixel_scores.html", x=x, y=y, panels=panels, owners=_owners(answer, predictors, y, x))


def _panel(answer: Answer, method: str, display: DisplaySettings, y: int, x: int) -> dict[str, object]:
    shown = display.apply(answer, method)
    rows, label = pixel_scores(shown, y, x), shown.labels[y, x]
    return {
        "title": title_of(method),
        "winner": shown.names[label] if label >= 0 else "none of these",
        "rows": [_bar(row) for row in rows[:_SHOWN]],
        "rest": max(0, len(rows) - _SHOWN),
    }


def _bar(row: PixelScore) -> dict[str, object]:
    color = hex_color(row.color)
    # The score after the penalty may leave 0..1, the bar may not.
    mark = min(max(0.0, row.adjusted), 1.0)
    return {"name": row.name, "seen": row.seen, "hex": color, "score": row.score, "mark": mark}


def _owners(answer: Answer, predictors: Predictors, y: int, x: int) -> list[str]:
    """A sentence for each method with region tokens: which of them owns the pixel's patch."""
    sentences = []
    for method, predictor in with_regions(predictors).items():
        if method in answer.results:
            # Photo and names are cached by now: only the decoder runs.
            view = predictor.region_view(answer.photo, *answer.boxes)
            window, region = region_of(view, y, x)
            where = f" of window {window + 1}" if len(view.boxes) > 1 else ""
            sentences.append(f"In {title_of(method)} its patch belongs to region token {region + 1}{where}.")
    return sentences
