"""Every row of the table of bad inputs: one clear sentence, or the right pixels."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zsseg.errors import UserError
from zsseg.image.load import load_image, resize


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def huge_png(width: int, height: int) -> bytes:
    """A header that promises width x height pixels of one bit, and next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_every_kind_of_source_gives_the_same_pixels(picture: np.ndarray, tmp_path: Path) -> None:
    data = encoded(Image.fromarray(picture))
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (picture, Image.fromarray(picture), data, bytearray(data), path, str(path)):
        loaded = load_image(source)
        assert loaded.dtype == np.uint8
        np.testing.assert_array_equal(loaded, picture)


def test_result_is_a_copy(picture: np.ndarray) -> None:
    assert not np.shares_memory(load_image(picture), picture)
    assert load_image(Image.fromarray(picture)).flags.writeable


@pytest.mark.parametrize("content", [b"", b"not a picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a"])
def test_not_a_picture(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.png"):
        load_image(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_truncated_file_is_one_sentence_or_a_picture(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    for end in range(1, len(data) // 2, max(1, len(data) // 40)):
        with pytest.raises(UserError, match=r"damaged|not a picture|too large|pixels"):
            load_image(data[:end])


def test_damaged_bytes_never_raise_anything_else() -> None:
    rng = np.random.default_rng(2)
    image = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF"):
        data = np.frombuffer(encoded(image, kind), dtype=np.uint8)
        for _ in range(40):
            broken = data.copy()
            broken[rng.integers(0, len(data), 4)] = rng.integers(0, 256, 4)
            with contextlib.suppress(UserError):
                assert load_image(broken.tobytes()).ndim == 3


def test_animated_gif_gives_its_first_frame_as_rgb() -> None:
    frames = [Image.new("RGB", (5, 4), color) for color in ("red", "lime", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(load_image(data), np.full((4, 5, 3), (255, 0, 0), dtype=np.uint8))


def test_animation_left_at_a_later_frame_is_rewound() -> None:
    frames = [Image.new("RGB", (5, 4), color) for color in ("red", "lime")]
    image = Image.open(io.BytesIO(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    image.seek(1)
    assert tuple(load_image(image)[0, 0]) == (255, 0, 0)


def test_16_bit_png_is_rescaled_not_clipped() -> None:
    gray = np.array([[0, 257, 256 * 128, 65535]], dtype=np.uint16)
    loaded = load_image(encoded(Image.fromarray(gray)))
    np.testing.assert_array_equal(loaded[0, :, 0], [0, 1, 128, 255])
    np.testing.assert_array_equal(loaded[..., 0], loaded[..., 2])
    np.testing.assert_array_equal(load_image(gray), loaded)


def test_32_bit_pictures_of_unknown_range_are_refused() -> None:
    for values in (np.full((2, 2), 70000, dtype=np.int32), np.full((2, 2), 0.5, dtype=np.float32)):
        with pytest.raises(UserError, match="32-bit"):
            load_image(encoded(Image.fromarray(values), "TIFF"))


def test_cmyk() -> None:
    loaded = load_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert np.abs(loaded.astype(int) - (255, 0, 0)).max() <= 3


def test_gray_bilevel_and_palette(picture: np.ndarray) -> None:
    gray = Image.fromarray(picture).convert("L")
    np.testing.assert_array_equal(load_image(encoded(gray))[..., 1], np.asarray(gray))
    assert set(np.unique(load_image(encoded(gray.convert("1"))))) <= {0, 255}
    palette = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    np.testing.assert_array_equal(load_image(encoded(palette)), np.asarray(palette.convert("RGB")))


def test_transparency_is_laid_over_white(picture: np.ndarray) -> None:
    alpha = np.zeros((6, 9, 1), dtype=np.uint8)
    alpha[:3] = 255
    rgba = np.concatenate([picture, alpha], axis=2)
    for source in (encoded(Image.fromarray(rgba)), rgba, encoded(Image.fromarray(rgba), "WEBP", lossless=True)):
        loaded = load_image(source)
        np.testing.assert_array_equal(loaded[:3], picture[:3])
        assert (loaded[3:] == 255).all()


def test_transparent_palette_colour_is_laid_over_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    loaded = load_image(encoded(image, transparency=1))
    np.testing.assert_array_equal(loaded[0], [(10, 20, 30), (255, 255, 255)])


def test_exif_rotation_is_applied(picture: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right
    loaded = load_image(encoded(Image.fromarray(picture), "PNG", exif=exif))
    np.testing.assert_array_equal(loaded, np.rot90(picture, -1))


def test_unreadable_exif_does_not_cost_the_picture(picture: np.ndarray) -> None:
    data = encoded(Image.fromarray(picture), "WEBP", lossless=True, exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(load_image(data), picture)


def test_one_pixel() -> None:
    assert load_image(encoded(Image.new("RGB", (1, 1), "red"))).tolist() == [[[255, 0, 0]]]


@pytest.mark.parametrize("side", [8001, 10_000, 20_000])
def test_decompression_bomb_is_refused_from_its_header(side: int) -> None:
    with pytest.raises(UserError, match="64 megapixels"):
        load_image(huge_png(side, side))


def test_large_array_is_refused() -> None:
    with pytest.raises(UserError, match="64 megapixels"):
        load_image(np.broadcast_to(np.uint8(0), (9000, 9000, 3)))


def test_extreme_shape_stays_small() -> None:
    assert load_image(encoded(Image.new("RGB", (20_000, 1)))).shape == (1, 1024, 3)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros((4, 4, 3)), "float64"),
        (np.zeros((4, 4, 3), dtype=np.int64), "int64"),
        (np.zeros((4, 4, 3), dtype=object), "object"),
        (np.zeros(4, dtype=np.uint8), r"\(4,\)"),
        (np.zeros((4, 4, 2), dtype=np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((0, 4, 3), dtype=np.uint8), "no pixels"),
        (None, "No photo"),
        (7, "int"),
        ("missing.jpg", "no file"),
        ("nul\0l.jpg", "cannot be opened"),
    ],
)
def test_what_is_no_photo(source: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_image(source)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folder"):
        load_image(tmp_path)


def test_arrays_of_one_channel_and_bool() -> None:
    assert load_image(np.full((2, 3, 1), 9, dtype=np.uint8)).tolist() == [[[9] * 3] * 3] * 2
    assert load_image(np.eye(2, dtype=bool))[0, 0].tolist() == [255] * 3


def test_strided_arrays(picture: np.ndarray) -> None:
    loaded = load_image(picture[::-1, ::2])
    assert loaded.flags.c_contiguous
    np.testing.assert_array_equal(loaded, picture[::-1, ::2])


def test_large_sides_shrink_and_small_ones_stay() -> None:
    assert load_image(np.zeros((300, 400, 3), dtype=np.uint8), max_side=200).shape == (150, 200, 3)
    assert load_image(np.zeros((30, 40, 3), dtype=np.uint8), max_side=200).shape == (30, 40, 3)


def test_resize_averages_only_where_it_shrinks(picture: np.ndarray) -> None:
    halved = resize(np.kron(picture, np.ones((2, 2, 1), np.uint8)), 6, 9, antialias=True)
    np.testing.assert_array_equal(halved, picture)
    larger = [resize(picture, 12, 18, antialias) for antialias in (False, True)]
    np.testing.assert_array_equal(*larger)
    assert larger[0].shape == (12, 18, 3)


def gray_tiff(values: np.ndarray, zero_is_white: bool) -> bytes:
    """A grey TIFF of 8 or 16 bits, written by hand, since Pillow writes no white zero."""
    height, width = values.shape
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    tags = {
        256: width, 257: height, 258: 8 * values.dtype.itemsize, 259: 1, 262: 0 if zero_is_white else 1, 273: 8, 277: 1,
        278: height, 279: len(data),
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tiff_whose_zero_is_white_is_no_negative(kind: type[np.integer]) -> None:
    most = np.iinfo(kind).max
    values = np.linspace(0, most, 16).astype(kind).reshape(4, 4)
    plain = load_image(gray_tiff(values, zero_is_white=False))
    assert np.array_equal(load_image(gray_tiff((most - values).astype(kind), zero_is_white=True)), plain)
    assert plain[0, 0, 0] == 0
    assert plain[3, 3, 0] == 255


def test_a_side_beyond_every_float_shrinks_nothing() -> None:
    photo = np.zeros((2, 3, 3), dtype=np.uint8)
    assert load_image(photo, 10**400).shape == photo.shape
