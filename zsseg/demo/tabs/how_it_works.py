"""The tab How it works: the two methods in a minute, with pictures made from the visitor's photo."""

from markupsafe import Markup

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import Predictors, title_of, with_regions, working
from zsseg.demo.html.parts import figure
from zsseg.demo.html.templates import render
from zsseg.demo.tabs.recovery import on_photo
from zsseg.demo.tabs.scores import own_level
from zsseg.predictor import Predictor
from zsseg.segmentation import Segmentation, overlap
from zsseg.visualize import cosine_map, draw_regions, overlap_map, overlay

_BARS = 6


def explain(answer: Answer | None, display: DisplaySettings | None, predictors: Predictors) -> Markup:
    """Five short texts; with an answer, each beside a picture of it."""
    pictures = {} if answer is None or display is None else _pictures(answer, display, predictors)
    return render("tabs/how_it_works.html", pictures=pictures)


def _pictures(answer: Answer, display: DisplaySettings, predictors: Predictors) -> dict[str, Markup]:
    method, result = next(iter(answer.results.items()))
    painted = overlay(answer.photo, display.apply(answer, method), display.opacity)
    # Of the answer without switches and penalty: the text explains the method, not the settings.
    counts = overlap(result, own_level(display.settings[method][0]))
    pictures = {
        "painted": figure(painted, "Your photo, painted", f"Painted by {title_of(method)}", photo=True),
        "counts": figure(
            overlap_map(counts, max(2, int(counts.max()))),
            "How many classes score high at each pixel",
            f"{title_of(method)}: black is none, brighter is more",
        ),
    }
    if method in (able := working(predictors)):
        pictures["similarity"] = _similarity(answer, able[method], display.apply(answer, method))
    for other, predictor in with_regions(predictors).items():
        if other in answer.results:
            # The first window stands for all.
            view = predictor.region_view(answer.photo, *answer.boxes)
            blocks = draw_regions(answer.photo, view, 0)
            pictures["regions"] = figure(blocks, "Blocks of the region tokens", "The block of each token", photo=True)
    for seg in answer.results.values():
        if "recovery_cosine" in seg.features:
            cosine = seg.features["recovery_cosine"]
            # From the least to the most similar patch, or a plain photo gives a plain picture.
            spread = (cosine - cosine.min()) / max(float(cosine.max() - cosine.min()), 1e-6)
            caption = f"Recovered features against CLIP’s own: cosine {cosine.min():.2f} to {cosine.max():.2f}"
            large = on_photo(cosine_map(spread), answer)
            pictures["recovered"] = figure(large, "Cosine of recovered and target features", caption)
    return pictures


def _similarity(answer: Answer, predictor: Predictor, shown: Segmentation) -> Markup:
    """Bars of the cosine between the whole photo and each word, the most alike first, beside what was painted."""
    cosines = predictor.name_cosines(answer.photo, answer.vocabulary).tolist()
    rows = sorted(zip(cosines, answer.vocabulary.names, shown.area, strict=True), reverse=True)
    # The two may differ, and then the figure says so: the cosine is one hint of several to the decoder.
    likely, painted = rows[0][1], max(rows, key=lambda row: row[2])[1]
    return render("tabs/similarity.html", rows=rows[:_BARS], likely=likely, painted=painted, empty=not sum(shown.area))
