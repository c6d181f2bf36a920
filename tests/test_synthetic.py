"""Drawn scenes are what their names say."""

import cv2
import numpy as np

from zsseg.synthetic import GROUND, HUES, NAMES, SHAPES, SIDE, TEXTURES, held_out, render


def test_held_out__unseen_names_are_new_combinations_of_known_words() -> None:
    unseen = held_out()
    seen = [name.split() for name in NAMES if name not in unseen and name != GROUND]
    assert len(unseen) == len(set(unseen)) == 12
    for name in unseen:
        texture, colour, shape = name.split()
        for pair in ({texture, colour}, {texture, shape}, {colour, shape}):
            assert any(pair <= set(words) for words in seen), f"{pair} of {name} is in no seen name"
    for words in (TEXTURES, HUES, SHAPES):
        counts = [sum(word in name.split() for name in unseen) for word in words]
        assert len(set(counts)) == 1  # no word is held out more than another


def test_render__depends_on_seed_split_and_index_alone() -> None:
    photo, mask = render(0, 1, 5)
    again = render(0, 1, 5)
    np.testing.assert_array_equal(photo, again[0])
    np.testing.assert_array_equal(mask, again[1])
    assert photo.shape == (SIDE, SIDE, 3)
    assert mask.shape == (SIDE, SIDE)
    for other in ((1, 1, 5), (0, 0, 5), (0, 1, 6)):
        assert (render(*other)[0] != photo).mean() > 0.5


def test_render__colours_and_textures_are_what_the_names_say() -> None:
    checked = dict.fromkeys(TEXTURES, 0)
    for index in range(30):
        photo, mask = render(3, 0, index)
        hsv = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV).astype(int)
        detail = np.abs(photo - cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 2)).mean(2)
        for raw in set(np.unique(mask)) - {0}:
            texture, colour, _ = NAMES[raw].split()
            # Only well inside: at the edge a pixel is a mixture.
            inside = cv2.erode((mask == raw).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
            if inside.sum() < 150:
                continue
            checked[texture] += 1
            away = np.abs((hsv[inside][:, 0] - HUES[colour] + 90) % 180 - 90)
            assert np.median(away) < 6, f"{NAMES[raw]} in scene {index}"
            assert (detail[inside].mean() > 6) == (texture != "plain"), f"{NAMES[raw]} in scene {index}"
    assert min(checked.values()) > 5


def test_render__every_name_occurs_and_shapes_stay_visible() -> None:
    found = np.zeros(256, int)
    for index in range(150):
        areas = np.bincount(render(0, 0, index)[1].ravel(), minlength=256)
        found += areas > 0
        assert 0 < areas[0] < SIDE * SIDE
        assert 1 <= np.count_nonzero(areas[1:]) <= 5
    assert (found[: len(NAMES)] > 0).mean() > 0.95
    assert not found[len(NAMES) :].any()
