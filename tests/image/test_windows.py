"""Windows cover the photo, and come back as one map."""

import numpy as np
import pytest
import torch

from zsseg.errors import UserError
from zsseg.image.windows import (
    MAX_WINDOWS,
    Preprocessing,
    make_windows,
    stitch,
    stitch_grids,
    whole_boxes,
    window_boxes,
    window_scores,
)


@pytest.mark.parametrize(
    ("height", "width", "starts"),
    [
        (512, 512, [(0, 0)]),
        (512, 683, [(0, 0), (0, 171)]),
        (512, 938, [(0, 0), (0, 426)]),
        (512, 939, [(0, 0), (0, 426), (0, 427)]),
        (700, 900, [(0, 0), (0, 388), (188, 0), (188, 388)]),
        (513, 512, [(0, 0), (1, 0)]),
    ],
)
def test_boxes_are_those_of_the_published_code(height: int, width: int, starts: list[tuple[int, int]]) -> None:
    assert window_boxes(height, width, 512, 426) == [(y, x, y + 512, x + 512) for y, x in starts]


@pytest.mark.parametrize(("size", "stride"), [(9, 4), (8, 9), (8, 0)])
def test_impossible_windows(size: int, stride: int) -> None:
    with pytest.raises(ValueError, match="must lie|does not hold"):
        window_boxes(8, 20, size, stride)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 21), (19, 8), (13, 17)])
def test_windows_cut_from_a_picture_stitch_back_to_it(height: int, width: int) -> None:
    picture = torch.rand(3, height, width, dtype=torch.float64)
    boxes = window_boxes(height, width, 8, 5)
    windows = torch.stack([picture[:, y1:y2, x1:x2] for y1, x1, y2, x2 in boxes])
    torch.testing.assert_close(stitch(windows, boxes, height, width), picture)


def test_overlap_is_the_mean_of_its_visits() -> None:
    windows = torch.tensor([1.0, 3.0])[:, None, None, None].expand(2, 1, 2, 2)
    stitched = stitch(windows, [(0, 0, 2, 2), (0, 1, 2, 3)], 2, 3)
    assert stitched.tolist() == [[[1, 2, 3], [1, 2, 3]]]


def test_stitch_checks_its_parts() -> None:
    with pytest.raises(ValueError, match="1 windows for 2 boxes"):
        stitch(torch.zeros(1, 1, 2, 2), [(0, 0, 2, 2)] * 2, 2, 2)
    with pytest.raises(ValueError, match="uncovered"):
        stitch(torch.zeros(1, 1, 2, 2), [(0, 0, 2, 2)], 2, 3)


def test_grid_of_one_window_comes_back_unchanged() -> None:
    grid = torch.rand(1, 4, 4, 5)
    torch.testing.assert_close(stitch_grids(grid, [(0, 0, 64, 64)], 64, 64, 16)[None], grid)


def test_grids_of_windows_off_the_patch_raster_agree_on_a_ramp() -> None:
    boxes = window_boxes(64, 93, 64, 48)
    centers = torch.arange(4) * 16.0 + 8
    grids = torch.stack([(x1 + centers).expand(4, 4)[..., None] for _, x1, _, _ in boxes])  # value = x in pixels
    ramp = stitch_grids(grids, boxes, 64, 93, 16)
    assert ramp.shape == (4, 6, 1)
    expected = (torch.arange(6) + 0.5) * 93 / 6
    # Beyond the outermost patch centres there is nothing to read between, so half a patch is held constant.
    torch.testing.assert_close(ramp[:, 1:-1, 0], expected[1:-1].expand(4, 4))


def test_constant_logits_give_one_score_everywhere() -> None:
    boxes = window_boxes(16, 23, 16, 12)
    logits = torch.tensor([0.5, -2.0]).view(1, 2, 1, 1).expand(len(boxes), 2, 4, 4)
    scores = window_scores(logits, boxes, (16, 23), (7, 10), [1, 1])
    assert scores.shape == (2, 7, 10)
    np.testing.assert_allclose(scores, np.broadcast_to([[[0.6224593]], [[0.1192029]]], (2, 7, 10)), rtol=1e-6)


def test_sigmoid_comes_before_the_mean_over_windows() -> None:
    logits = torch.tensor([4.0, -8.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    scores = window_scores(logits, [(0, 0, 4, 4)] * 2, (4, 4), (4, 4), [1])
    expected = (torch.sigmoid(torch.tensor(4.0)) + torch.sigmoid(torch.tensor(-8.0))) / 2
    np.testing.assert_allclose(scores, float(expected), rtol=1e-6)


def test_a_class_scores_as_its_best_synonym() -> None:
    logits = torch.randn(1, 40, 4, 4)
    alone = window_scores(logits, [(0, 0, 8, 8)], (8, 8), (8, 8), [1] * 40)
    grouped = window_scores(logits, [(0, 0, 8, 8)], (8, 8), (8, 8), [3, 30, 7])
    np.testing.assert_array_equal(grouped, [alone[:3].max(0), alone[3:33].max(0), alone[33:].max(0)])


@pytest.mark.parametrize(
    ("before", "after"), [((375, 500), (512, 683)), ((500, 497), (515, 512)), ((1, 1), (512, 512))]
)
def test_short_side_becomes_the_window(before: tuple[int, int], after: tuple[int, int]) -> None:
    windows = make_windows(np.zeros((*before, 3), dtype=np.uint8), Preprocessing(512, 426, (0, 0, 0), (1, 1, 1)))
    assert windows.resized == after
    assert windows.photo == before


def test_pixels_are_normalised_per_channel() -> None:
    photo = np.full((8, 8, 3), (10, 20, 30), dtype=np.uint8)
    pixels = make_windows(photo, Preprocessing(8, 8, (10, 10, 10), (1, 2, 4))).pixels
    torch.testing.assert_close(pixels[0, :, 3, 5], torch.tensor([0.0, 5.0, 5.0]))


def test_shrinking_averages_where_it_is_asked_to() -> None:
    stripes = np.zeros((32, 64, 3), dtype=np.uint8)
    stripes[:, ::4] = 255

    def pixels(antialias: bool) -> torch.Tensor:
        return make_windows(stripes, Preprocessing(8, 8, (0, 0, 0), (1, 1, 1), antialias)).pixels

    assert set(pixels(antialias=False).unique().tolist()) <= {
        0.0,
        255.0,
    }  # the published code falls between the stripes
    torch.testing.assert_close(pixels(antialias=True), torch.full((2, 3, 8, 8), 64.0), atol=0.5, rtol=0)


def test_key_tells_photos_and_cuts_apart() -> None:
    flat = np.zeros((16, 64, 3), dtype=np.uint8)

    def key(photo: np.ndarray, size: int = 16, stride: int = 12, antialias: bool = False) -> str:
        return make_windows(photo, Preprocessing(size, stride, (0, 0, 0), (1, 1, 1), antialias)).key

    assert key(flat) == key(flat.copy())
    others = key(flat.reshape(32, 32, 3)), key(flat + np.uint8(1)), key(flat, 8, 8), key(flat, 16, 8)
    assert len({key(flat), *others, key(flat, antialias=True)}) == 6


def test_a_thread_of_pixels_is_refused() -> None:
    with pytest.raises(UserError, match="long and narrow"):
        make_windows(np.zeros((1, MAX_WINDOWS + 2, 3), dtype=np.uint8), Preprocessing(16, 16, (0, 0, 0), (1, 1, 1)))


def whole(size: int = 32) -> Preprocessing:
    return Preprocessing(size, 1, (0, 0, 0), (1, 1, 1), layout="whole", patch=16)


@pytest.mark.parametrize(
    ("photo", "resized", "boxes"),
    [
        ((60, 60), (32, 32), 1),
        ((60, 85), (32, 48), 1),
        ((120, 60), (64, 32), 1),
        ((60, 125), (32, 64), 1),
        ((60, 180), (32, 96), 2),
        ((400, 50), (256, 32), 7),
    ],
)
def test_whole_windows(photo: tuple[int, int], resized: tuple[int, int], boxes: int) -> None:
    windows = make_windows(np.zeros((*photo, 3), dtype=np.uint8), whole())
    assert windows.resized == resized
    assert windows.feathered
    assert len(windows.boxes) == len(windows.pixels) == boxes
    sides = {(bottom - top, right - left) for top, left, bottom, right in windows.boxes}
    assert sides == {tuple(windows.pixels.shape[-2:])}
    assert all(side % 16 == 0 and side <= 64 for pair in sides for side in pair)


def test_whole_windows_overlap_by_half_and_fade_without_an_edge() -> None:
    boxes = whole_boxes(32, 96)
    assert boxes == [(0, 0, 32, 64), (0, 32, 32, 96)]
    values = torch.stack([torch.zeros(1, 32, 64), torch.ones(1, 32, 64)])
    row = stitch(values, boxes, 32, 96, feathered=True)[0, 0]
    assert (row[:32] == 0).all()
    assert (row[64:] == 1).all()
    steps = row.diff()
    assert (steps >= 0).all()
    assert steps.max() < 0.05  # an edge without feathering would be a step of one half
    torch.testing.assert_close(stitch(torch.ones(2, 3, 32, 64), boxes, 32, 96, feathered=True), torch.ones(3, 32, 96))
