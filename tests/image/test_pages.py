"""Files with several pictures, and pictures that lie on their side."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from tests.beside import case
from tests.image.test_load import encoded
from zsseg.errors import UserError
from zsseg.image.load import load_image

RED, GREEN = np.zeros((6, 9, 3), np.uint8) + (255, 0, 0), np.zeros((4, 5, 3), np.uint8) + (0, 255, 0)
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""


def tiff(*pages: tuple[np.ndarray, dict[int, object]]) -> bytes:
    """A TIFF of pictures with tags of their own."""
    file = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(file) as writer:
        for pixels, tags in pages:
            info = TiffImagePlugin.ImageFileDirectory_v2()
            for tag, value in tags.items():
                info[tag] = value
            Image.fromarray(pixels.astype(np.uint8)).save(writer, "TIFF", tiffinfo=info)
            writer.newFrame()
    return file.getvalue()


@pytest.mark.parametrize("small", [{254: 1}, {254: 4}, {254: 5}, {255: 2}])
def test_the_full_page_is_read_wherever_it_lies(small: dict[int, object]) -> None:
    assert load_image(tiff((GREEN, small), (RED, {254: 0}))).tolist() == RED.tolist()
    assert load_image(tiff((RED, {254: 0}), (GREEN, small))).tolist() == RED.tolist()
    assert load_image(tiff((GREEN, small), (GREEN, small), (RED, {254: 0}))).tolist() == RED.tolist()


def test_a_document_gives_its_first_page_and_a_lone_copy_itself() -> None:
    assert load_image(tiff((RED, {254: 2}), (GREEN, {254: 2}))).tolist() == RED.tolist()
    assert load_image(tiff((RED, {254: 1}))).tolist() == RED.tolist()
    assert load_image(tiff((GREEN, {254: 1}), (RED, {254: 1}))).tolist() == RED.tolist()


def test_a_picture_before_an_animation_is_not_shown() -> None:
    frames = [Image.fromarray(frame.astype(np.uint8)) for frame in (RED, RED // 2)]
    hidden = Image.new("RGB", frames[0].size)
    assert load_image(encoded(hidden, save_all=True, default_image=True, append_images=frames)).tolist() == RED.tolist()
    assert load_image(encoded(frames[0], save_all=True, append_images=frames[1:])).tolist() == RED.tolist()


@pytest.mark.parametrize(
    "pages",
    [((GREEN, {254: 1, 330: 8}),), ((RED, {50706: b"\1\4\0\0"}),)],
    ids=["the picture lies in a sub-directory", "DNG"],
)
def test_raw_files_are_refused(pages: tuple[tuple[np.ndarray, dict[int, object]], ...]) -> None:
    with pytest.raises(UserError, match="raw file: export it"):
        load_image(tiff(*pages))


def test_a_sensor_pattern_is_refused() -> None:
    data = bytearray(encoded(Image.fromarray(np.full((6, 9), 100, np.uint8)), "TIFF"))
    place = data.index(b"\x06\x01\x03\x00\x01\x00\x00\x00")  # tag 262, the kind of colours
    data[place + 8 : place + 10] = (32803).to_bytes(2, "little")
    with pytest.raises(UserError, match=r"raw file|not a picture|damaged"):
        load_image(bytes(data))


def test_the_reported_thumbnail_is_not_answered() -> None:
    assert load_image(case("14-thumbnail-first-tiff") / "thumbfirst.tif").shape == (300, 451, 3)


@pytest.mark.parametrize("turn", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "AVIF", "TIFF"])
def test_every_turn_as_browsers_do(kind: str, turn: int) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = turn
    loaded = load_image(encoded(Image.fromarray(pixels), kind, exif=exif, quality=95)) > 128
    expected = {
        2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1), 7: pixels[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(pixels),
    }.get(turn, pixels)  # fmt: skip
    assert loaded.shape == expected.shape
    assert (loaded == (expected > 128)).mean() > 0.95


def test_what_browsers_do_not_turn() -> None:
    pixels = Image.new("RGB", (9, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    for data in (encoded(pixels, "WEBP", exif=exif), encoded(pixels, "JPEG", xmp=XMP), encoded(pixels, pnginfo=text)):
        assert load_image(data).shape == (6, 9, 3)


def test_deep_grey_keeps_its_meaning_or_is_a_sentence() -> None:
    maps = b"P5\n2 1\n65535\n" + np.array([0, 65535], ">u2").tobytes()
    assert load_image(maps)[0, :, 0].tolist() == [0, 255]
    assert load_image(b"P5\n2 1\n1000\n" + np.array([0, 1000], ">u2").tobytes())[0, :, 0].tolist() == [0, 255]
    for values in ([0, 200], [0, 60_000], [0, 70_000], [-1, 5]):
        with pytest.raises(UserError, match="32-bit"):
            load_image(encoded(Image.fromarray(np.array([values], np.int32)), "TIFF"))
    with pytest.raises(UserError, match="none above 200 of 65535"):
        load_image(encoded(Image.fromarray(np.array([[0, 200]], np.uint16))))
    assert load_image(np.zeros((2, 2), np.uint16)).tolist() == [[[0] * 3] * 2] * 2


def test_a_transparent_deep_grey_is_laid_over_white() -> None:
    gray = Image.fromarray(np.array([[0, 40_000]], np.uint16))
    assert load_image(encoded(gray, transparency=0))[0, :, 0].tolist() == [255, 156]
