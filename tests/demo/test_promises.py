"""Each example keeps its promise on the shipped weights: the unseen name of its caption wins where it is."""

import numpy as np
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


def test_there_are_promises_for_a_comparison() -> None:
    assert len([example for example in PROMISES if example.mask is not None]) >= 4


@pytest.mark.parametrize("example", PROMISES, ids=lambda example: example.title)
def test_the_promised_class_wins_where_it_is(example: Example, shipped: dict[str, Predictor]) -> None:
    photo, vocabulary = load_image(example.path), build_vocabulary(example.seen, example.unseen)
    assert example.finds in build_vocabulary("", example.unseen).names
    index = vocabulary.names.index(example.finds)
    truth = read_truth(example.mask, vocabulary.names, example.meanings, size=photo.shape[:2])
    inside = truth.labels == index
    assert inside.any()
    for method, predictor in shipped.items():
        assert example.finds not in predictor.metadata.seen
        labels = predictor.predict(photo, example.seen, example.unseen).labels[inside]
        shares = np.bincount(labels + 1, minlength=len(vocabulary.names) + 1) / inside.sum()
        assert shares[1 + index] == shares.max(), (method, dict(zip(("none", *vocabulary.names), shares, strict=True)))
