"""The tab Regions: the block of each of CLIP-RC's region tokens, what it attends to, where it finds a class."""

import numpy as np
from markupsafe import Markup

from zsseg.analysis.regions import RegionView
from zsseg.demo.actions import Answer
from zsseg.demo.catalog import Predictors, title_of, with_regions
from zsseg.demo.html.parts import figure, help_text, scale, text
from zsseg.demo.html.templates import render
from zsseg.visualize import draw_attention, draw_mask, draw_regions, enlarge, region_maps, region_ramp

_CELL = 12  # pixels of a patch in the maps


def regions(answer: Answer, predictors: Predictors, name: str | None, window: int) -> Markup:
    """Show the region tokens of one window and where each finds one class.

    Args:
        answer: whose photo and names are shown; they are not encoded again.
        predictors: an entry of the catalog.
        name: the class; None or one that was not asked for takes the first.
        window: which window, from 0; one that does not exist takes the first.
    """
    able = [predictor for method, predictor in with_regions(predictors).items() if method in answer.results]
    if not able:
        without = " and ".join(title_of(method) for method in answer.results)
        return text("regions_help") + help_text(f"No answer here has region tokens: {without} has none.")
    view = able[0].region_view(answer.photo, *answer.boxes)
    window = window if 0 <= window < len(view.boxes) else 0
    # The list may still hold a name of the question before.
    index = view.names.index(name) if name in view.names else 0
    maps, bound = _maps(view, window, index)
    caption = "Counted row by row; the dark part is not in this window"
    blocks = draw_regions(answer.photo, view, window)
    return render(
        "tabs/regions.html",
        side=view.side,
        name=view.names[index],
        blocks=figure(blocks, f"The {view.regions} region blocks", caption, photo=True),
        attended=_attention_views(answer, view, window),
        maps=maps,
        scale=scale(region_ramp(), "colour scale of the differences", f"−{bound:.2g}", f"+{bound:.2g}"),
        matrix=_matrix(view),
    )


def _attention_views(answer: Answer, view: RegionView, window: int) -> list[Markup]:
    """The attention mask, row by row of its region tokens, on the photo."""
    return [
        figure(
            draw_attention(answer.photo, view, window, region),
            f"The patches that region token {region + 1} may attend to, in clear",
            f"{region + 1}",
            photo=True,
        )
        for region in range(view.regions)
    ]


def _matrix(view: RegionView) -> Markup:
    groups = ", ".join(f"{group.name} {group.stop - group.start}" for group in view.groups)
    caption = f"Light: the token of the row may attend to that of the column. Tokens, in order: {groups}."
    return figure(draw_mask(view), "The attention mask of the encoder", caption)


def _maps(view: RegionView, window: int, index: int) -> tuple[list[Markup], float]:
    """A map for each region, and the end of their common scale."""
    logits = view.logits[window, :, index]  # (M, h, w)
    different = logits - logits.mean(0)  # the mean is the class's own map, and would hide the differences
    figures = []
    for region, picture in enumerate(region_maps(different)):
        large = enlarge(picture, picture.shape[0] * _CELL, picture.shape[1] * _CELL)
        # Two significant digits: a small difference must not read as 0.
        caption = f"{region + 1}: {different[region].mean():+.2g}"
        figures.append(figure(large, f"Logits of region {region + 1}", caption))
    return figures, float(np.abs(different).max())
