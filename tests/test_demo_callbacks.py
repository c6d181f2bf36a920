"""What the page does, called without the page."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.demo_server import tiny_checkpoints
from zsseg.demo import callbacks, examples
from zsseg.errors import UserError
from zsseg.image import load_image


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> callbacks.Predictors:
    return callbacks.load_predictors(tiny_checkpoints(tmp_path_factory.mktemp("weights")))


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)).save(path)
    return str(path)


def test_answer_holds_the_numbers_of_the_predictor(predictors: callbacks.Predictors, photo: str) -> None:
    answer = callbacks.ask(predictors, photo, "dog, person", "cow")
    assert list(answer.results) == ["zegclip", "clip_rc"]
    for method, predictor in callbacks.working(predictors).items():
        expected = predictor.predict(load_image(photo), "dog, person", "cow")
        np.testing.assert_array_equal(answer.results[method].scores, expected.scores)


def test_progress_is_reported_per_method(predictors: callbacks.Predictors, photo: str) -> None:
    lines: list[tuple[float, str]] = []
    callbacks.ask(predictors, photo, "dog", "", lambda share, text: lines.append((share, text)))
    assert [text for _, text in lines] == ["ZegCLIP is looking", "CLIP-RC is looking"]
    assert [share for share, _ in lines] == [0, 0.5]


def test_sliders_do_not_run_the_network(
    predictors: callbacks.Predictors, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = callbacks.ask(predictors, photo, "dog", "cow")
    for predictor in callbacks.working(predictors).values():
        monkeypatch.setattr(predictor, "predict", None)
    everything, _ = callbacks.card(answer, "zegclip", threshold=0, seen_penalty=0, opacity=1)
    nothing, segmentation = callbacks.card(answer, "zegclip", threshold=1, seen_penalty=0, opacity=1)
    assert (segmentation.labels == -1).all()
    np.testing.assert_array_equal(nothing, answer.photo)
    assert (everything != answer.photo).any()


@pytest.mark.parametrize(
    ("seen", "unseen", "says"),
    [
        ("", "  ,;\n", "class name"),
        ("cat, Cat", "cat", "both"),
        (", ".join(f"name {i}" for i in range(65)), "", "at most 64"),
    ],
)
def test_bad_names_get_a_sentence(
    predictors: callbacks.Predictors, photo: str, seen: str, unseen: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        callbacks.ask(predictors, photo, seen, unseen)


def test_no_photo_gets_a_sentence(predictors: callbacks.Predictors) -> None:
    with pytest.raises(UserError, match="no photo yet"):
        callbacks.ask(predictors, None, "cat", "")


def test_missing_checkpoint_is_a_sentence_and_the_other_method_answers(
    predictors: callbacks.Predictors, photo: str
) -> None:
    broken = callbacks.load_predictors({"zegclip": "no-such-checkpoint"})
    assert "no-such-checkpoint" in callbacks.problems(broken)["zegclip"]
    with pytest.raises(UserError, match="no-such-checkpoint"):
        callbacks.ask(broken, photo, "cat", "")
    half = {"zegclip": broken["zegclip"], "clip_rc": predictors["clip_rc"]}
    assert list(callbacks.ask(half, photo, "cat", "").results) == ["clip_rc"]
    with pytest.raises(UserError, match="no-such-checkpoint"):
        callbacks.segment_one(half, photo, ("cat", ""), (None, None), "zegclip")


def test_damaged_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not weights at all")
    assert callbacks.problems(callbacks.load_predictors({"clip_rc": str(path)}))["clip_rc"]


def test_segment_one_writes_lossless_files(predictors: callbacks.Predictors, photo: str) -> None:
    result, labels, scores = callbacks.segment_one(predictors, photo, ("dog", "cow"), (0.2, 0.1), "clip_rc")
    predictor = callbacks.working(predictors)["clip_rc"]
    expected = predictor.predict(load_image(photo), "dog", "cow", seen_penalty=0.2, threshold=0.1)
    np.testing.assert_array_equal(np.load(scores)["scores"], expected.scores)
    index = np.asarray(Image.open(labels)).astype(int)
    np.testing.assert_array_equal(np.where(index == 255, -1, index), expected.labels)
    assert result["settings"] == {"seen_penalty": 0.2, "threshold": 0.1}
    with pytest.raises(UserError, match="no method"):
        callbacks.segment_one(predictors, photo, ("dog", ""), (None, None), "unet")


def test_files_follow_the_sliders(predictors: callbacks.Predictors, photo: str) -> None:
    answer = callbacks.ask(predictors, photo, "dog", "cow")
    paths = callbacks.write_files(answer, {"zegclip": (1.0, 0.0), "clip_rc": (0.0, 0.3)})
    by_name = {Path(path).name: Path(path) for path in paths}
    assert len(by_name) == 8
    assert (np.asarray(Image.open(by_name["zegclip-labels.png"])) == 255).all()
    settings = json.loads(by_name["clip_rc-result.json"].read_text())["settings"]
    assert settings == {"seen_penalty": 0.3, "threshold": 0.0}


def test_old_files_are_thrown_away() -> None:
    old, young = callbacks.fresh_folder(), callbacks.fresh_folder()
    past = time.time() - callbacks.KEEP_FILES_SECONDS - 60
    os.utime(old, (past, past))
    callbacks.fresh_folder()
    assert not old.exists()
    assert young.exists()


def test_examples_can_be_asked() -> None:
    assert len(examples.available()) == len(examples.EXAMPLES)
    for example in examples.EXAMPLES:
        callbacks.check_names(example.seen, example.unseen)
        assert max(load_image(example.path).shape) <= 640
