"""The colours that a PNG declares by numbers instead of a profile: a gamma, a white point and three primaries."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

# CIE XYZ of the white D50, which all profiles refer to.
_D50 = np.array([0.96422, 1.0, 0.82521])
# Bradford's cone responses: how colours are adapted from one white to another. Source: ICC.1:2022, annex E.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# x and y of the white, red, green and blue of sRGB.
_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_GAMMAS = (0.1, 10.0)
# A gamma alone that is within a twentieth of sRGB's is meant to be it. Source: libpng, PNG_GAMMA_THRESHOLD.
_SAME_GAMMA = 0.05


def profile_of_chunks(info: Mapping[Any, Any]) -> bytes | None:
    """The ICC profile that says the same as a PNG's chunks gAMA and cHRM.

    As in Chromium a gamma alone goes with the primaries of sRGB, primaries alone say nothing, and neither counts beside
    an sRGB chunk.

    Args:
        info: of a picture, as Pillow's reader of PNG fills it.

    Returns:
        The profile of an RGB picture; None where the chunks say nothing, or nothing possible.
    """
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or not isinstance(gamma, float) or not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
        return None
    if not isinstance(points, tuple) or len(points) != len(_SRGB):
        if abs(2.2 * gamma - 1) <= _SAME_GAMMA:
            return None
        points = _SRGB
    colorants = _colorants(points)
    return None if colorants is None else _profile(colorants, 1 / gamma)


def _colorants(points: Sequence[float]) -> Matrix | None:
    """XYZ of red, green and blue as columns, adapted to D50, from x and y of white, red, green and blue."""
    xy = np.array(points, float).reshape(4, 2)
    if not (np.all(xy[:, 1] > 0) and np.all(xy >= 0) and np.all(xy.sum(1) <= 1)):
        return None
    white, *primaries = [np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in xy]
    unscaled = np.column_stack(primaries)
    # Three primaries on a line make no colours.
    if abs(np.linalg.det(unscaled)) < 1e-6:
        return None
    # Each primary as strong as it takes for all three together to be white.
    colors = unscaled * np.linalg.solve(unscaled, white)
    cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ colors)


def _profile(colorants: Matrix, gamma: float) -> bytes:
    """A matrix profile of version 4: three colorants and one curve. Source: ICC.1:2022, sections 7.2, 10.18, 10.31."""
    bodies = [b"XYZ " + bytes(4) + _fixed(*column) for column in colorants.T]
    curve = b"para" + bytes(8) + _fixed(gamma)
    tags = dict(
        zip((b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"), [*bodies, curve, curve, curve], strict=True)
    )
    tags[b"wtpt"] = b"XYZ " + bytes(4) + _fixed(*_D50)
    start = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(content), len(body))
        content += body
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(content), 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return (head + _fixed(*_D50)).ljust(128, b"\0") + table + content


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))
