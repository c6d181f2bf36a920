"""The tab of CLIP-RC's recovery decoder: its features as colours, and how well each class is recovered."""

import numpy as np

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import TITLES
from zsseg.demo.html import class_table, escape, help_text
from zsseg.demo.pictures import MAP_SIDE, Picture, figure, scale
from zsseg.segmentation import Segmentation, recovery_by_class
from zsseg.visualize import cosine_map, enlarge, pca_rgb

RECOVERY_HELP = help_text(
    "CLIP-RC is trained with a recovery decoder that must rebuild CLIP’s own patch features from the decoder’s, so "
    "that learning the seen classes does not wash out what CLIP knew. Here it is run on your photo. The four pictures "
    "share one colour basis (three principal components): similar colours mean similar features."
)
STEPS = (
    ("encoder", "Encoder patches"),
    ("decoder", "Decoder output"),
    ("recovered", "Recovered"),
    ("target", "Target"),
)
_RAMP = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, axis=0)


def recovery(answer: Answer, display: DisplaySettings) -> str:
    """Show the recovery decoder's features for CLIP-RC, and say that ZegCLIP has none."""
    parts = [RECOVERY_HELP]
    for method, result in answer.results.items():
        if result.features:
            parts.append(_panel(method, display.apply(answer, method)))
        else:
            parts.append(f'<p class="zs-help zs-nothing">{escape(TITLES[method])} has no recovery decoder.</p>')
    return "".join(parts)


def _panel(method: str, shown: Segmentation) -> str:
    pictures = pca_rgb([shown.features[key] for key, _ in STEPS])
    figures = [
        figure(_blocks(picture), f"{title}, three principal components as colours", title)
        for picture, (_, title) in zip(pictures, STEPS, strict=True)
    ]
    cosine = shown.features["recovery_cosine"]
    caption = f"Recovered against target: mean cosine {cosine.mean():.2f}"
    figures.append(figure(_blocks(cosine_map(cosine)), caption, caption))
    ramp = scale(cosine_map(_RAMP), "colour scale of the cosine")
    by_class = class_table(("painted as", "mean cosine"), shown.names, recovery_by_class(shown))
    return f'<h3>{escape(TITLES[method])}</h3><div class="zs-features">{"".join(figures)}</div>{ramp}{by_class}'


def _blocks(picture: Picture) -> Picture:
    """Enlarge a picture of patches so that each patch stays a visible block."""
    factor = max(1, MAP_SIDE // max(picture.shape[:2]))
    return enlarge(picture, picture.shape[0] * factor, picture.shape[1] * factor)
