"""How long a picture would take to decode, found from its header: some small files keep a core busy for minutes."""

from PIL import Image, TiffImagePlugin

from zsseg.errors import UserError

# Slow decoders, with the largest picture (pixels) and file (bytes) that take about 5 seconds on one core at worst.
_LIMITS = {
    "JPEG2000": (8_000_000, 6_000_000),
    "AVIF": (32_000_000, 16_000_000),
    "WEBP": (40_000_000, 64_000_000),
}
_SCAN = b"\xff\xda"
MAX_SCANNED = 1_600_000_000
"""Pixels times scans of a JPEG. A progressive one has about 10; each decodes the whole picture once more."""

_STRIPS, _TILES = 273, 324  # tags of TIFF


def check_work(image: Image.Image, data: bytes, name: str) -> None:
    """Refuse a picture that would take too long to decode.

    Args:
        image: opened, not decoded yet.
        data: the bytes of its file.
        name: of the picture, for the sentence.

    Raises:
        UserError: it would.
    """
    pixels = image.width * image.height
    # A kind without limits is compared with itself, so it always passes.
    most_pixels, most_bytes = _LIMITS.get(image.format or "", (pixels, len(data)))
    if pixels > most_pixels or len(data) > most_bytes:
        raise UserError(f"{name} would take too long to decode for a {image.format}: save it as PNG or JPEG.")
    if image.format in ("JPEG", "MPO", "TIFF") and pixels * _scans(image, data) > MAX_SCANNED:
        raise UserError(f"{name} would take too long to decode, it has very many scans: save it again as JPEG.")


def _scans(image: Image.Image, data: bytes) -> int:
    """Scans that every pixel is part of; those of thumbnails are counted too, as telling them apart is not worth it."""
    parts = 1
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        parts = max(1, len(image.tag_v2.get(_STRIPS, ())), len(image.tag_v2.get(_TILES, ())))
    # Every strip or tile of a TIFF is a JPEG of its own that covers only its part of the picture.
    return data.count(_SCAN) // parts
