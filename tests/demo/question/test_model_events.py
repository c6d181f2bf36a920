"""Another model gets a question of its own domain, and what a visitor made stays."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.servers.demo_server import tiny_checkpoints
from zsseg import examples
from zsseg.demo import catalog_of
from zsseg.demo.catalog import Predictors
from zsseg.demo.question import scene
from zsseg.demo.question.model_events import fitting_inputs
from zsseg.image.load import load_image

CAT = examples.EXAMPLES[0]


@pytest.fixture
def photos(tmp_path: Path) -> Predictors:
    catalog = catalog_of(tiny_checkpoints(tmp_path))
    return catalog.get(catalog.first)


@pytest.fixture
def shapes(tmp_path: Path) -> Predictors:
    catalog = catalog_of(tiny_checkpoints(tmp_path, data=("shapes",)))
    return catalog.get(catalog.first)


def test_an_example_makes_room_for_a_scene(shapes: Predictors, tmp_path: Path) -> None:
    copy = shutil.copy(CAT.path, tmp_path / "uploaded.jpg")  # as the page keeps it
    for photo in (str(CAT.path), str(copy), None):
        found = fitting_inputs(shapes, photo, CAT.seen, CAT.unseen)
        assert found is not None
        assert scene.is_scene(found[0])
        assert found[3] is not None
        assert Path(found[3]).stem == f"{Path(found[0]).stem}-mask"
        assert found[1].startswith("ground")
        assert "0: ground" in found[4]


def test_what_a_visitor_made_stays(photos: Predictors, shapes: Predictors, tmp_path: Path) -> None:
    own = tmp_path / CAT.file  # an example's name, but another picture
    own.write_bytes(examples.EXAMPLES[1].path.read_bytes())
    assert fitting_inputs(shapes, str(own), CAT.seen, CAT.unseen) is None
    assert fitting_inputs(shapes, str(CAT.path), "my words", CAT.unseen) is None
    assert fitting_inputs(photos, str(own), "my words", "") is None


def test_a_scene_stays_among_models_of_shapes_and_goes_with_them(photos: Predictors, shapes: Predictors) -> None:
    drawn = scene.fresh_scene(3)
    assert fitting_inputs(shapes, drawn.photo, drawn.seen, drawn.unseen) is None
    found = fitting_inputs(photos, drawn.photo, drawn.seen, drawn.unseen)
    assert found is not None
    assert found[1:3] == (CAT.seen, CAT.unseen)
    assert found[4] == CAT.meanings
    for copy, original in ((found[0], CAT.path), (found[3], CAT.mask)):
        # Gradio hands out no file of the program's folder when it was started elsewhere.
        assert Path(str(copy)).is_relative_to(tempfile.gettempdir())
        assert Path(str(copy)).read_bytes() == Path(str(original)).read_bytes()
    assert load_image(found[0]).shape != load_image(drawn.photo).shape
