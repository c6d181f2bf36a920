"""The header of a head's file. Reading it needs no torch, so that listing models is quick."""

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from safetensors import safe_open

from zsseg.documents import STRICT, load_json, read_fields
from zsseg.errors import UserError
from zsseg.files import is_file, shortened
from zsseg.image import Layout
from zsseg.models.config import MethodConfig
from zsseg.models.registry import method_of
from zsseg.segmentation import check_fraction, check_penalty

Setting = Literal["inductive", "transductive", "training-free", "fully-supervised"]

FORMAT_VERSION = 2
"""Rises whenever fields are added. 2: `layout`, and no `method` inside `config`, which `method` says already."""

_READABLE = (1, 2)
HEADER_KEY = "zsseg"
MAX_SIZE = 4096
"""Side of a window in pixels, at most."""


@dataclass(frozen=True)
class Metadata:
    """Where a head comes from, and how its inputs must be prepared.

    Attributes:
        name: the file's name without its ending.
        method: key of the method, as in `config`.
        setting: what training knew of the unseen classes.
        config: sizes of the head, of the class that the method's `config` names.
        backbone: name of the backbone's folder, beside the file.
        backbone_sha256: of the backbone's weights file.
        templates: texts with one `{}` for the class name; their vectors are averaged.
        mean: subtracted from red, green, blue, 0..255.
        std: then divided by.
        size: side of a window in pixels.
        stride: step between windows in pixels.
        antialias: photos are downscaled with area averaging; without it as published, see `zsseg.image.load.resize`.
        layout: how windows lie; see `zsseg.image.windows`.
        seen: names whose masks training saw.
        unseen: names without masks in training, which evaluation includes.
        seen_penalty: subtracted from the sigmoid of seen classes, -1..1.
        threshold: largest sigmoid below which a pixel is none of the classes, 0..1.
        recovery_target: "clip" or "prompted": whose patch tokens the recovery decoder learned; None for ZegCLIP.
        pseudo_label_where: which pixels were pseudo-labelled; None for anything but transductive.
        data: data sets of the training.
        recipe: name of the training recipe.
        commit: of the code that trained it.
        scores: measured scores, 0..1, by name.
        created: date, ISO 8601.
    """

    __pydantic_config__ = STRICT

    name: str
    method: str
    setting: Setting
    config: MethodConfig
    backbone: str
    backbone_sha256: str
    templates: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    stride: int
    antialias: bool = False
    layout: Layout = "sliding"
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    seen_penalty: float = 0.0
    threshold: float = 0.0
    recovery_target: str | None = None
    pseudo_label_where: str | None = None
    data: tuple[str, ...] = ()
    recipe: str = ""
    commit: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    created: str = ""

    def __post_init__(self) -> None:
        # Both come from the file: a header that says two things is refused instead of trusting either.
        if self.method != self.config.method:
            raise ValueError(f"method is {self.method} but config says {self.config.method}")
        if self.setting not in get_args(Setting):
            raise ValueError(f"unknown setting {self.setting!r}")
        if self.layout not in get_args(Layout):
            raise ValueError(f"unknown layout of windows {self.layout!r}")
        if not self.templates or any("{}" not in template for template in self.templates):
            raise ValueError("each template needs a {} for the class name")
        self._check_numbers()
        # The name is joined to a folder's path, and a header from elsewhere must not lead out of it.
        if self.backbone in (".", "..") or re.search(r"[/\\\0]", self.backbone):
            raise ValueError(f"the backbone {self.backbone!r:.40} is no plain folder name")

    def _check_numbers(self) -> None:
        """Refuse numbers from which no answer can be computed."""
        # The checks of an answer's settings, since these values are their defaults.
        check_penalty(self.seen_penalty)
        check_fraction(self.threshold, "The threshold")
        if len(self.mean) != 3 or len(self.std) != 3 or self.size < 1 or self.stride < 1:
            raise ValueError("mean and std need three values, size and stride must be positive")
        if not all(map(math.isfinite, (*self.mean, *self.std, *self.scores.values()))) or min(self.std) <= 0:
            raise ValueError("mean, std and scores must be finite, and std above 0")
        if self.size > MAX_SIZE or (self.layout == "sliding" and self.stride > self.size):
            raise ValueError(f"size must be at most {MAX_SIZE}, and the stride at most the size")


def to_json(metadata: Metadata) -> str:
    """The header's text."""
    return json.dumps({"format_version": FORMAT_VERSION, **dataclasses.asdict(metadata)})


def from_json(text: str) -> Metadata:
    """Read a header's text; missing optional fields take their defaults.

    Raises:
        ValueError: not JSON, another format version, an unknown or missing field, or a value out of range.
    """
    fields: Any = load_json(text)
    if not isinstance(fields, dict):
        raise ValueError("the header is no object")
    version = fields.pop("format_version", None)
    if type(version) is not int or version not in _READABLE:
        raise ValueError(f"format version {version} where this program reads {' and '.join(map(str, _READABLE))}")
    if version == 1:
        fields["config"] = _without_method(fields)
    # The type of `config` depends on the method, so the fields are read into a variant that says which.
    if not isinstance(fields.get("method"), str):
        raise ValueError("the field 'method' is missing")
    own = method_of(fields["method"]).config
    variant: type[Metadata] = dataclasses.make_dataclass("Metadata", [("config", own)], bases=(Metadata,), frozen=True)
    read = read_fields(variant, fields)
    # Back to the plain class: dataclasses are equal only within one class, and one made here cannot be pickled.
    return Metadata(**{item.name: getattr(read, item.name) for item in dataclasses.fields(Metadata)})


def _without_method(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The head's sizes of a version 1 header, in which the method stands twice."""
    sizes = dict(fields.get("config", {}))
    method = fields.get("method")
    if (stated := sizes.pop("method", method)) != method:
        raise ValueError(f"method is {method} but config says {stated}")
    return sizes


def read_metadata(path: str | Path) -> Metadata:
    """Read a head's header, not its tensors.

    Raises:
        UserError: no such file, not safetensors, or a header that does not hold what it must.
    """
    try:
        if not is_file(Path(path)):
            raise FileNotFoundError
        # The numpy framework, since asking for torch would import it.
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
        return from_json(header[HEADER_KEY])
    except FileNotFoundError as error:
        raise UserError(f"There is no file {shortened(path)}: check the name.") from error
    except KeyError as error:
        raise UserError(f"{path} is no checkpoint of this program: its header has no {HEADER_KEY} entry.") from error
    except UserError as error:  # a plug-in's method, on a machine without the plug-in
        raise UserError(f"The checkpoint {path} cannot be used. {error}") from error
    except Exception as error:  # a foreign file fails in every way there is, too deep a recursion among them
        raise UserError(damaged("checkpoint", path, error, "copy it again")) from error


def damaged(what: str, path: str | Path, error: Exception, advice: str) -> str:
    """The sentence about a file that cannot be used, with the first line of the reason."""
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"The {what} {path} is damaged ({shortened(reason, 200)}): {advice}."
