"""A link that carries the question and the settings, never the photo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from zsseg.demo.actions import DisplaySettings

PENALTY_RANGE = (-0.5, 0.5)  # what the page's slider takes
MAX_LINK_TEXT = 4000  # browsers and servers cut longer addresses


def _or_none(value: Any, check: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - whatever a link holds
    # People edit links: one impossible value must not cost them the others.
    try:
        return check(value)
    except ValidationError:
        return None


def _without_none(kind: Any) -> BeforeValidator:  # noqa: ANN401 - a type as pydantic takes it
    """The values of a mapping that are of this kind."""
    check = TypeAdapter(kind).validate_python
    return BeforeValidator(lambda values: {key: v for key, text in values.items() if (v := check(text)) is not None})


_OR_NONE = WrapValidator(_or_none)
# A text that was cut on its way would be half a name.
_Text = Annotated[str | None, Field(max_length=MAX_LINK_TEXT), _OR_NONE]
_Fraction = Annotated[float | None, Field(ge=0, le=1), _OR_NONE]  # NaN is in no range
_Penalty = Annotated[float | None, Field(ge=PENALTY_RANGE[0], le=PENALTY_RANGE[1]), _OR_NONE]
_Fractions = Annotated[Mapping[str, float], _without_none(_Fraction)]
_Penalties = Annotated[Mapping[str, float], _without_none(_Penalty)]
_Scene = Annotated[int | None, Field(ge=0, lt=10**10), _OR_NONE]


@dataclass(frozen=True)
class Shared:
    """What a link says; None where it says nothing.

    Attributes:
        seen, unseen: texts of the boxes.
        model: title of the catalog entry.
        thresholds, penalties: by method, 0..1 and within `PENALTY_RANGE`.
        opacity: 0..1.
        scene: number of the drawn scene that was asked about.
        example: name of the example's file, without its ending.
        photo: name of the visitor's own file, which the link does not contain.
    """

    seen: _Text = None
    unseen: _Text = None
    model: _Text = None
    thresholds: _Fractions = field(default_factory=dict)
    penalties: _Penalties = field(default_factory=dict)
    opacity: _Fraction = None
    scene: _Scene = None
    example: _Text = None
    photo: _Text = None


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
    """Read what `write_query` wrote; what is missing or impossible counts as absent, what is unknown is left out."""
    by_method = {"thresholds": _with_prefix(fields, "threshold-"), "penalties": _with_prefix(fields, "penalty-")}
    return TypeAdapter(Shared).validate_python({**fields, **by_method})


def _with_prefix(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): text for name, text in fields.items() if name.startswith(prefix)}
