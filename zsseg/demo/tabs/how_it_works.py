"""What a first visitor should know, in a minute, with pictures made from their own photo once there is an answer."""

import numpy as np

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import TITLES, Predictors, working
from zsseg.demo.html import escape, help_text
from zsseg.demo.pictures import figure
from zsseg.demo.pixel_scores import boxes
from zsseg.demo.tabs.scores import own_level
from zsseg.predictor import Predictor
from zsseg.segmentation import overlap
from zsseg.visualize import cosine_map, draw_regions, enlarge, overlap_map, overlay

_STEPS = (
    (
        "Seen and unseen",
        "Training showed the models masks of the <b>seen</b> classes only. An <b>unseen</b> class is just a word to "
        "them: they find it because CLIP has learned which words go with which pictures. Hatched areas are unseen.",
    ),
    (
        "Relationship descriptor",
        "ZegCLIP does not ask with the bare word. It first multiplies what CLIP says of the whole photo with the "
        "word’s vector, so that the question already knows which classes this photo speaks of.",
    ),
    (
        "Region tokens",
        "One vector for the whole photo is coarse. CLIP-RC adds a token for each block of it, and asks every class "
        "once per region.",
    ),
    (
        "Scores that do not exclude each other",
        "Each class has its own yes or no (NEL), so several can claim a pixel, or none. That is why “none of these” "
        "needs no class of its own. Below: how many claim each pixel.",
    ),
    (
        "Recovery decoder",
        "While it learns the seen classes, CLIP-RC must be able to rebuild CLIP’s own features from its decoder. "
        "Bright: what was kept.",
    ),
)
_BEFORE = help_text("Press Run: each of these gets a picture made from your photo.")


def explain(answer: Answer | None, display: DisplaySettings | None, predictors: Predictors) -> str:
    """Five short texts; with an answer, each beside a picture of it."""
    pictures = [""] * len(_STEPS) if answer is None or display is None else _pictures(answer, display, predictors)
    steps = "".join(
        f"<li><h3>{title}</h3><p>{text}</p>{picture}</li>"
        for (title, text), picture in zip(_STEPS, pictures, strict=True)
    )
    return f'{_BEFORE if answer is None else ""}<ol class="zs-explain">{steps}</ol>'


def _pictures(answer: Answer, display: DisplaySettings, predictors: Predictors) -> list[str]:
    able = working(predictors)
    method, result = next(iter(answer.results.items()))
    painted = overlay(answer.photo, display.apply(answer, method), display.opacity)
    level = own_level(display.settings[method][0])
    counts = overlap(result, level)
    rc, rc_result = able.get("clip_rc"), answer.results.get("clip_rc")
    regions = recovered = ""
    if rc is not None and rc_result is not None:
        view = rc.region_view(answer.photo, *boxes(answer))
        regions = figure(draw_regions(answer.photo, view, 0), "Blocks of the region tokens", "Its blocks", photo=True)
        cosine = cosine_map(rc_result.features["recovery_cosine"])
        large = enlarge(cosine, cosine.shape[0] * 12, cosine.shape[1] * 12)
        recovered = figure(large, "Cosine of recovered and target features", "Recovered against CLIP’s own")
    return [
        figure(painted, "Your photo, painted", f"Painted by {TITLES[method]}", photo=True),
        _similarity(answer, able[method]) if method in able else "",
        regions,
        figure(
            overlap_map(counts, max(2, int(counts.max()))),
            "How many classes claim each pixel",
            f"{TITLES[method]}: black is none, yellow the most",
        ),
        recovered,
    ]


def _similarity(answer: Answer, predictor: Predictor) -> str:
    """Bars of the cosine between the whole photo and each word, the most alike first."""
    encoded = predictor.encode_image(predictor.preprocess(answer.photo))
    text = predictor.encode_text(answer.vocabulary)
    cosines = np.asarray((encoded.tokens.cls_token @ text.T).mean(0).cpu())  # (S,)
    firsts = np.cumsum([0, *(len(group) for group in answer.vocabulary.synonyms[:-1])])
    rows = sorted(zip(cosines[firsts].tolist(), answer.vocabulary.names, strict=True), reverse=True)[:6]
    bars = "".join(
        f'<li style="--s: {max(0.0, value):.3f}"><span class="zs-name">{escape(name)}</span>'
        f'<span class="zs-track"><i class="zs-fill"></i></span><span class="zs-area">{value:.2f}</span></li>'
        for value, name in rows
    )
    caption = "Cosine of the whole photo and the word"
    return f'<figure><ol class="zs-bars">{bars}</ol><figcaption>{caption}</figcaption></figure>'
