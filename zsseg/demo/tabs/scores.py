"""The tab of scores: one sigmoid map per class, how many claim a pixel, how clear the winner is; softmax beside."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import TITLES
from zsseg.demo.html import escape, help_text
from zsseg.demo.pictures import figure, scale
from zsseg.segmentation import FloatArray, Segmentation, margin, overlap, softmax_scores
from zsseg.visualize import margin_map, overlap_colors, overlap_map, score_map

SIGMOID, SOFTMAX = "Sigmoids (NEL)", "Softmax of the same logits"
KINDS = (SIGMOID, SOFTMAX)
MOST_MAPS = 36  # more would take long to send and nobody would look
LEVEL = 0.5
"""Above this a class claims a pixel, where the model has no lower threshold of its own."""

LEAD = 0.5  # end of the scale: larger leads are rare

SCORE_HELP = help_text(
    "Each class gets its own sigmoid, so the maps are not exclusive: two classes can both be sure of one pixel, or "
    "none. All maps share one scale, and show the scores before the seen penalty. A softmax, as most segmenters use, "
    "would make the same classes compete: something always wins, even where nothing fits."
)
_RAMP = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, axis=0)


def own_level(threshold: float) -> float:
    """Where a class counts as claiming a pixel: at 0.5, or at the model's own threshold where that is lower.

    A model whose scores all stay below 0.5 would give an empty map, though its pixels are painted.
    """
    return threshold if 0 < threshold < LEVEL else LEVEL


def score_grid(answer: Answer, kind: str = SIGMOID) -> str:
    """Show every class's map for every method on one common scale; one block per class.

    Args:
        answer: the stored scores.
        kind: one of KINDS.
    """
    softmax = kind == SOFTMAX
    scores = {m: softmax_scores(seg) if softmax else seg.scores for m, seg in answer.results.items()}
    first = next(iter(answer.results.values()))
    peaks = np.max([maps.max((1, 2)) for maps in scores.values()], axis=0)  # (K,)
    shown = sorted(np.argsort(-peaks, kind="stable")[:MOST_MAPS].tolist())
    blocks = "".join(_block(index, first, scores) for index in shown)
    ramp = scale(score_map(_RAMP), "colour scale of the scores")
    rest = len(first.names) - len(shown)
    more = help_text(f"{rest} more classes, whose largest scores are lower, are not drawn.") if rest else ""
    return f'{ramp}<div class="zs-scores" style="--columns: {len(scores)}">{blocks}</div>{more}'


def _block(index: int, first: Segmentation, scores: Mapping[str, FloatArray]) -> str:
    name = first.names[index]
    kind = "seen" if first.seen[index] else "unseen"
    cells = []
    for method, maps in scores.items():
        title = TITLES[method]
        alt = f"{title}: score map of {name}"
        cells.append(figure(score_map(maps[index]), alt, f"{title}, largest {maps[index].max():.2f}"))
    return (
        f'<section class="zs-score"><h4>{escape(name)} <span class="zs-badge zs-{kind}">{kind}</span></h4>'
        f'<div class="zs-score-pair">{"".join(cells)}</div></section>'
    )


def claims(answer: Answer, display: DisplaySettings, level: float = LEVEL) -> str:
    """Show for every method how many classes claim each pixel, and how far the best leads the second.

    Args:
        answer: the stored scores.
        display: gives the seen penalty, which counts for the lead.
        level: score above which a class claims a pixel, 0..1.
    """
    counts = {method: overlap(seg, level) for method, seg in answer.results.items()}
    most = max(2, *(int(count.max()) for count in counts.values()))
    claimed = "".join(_claimed(TITLES[method], count, most) for method, count in counts.items())
    leads = "".join(
        _lead(TITLES[method], seg.with_settings(seen_penalty=display.settings[method][1]))
        for method, seg in answer.results.items()
    )
    ramp = scale(margin_map(_RAMP), "colour scale of the lead", high=f"{LEAD}")
    return (
        f'<div class="zs-two"><section><h3>How many classes claim a pixel</h3>{_key(most)}'
        f'<div class="zs-score-pair" style="--columns: {len(counts)}">{claimed}</div></section>'
        f"<section><h3>How far the best class leads</h3>{ramp}"
        f'<div class="zs-score-pair" style="--columns: {len(counts)}">{leads}</div></section></div>'
    )


def _claimed(title: str, count: npt.NDArray[np.int16], most: int) -> str:
    several, none = float((count > 1).mean()), float((count == 0).mean())
    caption = f"{title}: {several:.0%} claimed by several, {none:.0%} by none"
    return figure(overlap_map(count, most), f"{title}: number of classes that claim each pixel", caption)


def _lead(title: str, seg: Segmentation) -> str:
    lead = margin(seg)
    caption = f"{title}: {lead.mean():.2f} on average"
    return figure(margin_map(lead, LEAD), f"{title}: lead of the best class over the next", caption)


def _key(most: int) -> str:
    keys = "".join(
        f'<li><i style="background: rgb{color}"></i>{number}</li>' for number, color in enumerate(overlap_colors(most))
    )
    return f'<ul class="zs-key" aria-label="number of classes">{keys}</ul>'
