"""Pictures packed into the page itself, so that no file of a visitor's photo is made for them."""

import base64

import cv2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from zsseg.image.load import resize

MAP_SIDE = 320  # pixels of the longer side: the size in which the tabs show a map
RAMP: npt.NDArray[np.float32] = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, axis=0)
"""Values 0..1 from left to right, (8, 256), as a colour scale draws them."""

_JPEG_QUALITY = 92

Picture = npt.NDArray[np.uint8]


def jpeg_uri(rgb: Picture) -> Markup:
    """Pack a photo (H, W, 3) with a little loss, which only shows on screen; exported files are lossless."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return _uri("jpeg", done, data)


def png_uri(picture: Picture) -> Markup:
    """Pack a drawing without loss.

    Args:
        picture: (H, W, 3) RGB or (H, W, 4) RGBA.
    """
    # OpenCV writes blue first.
    order = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, order), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    return _uri("png", done, data)


def _uri(kind: str, done: bool, data: npt.NDArray[np.uint8]) -> Markup:
    if not done:
        raise ValueError(f"a picture could not be packed as {kind}")
    # Base64 holds nothing to escape.
    return Markup(f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode('ascii')}")


def shrink(rgb: Picture, max_side: int = MAP_SIDE) -> Picture:
    """(H, W, C) -> the same picture with no side longer than `max_side`."""
    scale = max_side / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    return resize(rgb, height, width, antialias=True)
