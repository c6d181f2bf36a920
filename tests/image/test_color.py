"""Colours by the embedded profile, as a browser shows them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.beside import case
from tests.browser.browsing import shown_by_chromium
from tests.image.test_load import encoded
from zsseg.image.load import load_image

# Columns of an RGB profile's matrix (XYZ under D50) and its gamma; Adobe RGB (1998), and sRGB with swapped columns.
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SWAPPED = ((0.14307, 0.06061, 0.71410), (0.38515, 0.71688, 0.09708), (0.43607, 0.22249, 0.01392))


def profile(space: bytes, columns: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    """A version 2 ICC profile of a matrix and a gamma, or of a gamma alone for grey."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)}
    for letter, column in zip(b"rgb", columns, strict=False):
        tags[bytes([letter]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*column)
        tags[bytes([letter]) + b"TRC"] = curve
    if not columns:
        tags[b"kTRC"] = curve
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content
    header = struct.pack(">I4sI4s4s4s", place + len(body), b"test", 0x02400000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body


COLORS = np.array([[(200, 30, 40), (10, 200, 60), (128, 128, 128), (255, 255, 255)]], dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_swapped_channels_are_swapped_back(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    flat = np.full((16, 16, 3), (200, 30, 40), np.uint8)
    loaded = load_image(encoded(Image.fromarray(flat), kind, icc_profile=profile(b"RGB ", SWAPPED, 2.2), **options))
    assert np.abs(loaded[8, 8].astype(int) - (40, 30, 200)).max() <= 6


def test_a_wide_profile_makes_colours_stronger_and_leaves_grey_alone() -> None:
    loaded = load_image(encoded(Image.fromarray(COLORS), icc_profile=profile(b"RGB ", ADOBE, 2.2)))[0].astype(int)
    assert loaded[0, 0] > 215
    assert loaded[1, 0] == 0
    assert np.ptp(loaded[2]) <= 2
    assert loaded[3].tolist() == [255] * 3


def test_transparency_palettes_and_grey_take_part() -> None:
    swapped = profile(b"RGB ", SWAPPED, 2.2)
    rgba = Image.fromarray(COLORS).convert("RGBA")
    rgba.putpixel((1, 0), (10, 200, 60, 0))
    loaded = load_image(encoded(rgba, icc_profile=swapped))[0].astype(int)
    assert loaded[1].tolist() == [255] * 3
    assert np.abs(loaded[0] - (40, 30, 200)).max() <= 8
    palette = Image.fromarray(COLORS).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    assert np.abs(load_image(encoded(palette, icc_profile=swapped))[0, 0].astype(int) - (40, 30, 200)).max() <= 8
    for gray in (Image.fromarray(np.full((2, 2), 128, np.uint8)), Image.fromarray(np.full((2, 2), 128 * 257, "u2"))):
        linear = load_image(encoded(gray, icc_profile=profile(b"GRAY", (), 1.0)))
        assert linear[0, 0].tolist() == [188] * 3


@pytest.mark.parametrize(
    "data",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        b"no profile at all",
        profile(b"GRAY", (), 1.0),
        profile(b"RGB ", SWAPPED, 2.2)[:200],
        bytes(5_000_000),
    ],
    ids=["sRGB", "noise", "of another kind", "cut short", "huge"],
)
def test_a_profile_that_says_nothing_changes_nothing(data: bytes) -> None:
    np.testing.assert_array_equal(load_image(encoded(Image.fromarray(COLORS), "TIFF", icc_profile=data)), COLORS)


def test_damaged_profiles_never_raise() -> None:
    good, rng = np.frombuffer(profile(b"RGB ", ADOBE, 2.2), np.uint8), np.random.default_rng(0)
    for _ in range(100):
        broken = good.copy()
        broken[rng.integers(0, len(good), 6)] = rng.integers(0, 256, 6)
        loaded = load_image(encoded(Image.fromarray(COLORS), icc_profile=broken.tobytes()))
        assert loaded.shape == COLORS.shape


# White, red, green and blue, x and y of each: Adobe RGB (1998), and sRGB with red and blue exchanged.
ADOBE_POINTS = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SWAPPED_POINTS = (0.3127, 0.3290, 0.15, 0.06, 0.30, 0.60, 0.64, 0.33)


def chunked(image: Image.Image, points: tuple[float, ...] = (), gamma: float = 0.0, srgb: bool = False) -> bytes:
    """A PNG with the chunks cHRM, gAMA and sRGB, where they are given."""
    data, made = encoded(image), b""
    contents = [(b"cHRM", struct.pack(f">{len(points)}I", *(round(value * 100_000) for value in points)))]
    contents += [(b"gAMA", struct.pack(">I", round(gamma * 100_000)) if gamma else b""), (b"sRGB", bytes([0] * srgb))]
    for name, content in contents:
        if content:
            made += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return data[:33] + made + data[33:]  # behind the header


def test_a_png_that_declares_its_colours_by_numbers_is_as_one_with_a_profile() -> None:
    by_numbers = load_image(chunked(Image.fromarray(COLORS), ADOBE_POINTS, 1 / 2.2)).astype(int)
    by_profile = load_image(encoded(Image.fromarray(COLORS), icc_profile=profile(b"RGB ", ADOBE, 2.2)))
    assert np.abs(by_numbers - by_profile).max() <= 1
    swapped = load_image(chunked(Image.fromarray(COLORS).convert("RGBA"), SWAPPED_POINTS, 1 / 2.2))[0, 0].astype(int)
    assert np.abs(swapped - (40, 30, 200)).max() <= 6
    for gray in (Image.fromarray(np.full((2, 2), 128, np.uint8)), Image.fromarray(np.full((2, 2), 128 * 257, "u2"))):
        assert load_image(chunked(gray, ADOBE_POINTS, 1.0))[0, 0].tolist() == [188] * 3


@pytest.mark.parametrize(
    ("points", "gamma", "srgb"),
    [
        ((), 0.45455, False), ((), 0.47, False), (ADOBE_POINTS, 0.0, False), (ADOBE_POINTS, 1.0, True),
        ((0.3,) * 8, 1.0, False),
        ((0.0,) * 8, 1.0, False), ((40_000.0,) * 8, 1.0, False), (ADOBE_POINTS, 40_000.0, False),
        (ADOBE_POINTS, 0.0001, False), (ADOBE_POINTS[:6], 0.45455, False),
    ],
)  # fmt: skip
def test_numbers_that_say_nothing_change_nothing(points: tuple[float, ...], gamma: float, srgb: bool) -> None:
    np.testing.assert_array_equal(load_image(chunked(Image.fromarray(COLORS), points, gamma, srgb)), COLORS)


@pytest.mark.browser
def test_colours_by_numbers_are_those_of_a_browser() -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    cases = [(ADOBE_POINTS, 1 / 2.2), (SWAPPED_POINTS, 0.6), ((), 0.6), (ADOBE_POINTS, 0.0), (ADOBE_POINTS[:6], 1.0)]
    cases += [((), gamma) for gamma in (0.42, 0.434, 0.474, 0.48, 1.0)]
    files = [chunked(picture, points, gamma) for points, gamma in cases]
    for data, values in zip(files, shown_by_chromium([("png", data) for data in files]), strict=True):
        assert np.abs(load_image(data) - values).max() <= 2


def test_reported_photos_look_as_in_a_browser() -> None:
    folder = case("09-icc-profile")
    with Image.open(folder / "icc_swapped.jpg") as image:
        raw, embedded = np.asarray(image.convert("RGB")), image.info["icc_profile"]
    shown = ImageCms.profileToProfile(
        Image.fromarray(raw), ImageCms.ImageCmsProfile(io.BytesIO(embedded)), ImageCms.createProfile("sRGB")
    )
    loaded = load_image(folder / "icc_swapped.jpg").astype(int)
    assert np.abs(loaded - np.asarray(shown)).max() <= 1
    assert np.abs(loaded - raw).mean() > 10
    assert load_image(folder / "icc_prophoto.png").shape == (300, 451, 3)
