"""The parts of the page that are pictures beside pictures: score maps and the recovery decoder's features."""

import base64
import io

import numpy as np
from PIL import Image

from zsseg.demo.callbacks import TITLES, Answer
from zsseg.demo.views import RECOVERY_HELP, SCORE_HELP, escape
from zsseg.segmentation import Segmentation
from zsseg.visualize import cosine_map, enlarge, pca_rgb, score_map

MAP_SIDE = 320
_RAMP = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, axis=0)
_STEPS = (
    ("encoder", "Encoder patches"),
    ("decoder", "Decoder output"),
    ("recovered", "Recovered"),
    ("target", "Target"),
)


def data_uri(rgb: np.ndarray, max_side: int = MAP_SIDE) -> str:
    """Pack a picture into the page itself, so that no file of a visitor's photo is made for it.

    Args:
        rgb: (H, W, 3) uint8.
        max_side: shrink until no side is longer.
    """
    image = Image.fromarray(rgb)
    image.thumbnail((max_side, max_side))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def score_grid(answer: Answer) -> str:
    """Show every class's sigmoid map for every method on one common scale; one block per class."""
    results = list(answer.results.values())
    blocks = "".join(_score_block(index, results) for index in range(len(results[0].names)))
    ramp = _scale(score_map(_RAMP), "colour scale of the scores")
    return f'{SCORE_HELP}{ramp}<div class="zs-scores" style="--columns: {len(results)}">{blocks}</div>'


def _score_block(index: int, results: list[Segmentation]) -> str:
    name = results[0].names[index]
    kind = "seen" if results[0].seen[index] else "unseen"
    cells = []
    for result in results:
        scores, title = result.scores[index], TITLES[result.method]
        alt = f"{title}: score map of {name}"
        cells.append(_figure(score_map(scores), alt, f"{title}, largest {scores.max():.2f}"))
    return (
        f'<section class="zs-score"><h4>{escape(name)} <span class="zs-badge zs-{kind}">{kind}</span></h4>'
        f'<div class="zs-score-pair">{"".join(cells)}</div></section>'
    )


def _scale(ramp: np.ndarray, alt: str) -> str:
    return f'<div class="zs-scale"><span>0</span><img src="{data_uri(ramp)}" alt="{alt}"><span>1</span></div>'


def recovery(answer: Answer) -> str:
    """Show the recovery decoder's features for CLIP-RC, and say that ZegCLIP has none."""
    parts = [RECOVERY_HELP]
    for method, result in answer.results.items():
        if result.features:
            parts.append(_recovery_panel(method, result))
        else:
            parts.append(f'<p class="zs-help zs-nothing">{escape(TITLES[method])} has no recovery decoder.</p>')
    return "".join(parts)


def _recovery_panel(method: str, result: Segmentation) -> str:
    pictures = pca_rgb([result.features[key] for key, _ in _STEPS])
    figures = [
        _figure(_blocks(picture), f"{title}, three principal components as colours", title)
        for picture, (_, title) in zip(pictures, _STEPS, strict=True)
    ]
    cosine = result.features["recovery_cosine"]
    caption = f"Recovered against target: mean cosine {cosine.mean():.2f}"
    figures.append(_figure(_blocks(cosine_map(cosine)), caption, caption))
    ramp = _scale(cosine_map(_RAMP), "colour scale of the cosine")
    return f'<h3>{escape(TITLES[method])}</h3><div class="zs-features">{"".join(figures)}</div>{ramp}'


def _blocks(picture: np.ndarray) -> np.ndarray:
    """Enlarge a picture of patches so that each patch stays a visible block."""
    factor = max(1, MAP_SIDE // max(picture.shape[:2]))
    return enlarge(picture, picture.shape[0] * factor, picture.shape[1] * factor)


def _figure(picture: np.ndarray, alt: str, caption: str) -> str:
    source = data_uri(picture)
    return (
        f'<figure><img src="{source}" alt="{escape(alt)}" loading="lazy">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
