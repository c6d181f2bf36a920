"""The description of a method: its names, its configuration, and how its model is built."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zsseg.models.config import MethodConfig

if TYPE_CHECKING:  # no torch before a model is built: a list of methods must be quick
    from zsseg.models.backbone import Backbone
    from zsseg.models.base import SegmentationModel

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_COLOR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class Method:
    """One segmentation method; `zsseg.models.registry` holds all of them.

    Attributes:
        config: the dataclass of its sizes, a subclass of `MethodConfig`; its `method` is the method's key.
        build: makes an untrained model from such a configuration and a backbone; usually the model's class.
        title: its name for people, such as "CLIP-RC".
        about: what it is, in one sentence.
        color: "#rrggbb", its mark on the page.
        trained: it has weights of its own, which come from a checkpoint. Without, `config()` and a backbone suffice.
        checkpoint: name of the checkpoint that is used where none is named; empty where it ships none.
        shown: it answers where no method is named, and the page starts with it. Others must be named.

    Raises:
        ValueError: the key or the colour is not of its form.
    """

    config: type[MethodConfig]
    build: Callable[[Any, "Backbone"], "SegmentationModel"]
    title: str
    about: str
    color: str
    trained: bool = True
    checkpoint: str = ""
    shown: bool = False

    def __post_init__(self) -> None:
        # The key becomes a folder, part of an address and an id on the page, none of which may need escapes.
        if not _KEY.fullmatch(self.key):
            raise ValueError(f"the key {self.key!r} must be lower-case letters, digits, '-' and '_'")
        if not _COLOR.fullmatch(self.color):
            raise ValueError(f"the colour of {self.key} must be written #rrggbb, not {self.color!r}")

    @property
    def key(self) -> str:
        """What checkpoints, folders, the shell and HTTP call it, such as "clip_rc"."""
        # Read off the configuration, so that a method and the headers of its checkpoints cannot disagree.
        return self.config.method
