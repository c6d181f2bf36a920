"""Each example keeps its promise on the shipped weights: the names of its caption win where they are."""

import pytest

from zsseg.analysis.ground_truth import read_truth
from zsseg.demo import find_catalog
from zsseg.demo.catalog import shown, working
from zsseg.demo.question import gallery, scene
from zsseg.examples import EXAMPLES, Example, Promise
from zsseg.image.load import load_image
from zsseg.predictor import Predictor, default_checkpoints
from zsseg.text.vocabulary import build_vocabulary

KEPT = [(example, name) for example in EXAMPLES if example.finds for name in example.finds.split(", ")]


@pytest.fixture(scope="module")
def shipped() -> dict[str, Predictor]:
    backbones: dict[str, object] = {}
    return {
        method: Predictor.from_checkpoint(name, backbones=backbones)  # type: ignore[arg-type]
        for method, name in default_checkpoints().items()
    }


def test_the_page_opens_on_an_unseen_word_and_has_photos_to_compare_on() -> None:
    assert EXAMPLES[0].promise is Promise.UNSEEN
    assert {example.promise for example in EXAMPLES} == set(Promise)
    masks = [example.mask for example in EXAMPLES if example.mask is not None]
    assert len(masks) == len(EXAMPLES) >= 4
    assert all(mask.is_file() for mask in masks)


def share_of(example: Example, name: str, predictor: Predictor) -> float:
    """How much of an object of the photo gets its name, 0..1."""
    photo, vocabulary = load_image(example.path), build_vocabulary(example.seen, example.unseen)
    index = vocabulary.names.index(name)
    # The caption says what training knew, so that is checked too.
    assert vocabulary.seen[index] == (name in predictor.metadata.seen) == (example.promise is Promise.SEEN)
    truth = read_truth(example.mask, vocabulary.names, example.meanings, size=photo.shape[:2])
    inside = truth.labels == index
    assert inside.any()
    return float((predictor.predict(photo, example.seen, example.unseen).labels[inside] == index).mean())


@pytest.mark.parametrize(("example", "name"), KEPT, ids=lambda part: getattr(part, "title", part))
def test_the_promised_class_covers_most_of_its_object(
    example: Example, name: str, shipped: dict[str, Predictor]
) -> None:
    shares = {method: share_of(example, name, predictor) for method, predictor in shipped.items()}
    assert min(shares.values()) > 0.5, shares


def test_one_example_is_shown_as_the_failure_that_it_is(shipped: dict[str, Predictor]) -> None:
    (failure,) = [example for example in EXAMPLES if example.promise is Promise.FAILURE]
    assert not failure.finds
    assert all(share_of(failure, failure.misses, predictor) < 0.5 for predictor in shipped.values())


def test_the_drawn_scene_keeps_its_promise_with_the_model_that_it_switches_to() -> None:
    catalog = find_catalog()
    assert catalog.drawn is not None
    drawn = scene.fresh_scene(gallery.SCENE)
    vocabulary, photo = build_vocabulary(drawn.seen, drawn.unseen), load_image(drawn.photo)
    name = build_vocabulary("", drawn.unseen).names[0]  # the one of the caption
    index = vocabulary.names.index(name)
    inside = read_truth(drawn.mask, vocabulary.names, drawn.meanings, size=photo.shape[:2]).labels == index
    for predictor in working(shown(catalog.get(catalog.drawn))).values():
        assert name not in predictor.metadata.seen
        answer = predictor.predict(photo, drawn.seen, drawn.unseen)
        assert (answer.labels[inside] == index).mean() > 0.5, predictor.metadata.method
