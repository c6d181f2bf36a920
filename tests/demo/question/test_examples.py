"""The example questions mark each name as the shipped models were trained."""

import pytest

from zsseg.examples import EXAMPLES, Example
from zsseg.predictor import default_checkpoints
from zsseg.text.vocabulary import build_vocabulary
from zsseg.weights.metadata import read_metadata
from zsseg.weights.search import find_checkpoint


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
@pytest.mark.parametrize("name", default_checkpoints().values())
def test_names_are_in_the_box_where_they_belong(example: Example, name: str) -> None:
    vocabulary = build_vocabulary(example.seen, example.unseen)
    trained = read_metadata(find_checkpoint(name)).seen
    assert [group in trained for group in vocabulary.names] == list(vocabulary.seen)
