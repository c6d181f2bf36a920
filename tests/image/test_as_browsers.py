"""Photos of every kind look as in Chromium: turns, colours, transparency, depth."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.browser.browsing import shown_by_chromium
from tests.image.test_color import ADOBE, SWAPPED, profile
from tests.image.test_load import encoded
from tests.image.test_pages import XMP
from zsseg.errors import UserError
from zsseg.image.load import load_image

H, W = 32, 48
_ROWS, _COLS = np.mgrid[:H, :W]
PIXELS = np.stack([_COLS * 255 // W, _ROWS * 255 // H, (_ROWS + _COLS) * 255 // (H + W)], -1).astype(np.uint8)
PIXELS[4:12, 4:12] = (250, 20, 30)
PHOTO = Image.fromarray(PIXELS)
DEEP = np.minimum(PIXELS.astype(np.uint16) * 257 + 77, 65535)
BEST = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100}}

# EXIF blocks with the turn 6: of a big-endian camera, and as a number of 32 bits, which is none to browsers.
SHORT = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
LONG = b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0\0\0\0\0"


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(pixels: np.ndarray, kind: int, extra: bytes = b"") -> bytes:
    """A PNG of 16 bits per channel; `kind` is PNG's own number of the colour type."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", W, H, 16, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def files() -> Iterator[tuple[str, str, bytes]]:
    """Name, kind and content."""
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        for turn in (0, 3, 6, 7, 9):
            exif = Image.Exif()
            exif[0x0112] = turn
            yield f"{kind} turn {turn}", kind, encoded(PHOTO, kind, exif=exif, **BEST.get(kind, {}))
        for name, icc in (("Adobe RGB", profile(b"RGB ", ADOBE, 2.2)), ("swapped", profile(b"RGB ", SWAPPED, 2.2))):
            yield f"{kind} {name}", kind, encoded(PHOTO, kind, icc_profile=icc, **BEST.get(kind, {}))
    plain, png = encoded(PHOTO, "JPEG", **BEST["JPEG"]), encoded(PHOTO)
    for name, block in (("short", SHORT), ("long", LONG)):
        marker = b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block
        yield f"JPEG {name} turn", "JPEG", plain[:2] + marker + plain[2:]
        yield f"PNG {name} turn", "PNG", png[:33] + chunk(b"eXIf", block) + png[33:]
    yield "PNG turn behind its pixels", "PNG", png[:-12] + chunk(b"eXIf", SHORT) + png[-12:]
    yield "JPEG XMP turn", "JPEG", encoded(PHOTO, "JPEG", xmp=XMP, **BEST["JPEG"])
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    yield "PNG XMP turn", "PNG", encoded(PHOTO, pnginfo=text)
    for name, icc in (("its own", profile(b"GRAY", (), 1.0)), ("a colour", profile(b"RGB ", SWAPPED, 1.0))):
        yield f"grey, {name} profile", "PNG", encoded(PHOTO.convert("L"), icc_profile=icc)
    yield "colours, a grey profile", "PNG", encoded(PHOTO, icc_profile=profile(b"GRAY", (), 1.0))
    yield "CMYK", "JPEG", encoded(PHOTO.convert("CMYK"), "JPEG", **BEST["JPEG"])
    clear = np.where(_COLS > W // 2, 255, 90).astype(np.uint16)
    yield "48 bits", "PNG", png_of(DEEP, 2)
    yield "48 bits, one clear", "PNG", png_of(DEEP, 2, chunk(b"tRNS", DEEP[5, 5].astype(">u2").tobytes()))
    yield "64 bits", "PNG", png_of(np.dstack([DEEP, clear * 257]), 6)
    yield (
        "grey of 16 bits, one clear",
        "PNG",
        png_of(DEEP[..., :1], 0, chunk(b"tRNS", DEEP[5, 5, :1].astype(">u2").tobytes())),
    )
    yield "palette, one clear", "PNG", encoded(PHOTO.quantize(16), transparency=3)
    other = PHOTO.transpose(Image.Transpose.ROTATE_180)
    yield "animation", "PNG", encoded(PHOTO, save_all=True, append_images=[other])
    hidden = {"save_all": True, "default_image": True, "append_images": [PHOTO]}
    yield "animation behind another picture", "PNG", encoded(other, **hidden)
    yield "GIF, one clear", "GIF", encoded(PHOTO.quantize(16), "GIF", transparency=3)


@pytest.mark.browser
def test_every_kind_looks_as_in_chromium() -> None:
    made = list(files())
    for (name, _, data), shown in zip(
        made, shown_by_chromium([(kind.lower(), data) for _, kind, data in made]), strict=True
    ):
        loaded = load_image(data).astype(int)
        assert loaded.shape == shown.shape, name
        # Curves of profiles are steep near black, where each program rounds in its own way.
        assert np.abs(loaded - shown).mean() < 0.5, name


def test_only_what_browsers_take_for_a_turn_is_one() -> None:
    made = {name: load_image(data).shape[:2] for name, _, data in files()}
    assert made["JPEG short turn"] == made["PNG short turn"] == (W, H)
    for name in ("JPEG long turn", "PNG long turn", "PNG turn behind its pixels", "JPEG XMP turn", "PNG XMP turn"):
        assert made[name] == (H, W)


def test_the_clear_colour_of_a_deep_picture_is_white() -> None:
    loaded = {name: load_image(data) for name, _, data in files() if "one clear" in name}
    for name in ("48 bits, one clear", "grey of 16 bits, one clear"):
        assert loaded[name][5, 5].tolist() == [255, 255, 255], name
        assert loaded[name][20, 20].tolist() != [255, 255, 255], name


@pytest.mark.parametrize("largest", [255, 1023, 4095])
def test_deep_pictures_that_hold_8_or_12_bits_are_not_black_without_a_word(largest: int) -> None:
    values = np.minimum(PIXELS.astype(np.uint16) * largest // 255, largest)
    made = [png_of(values, 2), png_of(np.dstack([values, np.full((H, W), 65535)]), 6), png_of(values[..., :1], 0)]
    for source in (*made, values, values[..., 0], encoded(Image.fromarray(values[..., 0]), "TIFF")):
        with pytest.raises(UserError, match="16-bit values, but none above"):
            load_image(source)
    for source in (
        png_of(np.minimum(values * 257, 65535) | 4096, 2),
        values | np.uint16(8192),
        np.zeros((H, W), np.uint16),
    ):
        assert load_image(source).shape == (H, W, 3)
