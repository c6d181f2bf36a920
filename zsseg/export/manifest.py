"""Everything that is needed to reproduce an answer, as JSON: the photo, the class names, the models, their settings."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zsseg.documents import STRICT, load_json, read_fields
from zsseg.engines import EAGER, engine_name
from zsseg.errors import UserError
from zsseg.files import read_bytes, shortened, slug
from zsseg.image.load import Pixels
from zsseg.segmentation import Segmentation, check_fraction, check_penalty
from zsseg.text.vocabulary import Vocabulary, build_vocabulary
from zsseg.version import __version__

MANIFEST_VERSION = 1
OPACITY = 0.6
"""Default opacity of the coloured layer in an overlay."""

MAX_METHODS = 16
"""In one manifest: each may be a model of its own that has to be loaded."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ManifestPhoto:
    """The photo of the answer.

    Attributes:
        file_name: its name without folders; only for people, the pixels decide.
        height: of the decoded photo, in pixels.
        width: likewise.
        pixels_sha256: of the (H,W,3) RGB bytes that `zsseg.image.load.load_image` returned, in hexadecimal.
    """

    __pydantic_config__ = STRICT

    file_name: str
    height: int
    width: int
    pixels_sha256: str

    def __post_init__(self) -> None:
        """Refuse sizes and hashes that no photo can have."""
        if self.height < 1 or self.width < 1 or not _SHA256.fullmatch(self.pixels_sha256):
            raise ValueError("invalid photo size or sha256")


@dataclass(frozen=True)
class ManifestMethod:
    """The settings of one model, and how its answer was drawn.

    Attributes:
        folder: where its files go, a `slug`.
        method: key of the method, such as "clip_rc".
        checkpoint: its name.
        sha256: of the checkpoint file, or "" for a model that has none.
        backbone: name of the backbone's folder.
        backbone_sha256: of the backbone's weights file.
        seen_penalty: taken off the seen classes' scores, -1..1.
        threshold: lower scores are none of the classes, 0..1.
        opacity: of the paint in the overlay, 0..1.
        photo_gate: strength of the photo-level gate, 0..1; 0 in older manifests, which could not have one.
        engine: what ran the model; "eager", the only one there was, in manifests of zsseg 0.1.

    Raises:
        UserError: a setting outside 0..1, or an engine that does not exist.
        ValueError: a folder that could lead elsewhere, or an invalid sha256.
    """

    __pydantic_config__ = STRICT

    folder: str
    method: str
    checkpoint: str
    sha256: str
    backbone: str
    backbone_sha256: str
    seen_penalty: float
    threshold: float
    opacity: float
    photo_gate: float = 0.0
    engine: str = EAGER

    def __post_init__(self) -> None:
        """Refuse what could not be followed."""
        engine_name(self.engine)
        check_penalty(self.seen_penalty)
        check_fraction(self.threshold, "The threshold")
        check_fraction(self.opacity, "The opacity")
        check_fraction(self.photo_gate, "The photo-level gate")
        # The folder is joined to a path, and a manifest may come from a stranger.
        if self.folder != slug(self.folder):
            raise ValueError(f"{self.folder!r} is not a plain folder name")
        if not all(value == "" or _SHA256.fullmatch(value) for value in (self.sha256, self.backbone_sha256)):
            raise ValueError(f"invalid sha256 of {self.folder!r}")


@dataclass(frozen=True)
class Manifest:
    """One answer, without its pixels: the same photo and the same models make the same files of it again.

    To the last byte where the machine, its libraries and its number of threads are the same, and the engine, which the
    manifest names; else sums are taken in another order, and the last digits of scores may differ.

    Attributes:
        photo: the photo of the answer.
        seen: one entry per seen class, its synonyms joined by " | ".
        unseen: likewise for the unseen classes.
        methods: 1 to `MAX_METHODS`, each with a folder of its own.
        version: of zsseg.

    Raises:
        UserError: no class name, or class names that contradict each other.
        ValueError: no method, too many, or two with one folder.
    """

    __pydantic_config__ = STRICT

    photo: ManifestPhoto
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    methods: tuple[ManifestMethod, ...]
    version: str

    def __post_init__(self) -> None:
        """Refuse what could not be followed."""
        # Called for its refusals: names that no request could have are refused when the manifest is read.
        build_vocabulary(self.seen, self.unseen)
        folders = [step.folder for step in self.methods]
        if not folders or len(set(folders)) < len(folders):
            raise ValueError("there must be methods, and each needs a folder of its own")
        if len(folders) > MAX_METHODS:
            raise ValueError(f"{len(folders)} methods are too many, at most {MAX_METHODS} can be followed")

    def to_json(self) -> str:
        """The text of recipe.json, the same for equal manifests."""
        fields = {"format_version": MANIFEST_VERSION, "version": self.version, **dataclasses.asdict(self)}
        return json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Manifest":
        """Read what `to_json` wrote.

        Raises:
            UserError: it is not JSON, of another format version, or a field is missing, unknown or impossible.
        """
        try:
            data = load_json(text)
            json.dumps(data, ensure_ascii=False).encode()  # a lone surrogate could not be written as UTF-8 again
            return _manifest(data)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:  # UserError is a ValueError
            reason = shortened(str(error).splitlines()[0].rstrip("."), 200)
            raise UserError(
                f"The manifest cannot be read ({reason}): take the recipe.json of an answer's ZIP as it is."
            ) from error


def manifest_of(
    photo: Pixels,
    file_name: str,
    vocabulary: Vocabulary,
    results: Mapping[str, Segmentation],
    opacity: float | Mapping[str, float] = OPACITY,
) -> Manifest:
    """The manifest of an answer.

    Args:
        photo: (H,W,3) RGB, as `zsseg.image.load.load_image` returned it.
        file_name: of the photo; folders before it are left out.
        vocabulary: the class names with their synonyms.
        results: folder of the files -> answer; the folders are a `slug` each, such as "clip_rc".
        opacity: of the paint in the overlays, 0..1; one for all, or one for each folder.

    Raises:
        UserError: an opacity outside 0..1.
        ValueError: an answer to another question, or a folder that is no plain name.
    """
    for seg in results.values():
        if (seg.names, seg.seen) != (vocabulary.names, vocabulary.seen):
            raise ValueError("the results and the vocabulary are of different questions")
    # The synonyms go along as one text, in the form that `parse_names` reads back.
    groups = list(zip(map(" | ".join, vocabulary.synonyms), vocabulary.seen, strict=True))
    paints = opacity if isinstance(opacity, Mapping) else dict.fromkeys(results, opacity)
    steps = tuple(_step(folder, seg, paints[folder]) for folder, seg in results.items())
    return Manifest(
        photo=manifest_photo(photo, file_name),
        seen=tuple(group for group, seen in groups if seen),
        unseen=tuple(group for group, seen in groups if not seen),
        methods=steps,
        version=__version__,
    )


def manifest_photo(photo: Pixels, file_name: str) -> ManifestPhoto:
    """The manifest's entry for a decoded photo.

    Args:
        photo: (H,W,3) RGB.
        file_name: folders before it are left out.
    """
    # A name that is no text on this system still has to fit into a JSON file.
    name = re.split(r"[/\\]", file_name)[-1].encode("utf-8", "replace").decode()
    height, width = photo.shape[:2]
    return ManifestPhoto(name, height, width, hashlib.sha256(photo.tobytes()).hexdigest())


def _step(folder: str, seg: Segmentation, opacity: float) -> ManifestMethod:
    origin = seg.provenance
    return ManifestMethod(
        folder=folder,
        method=seg.method,
        checkpoint=seg.model,
        sha256=origin.get("sha256", ""),
        backbone=origin.get("backbone", ""),
        backbone_sha256=origin.get("backbone_sha256", ""),
        seen_penalty=float(seg.seen_penalty),
        threshold=float(seg.threshold),
        opacity=float(opacity),
        photo_gate=float(seg.photo_gate),
        # An answer that no predictor made has no provenance.
        engine=origin.get("engine", EAGER),
    )


def read_manifest(path: str | Path) -> Manifest:
    """Read a recipe.json.

    Raises:
        UserError: there is no such file, or it is no manifest.
    """
    try:
        return Manifest.from_json(read_bytes(Path(path)))
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"The manifest {shortened(path)} cannot be opened ({reason}): check the name.") from error


def _manifest(data: object) -> Manifest:
    if not isinstance(data, dict):
        raise ValueError("it is no object")
    version = data.pop("format_version", None)
    # `type`, because true would pass for 1.
    if type(version) is not int or version != MANIFEST_VERSION:
        raise ValueError(f"its format_version is not {MANIFEST_VERSION}")
    return read_fields(Manifest, data)
