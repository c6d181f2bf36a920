"""The figure of an answer: the photo, each method's overlay beside it, and a legend below."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Patch

from zsseg.export.manifest import OPACITY
from zsseg.image.load import Pixels
from zsseg.segmentation import NONE, Segmentation
from zsseg.visualize import legend, overlay

_PANEL, _GAP = 3.6, 0.15  # inches
_DPI = 120
_FONT = FontProperties(family="DejaVu Sans", size=9)  # comes with matplotlib, so it is the same everywhere
_LONGEST = 32  # letters of a name; a longer name is truncated, its number in the legend stays


def figure_png(image: Pixels, results: Mapping[str, Segmentation], opacity: Mapping[str, float] | None = None) -> bytes:
    """Draw answers to one question.

    Args:
        image: (H,W,3) RGB, the photo.
        results: any key -> answer, drawn from left to right; all to the same question.
        opacity: of the paint, 0..1, by the same keys; 0.6 where not given.

    Returns:
        A PNG file, the same bytes for the same input.
    """
    height, width = image.shape[:2]
    # A very long or very narrow photo must leave room for its title, and not make a figure metres high.
    tall = float(np.clip(_PANEL * height / width, 0.8, 1.4 * _PANEL))
    panels = 1 + len(results)
    wide = panels * _PANEL + (panels - 1) * _GAP
    figure = Figure(figsize=(wide, tall), facecolor="white")  # without pyplot, so threads do not share it
    # Agg draws into memory: no window system is needed, whatever the environment says.
    FigureCanvasAgg(figure)
    pictures = [("photo", image)]
    for key, seg in results.items():
        pictures.append((_title(seg), overlay(image, seg, (opacity or {}).get(key, OPACITY))))
    for index, (title, picture) in enumerate(pictures):
        left = index * (_PANEL + _GAP) / wide
        _draw(figure.add_axes((left, 0, _PANEL / wide, 1)), title, picture)
    _add_legend(figure, list(results.values()), wide)
    buffer = io.BytesIO()
    # The box grows with the legend; no software stamp, since it would change with every release of matplotlib.
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", pad_inches=0.1, metadata={"Software": None})
    return buffer.getvalue()


def _title(seg: Segmentation) -> str:
    return f"{seg.method}: {seg.model}\nseen penalty {seg.seen_penalty:.3g}, threshold {seg.threshold:.3g}"


def _draw(axes: Axes, title: str, picture: Pixels) -> None:
    axes.imshow(picture, interpolation="nearest", aspect="equal")
    axes.set_axis_off()
    lines = "\n".join(_drawable(line, 50) for line in title.splitlines())
    axes.set_title(lines, fontproperties=_FONT, color="black", parse_math=False)


def _add_legend(figure: Figure, results: list[Segmentation], wide: float) -> None:
    """Number, name and seen or unseen of each class; unseen ones are hatched here as they are in the overlays."""
    handles, labels = [], []
    digits = len(str(len(results[0].names) - 1))
    for index, row in enumerate(legend(results[0])):
        # A figure space is as wide as a digit, so the names stand in one column.
        number = str(index).rjust(digits, "\N{FIGURE SPACE}")
        handles.append(Patch(facecolor=row.hex, edgecolor="black", linewidth=0.6, hatch=None if row.seen else "//////"))
        labels.append(f"{number}  {_drawable(row.name, _LONGEST)} ({'seen' if row.seen else 'unseen'})")
    if any((seg.labels == NONE).any() for seg in results):
        handles.append(Patch(facecolor="none", edgecolor="black", linewidth=0.6))
        labels.append("unpainted: none of these")
    box = figure.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0, -0.01), borderaxespad=0.0, prop=_FONT,
        ncols=_columns([len(label) for label in labels], wide), columnspacing=1.5, handlelength=2.0, handleheight=1.2,
        labelcolor="black", frameon=False,
    )  # fmt: skip
    for text in box.get_texts():
        text.set_parse_math(False)  # a name may contain dollar signs, which would start a formula


def _columns(lengths: list[int], wide: float) -> int:
    """How many columns of so many letters fit into so many inches, at least one; roughly, since letters differ."""
    for columns in range(min(len(lengths), 8), 1, -1):
        # The ceiling: matplotlib fills columns from the top, and the last one may be shorter.
        rows = -(-len(lengths) // columns)
        longest = [max(lengths[start : start + rows]) for start in range(0, len(lengths), rows)]
        if sum(0.6 + 0.068 * length for length in longest) <= wide:
            return columns
    return 1


def _drawable(text: str, longest: int) -> str:
    """The text with a mark for each letter that the font lacks, cut where it is too long."""
    known = get_font(findfont(_FONT)).get_charmap()
    shown = "".join(letter if ord(letter) in known else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
