"""JSON documents as dataclasses: pydantic checks that every field has its type, and that none is missing or unknown.

A dataclass that is read this way carries `__pydantic_config__ = STRICT`. Ranges are checked by its own `__post_init__`,
so that they hold for objects that were not read from a file, too.
"""

import json
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pydantic import ConfigDict, ValidationError

_T = TypeVar("_T")

# Strict: "3" is no number and true is no 1. A whole number is a fine fraction.
STRICT: "ConfigDict" = {"extra": "forbid", "strict": True}


def load_json(text: str | bytes) -> object:
    """A JSON value, in which no object has a key twice: which of the two counts differs from reader to reader.

    Raises:
        ValueError: it is no JSON, or a key occurs twice.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key!r:.60} occurs twice")
        made[key] = value
    return made


def read_fields(kind: type[_T], fields: object) -> _T:
    """Make a dataclass, with the dataclasses nested in it, of a JSON value as `json.loads` returned it.

    Raises:
        ValueError: it is no object, or a field is missing, unknown, of another type or out of its range.
    """
    from pydantic import TypeAdapter, ValidationError  # loads slowly, and many programs read no document

    try:
        # As text once more: only from JSON does the strict mode take an object for a dataclass, a list for a tuple.
        made: _T = TypeAdapter(kind).validate_json(json.dumps(fields))
    except ValidationError as error:
        raise ValueError(_first(error)) from error
    return made


def _first(error: "ValidationError") -> str:
    """The first problem in one line, such as "the field 'photo.height' is missing"."""
    # One problem at a time is what a person can act on; pydantic's own text has many lines and an address.
    problem = error.errors(include_url=False)[0]
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing" and problem["loc"] and isinstance(problem["loc"][-1], int):
        return f"{field.rpartition('.')[0]!r:.60} has too few values"
    if problem["type"] in ("missing", "missing_argument"):
        return f"the field {field!r:.60} is missing"
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"the field {field!r:.60} is unknown"
    if problem["type"] == "value_error":  # the sentence of a `__post_init__`
        return str(problem["ctx"]["error"])
    return f"{field or 'the document'!r:.60} cannot be {json.dumps(problem['input'], default=str):.40}"
