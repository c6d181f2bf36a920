"""Colours by the profile that a picture carries, as sRGB, which is what the networks learned and browsers show."""

import io

import numpy as np
from PIL import Image, ImageCms

from zsseg.image.png_chunks import profile_of_chunks

COLOR_KEYS = ("icc_profile", "gamma", "chromaticity", "srgb")
"""What Pillow's readers note of a picture's colours."""

# Pillow's mode -> the colour space that a fitting profile states, always four letters.
_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}
_LARGEST_PROFILE = 4_000_000  # bytes; those of printing presses have about 2 million
# Levels of 255 by which two profiles called sRGB may differ; less is a matter of rounding and not worth the pixels.
_SAME = 2
# 216 colours in even steps over the cube, (6, 36, 3): enough to tell whether a profile moves any of them.
_PROBE = np.stack(np.meshgrid(*[np.linspace(0, 255, 6)] * 3), -1).reshape(6, 36, 3).astype(np.uint8)


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert the colours of a decoded picture by its embedded ICC profile, or by the numbers of a PNG that has none.

    A profile that is damaged, is that of another kind of picture or is practically sRGB changes nothing, as in a
    browser. The intent is the profile's own.

    Args:
        image: of mode L, LA, RGB, RGBA, CMYK or P; any other is returned as it is.

    Returns:
        RGB or RGBA where something was converted, else the same picture.
    """
    profile = image.info.get("icc_profile")
    if not profile and (profile := profile_of_chunks(image.info)):
        # They describe red, green and blue; a grey picture is one of those, too.
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if not profile or len(profile) > _LARGEST_PROFILE:
        return image
    if image.mode in ("L", "LA") and _space(profile) == _SPACES["RGB"]:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    # Profiles say nothing of transparency: it is taken off here and put back after the conversion.
    alpha = image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info
    # Indices of a palette are no colours: they have to be looked up before they can be converted.
    plain = image.convert("RGBA" if alpha else "RGB") if image.mode in ("P", "PA") else image
    colors = plain.convert(plain.mode.removesuffix("A")) if plain.mode in ("LA", "RGBA") else plain
    transform = _transform(profile, colors.mode)
    if transform is None:
        return image
    converted = transform.apply(colors)
    if alpha:
        converted.putalpha(plain.convert("RGBA").getchannel("A"))
    return converted


def _space(profile: bytes) -> str:
    """The colour space that a profile's header states, four letters; a damaged profile may state anything."""
    return profile[16:20].decode("latin-1")


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the profile to sRGB; None where it is unusable, or not worth it."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _SPACES.get(mode) != source.profile.xcolor_space:
            return None
        intent = ImageCms.Intent(ImageCms.getDefaultIntent(source))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    # Never skipped: CMYK has to become RGB anyhow, and Pillow's own conversion knows nothing of the inks.
    if mode == "CMYK":
        return transform
    probe = Image.fromarray(_PROBE).convert(mode)
    moved = np.asarray(transform.apply(probe), int) - np.asarray(probe.convert("RGB"), int)
    return transform if np.abs(moved).max() > _SAME else None
