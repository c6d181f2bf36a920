"""Each example keeps its promise on the shipped weights: the unseen name of its caption wins where it is."""

import pytest

from zsseg.analysis.ground_truth import read_truth
from zsseg.examples import EXAMPLES, Example
from zsseg.image.load import load_image
from zsseg.predictor import Predictor, default_checkpoints
from zsseg.text.vocabulary import build_vocabulary

PROMISES = [example for example in EXAMPLES if example.finds]


@pytest.fixture(scope="module")
def shipped() -> dict[str, Predictor]:
    backbones: dict[str, object] = {}
    return {
        method: Predictor.from_checkpoint(name, backbones=backbones)  # type: ignore[arg-type]
        for method, name in default_checkpoints().items()
    }


def test_the_page_opens_on_a_promise_and_has_photos_to_compare_on() -> None:
    assert PROMISES[0] == EXAMPLES[0]
    masks = [example.mask for example in EXAMPLES if example.mask is not None]
    assert len(masks) >= 4
    assert all(mask.is_file() for mask in masks)


def share_of(example: Example, name: str, predictor: Predictor) -> float:
    """How much of an object of the photo gets its name, 0..1."""
    photo, vocabulary = load_image(example.path), build_vocabulary(example.seen, example.unseen)
    assert name in build_vocabulary("", example.unseen).names
    assert name not in predictor.metadata.seen
    index = vocabulary.names.index(name)
    truth = read_truth(example.mask, vocabulary.names, example.meanings, size=photo.shape[:2])
    inside = truth.labels == index
    assert inside.any()
    return float((predictor.predict(photo, example.seen, example.unseen).labels[inside] == index).mean())


@pytest.mark.parametrize("example", PROMISES, ids=lambda example: example.title)
def test_the_promised_class_covers_most_of_its_object(example: Example, shipped: dict[str, Predictor]) -> None:
    shares = {method: share_of(example, example.finds, predictor) for method, predictor in shipped.items()}
    assert min(shares.values()) > 0.5, shares


def test_one_example_is_shown_as_the_failure_that_it_is(shipped: dict[str, Predictor]) -> None:
    (failure,) = [example for example in EXAMPLES if example.misses]
    assert not failure.finds
    assert all(share_of(failure, failure.misses, predictor) < 0.5 for predictor in shipped.values())
