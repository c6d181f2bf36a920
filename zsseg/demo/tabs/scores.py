"""The tab Scores: one sigmoid map per class, how many classes claim a pixel, how far the best one leads; softmax."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import title_of
from zsseg.demo.html.parts import figure, scale
from zsseg.demo.html.pictures import RAMP
from zsseg.demo.html.templates import render
from zsseg.segmentation import FloatArray, Segmentation, margin, overlap, softmax_scores
from zsseg.visualize import margin_map, overlap_colors, overlap_map, score_map

SIGMOID, SOFTMAX = "Sigmoids (NEL)", "Softmax of the same logits"
KINDS = (SIGMOID, SOFTMAX)
MOST_MAPS = 36  # more would take long to send and would not be read
LEVEL = 0.5
"""Above this a class claims a pixel, where the model has no lower threshold of its own."""

LEAD = 0.5  # end of the scale: larger leads are rare


def own_level(threshold: float) -> float:
    """Where a class counts as claiming a pixel: at 0.5, or at the model's own threshold where that is lower.

    A model whose scores all stay below 0.5 would give an empty map, though its pixels are painted.
    """
    return threshold if 0 < threshold < LEVEL else LEVEL


def score_grid(answer: Answer, kind: str = SIGMOID) -> Markup:
    """Show every class's map for every method on one common scale; one block per class.

    Args:
        answer: the stored scores.
        kind: one of KINDS.
    """
    softmax = kind == SOFTMAX
    scores = {m: softmax_scores(seg) if softmax else seg.scores for m, seg in answer.results.items()}
    first = next(iter(answer.results.values()))
    peaks = np.max([maps.max((1, 2)) for maps in scores.values()], axis=0)  # (K,)
    # The strongest classes are chosen, and shown in the order of the request.
    shown = sorted(np.argsort(-peaks, kind="stable")[:MOST_MAPS].tolist())
    return render(
        "tabs/scores.html",
        ramp=scale(score_map(RAMP), "colour scale of the scores"),
        columns=len(scores),
        blocks=[_block(index, first, scores) for index in shown],
        rest=len(first.names) - len(shown),
    )


def _block(index: int, first: Segmentation, scores: Mapping[str, FloatArray]) -> dict[str, object]:
    name, figures = first.names[index], []
    for method, maps in scores.items():
        alt, caption = (
            f"{title_of(method)}: score map of {name}",
            f"{title_of(method)}, largest {maps[index].max():.2f}",
        )
        figures.append(figure(score_map(maps[index]), alt, caption))
    return {"name": name, "seen": first.seen[index], "figures": figures}


def sums(answer: Answer) -> Markup:
    """Why NEL is used: a class as sigmoid and as softmax, and the sum of all sigmoids at each pixel."""
    method, seg = next(iter(answer.results.items()))
    # The class with the highest mean shows most of the difference.
    index = int(np.argmax(seg.scores.mean((1, 2))))
    total, name = seg.scores.sum(0), seg.names[index]
    most = max(1.0, float(total.max()))
    return render(
        "tabs/sums.html",
        title=title_of(method),
        sigmoid=figure(score_map(seg.scores[index]), f"Sigmoid of {name}", f"Sigmoid of {name}"),
        softmax=figure(score_map(softmax_scores(seg)[index]), f"Softmax of {name}", f"Softmax of {name}"),
        total=figure(
            score_map(total / np.float32(most)), "Sum of all sigmoids", f"Sum of all sigmoids, bright is {most:.1f}"
        ),
        low=f"{total.min():.2f}",
        high=f"{total.max():.2f}",
    )


def claims(answer: Answer, display: DisplaySettings, level: float = LEVEL) -> Markup:
    """Show for every method how many classes claim each pixel, and how far the best leads the second.

    Args:
        answer: the stored scores.
        display: gives the seen penalty, which counts for the lead, and the classes that are off, which do not count.
        level: score above which a class claims a pixel, 0..1.
    """
    on = {method: seg.with_settings(off=display.off) for method, seg in answer.results.items()}
    counts = {method: overlap(seg, level) for method, seg in on.items()}
    # One scale for all methods, or their maps could not be compared.
    most = max(2, *(int(count.max()) for count in counts.values()))
    return render(
        "tabs/claims.html",
        colors=[f"rgb{color}" for color in overlap_colors(most)],
        counts=[_claimed(title_of(method), count, most) for method, count in counts.items()],
        ramp=scale(margin_map(RAMP), "colour scale of the lead", high=f"{LEAD}"),
        leads=[
            _lead(title_of(method), seg.with_settings(seen_penalty=display.settings[method][1]))
            for method, seg in on.items()
        ],
    )


def _claimed(title: str, count: npt.NDArray[np.int16], most: int) -> Markup:
    several, none = float((count > 1).mean()), float((count == 0).mean())
    caption = f"{title}: {several:.0%} claimed by several, {none:.0%} by none"
    return figure(overlap_map(count, most), f"{title}: number of classes that claim each pixel", caption)


def _lead(title: str, seg: Segmentation) -> Markup:
    lead = margin(seg)
    caption = f"{title}: {lead.mean():.2f} on average"
    return figure(margin_map(lead, LEAD), f"{title}: lead of the best class over the next", caption)
