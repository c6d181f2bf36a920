"""The tab of CLIP-RC's region tokens: the block each owns, who may attend to whom, what each says of a class."""

from zsseg.analysis.regions import RegionView
from zsseg.demo.actions import Answer
from zsseg.demo.catalog import Predictors, working
from zsseg.demo.html import escape, help_text
from zsseg.demo.pictures import figure
from zsseg.demo.pixel_scores import boxes
from zsseg.visualize import draw_attention, draw_mask, draw_regions, enlarge, region_maps

REGIONS_HELP = help_text(
    "CLIP-RC adds one token per block of patches to the encoder. A region token may look at its own block and nothing "
    "else, so it sums up that part of the photo; every class is then asked once per region, and the mean of these "
    "answers is its map."
)
NOTHING = help_text("CLIP-RC did not answer, and ZegCLIP has no region tokens.")
_CELL = 12


def regions(answer: Answer, predictors: Predictors, name: str | None, window: int) -> str:
    """Show the region tokens of one window and what each says of one class.

    Args:
        answer: whose photo and names are asked about; they are not encoded again.
        predictors: an entry of the catalog.
        name: the class; None or one that was not asked takes the first.
        window: which window, from 0; one that does not exist takes the first.
    """
    predictor = working(predictors).get("clip_rc")
    if predictor is None or "clip_rc" not in answer.results:
        return REGIONS_HELP + NOTHING
    view = predictor.region_view(answer.photo, *boxes(answer))
    window = window if 0 <= window < len(view.boxes) else 0
    index = view.names.index(name) if name in view.names else 0
    blocks = figure(
        draw_regions(answer.photo, view, window),
        f"The {view.regions} region blocks",
        "Counted row by row; what is dark is not in this window",
        photo=True,
    )
    shown = escape(view.names[index])
    return (
        f'{REGIONS_HELP}<div class="zs-three"><section><h3>The blocks on your photo</h3>{blocks}</section>'
        f"<section><h3>What each region token may look at</h3>{_attention_views(answer, view, window)}</section>"
        f"<section><h3>What each region says of “{shown}”</h3>{_maps(view, window, index)}</section></div>"
        f"{_matrix(view)}"
    )


def _attention_views(answer: Answer, view: RegionView, window: int) -> str:
    """The attention mask, row by row of its region tokens, on the photo."""
    figures = []
    for region in range(view.regions):
        alt = f"The patches that region token {region + 1} may attend to, in clear"
        figures.append(figure(draw_attention(answer.photo, view, window, region), alt, f"{region + 1}", photo=True))
    return _grid(view, figures)


def _matrix(view: RegionView) -> str:
    groups = ", ".join(f"{group.name} {group.stop - group.start}" for group in view.groups)
    caption = f"Light: the token of the row may attend to that of the column. Tokens, in order: {groups}."
    picture = figure(draw_mask(view), "The attention mask of the encoder", caption)
    return f'<details class="zs-matrix"><summary>The whole attention mask as a matrix</summary>{picture}</details>'


def _grid(view: RegionView, figures: list[str]) -> str:
    return f'<div class="zs-regions" style="--columns: {view.side}">{"".join(figures)}</div>'


def _maps(view: RegionView, window: int, index: int) -> str:
    logits = view.logits[window, :, index]  # (M, h, w)
    different = logits - logits.mean(0)  # what they share is the class's own map, and would drown the rest
    figures = []
    for region, picture in enumerate(region_maps(different)):
        large = enlarge(picture, picture.shape[0] * _CELL, picture.shape[1] * _CELL)
        caption = f"{region + 1}: {different[region].mean():+.2f}"
        figures.append(figure(large, f"Logits of region {region + 1}", caption))
    return _grid(view, figures) + help_text("Against the mean of all regions: violet more, orange less.")
