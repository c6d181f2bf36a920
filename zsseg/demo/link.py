"""A link that carries the question and the settings, never the photo."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from zsseg.demo.actions import DisplaySettings

PENALTIES = (-0.5, 0.5)  # what the page's slider takes
MAX_TEXT = 4000  # browsers and servers cut longer addresses
_DIGITS = 10  # of the largest number of a scene


@dataclass(frozen=True)
class Shared:
    """What a link says; None where it says nothing.

    Attributes:
        seen, unseen: texts of the boxes.
        model: title of the catalog entry.
        thresholds, penalties: by method, 0..1 and within `PENALTIES`.
        opacity: 0..1.
        scene: number of the drawn scene that was asked about.
        example: name of the example's file, without its ending.
        photo: name of the visitor's own file, which the link does not contain.
    """

    seen: str | None
    unseen: str | None
    model: str | None
    thresholds: Mapping[str, float]
    penalties: Mapping[str, float]
    opacity: float | None
    scene: int | None
    example: str | None
    photo: str | None


def write_query(
    seen: str, unseen: str, model: str, display: DisplaySettings, picture: Mapping[str, str] | None = None
) -> str:
    """Write the part of the address after the page's own, question mark included.

    `picture` is what `zsseg.demo.question.gallery.link_picture` says of it.
    """
    # `:g` writes 0.5 and not 0.500000: people read and edit links.
    fields: dict[str, str] = {"seen": seen, "unseen": unseen, "model": model, "opacity": f"{display.opacity:g}"}
    for method, (threshold, penalty) in display.settings.items():
        # The method's key is part of the field's name, so methods of plug-ins need no table here.
        fields[f"threshold-{method}"] = f"{threshold:g}"
        fields[f"penalty-{method}"] = f"{penalty:g}"
    fields |= picture or {}
    return "?" + urlencode(fields)


def read_query(fields: Mapping[str, str]) -> Shared:
    """Read what `write_query` wrote; what is missing or impossible counts as absent."""
    return Shared(
        seen=_text(fields.get("seen")),
        unseen=_text(fields.get("unseen")),
        model=_text(fields.get("model")),
        thresholds=_by_method(fields, "threshold-", (0, 1)),
        penalties=_by_method(fields, "penalty-", PENALTIES),
        opacity=_within(fields.get("opacity"), (0, 1)),
        scene=_number(fields.get("scene")),
        example=_text(fields.get("example")),
        photo=_text(fields.get("photo")),
    )


def _text(value: str | None) -> str | None:
    # A text that was cut on its way would be half a name.
    return None if value is None or len(value) > MAX_TEXT else value


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def _by_method(fields: Mapping[str, str], prefix: str, span: tuple[float, float]) -> dict[str, float]:
    read = {name.removeprefix(prefix): _within(text, span) for name, text in fields.items() if name.startswith(prefix)}
    return {method: value for method, value in read.items() if value is not None}


def _within(text: str | None, span: tuple[float, float]) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if span[0] <= value <= span[1] else None  # false for NaN
