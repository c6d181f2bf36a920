"""Score maps that follow the edges of the photo."""

import numpy as np

from zsseg.visualize import follow_edges


def _half_bright() -> np.ndarray:
    photo = np.full((120, 160, 3), 40, np.uint8)
    photo[:, 80:] = (210, 190, 90)
    return photo


def _ramp(center: int) -> np.ndarray:
    """(1, 120, 160): from 0 to 1 over 24 columns, as an upsampled map of patches does."""
    row = ((np.arange(160) - center) / 24 + 0.5).clip(0, 1)
    return np.broadcast_to(row, (1, 120, 160)).astype(np.float32)


def _edge(scores: np.ndarray) -> float:
    """Width of the step in columns, from a score of 0.2 to one of 0.8."""
    row = scores[0, 60]
    return float((row < 0.8).sum() - (row < 0.2).sum())


def test_a_soft_map_gets_the_edge_of_the_photo() -> None:
    before = _ramp(80)
    after = follow_edges(before, _half_bright(), radius=0.08)
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert _edge(after) < 0.5 * _edge(before)
    assert after[0, 60, 83] > before[0, 60, 83]
    assert after[0, 60, 76] < before[0, 60, 76]


def test_a_plain_photo_has_no_edge_to_follow() -> None:
    before = _ramp(80)
    after = follow_edges(before, np.full((120, 160, 3), 128, np.uint8))
    assert abs(int((after > 0.5).sum()) - int((before > 0.5).sum())) <= 120  # at most a column: smoothed, not moved
    assert _edge(after) > _edge(before)


def test_scores_stay_scores_and_constant_maps_stay() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    noisy = follow_edges(rng.random((3, 37, 53), dtype=np.float32), photo)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    level = follow_edges(np.full((1, 37, 53), 0.25, np.float32), photo)
    np.testing.assert_allclose(level, 0.25, atol=1e-4)
    assert follow_edges(np.full((2, 1, 1), 0.5, np.float32), photo[:1, :1]).shape == (2, 1, 1)
