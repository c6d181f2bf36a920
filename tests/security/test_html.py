"""Whatever a visitor types, names a file or brings as a model: no view of the page turns it into HTML."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zsseg import Predictor, UserError
from zsseg.analysis.ground_truth import read_truth
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.answer import banner, card, pixel_scores
from zsseg.demo.catalog import Predictors
from zsseg.demo.page import as_error
from zsseg.demo.question import names
from zsseg.demo.tabs import batch, compare, ground_truth, how_it_works, model, recovery, regions
from zsseg.demo.tabs import scores as score_maps
from zsseg.text.vocabulary import build_vocabulary

EVIL = (
    "<zs-evil>", "</script><zs-evil>", '" zs-evil="1', "' zs-evil='1", "x zs-evil=1", "${zs.evil}", "{{zs.evil}}",
    "`zs-evil`", "&lt;zs-evil&gt;", "--><zs-evil>", "]]><zs-evil>", "<svg/onload=zs-evil>", "javascript:zs-evil()",
)  # fmt: skip


class Collector(HTMLParser):
    """Elements and attributes that a browser would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = [tag, *(name for name, _ in attrs)]
        links = [value or "" for name, value in attrs if name in ("href", "src", "action", "srcdoc")]
        self.found += [text for text in named if "evil" in text or text.startswith("on")]
        self.found += [link for link in links if link.strip().lower().startswith(("javascript:", "data:text"))]
        if tag in ("script", "iframe", "object", "embed", "form", "base", "meta", "link"):
            self.found.append(tag)


def harm(content: object) -> list[str]:
    """What in a piece of HTML was meant to be text."""
    text = str(content)
    parser = Collector()
    parser.feed(text)
    parser.close()
    # Gradio's HTML component fills ${...} and {{...}} in.
    return parser.found + [mark for mark in ("${", "{{", "`") if mark in text]


def test_harm_is_recognised() -> None:
    for text in (
        "<zs-evil>",
        '<b zs-evil="1">',
        "<a href='javascript:zs-evil()'>",
        "<b onclick=x>",
        "${zs}",
        "<script>",
    ):
        assert harm(text)
    assert not harm("<b class='x'>&lt;zs-evil&gt;</b> onclick=x")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=EVIL)
def answer(request: pytest.FixtureRequest, predictors: Predictors, photo: np.ndarray) -> Answer:
    name = request.param
    results = {}
    for method, predictor in predictors.items():
        assert isinstance(predictor, Predictor)
        results[method] = predictor.predict(photo, [name, "dog"], [f"{name} {'word ' * 20}", "cow"])
    vocabulary = build_vocabulary([name, "dog"], [f"{name} {'word ' * 20}", "cow"])
    return Answer(photo, f"{name}.png", vocabulary, results, model=name)


def views(answer: Answer, predictors: Predictors, photo: np.ndarray) -> Iterator[tuple[str, object]]:
    """Every piece of HTML that an answer ends in, and its name."""
    display = DisplaySettings(dict.fromkeys(answer.results, (0.0, 0.1)), 0.6, frozenset(answer.vocabulary.names[:1]))
    evil, seen, unseen = answer.vocabulary.names[0], *map(", ".join, answer.boxes)
    for method in answer.results:
        yield "card", card.card(answer, method, display)
    yield "pixel", pixel_scores.pixel_panel(answer, display, predictors, (0.5, 0.5))
    yield "scores", score_maps.score_grid(answer)
    yield "claims", score_maps.claims(answer, display)
    yield "sums", score_maps.sums(answer)
    yield "comparison", compare.comparison(answer, display, predictors)
    yield "recovery", recovery.recovery(answer, display)
    yield "similarity", recovery.similarity(answer, (0.5, 0.5))
    yield "regions", regions.regions(answer, predictors, evil, 0)
    yield "explain", how_it_works.explain(answer, display, predictors)
    mask = Image.fromarray(np.zeros(photo.shape[:2], np.uint8))
    truth = read_truth(mask, answer.vocabulary.names, size=photo.shape[:2])
    yield "truth", ground_truth.truth_view(answer, display, truth)
    yield "verdict", ground_truth.verdict(answer, display, truth)
    yield "marks", names.marks(seen, unseen, predictors)
    yield "banner", banner.banner({"zegclip": UserError(f"There is no checkpoint {evil}.")})


def test_no_view_of_an_answer_turns_text_into_html(answer: Answer, predictors: Predictors, photo: np.ndarray) -> None:
    for name, content in views(answer, predictors, photo):
        assert harm(content) == [], name


@pytest.mark.parametrize("evil", EVIL)
def test_no_error_turns_text_into_html(evil: str) -> None:
    import gradio as gr

    with pytest.raises(gr.Error) as caught, as_error():
        raise UserError(f"“{evil}” is listed twice.")
    assert harm(caught.value.message) == []


@pytest.mark.parametrize("evil", EVIL)
def test_no_mark_turns_what_is_typed_into_html(predictors: Predictors, evil: str) -> None:
    for seen, unseen in ((evil, ""), (evil, evil), (f"{evil}|dog", f"{evil} | cow"), (evil * 60, "")):
        assert harm(names.marks(seen, unseen, predictors)) == []


@pytest.mark.parametrize("evil", EVIL)
def test_no_file_name_turns_into_html(predictors: Predictors, tmp_path: Path, evil: str) -> None:
    good = tmp_path / f"{evil.replace('/', '')}.png"
    bad = tmp_path / f"bad {evil.replace('/', '')}.png"
    Image.new("RGB", (32, 32)).save(good)
    bad.write_bytes(b"no picture")
    display = DisplaySettings(dict.fromkeys(predictors, (0.0, 0.1)), 0.6)
    _, table = batch.run_batch(
        {"zegclip": predictors["zegclip"]}, [str(good), str(bad)], (evil, "dog"), display, lambda *_: None
    )
    assert "bad" in str(table)
    assert harm(table) == []


@pytest.mark.parametrize("evil", EVIL)
def test_no_header_of_a_model_turns_into_html(checkpoints: dict[str, str], evil: str) -> None:
    """A head may come from anywhere; what its header says is shown."""
    import dataclasses

    predictor = Predictor.from_checkpoint(checkpoints["zegclip"])
    name = evil.replace("/", "")  # a header whose name is a path is refused
    predictor.metadata = dataclasses.replace(
        predictor.metadata, name=name, backbone=name, recipe=evil, commit=evil, created=evil, data=(evil,),
        scores={evil: 0.5}, seen=(evil, "dog"), unseen=(f"{evil} 2",),
    )  # fmt: skip
    hostile: Predictors = {"zegclip": predictor}
    assert harm(model.models(hostile)) == []
    assert harm(card.title("zegclip", hostile)) == []
    assert harm(names.choices(hostile)) == []
