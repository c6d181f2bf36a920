"""The tab Recovery: the features of CLIP-RC's recovery decoder as colours, and how well each class is recovered."""

import cv2
import numpy as np
from markupsafe import Markup

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import title_of
from zsseg.demo.html.parts import class_table, figure, scale
from zsseg.demo.html.pictures import MAP_SIDE, RAMP, Picture, shrink
from zsseg.demo.html.templates import render
from zsseg.segmentation import Segmentation, recovery_by_class
from zsseg.visualize import cosine_map, enlarge, follow_edges, pca_rgb

STEPS = (
    ("encoder", "Encoder patches"),
    ("decoder", "Decoder output"),
    ("recovered", "Recovered"),
    ("target", "Target"),
)


def recovery(answer: Answer, display: DisplaySettings) -> Markup:
    """Show the recovery decoder's features of each method that has one, and say which has none."""
    panels = [
        _panel(answer, title_of(method), display.apply(answer, method))
        if result.features
        else {"title": title_of(method), "figures": []}
        for method, result in answer.results.items()
    ]
    return render("tabs/recovery.html", panels=panels)


def _panel(answer: Answer, title: str, shown: Segmentation) -> dict[str, object]:
    # One basis for all four, so that equal colours are equal features.
    pictures = pca_rgb([shown.features[key] for key, _ in STEPS])
    figures = [figure(answer.photo, "Your photo", "Photo", photo=True)]
    figures += [
        figure(on_photo(picture, answer), f"{step}, three principal components as colours", step)
        for picture, (_, step) in zip(pictures, STEPS, strict=True)
    ]
    cosine = shown.features["recovery_cosine"]
    caption = f"Recovered against target: mean cosine {cosine.mean():.2f}"
    figures.append(figure(on_photo(cosine_map(cosine), answer), caption, caption))
    by_class = class_table(("painted as", "mean cosine"), shown.names, recovery_by_class(shown))
    ramp = scale(cosine_map(RAMP), "colour scale of the cosine")
    return {"title": title, "figures": figures, "ramp": ramp, "by_class": by_class}


def similarity(answer: Answer, point: tuple[float, float]) -> Markup:
    """Show how similar every patch is to the one at a point, in each of the features of the recovery decoder.

    Args:
        answer: the stored features.
        point: (x, y) relative to the photo, 0..1.
    """
    figures = []
    for seg in answer.results.values():
        for key, step in STEPS if seg.features else ():
            features = seg.features[key]  # (h, w, D)
            rows, cols = features.shape[:2]
            row, col = min(rows - 1, int(point[1] * rows)), min(cols - 1, int(point[0] * cols))
            unit = features / np.maximum(np.linalg.norm(features, axis=2, keepdims=True), 1e-12)
            cosine = unit @ unit[row, col]  # (h, w)
            picture = cosine_map(cosine)
            # White marks the patch that was clicked.
            picture[row, col] = 255
            figures.append(figure(_blocks(picture), f"Similarity in {step}", f"{step}: mean {cosine.mean():.2f}"))
    return render(
        "tabs/similar_patches.html", figures=figures, ramp=scale(cosine_map(RAMP), "colour scale of the cosine")
    )


def on_photo(picture: Picture, answer: Answer) -> Picture:
    """Enlarge a picture of patches (h, w, 3) to the photo and let it follow the photo's edges."""
    photo = shrink(answer.photo)
    height, width = photo.shape[:2]
    large = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) / np.float32(255)
    smooth = follow_edges(np.ascontiguousarray(large.transpose(2, 0, 1)), photo)  # (3, H, W)
    return (smooth.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)


def _blocks(picture: Picture) -> Picture:
    """Enlarge a picture of patches so that each patch stays a visible block."""
    factor = max(1, MAP_SIDE // max(picture.shape[:2]))
    return enlarge(picture, picture.shape[0] * factor, picture.shape[1] * factor)
