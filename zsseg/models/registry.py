"""The registry of methods: three built-in ones, and those of plug-ins.

A method is one `Method`. An installed package adds its own by an entry point of the group "zsseg.methods" that leads to
such an object; a script or a notebook calls `register`. Nothing else in the program lists methods:

    [project.entry-points."zsseg.methods"]
    mine = "my_package.my_method:METHOD"
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from zsseg.errors import UserError
from zsseg.models.config import ClipRCConfig, MethodConfig, TrainingFreeConfig, ZegCLIPConfig
from zsseg.models.method import Method

if TYPE_CHECKING:  # the program's own methods import torch when their first model is built
    from zsseg.models.backbone import Backbone
    from zsseg.models.base import SegmentationModel

GROUP = "zsseg.methods"


class Registry(Mapping[str, Method]):
    """Methods by key, in the order in which they are listed everywhere.

    Args:
        methods: known from the start.
        group: group of the entry points of plug-ins, which are loaded on first access.
    """

    def __init__(self, methods: tuple[Method, ...], group: str = GROUP) -> None:
        self._methods = {method.key: method for method in methods}
        self._group = group
        self._is_complete = False

    def __getitem__(self, key: str) -> Method:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def add(self, method: Method) -> None:
        """Add a method at the end.

        Raises:
            ValueError: another method has this key.
        """
        # An equal method may come twice; only another one under the same key is refused.
        if self._methods.setdefault(method.key, method) != method:
            raise ValueError(f"there is a method {method.key!r} already: give the new one another key")

    def remove(self, key: str) -> None:
        """Forget a method."""
        del self._methods[key]

    def _all(self) -> Mapping[str, Method]:
        if not self._is_complete:
            self._is_complete = True  # set first, because a plug-in may read the registry while it is imported
            for point in entry_points(group=self._group):
                try:
                    self.add(point.load())
                except Exception as error:  # third-party code can raise anything
                    raise UserError(
                        f"The method plug-in {point.value} cannot be loaded ({error}): repair it or uninstall it."
                    ) from error
        return self._methods


# The three builders import inside: listing methods must not load torch.
def _zegclip(config: ZegCLIPConfig, backbone: "Backbone") -> "SegmentationModel":
    from zsseg.models.zegclip import ZegCLIP

    return ZegCLIP(config, backbone)


def _clip_rc(config: ClipRCConfig, backbone: "Backbone") -> "SegmentationModel":
    from zsseg.models.clip_rc import ClipRC

    return ClipRC(config, backbone)


def _training_free(config: TrainingFreeConfig, backbone: "Backbone") -> "SegmentationModel":
    from zsseg.models.training_free import TrainingFree

    return TrainingFree(config, backbone)


METHODS = Registry(
    (
        Method(
            ZegCLIPConfig,
            _zegclip,
            title="ZegCLIP",
            about="Class names as queries of a small decoder over CLIP's patch tokens (Zhou et al., CVPR 2023).",
            color="#2563eb",
            checkpoint="zegclip-mini-inductive",
            shown=True,
        ),
        Method(
            ClipRCConfig,
            _clip_rc,
            title="CLIP-RC",
            about="Region tokens between image and patches, and a two-way decoder (Zhang et al., CVPR 2024).",
            color="#b45309",
            checkpoint="clip_rc-mini-inductive",
            shown=True,
        ),
        Method(
            TrainingFreeConfig,
            _training_free,
            title="Training-free baseline",
            about="The cosine of the untouched CLIP's patch tokens and the class names, without any training.",
            color="#64748b",
            trained=False,
        ),
    )
)


def register(method: Method) -> None:
    """Add a method for the predictor, the shell, the page, HTTP, MCP and training, until the process ends.

    Raises:
        ValueError: another method has this key.
    """
    METHODS.add(method)


@contextmanager
def registered(method: Method) -> Iterator[Method]:
    """Register a method until the block ends.

    Raises:
        ValueError: another method has this key.
    """
    register(method)
    try:
        yield method
    finally:
        METHODS.remove(method.key)


def method_of(key: str) -> Method:
    """The method with this key.

    Raises:
        UserError: there is none.
    """
    if not isinstance(key, str) or key not in METHODS:
        raise UserError(f"There is no method {key!r:.60}: choose one of {', '.join(METHODS)}.")
    return METHODS[key]


def shown_methods() -> tuple[Method, ...]:
    """The methods that answer where none is named."""
    return tuple(method for method in METHODS.values() if method.shown)


def build_model(config: MethodConfig, backbone: "Backbone") -> "SegmentationModel":
    """An untrained model of the configuration's method over `backbone`.

    Raises:
        UserError: no such method is known.
        ValueError: the sizes do not fit the backbone.
    """
    return method_of(config.method).build(config, backbone)
