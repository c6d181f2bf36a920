"""What the page does, called without the page."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zsseg import examples
from zsseg.demo import actions, catalog_of
from zsseg.demo.actions import DisplaySettings
from zsseg.demo.answer.card import card
from zsseg.demo.catalog import Predictors, problems, shown, working
from zsseg.errors import UserError
from zsseg.image.load import load_image


def _load(checkpoints: dict[str, str]) -> Predictors:
    catalog = catalog_of(checkpoints)
    return catalog.get(catalog.first)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)).save(path)
    return str(path)


def test_answer_holds_the_numbers_of_the_predictor(predictors: Predictors, photo: str) -> None:
    answer = actions.segment(predictors, photo, "dog, person", "cow")
    assert list(answer.results) == ["zegclip", "clip_rc"]
    for method, predictor in working(shown(predictors)).items():
        expected = predictor.predict(load_image(photo), "dog, person", "cow")
        np.testing.assert_array_equal(answer.results[method].scores, expected.scores)


def test_only_the_wanted_methods_answer(predictors: Predictors, photo: str) -> None:
    answer = actions.segment(predictors, photo, "dog", "cow", methods=["training-free", "clip_rc"])
    assert list(answer.results) == ["clip_rc", "training-free"]
    with pytest.raises(UserError, match="No checkpoint is loaded"):
        actions.segment(predictors, photo, "dog", "cow", methods=[])


def test_progress_is_reported_per_method(predictors: Predictors, photo: str) -> None:
    lines: list[tuple[float, str]] = []
    actions.segment(predictors, photo, "dog", "", lambda share, line: lines.append((share, line)))
    assert [line for _, line in lines] == ["ZegCLIP is running", "CLIP-RC is running"]
    assert [share for share, _ in lines] == [0, 0.5]


def test_sliders_do_not_run_the_network(predictors: Predictors, photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = actions.segment(predictors, photo, "dog", "cow")
    for predictor in working(predictors).values():
        monkeypatch.setattr(predictor, "predict", None)
    everything, nothing = (DisplaySettings({"zegclip": (threshold, 0.0)}, opacity=1.0) for threshold in (0.0, 1.0))
    assert (everything.apply(answer, "zegclip").labels >= 0).all()
    assert (nothing.apply(answer, "zegclip").labels == -1).all()
    assert card(answer, "zegclip", everything) != card(answer, "zegclip", nothing)


@pytest.mark.parametrize(
    ("seen", "unseen", "says"),
    [
        ("", "  ,;\n", "class name"),
        ("cat, Cat", "cat", "both"),
        (", ".join(f"name {i}" for i in range(201)), "", "at most 200"),
    ],
)
def test_bad_names_get_a_sentence(predictors: Predictors, photo: str, seen: str, unseen: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        actions.segment(predictors, photo, seen, unseen)


def test_no_photo_gets_a_sentence(predictors: Predictors) -> None:
    with pytest.raises(UserError, match="no photo yet"):
        actions.segment(predictors, None, "cat", "")


def test_missing_checkpoint_is_a_sentence_and_the_other_method_answers(predictors: Predictors, photo: str) -> None:
    broken = _load({"zegclip": "no-such-checkpoint"})
    assert "no-such-checkpoint" in problems(broken)["zegclip"]
    with pytest.raises(UserError, match="no-such-checkpoint"):
        actions.segment(broken, photo, "cat", "")
    half = {"zegclip": broken["zegclip"], "clip_rc": predictors["clip_rc"]}
    assert list(actions.segment(half, photo, "cat", "").results) == ["clip_rc"]
    with pytest.raises(UserError, match="no-such-checkpoint"):
        actions.segment_one(half, photo, ("cat", ""), (None, None, 0.0), "zegclip")


def test_damaged_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not weights at all")
    assert problems(_load({"clip_rc": str(path)}))["clip_rc"]


def test_segment_one_writes_lossless_files(predictors: Predictors, photo: str) -> None:
    result, labels, scores = actions.segment_one(predictors, photo, ("dog", "cow"), (0.2, 0.1, 0.0), "clip_rc")
    predictor = working(predictors)["clip_rc"]
    expected = predictor.predict(load_image(photo), "dog", "cow", seen_penalty=0.2, threshold=0.1)
    np.testing.assert_array_equal(np.load(scores)["scores"], expected.scores)
    index = np.asarray(Image.open(labels)).astype(int)
    np.testing.assert_array_equal(np.where(index == 255, -1, index), expected.labels)
    assert result["settings"] == {"seen_penalty": 0.2, "threshold": 0.1, "photo_gate": 0.0}
    with pytest.raises(UserError, match="no method"):
        actions.segment_one(predictors, photo, ("dog", ""), (None, None, 0.0), "unet")


def test_files_follow_the_sliders_and_hold_classes_that_are_switched_off(predictors: Predictors, photo: str) -> None:
    answer = actions.segment(predictors, photo, "dog", "cow")
    display = DisplaySettings({"zegclip": (1.0, 0.0), "clip_rc": (0.0, 0.3)}, 0.5, frozenset({"cow"}))
    path = actions.write_files(answer, display)
    assert Path(path).name == "photo-zsseg.zip"
    with zipfile.ZipFile(path) as archive:
        assert (np.asarray(Image.open(archive.open("zegclip/labels.png"))) == 255).all()
        result = json.loads(archive.read("clip_rc/result.json"))
        manifest = json.loads(archive.read("recipe.json"))
        masks = [name for name in archive.namelist() if name.startswith("clip_rc/masks/")]
    assert [name.split("-")[1] for name in masks] == ["dog.png", "cow.png"]
    assert result["settings"] == {"seen_penalty": 0.3, "threshold": 0.0, "photo_gate": 0.0}
    assert manifest["photo"]["file_name"] == "photo.png"
    assert [step["opacity"] for step in manifest["methods"]] == [0.5, 0.5]


def test_files_hold_the_models_own_scores_while_the_display_follows_the_edges(
    predictors: Predictors, photo: str
) -> None:
    answer = actions.segment(predictors, photo, "dog", "cow")
    plain, edges = (
        DisplaySettings({"zegclip": (0.5, 0.0), "clip_rc": (0.5, 0.0)}, 0.5, edges=edges) for edges in (False, True)
    )
    assert (edges.apply(answer, "zegclip").scores != plain.apply(answer, "zegclip").scores).any()
    with (
        zipfile.ZipFile(actions.write_files(answer, plain)) as one,
        zipfile.ZipFile(actions.write_files(answer, edges)) as other,
    ):
        assert one.namelist() == other.namelist()
        for name in one.namelist():
            assert one.read(name) == other.read(name), name


def test_the_page_bounds_synonyms_as_it_bounds_classes() -> None:
    actions.check_names("|".join(f"s{i}" for i in range(50)), "")
    with pytest.raises(UserError, match="50"):
        actions.check_names("|".join(f"s{i}" for i in range(2000)), "")
    groups = ["|".join(f"s{c} {i}" for i in range(9)) for c in range(actions.PAGE_SYNONYMS // 9 + 1)]
    with pytest.raises(UserError, match=f"at most {actions.PAGE_SYNONYMS}"):
        actions.check_names(", ".join(groups), "")


def test_examples_can_be_asked() -> None:
    assert len(examples.available()) == len(examples.EXAMPLES)
    for example in examples.EXAMPLES:
        actions.check_names(example.seen, example.unseen)
        assert max(load_image(example.path).shape) <= 640
