"""The HTML of the page: right numbers, and harmless whatever a visitor typed."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.demo_server import tiny_checkpoints
from zsseg.demo import callbacks, figures, views
from zsseg.demo.callbacks import Answer
from zsseg.errors import UserError
from zsseg.segmentation import Segmentation

NASTY = "<img src=x onerror=alert(1)>{{7*7}}${7*7}`\"'&"


def _segmentation(method: str = "zegclip", names: tuple[str, ...] = ("cat", "cow")) -> Segmentation:
    scores = np.zeros((len(names), 4, 5), dtype=np.float32)
    scores[0, :2], scores[1, 2] = 0.9, 0.8
    features = {}
    if method == "clip_rc":
        features = {key: np.random.default_rng(1).random((2, 3, 8), dtype=np.float32) for key, _ in figures._STEPS}
        features["recovery_cosine"] = np.full((2, 3), 0.25, dtype=np.float32)
    return Segmentation(method, "tiny", names, (True,) + (False,) * (len(names) - 1), scores, 0.0, 0.5, features, 0.01)


def _answer(*names: str) -> Answer:
    results = {method: _segmentation(method, names or ("cat", "cow")) for method in ("zegclip", "clip_rc")}
    return Answer(np.zeros((4, 5, 3), np.uint8), results)


def test_legend_says_what_to_do_when_nothing_is_sure() -> None:
    sure = _segmentation()
    assert views.UNSURE not in views.legend(sure)
    assert views.UNSURE in views.legend(sure.with_settings(threshold=1.0))


def test_legend_says_name_kind_and_share() -> None:
    text = views.legend(_segmentation())
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in text.split("</li>")[:-1]]
    assert rows == [
        ["cat", "seen", "50.0", "%"],
        ["cow", "unseen", "25.0", "%"],
        ["none", "of", "these", "25.0", "%"],
    ]


def test_typed_text_is_harmless() -> None:
    answer = _answer(NASTY, "cow")
    pages = [views.legend(answer.results["zegclip"]), figures.score_grid(answer)]
    pages.append(views.banner({"zegclip": UserError(NASTY)}))
    for page in pages:
        assert "<img src=x" not in page
        assert not re.search(r"\{\{|\$\{|`", page)


def test_score_grid_has_a_map_per_class_and_method() -> None:
    page = figures.score_grid(_answer())
    assert page.count("<figure>") == 4
    assert "ZegCLIP, largest 0.90" in page
    assert "CLIP-RC: score map of cow" in page


def test_recovery_shows_clip_rc_and_says_zegclip_has_none() -> None:
    page = figures.recovery(_answer())
    assert "ZegCLIP has no recovery decoder" in page
    assert page.count("<figure>") == 5
    assert "mean cosine 0.25" in page


def test_banner_is_empty_unless_something_is_wrong(tmp_path: Path) -> None:
    predictors = callbacks.load_predictors(tiny_checkpoints(tmp_path))
    assert views.banner(predictors) == ""
    provenance = views.models(predictors)
    for fact in ("zegclip-tiny-inductive", "clip_rc-tiny-inductive", "untrained", "dog, person"):
        assert fact in provenance
    broken = {**predictors, "clip_rc": UserError("The file is gone.")}
    assert "CLIP-RC cannot answer" in views.banner(broken)
    assert "The file is gone." in views.models(broken)
    assert "not available" in views.card_title("clip_rc", broken)


@pytest.mark.parametrize(("share", "text"), [(0, "0 %"), (0.0004, "&lt; 0.1 %"), (0.123, "12.3 %"), (1, "100.0 %")])
def test_share_is_readable(share: float, text: str) -> None:
    assert text in views._share(share)
