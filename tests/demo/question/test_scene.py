"""Fresh scenes in the page: exact masks, honest names, and no mask compared with another photo."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.servers.demo_server import tiny_checkpoints
from zsseg.analysis.ground_truth import NO_CLASS, read_truth
from zsseg.demo import catalog_of
from zsseg.demo.question import scene
from zsseg.image.load import load_image
from zsseg.synthetic import GROUND, NAMES, held_out
from zsseg.text.vocabulary import build_vocabulary


def test_a_scene_is_a_question_with_its_exact_mask() -> None:
    drawn = scene.fresh_scene(7)
    photo, ids = load_image(drawn.photo), np.asarray(Image.open(drawn.mask))
    assert photo.shape == (*ids.shape, 3)
    vocabulary = build_vocabulary(drawn.seen, drawn.unseen)
    truth = read_truth(drawn.mask, vocabulary.names, drawn.meanings, size=ids.shape)
    assert (truth.labels != NO_CLASS).all()  # every pixel has a name that is asked
    assert truth.unmatched == {}
    for index in np.unique(ids):
        assert vocabulary.names[truth.labels[ids == index][0]] == NAMES[index]


@pytest.mark.parametrize("number", range(5))
def test_names_are_in_the_box_where_they_belong_and_some_are_not_in_the_scene(number: int) -> None:
    drawn = scene.fresh_scene(number)
    vocabulary = build_vocabulary(drawn.seen, drawn.unseen)
    inside = {NAMES[index] for index in np.unique(np.asarray(Image.open(drawn.mask)))}
    assert inside <= set(vocabulary.names)
    assert len(set(vocabulary.names) - inside) == 4
    assert vocabulary.names[0] == GROUND
    for name, seen in zip(vocabulary.names, vocabulary.seen, strict=True):
        assert seen == (name not in held_out())
    assert inside & set(held_out())  # else the scene would say nothing of unseen names


def test_every_scene_is_another() -> None:
    first, second = scene.fresh_scene(), scene.fresh_scene()
    assert Path(first.photo).read_bytes() != Path(second.photo).read_bytes()
    assert Path(first.photo).name != Path(second.photo).name
    again = [load_image(scene.fresh_scene(3).photo) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_only_models_of_drawn_scenes_know_them(tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    usual = catalog_of(tiny_checkpoints(tmp_path))
    drawn = catalog_of(tiny_checkpoints(tmp_path / "shapes", data=("shapes",)))
    assert not scene.knows_scenes(usual.get(usual.first))
    assert scene.knows_scenes(drawn.get(drawn.first))
    missing = catalog_of({"zegclip": "gone", "clip_rc": "gone-too"})
    assert not scene.knows_scenes(missing.get(missing.first))
