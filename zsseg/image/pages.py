"""Chooses one picture of a file that holds several, and finds its orientation."""

import io

from PIL import Image, TiffImagePlugin

from zsseg.errors import UserError

_MOST_PAGES = 64
# Tags of TIFF, and values of theirs.
_SUBFILE, _OLD_SUBFILE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 255, 262, 330, 50706
_REDUCED_OR_MASK, _OLD_REDUCED, _SENSOR = 1 | 4, 2, (32803, 34892)

_SHORT = 3  # a type of TIFF, and so of EXIF
ORIENTATION = 0x0112
"""EXIF's tag of the turn."""

# EXIF's number -> what undoes it; 5 and 7 mirror and turn.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Browsers turn JPEG, PNG and AVIF by their EXIF block; they do not turn WebP, and never by what XMP says.
_NOT_TURNED = ("WEBP",)


def select_page(image: Image.Image, name: str) -> None:
    """Go to the picture that is meant: the first of an animation, and of a TIFF the first that is no copy or mask.

    Args:
        image: opened, and not decoded yet.
        name: of the picture, for the sentence.

    Raises:
        UserError: it is a camera's raw file, of which only a preview could be read.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        # An animated PNG may hold a picture for programs that show no animation; browsers begin behind it.
        image.seek(1 if getattr(image, "default_image", False) else 0)
        return
    # A page without the mark of a copy ends the search, so usually one page is looked at.
    sizes: list[int] = []
    for page in range(_MOST_PAGES):
        try:
            image.seek(page)
        except EOFError:
            break
        _refuse_raw(image, name)
        if not _is_copy(image):
            return
        sizes.append(image.width * image.height)
    image.seek(sizes.index(max(sizes)))  # some writers mark every page as a copy


def _refuse_raw(image: TiffImagePlugin.TiffImageFile, name: str) -> None:
    tags = image.tag_v2
    preview = _is_copy(image) and _SUB_IFDS in tags  # the picture itself lies where only raw converters look
    if preview or _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _SENSOR:
        raise UserError(f"{name} is a camera's raw file: export it as JPEG, PNG or TIFF first.")


def _is_copy(image: TiffImagePlugin.TiffImageFile) -> bool:
    tags = image.tag_v2
    return bool(tags.get(_SUBFILE, 0) & _REDUCED_OR_MASK) or tags.get(_OLD_SUBFILE) == _OLD_REDUCED


def orientation(image: Image.Image) -> int:
    """The turn that browsers apply to a picture, as EXIF numbers it, 1..8; 1 is upright.

    Args:
        image: opened and not decoded: Chromium does not look for the EXIF block of a PNG behind its pixels, and Pillow
            turns a TIFF itself while it decodes, without a block.
    """
    block = image.info.get("exif")
    if not block or image.format in _NOT_TURNED:
        return 1
    try:
        data = io.BytesIO(block.removeprefix(b"Exif\0\0"))
        tags = TiffImagePlugin.ImageFileDirectory_v2(data.read(8))
        data.seek(tags.next)
        tags.load(data)
        # Browsers ignore a number of another type.
        turn = tags.get(ORIENTATION) if tags.tagtype.get(ORIENTATION) == _SHORT else 1
    except Exception:  # an unreadable EXIF block says nothing about the pixels
        return 1
    return turn if turn in _TURNS else 1  # 1 is upright, and other numbers mean nothing


def stored_turn(image: Image.Image) -> int:
    """The turn between the pixels of a file and what is shown, 1..8, also where Pillow undoes it while it decodes.

    Args:
        image: opened and not decoded.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        turn = image.tag_v2.get(ORIENTATION, 1)
        return turn if turn in _TURNS else 1
    return orientation(image)


def upright(image: Image.Image, turn: int) -> Image.Image:
    """Undo a turn that `orientation` found, in a decoded picture."""
    return image if turn == 1 else image.transpose(_TURNS[turn])
