"""Region tokens one by one, on a tiny CLIP-RC and on hand-drawn views; and their pictures."""

import dataclasses
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from tests.tiny import tiny_checkpoint
from zsseg.analysis.regions import MAX_REGION_LOGITS, RegionView, TokenGroup, check_regions, region_of
from zsseg.errors import UserError
from zsseg.layers import region_attention_mask
from zsseg.predictor import Predictor
from zsseg.text.vocabulary import build_vocabulary
from zsseg.visualize import draw_attention, draw_mask, draw_regions, region_maps

PHOTO = np.random.default_rng(0).integers(0, 256, (48, 70, 3), dtype=np.uint8)
SEEN, UNSEEN = "dog, person | man", "cow"


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.from_checkpoint(tiny_checkpoint(tmp_path_factory.mktemp("weights"), "clip_rc"))


@pytest.fixture(scope="module")
def view(predictor: Predictor) -> RegionView:
    return predictor.region_view(PHOTO, SEEN, UNSEEN)


def test_shapes_and_names(view: RegionView) -> None:
    assert view.names == ("dog", "person", "cow")
    assert view.photo == (48, 70)
    assert (view.side, view.regions) == (2, 4)
    assert view.logits.shape == (2, 4, 3, 4, 4)
    assert view.logits.dtype == np.float32


def test_mean_over_regions_is_the_models_answer(predictor: Predictor, view: RegionView) -> None:
    vocabulary = build_vocabulary(SEEN, UNSEEN)
    photo = predictor.preprocess(PHOTO)
    with torch.inference_mode():
        text = predictor.encode_text(vocabulary)
        logits = predictor.model(photo.pixels, text).mask_logits.numpy()
    # "man" stands third; a class is shown by its first synonym, which is still asked together with the others.
    np.testing.assert_allclose(view.mask_logits, logits[:, [0, 1, 3]], atol=1e-5)
    assert np.abs(view.logits - view.mask_logits[:, None]).max() > 1e-3  # regions differ


def test_windows_in_pixels_of_the_photo(view: RegionView) -> None:
    # 48x70 becomes 64x93, cut at 0 and 29.
    assert view.boxes == ((0, 0, 48, 48), (0, 22, 48, 70))


@pytest.mark.parametrize("shape", [(48, 70), (300, 64), (7, 5), (1, 9), (1, 1)])
def test_windows_cover_the_photo(predictor: Predictor, shape: tuple[int, int]) -> None:
    view = predictor.region_view(np.zeros((*shape, 3), dtype=np.uint8), "dog")
    covered = np.zeros(shape, dtype=bool)
    for y1, x1, y2, x2 in view.boxes:
        assert 0 <= y1 < y2 <= shape[0]
        assert 0 <= x1 < x2 <= shape[1]
        covered[y1:y2, x1:x2] = True
    assert covered.all()


def test_blocks_are_what_each_region_owns(view: RegionView) -> None:
    assert view.blocks == ((0, 0, 2, 2), (0, 2, 2, 4), (2, 0, 4, 2), (2, 2, 4, 4))
    for region, (row1, col1, row2, col2) in enumerate(view.blocks):
        assert (view.owner[row1:row2, col1:col2] == region).all()
    assert view.block_in_photo(1, 3) == (24, 46, 48, 70)


def test_attention_and_its_groups(view: RegionView) -> None:
    assert view.groups == (
        TokenGroup("class token", 0, 1),
        TokenGroup("prompts", 1, 4),
        TokenGroup("patches", 4, 20),
        TokenGroup("regions", 20, 24),
    )
    np.testing.assert_array_equal(view.attention, region_attention_mask((4, 4), 3, 4).numpy())
    patches, regions = view.groups[2], view.groups[3]
    own = view.attention[regions.start : regions.stop, patches.start : patches.stop]
    np.testing.assert_array_equal(own.argmax(0), view.owner.ravel())  # groups and owner tell one story
    assert (own.sum(0) == 1).all()


def test_photo_and_words_are_not_encoded_again(predictor: Predictor) -> None:
    model, photo = predictor.model, np.ascontiguousarray(PHOTO[::-1])
    predictor.predict(photo, SEEN, UNSEEN)
    with (
        patch.object(model, "encode_image", wraps=model.encode_image) as image,
        patch.object(model.backbone, "encode_text", wraps=model.backbone.encode_text) as text,
        patch.object(model, "decode", wraps=model.decode) as decode,
    ):
        predictor.region_view(photo, SEEN, UNSEEN)
        predictor.predict(photo, SEEN, UNSEEN)
    assert (image.call_count, text.call_count, decode.call_count) == (0, 0, 2)


def test_encoding_for_the_view_serves_the_answer(predictor: Predictor) -> None:
    fresh = Predictor(predictor.model, predictor.metadata)
    fresh.region_view(PHOTO, "dog")
    with patch.object(fresh.model, "encode_image", wraps=fresh.model.encode_image) as image:
        fresh.predict(PHOTO, "dog")
    assert image.call_count == 0


def test_batches_change_nothing(predictor: Predictor, view: RegionView) -> None:
    with patch("zsseg.image.encoder._ATTENTION_AT_ONCE", 1):
        one_by_one = predictor.region_view(PHOTO, SEEN, UNSEEN)
    np.testing.assert_allclose(one_by_one.logits, view.logits, atol=1e-5)


def test_methods_without_regions_say_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^ZegCLIP has no region tokens\.$"):
        Predictor.from_checkpoint(tiny_checkpoint(tmp_path, "zegclip")).region_view(PHOTO, "dog")
    with pytest.raises(UserError, match="baseline has no region tokens"):
        Predictor.training_free(tmp_path / "tiny-clip").region_view(PHOTO, "dog")


def test_too_many_logits_are_refused_before_the_network_runs(predictor: Predictor) -> None:
    check_regions(MAX_REGION_LOGITS // 4, 4)
    with patch("zsseg.analysis.regions.MAX_REGION_LOGITS", 100), patch.object(predictor, "encode_image") as encode:
        with pytest.raises(UserError, match="1 names need too much memory"):
            predictor.region_view(PHOTO, "dog")
        # Every synonym is computed, though only the first of each class is shown.
        with pytest.raises(UserError, match="3 names need too much memory"):
            predictor.region_view(PHOTO, "dog | puppy | hound")
        encode.assert_not_called()


def test_region_of_takes_the_window_with_the_nearest_centre(view: RegionView) -> None:
    # Both windows cover columns 22..47; their centres are at 24 and 46.
    assert region_of(view, 0, 0) == (0, 0)
    assert region_of(view, 0, 34) == (0, 1)
    assert region_of(view, 0, 35) == (1, 0)
    assert region_of(view, 47, 69) == (1, 3)
    for y, x in ((-1, 0), (48, 0), (0, 70), (0, -1)):
        with pytest.raises(UserError, match="outside the photo"):
            region_of(view, y, x)


@pytest.mark.parametrize("shape", [(48, 70), (67, 33), (7, 5), (1, 9)])
def test_every_pixel_lies_in_the_block_of_its_region(predictor: Predictor, shape: tuple[int, int]) -> None:
    view = predictor.region_view(np.zeros((*shape, 3), dtype=np.uint8), "dog")
    for y, x in np.ndindex(*shape):
        y1, x1, y2, x2 = view.block_in_photo(*region_of(view, y, x))
        assert y1 <= y < y2, (y, x)
        assert x1 <= x < x2, (y, x)


def drawn_view() -> tuple[np.ndarray, RegionView]:
    """One window over a photo of 200x200, 4x4 patches, 2x2 regions."""
    owner = np.repeat(np.repeat([[0, 1], [2, 3]], 2, 0), 2, 1)
    mask = region_attention_mask((4, 4), 1, 4).numpy()
    groups = (TokenGroup("class token", 0, 1), TokenGroup("prompts", 1, 2))
    groups += (TokenGroup("patches", 2, 18), TokenGroup("regions", 18, 22))
    logits = np.zeros((1, 4, 1, 4, 4), dtype=np.float32)
    view = RegionView(("dog",), (200, 200), ((0, 0, 200, 200),), 2, owner, logits, mask, groups)
    return np.full((200, 200, 3), 90, dtype=np.uint8), view


def test_drawn_regions_are_outlined_and_numbered() -> None:
    photo, view = drawn_view()
    picture = draw_regions(photo, view, 0)
    for region in range(4):
        y1, x1, y2, x2 = view.block_in_photo(0, region)
        assert (picture[y1:y2, x1:x2] == 255).all(2).mean() > 0.01
        assert (picture[y1 + 4 : y1 + 20, x1 + 4 : x2 - 4] == 90).all()  # the photo shows between lines and number
    insides = [
        picture[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].tobytes()
        for y1, x1, y2, x2 in map(lambda region: view.block_in_photo(0, region), range(4))
    ]
    assert len(set(insides)) == 4
    assert (photo == 90).all()


def test_a_region_token_is_shown_what_the_mask_lets_it_see() -> None:
    photo, view = drawn_view()
    picture = draw_attention(photo, view, 0, 3)
    assert (picture[105:115, 105:195] == 90).all()
    assert (picture[5:15, 5:95] == 22).all()
    assert (picture[100, 105:195] == (240, 228, 66)).all()
    # It is the mask that is drawn, not the blocks: a token that may see one more patch shows it.
    mask = view.attention.copy()
    mask[18 + 3, 2] = True
    more = draw_attention(photo, dataclasses.replace(view, attention=mask), 0, 3)
    assert (more[:50, :50] == 90).all()
    assert (more[:50, 50:] == 22).all()


def test_attention_is_drawn_on_the_window_alone(predictor: Predictor, view: RegionView) -> None:
    for window, (y1, x1, y2, x2) in enumerate(view.boxes):
        for region in range(view.regions):
            assert view.attended(region).sum() == (view.owner == region).sum()
            assert draw_attention(PHOTO, view, window, region).shape == (y2 - y1, x2 - x1, 3)


def test_what_lies_outside_the_window_is_darker() -> None:
    photo, view = drawn_view()
    half = dataclasses.replace(view, boxes=((0, 0, 200, 100),))
    assert (draw_regions(photo, half, 0)[5:195, 105:] == 30).all()


def test_drawing_checks_its_parts() -> None:
    photo, view = drawn_view()
    with pytest.raises(ValueError, match="does not match"):
        draw_regions(photo[1:], view, 0)
    with pytest.raises(UserError, match="no window 1: choose one from 0 to 0"):
        draw_regions(photo, view, 1)
    with pytest.raises(UserError, match="no region 4: choose one from 0 to 3"):
        draw_attention(photo, view, 0, 4)


def test_tiny_photos_can_be_drawn(predictor: Predictor) -> None:
    photo = np.zeros((3, 5, 3), dtype=np.uint8)
    view = predictor.region_view(photo, "dog")
    assert draw_regions(photo, view, 0).shape == photo.shape
    assert draw_attention(photo, view, 0, 2).size


def test_drawn_mask_shows_permissions_between_borders() -> None:
    _, view = drawn_view()
    picture = draw_mask(view)
    border = (picture == (230, 159, 0)).all(2)
    rows, cols = border.all(1), border.all(0)
    assert (np.diff(rows.astype(int)) == 1).sum() == (np.diff(cols.astype(int)) == 1).sum() == 3
    cells = picture[~rows][:, ~cols]
    step = len(cells) // len(view.attention)
    assert len(cells) == step * len(view.attention)
    light = cells[step // 2 :: step, step // 2 :: step].mean(2) > 128
    np.testing.assert_array_equal(light, view.attention)
    assert picture.dtype == np.uint8


def test_region_maps_share_a_scale_that_is_symmetric() -> None:
    logits = np.array([[[-2.0, 0.0]], [[1.0, 2.0]]], dtype=np.float32)
    low, high = region_maps(logits)
    assert low.shape == (1, 2, 3)
    assert low[0, 1].min() > 235  # 0 is nearly white
    orange, violet = low[0, 0].astype(int), high[0, 1].astype(int)
    assert orange[0] > orange[2]
    assert violet[2] > violet[0]
    assert high[0, 0].astype(int).sum() > violet.sum()  # half as far from 0, paler
    for picture in region_maps(np.zeros((2, 1, 1), dtype=np.float32)):
        assert picture.min() > 235
