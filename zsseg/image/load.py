"""The only decoder of untrusted images: any input becomes (H,W,3) uint8 RGB, or a `UserError` of one sentence."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from zsseg.errors import UserError
from zsseg.files import is_missing, read_bytes, shortened
from zsseg.image.color import COLOR_KEYS, to_srgb
from zsseg.image.pages import orientation, select_page, stored_turn, upright
from zsseg.image.work import check_work

Pixels = npt.NDArray[np.uint8]

MAX_PIXELS = 64_000_000
"""Larger images, in pixels, are refused by their header, before anything is decompressed."""

MAX_SIDE = 1024
"""A longer side, in pixels, is shrunk to this."""

# No EPS, PDF or WMF: their plugins start other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "TGA")
_LEAST_OF_16_BIT = 4096  # the largest value of a 16-bit picture is hardly ever smaller; that of 12 bits always is
_TIFF_PHOTOMETRIC = 262  # the tag that says whether 0 is white or black
_SAVE_AGAIN = "open it in a picture program and save it again as PNG or JPEG"
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")


def load_image(source: object, max_side: int = MAX_SIDE) -> Pixels:
    """Decode a photo.

    The first frame of an animation, the first full page of a document, upright by its EXIF tag as in a browser,
    colours as sRGB by the embedded profile, transparency over white, 16-bit values rescaled to 8.

    Args:
        source: a path, the bytes of a file, a PIL image, or an array: (H,W), (H,W,1), (H,W,3) or (H,W,4) of
            uint8 in 0..255, uint16 in 0..65535 or bool.
        max_side: a longer side, in pixels, is shrunk to this; nothing is enlarged.

    Returns:
        (H,W,3) RGB, its own memory.

    Raises:
        UserError: nothing was given, what was given cannot be read as a picture of an acceptable size, or the side is
            no whole number.
    """
    if isinstance(max_side, bool) or not isinstance(max_side, int | np.integer) or max_side < 1:
        raise UserError(f"The longest side is a whole number of pixels from 1 up, not {max_side!r:.60}.")
    if isinstance(source, np.ndarray):
        rgb = _from_array(np.asarray(source))  # of a subclass too, whose shapes may have rules of their own
    elif isinstance(source, Image.Image):
        rgb = _from_pil(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        rgb = _from_bytes(bytes(source), "the picture")
    elif isinstance(source, str | Path):
        rgb = _from_bytes(_read(Path(source)), Path(source).name)
    elif source is None:
        raise UserError("No photo was given: choose a picture first.")
    else:
        raise UserError(f"A photo is a path, bytes, a PIL image or a numpy array, not {type(source).__name__}.")
    # Shrunk last, after everything that reads the file's own values.
    return _shrink(rgb, max_side)


def turn_of(path: str | Path) -> int:
    """The turn that `load_image` applies to a photo by its EXIF tag, as EXIF numbers it, 1..8; 1 where it is upright.

    Raises:
        UserError: the file cannot be read.
    """
    return stored_turn(_open_bytes(_read(Path(path)), Path(path).name))


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a picture: name a file in it.")
        return read_bytes(path)
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        if is_missing(error):
            raise UserError(f"There is no file {shortened(path)}: check the name and the folder.") from None
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{shortened(path)} cannot be opened ({reason}): check its permissions.") from error


def _from_bytes(data: bytes, name: str) -> Pixels:
    return _from_pil(_open_bytes(data, name), name)


def _open_bytes(data: bytes, name: str) -> Image.Image:
    if not data:
        raise UserError(f"{name} is an empty file: choose another picture.")
    try:
        return open_guarded(data, _FORMATS, name)
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError(f"{name} is not a picture this program can read: use PNG, JPEG, WebP, GIF or TIFF.") from None
    except Exception as error:  # a damaged header can raise anything, struct.error and SyntaxError among them
        raise UserError(f"{name} is damaged or cut short: {_SAVE_AGAIN}.") from error


def open_guarded(data: bytes, formats: Sequence[str], name: str) -> Image.Image:
    """Open a picture without decoding it, and refuse one that would fill the memory.

    Args:
        data: the file's bytes.
        formats: Pillow's names of the kinds that may be read; no other decoder sees the bytes.
        name: of the picture, for the sentence.

    Raises:
        UserError: it has more than `MAX_PIXELS` pixels, or would take too long to decode.
        UnidentifiedImageError: it is of none of the kinds; a damaged header can raise anything else.
    """
    try:
        with warnings.catch_warnings():
            # Pillow only warns between 89 and 179 Mpx; our own limit is lower, so the warning is a refusal too.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=tuple(formats))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UserError(_too_large(name)) from None
    check_pixels(image.height, image.width, name)
    check_work(image, data, name)
    return image


def check_pixels(height: int, width: int, name: str) -> None:
    """Refuse a picture that is too large to decode.

    Raises:
        UserError: it has more than `MAX_PIXELS` pixels.
    """
    if height * width > MAX_PIXELS:
        raise UserError(_too_large(name, f" ({width}x{height})"))


def _from_pil(image: Image.Image, name: str = "the picture") -> Pixels:
    try:
        select_page(image, name)
    except UserError:
        raise
    except Exception as error:  # likewise for damaged pages
        raise UserError(f"{name} is damaged or cut short: {_SAVE_AGAIN}.") from error
    _check_size(image.height, image.width, name)
    turn, is_deep = orientation(image), _has_deep_colors(image)
    try:
        # Pixels are decompressed here, after the size in the header was checked.
        image.load()
    except Exception as error:  # likewise for damaged bodies
        raise UserError(f"{name} is damaged or cut short: {_SAVE_AGAIN}.") from error
    _check_size(image.height, image.width, name)  # an icon holds another file, whose size its header may not tell
    if is_deep:
        _repair_deep_colors(image, name)
    return _to_rgb(upright(image, turn), image, name)


def _has_deep_colors(image: Image.Image) -> bool:
    """Whether a picture that is not decoded yet has red, green and blue of 16 bits."""
    return any(kind in str(part) for part in getattr(image, "tile", ()) for kind in ("RGB;16", "RGBA;16"))


def _repair_deep_colors(image: Image.Image, name: str) -> None:
    """Refuse 16-bit colours that use the lower byte only, since Pillow keeps the upper one: they would be black."""
    highest = int(np.asarray(image)[..., :3].max())
    _check_depth(highest << 8 | 255, name)
    # The colour that is transparent has been left whole.
    if isinstance(image.info.get("transparency"), tuple):
        image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])


def _check_size(height: int, width: int, name: str) -> None:
    if height < 1 or width < 1:
        raise UserError(f"{name} has no pixels ({width}x{height}): choose another picture.")
    check_pixels(height, width, name)


def _too_large(name: str, size: str = "") -> str:
    return f"{name} is too large{size}: shrink it below {MAX_PIXELS // 1_000_000} megapixels."


def _to_rgb(image: Image.Image, opened: Image.Image, name: str) -> Pixels:
    """Pixels of an upright picture; `opened` is what it was before, with the file's own format and values."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _deep_gray_to_8_bit(image, opened, name)
    try:
        image = to_srgb(image)
        if image.mode in _ALPHA_MODES or "transparency" in image.info:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            # A plain conversion to RGB would show whatever colour hides under the transparency.
            image = Image.alpha_composite(white, image)
        return np.array(image.convert("RGB"))
    except (ValueError, OSError) as error:
        raise UserError(f"{name} has colours of a rare kind ({image.mode}): {_SAVE_AGAIN}.") from error


def _deep_gray_to_8_bit(image: Image.Image, opened: Image.Image, name: str) -> Image.Image:
    """A grey picture of 16 bits, whose range is known, as one of 8 bits with its profile.

    Pillow has 32 bits for both what has 32 and what had 16 in a portable grey map, which it scales to 0..65535.
    """
    values = np.asarray(image)
    if not image.mode.startswith("I;16") and not (image.mode == "I" and opened.format in ("PPM", "PNG")):
        raise UserError(f"{name} has 32-bit values, whose range is unknown: save it with 8 or 16 bits per channel.")
    if opened.format == "TIFF" and getattr(opened, "tag_v2", {}).get(_TIFF_PHOTOMETRIC) == 0:
        values = 65535 - values  # 0 is white in this file, which Pillow minds in 8 bits only
    _check_depth(int(values.max()), name)
    gray = Image.fromarray(_from_16_bit(values.astype(np.uint16)))
    # The value that is transparent is of 16 bits, so it is looked up before the values are rescaled.
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    gray.info |= {key: image.info[key] for key in COLOR_KEYS if key in image.info}
    return gray


def _check_depth(largest: int, name: str) -> None:
    """Refuse 16-bit pictures that hold 8-bit or 12-bit values: they would be black, without an error."""
    if 0 < largest < _LEAST_OF_16_BIT:
        raise UserError(
            f"{name} has 16-bit values, but none above {largest} of 65535, so it would be black: save it with 8 bits, "
            "or stretch its values."
        )


def _from_16_bit(values: npt.NDArray[np.uint16]) -> Pixels:
    # 65535 = 255 * 257, so dividing by 257 maps both ends exactly; Pillow would clip at 255 instead.
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _gray_to_rgb(gray: Pixels) -> Pixels:
    return np.repeat(gray[..., None], 3, axis=2)


def _from_array(array: npt.NDArray[Any]) -> Pixels:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise UserError(f"An array of shape {array.shape} is not a photo: give (H,W), (H,W,3) or (H,W,4).")
    _check_size(array.shape[0], array.shape[1], "the array")
    values = _array_to_8_bit(array)
    if values.ndim == 2:
        return _gray_to_rgb(values)
    if values.shape[2] == 1:
        return _gray_to_rgb(values[..., 0])
    if values.shape[2] == 4:
        return _from_pil(Image.fromarray(np.ascontiguousarray(values)))
    # A copy: the caller may go on changing the array that was given.
    return np.array(values, order="C")


def _array_to_8_bit(array: npt.NDArray[Any]) -> Pixels:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        _check_depth(int(array.max()), "the array")
        return _from_16_bit(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    raise UserError(f"An array of {array.dtype} has no known range: convert it to uint8 in 0..255 first.")


def resize(rgb: Pixels, height: int, width: int, antialias: bool) -> Pixels:
    """Resize a photo (H,W,C), 0..255, to (height,width,C).

    Args:
        rgb: the photo.
        height, width: of the result, in pixels.
        antialias: shrink with area averaging (INTER_AREA). Without it, as in the published code, each pixel is mixed
            from the four nearest to one point, however many lie between: fine detail turns into noise.
    """
    shrinks = height * width < rgb.shape[0] * rgb.shape[1]
    how = cv2.INTER_AREA if antialias and shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=how), dtype=np.uint8)


def shrunk_size(height: int, width: int, max_side: int = MAX_SIDE) -> tuple[int, int]:
    """Height and width, in pixels, that `load_image` brings a picture to."""
    if max_side >= max(height, width):  # before the division, since a whole number may be beyond every float
        return height, width
    scale = max_side / max(height, width)
    return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))


def _shrink(rgb: Pixels, max_side: int) -> Pixels:
    height, width = shrunk_size(rgb.shape[0], rgb.shape[1], max_side)
    return rgb if (height, width) == rgb.shape[:2] else resize(rgb, height, width, antialias=True)
