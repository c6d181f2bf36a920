"""Score maps on demand: the same bits as an array, little memory, one budget."""

import dataclasses
import gc
import io
import pickle
import tracemalloc
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from tests.tiny import tiny_checkpoint
from zsseg.analysis.photo_gate import apply_photo_gate
from zsseg.errors import UserError
from zsseg.export.encode import npz, summary
from zsseg.image.score_maps import WindowMaps
from zsseg.image.windows import Preprocessing, make_windows, synonym_scores, window_scores
from zsseg.predictor import Predictor
from zsseg.scores import MAX_SCORES, FloatArray, GatedMaps, ScoreMaps, ScoreMemory, check_size, score_memory
from zsseg.segmentation import Segmentation, margin, overlap

COUNTS = [1, 3, 1, 2] + [1] * 30
HOW = Preprocessing(64, 48, (120, 120, 120), (60, 60, 60))
PHOTO = np.random.default_rng(0).integers(0, 256, (50, 90, 3), dtype=np.uint8)


class Ramp(ScoreMaps):
    """K maps of H x W, cheap, and counted."""

    def __init__(self, count: int, height: int, width: int) -> None:
        self.shape = (count, height, width)
        self.computed = 0

    def planes(self, start: int, stop: int) -> FloatArray:
        self.computed += stop - start
        row = np.linspace(0, 1, self.shape[2], dtype=np.float32)
        levels = np.arange(start, stop, dtype=np.float32) / np.float32(len(self))
        return np.broadcast_to((row * levels[:, None])[:, None], (stop - start, *self.shape[1:])).copy()


def windows_and_logits() -> tuple[WindowMaps, FloatArray]:
    windows = make_windows(PHOTO, HOW)
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(len(windows.boxes), sum(COUNTS), 4, 4)) * 3).float()
    whole = window_scores(logits, windows.boxes, windows.resized, windows.photo, COUNTS, windows.feathered)
    return WindowMaps(logits, windows, COUNTS), whole


def answer(maps: ScoreMaps | FloatArray, penalty: float = 0.1) -> Segmentation:
    names = tuple(f"thing {index}" for index in range(len(maps)))
    seen = tuple(index % 2 == 0 for index in range(len(maps)))
    shares = tuple(1 - index / len(maps) for index in range(len(maps)))
    return Segmentation("m", "n", names, seen, maps, penalty, 0.3, photo_scores=shares)  # type: ignore[arg-type]


def test_planes_are_those_of_the_whole_to_the_last_bit() -> None:
    maps, whole = windows_and_logits()
    assert (maps.shape, maps.size, len(maps)) == (whole.shape, whole.size, len(whole))
    np.testing.assert_array_equal(maps.array(), whole)
    np.testing.assert_array_equal(np.stack(list(maps)), whole)
    for start, stop in ((0, 1), (1, 2), (3, 20), (33, 34)):
        np.testing.assert_array_equal(maps.planes(start, stop), whole[start:stop])


def test_what_goes_to_another_process_holds_no_tensor_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Space on shared hardware lends the GPU to a process of its own, and takes the answer by value."""
    maps, whole = windows_and_logits()
    brought: list[torch.Tensor] = []
    cpu = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: brought.append(tensor) or cpu(tensor))
    sent = pickle.dumps(GatedMaps(maps, np.ones(len(maps), dtype=np.float32)))
    assert [tuple(tensor.shape) for tensor in brought] == [(len(make_windows(PHOTO, HOW).boxes), sum(COUNTS), 4, 4)]
    np.testing.assert_array_equal(pickle.loads(sent).array(), whole)


def test_an_answer_of_maps_is_an_answer_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, whole = windows_and_logits()
    exact, lazy = answer(whole), answer(maps)
    monkeypatch.setattr("zsseg.segmentation.MAX_SCORES", 1)  # one class at a time
    np.testing.assert_array_equal(lazy.labels, exact.labels)
    np.testing.assert_array_equal(lazy.best_score, exact.best_score)
    np.testing.assert_array_equal(margin(lazy), margin(exact))
    np.testing.assert_array_equal(overlap(lazy), overlap(exact))
    assert lazy.area == exact.area
    assert summary(lazy) == summary(exact)
    assert npz(lazy) == npz(exact)
    other = lazy.with_settings(seen_penalty=-0.2, off=frozenset({"thing 1"}))
    assert other.maps is maps
    np.testing.assert_array_equal(other.labels, exact.with_settings(-0.2, off=frozenset({"thing 1"})).labels)


def test_the_gate_is_applied_when_a_map_is_read() -> None:
    maps, whole = windows_and_logits()
    gated = apply_photo_gate(answer(maps), 0.5)
    assert isinstance(gated.maps, GatedMaps)
    np.testing.assert_array_equal(gated.scores, apply_photo_gate(answer(whole), 0.5).scores)


def test_logits_that_are_no_numbers_are_refused() -> None:
    windows = make_windows(PHOTO, HOW)
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not finite"):
            WindowMaps(torch.full((len(windows.boxes), 1, 4, 4), value), windows, [1])


class Keyed(Ramp):
    """Maps of which those with equal keys are equal: class i of a list has the map of its letter."""

    def __init__(self, letters: str) -> None:
        super().__init__(len(letters), 10, 10)
        self.letters = letters

    def planes(self, start: int, stop: int) -> FloatArray:
        self.computed += stop - start
        levels = [np.full((1, 10, 10), ord(letter) / 256, np.float32) for letter in self.letters[start:stop]]
        return np.concatenate(levels)

    def key(self, index: int) -> str:
        return self.letters[index]


def test_maps_that_a_kept_array_has_are_not_computed_again() -> None:
    memory = ScoreMemory(limit=4 * 100 * 7)
    first, second, third = Keyed("abc"), Keyed("bcd"), Keyed("bce")
    memory.get(first)
    np.testing.assert_array_equal(memory.get(second), Keyed("bcd").planes(0, 3))
    assert (first.computed, second.computed) == (3, 1)
    memory.get(third)  # the first leaves, and with it "a"
    again = Keyed("ab")
    memory.get(again)
    assert (third.computed, again.computed) == (1, 1)
    del second, third
    gc.collect()
    last = Keyed("bd")
    memory.get(last)  # "b" is known from `again`, "d" from nobody
    assert last.computed == 1


def test_maps_of_answered_classes_are_reused_by_zegclip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit what a process without memory would compute, whatever the other names are."""
    counted = Mock(wraps=synonym_scores)
    path = tiny_checkpoint(tmp_path, "zegclip")
    predictor = Predictor.from_checkpoint(path, engine="eager")
    names = [f"thing {index}" for index in range(20)]
    first = predictor.predict(PHOTO, unseen=names)
    monkeypatch.setattr("zsseg.image.score_maps.synonym_scores", counted)
    asked = [*names[1:], "something else"]
    again = predictor.predict(PHOTO, unseen=asked)
    assert counted.call_count == 1
    again.with_settings(seen_penalty=0.3, threshold=0.2).labels  # noqa: B018 - sliders
    assert counted.call_count == 1
    del first
    scores = again.scores.copy()
    del again
    gc.collect()
    fresh = Predictor.from_checkpoint(path, engine="eager").predict(PHOTO, unseen=asked)
    assert counted.call_count == 1 + 20
    np.testing.assert_array_equal(fresh.scores, scores)


def test_one_budget_the_least_recently_used_leaves() -> None:
    memory = ScoreMemory(limit=2 * 4 * 100)
    first, second, third = (Ramp(1, 10, 10) for _ in range(3))
    kept = memory.get(first)
    assert not kept.flags.writeable
    memory.get(second)
    assert memory.get(first) is kept
    memory.get(third)  # second leaves
    assert memory.held == 800
    assert (memory.get(first) is kept, first.computed) == (True, 1)
    np.testing.assert_array_equal(memory.get(second), second.planes(0, 1))
    assert second.computed == 3  # at first, again, and by this test
    del first, third
    gc.collect()
    assert memory.held == 400


def test_an_array_beyond_the_budget_is_given_but_not_kept() -> None:
    memory = ScoreMemory(limit=10)
    assert memory.get(Ramp(2, 5, 5)).shape == (2, 5, 5)
    assert memory.held == 0


def test_an_array_beyond_the_limit_is_refused_and_its_classes_can_still_be_read() -> None:
    check_size(500, 480, 640)
    seg = answer(Ramp(1000, 600, 700))
    with pytest.raises(UserError, match="1000 classes on a photo of 700x600 pixels do not fit into one array"):
        _ = seg.scores
    assert seg.maps.size > MAX_SCORES
    assert next(iter(seg.maps)).shape == (600, 700)


def test_a_thousand_classes_never_fill_the_memory() -> None:
    seg = answer(Ramp(1000, 600, 700), penalty=0.0)
    tracemalloc.start()
    try:
        labels, area = seg.labels, seg.area
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300e6  # all maps at once are 1680e6 bytes
    assert labels[0, -1] == 999
    assert sum(area) <= 1


def test_files_of_many_classes_hold_a_byte_per_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zsseg.export.encode.MAX_SCORES", 100)
    seg = answer(Ramp(4, 8, 8))
    with np.load(io.BytesIO(npz(seg))) as arrays:
        assert set(arrays) == {"names", "seen", "scores_8bit"}
        np.testing.assert_allclose(arrays["scores_8bit"] / 255, seg.scores, atol=0.5 / 255 + 1e-6)


def test_a_predictor_answers_with_maps(tmp_path: Path) -> None:
    predictor = Predictor.from_checkpoint(tiny_checkpoint(tmp_path, "zegclip"))
    seg = predictor.predict(PHOTO, "dog", [f"thing {index}" for index in range(40)])
    assert isinstance(seg.maps, WindowMaps)
    assert score_memory().found(seg.maps) is seg.scores  # computed in the time that `seconds` tells
    again = dataclasses.replace(seg, scores=seg.maps)
    np.testing.assert_array_equal(again.labels, seg.labels)
