"""A photo and class names in, a `Segmentation` out: the one core behind the page, the shell and Python.

Photo and names are encoded and cached separately: new names never re-encode the photo.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zsseg.analysis.photo_gate import apply_photo_gate, photo_scores
from zsseg.analysis.regions import RegionView, check_regions, view_regions
from zsseg.cache import Later
from zsseg.engines import EAGER, engine_name
from zsseg.engines.base import Engine
from zsseg.engines.build import build_engine
from zsseg.engines.devices import find_device, own_precision
from zsseg.errors import UserError, check_type, explain_memory_errors
from zsseg.files import file_sha256
from zsseg.image.encoder import EncodedImage, ImageEncoder
from zsseg.image.load import Pixels, load_image
from zsseg.image.score_maps import WindowMaps
from zsseg.image.windows import Box, Preprocessing, Windows, stitch_grids
from zsseg.models import METHODS, Backbone, MaskOutput, SegmentationModel, TrainingFreeConfig, method_of
from zsseg.segmentation import FloatArray, Segmentation, check_fraction, check_penalty, shown
from zsseg.text.checks import VocabularyWarning
from zsseg.text.encoder import TextEncoder
from zsseg.text.templates import SINGLE_TEMPLATE
from zsseg.text.vocabulary import Vocabulary, build_vocabulary
from zsseg.weights.backbone import WEIGHTS_FILE, BackboneDefaults, load_backbone, read_defaults
from zsseg.weights.checkpoint import load_checkpoint, shared_backbones
from zsseg.weights.metadata import MAX_SIZE, Metadata
from zsseg.weights.search import find_backbone, find_or_fetch_checkpoint

# Of `Segmentation`, where the method has a recovery decoder.
_FEATURES = ("encoder", "decoder", "recovered", "target", "recovery_cosine")
# Values of score maps, K*H*W, that `predict` computes itself; more are left until they are wanted.
_COMPUTED_AT_ONCE = 2**26


def default_checkpoints() -> dict[str, str]:
    """Key of each method that is shown and trained -> the checkpoint that it is used with when none is named."""
    return {key: method.checkpoint for key, method in METHODS.items() if method.shown and method.checkpoint}


class Predictor:
    """One loaded model, ready to answer; may be shared by threads.

    Args:
        model: a model of any method, with its weights.
        metadata: how its photos and names are to be prepared.
        device: where it runs.
        sha256: of its checkpoint file, for the record; empty for a model without one.
        engine: what runs its steps, one of `zsseg.engines.ENGINES` or an engine itself.

    Raises:
        UserError: there is no such engine or device, the engine cannot run here, or an argument is of another type.
    """

    def __init__(
        self,
        model: SegmentationModel,
        metadata: Metadata,
        device: str = "cpu",
        sha256: str = "",
        engine: str | Engine = EAGER,
    ) -> None:
        check_type(model, nn.Module, "model must be a model of one of the methods")
        check_type(metadata, Metadata, "metadata must be the Metadata of a checkpoint")
        self.device = find_device(device)
        # A head that moves takes a copy of its backbone along, so other predictors over it stay where they are.
        self.model = model.to(self.device).eval()
        self.metadata = metadata
        self.sha256 = sha256
        self.requested_engine = engine
        self.engine = build_engine(engine, model.backbone, metadata.size, self.device)
        preprocessing = Preprocessing(
            metadata.size, metadata.stride, metadata.mean, metadata.std, metadata.antialias, metadata.layout,
            model.backbone.patch_size,
        )  # fmt: skip
        # The untouched CLIP's tokens cost a second pass through the encoder: only heads trained on them get it.
        clip_target = model.has_recovery and metadata.recovery_target == "clip"
        self.image_encoder = ImageEncoder(self.model, preprocessing, self.device, clip_target, self.engine)
        self.text_encoder = TextEncoder(model.backbone, metadata.templates, (*metadata.seen, *metadata.unseen))

    @classmethod
    def from_checkpoint(
        cls,
        name: str | Path,
        device: str = "cpu",
        backbones: MutableMapping[str, Backbone] | None = None,
        engine: str | None = None,
    ) -> Self:
        """Load a checkpoint.

        Args:
            name: its name or path; or a repository of the Hugging Face hub, "org/name" or "org/name/HEAD".
            device: where it runs.
            backbones: backbones already loaded, by sha256; shared and added to.
            engine: what runs its steps; None takes the environment's `ZSSEG_ENGINE`, else "auto".

        Raises:
            UserError: it is missing or damaged, and what to do about it; or the engine cannot run here.
        """
        chosen = engine_name(engine)
        path = find_or_fetch_checkpoint(name)
        model, metadata = load_checkpoint(path, backbones)
        return cls(model, metadata, device, file_sha256(path), chosen)

    @classmethod
    def training_free(
        cls,
        backbone: str | Path,
        device: str = "cpu",
        *,
        size: int | None = None,
        stride: int | None = None,
        templates: Sequence[str] = SINGLE_TEMPLATE,
        backbones: MutableMapping[str, Backbone] | None = None,
        method: str = TrainingFreeConfig.method,
        engine: str | None = None,
    ) -> Self:
        """Make a model that has no weights of its own from a backbone alone.

        Args:
            backbone: its folder, or the folder's name among the weights; its own mean and std are used.
            device: where it runs.
            size: side of a window in pixels; None takes the one its folder names, else that of its image encoder.
            stride: step between windows in pixels; None takes five sixths of the side, as the published heads.
            templates: texts with one ``{}`` for the class name.
            backbones: backbones already loaded, by sha256; shared and added to.
            method: key of a method that is not trained; the baseline unless another is named.
            engine: as in `from_checkpoint`.

        Raises:
            UserError: the folder is missing or damaged, the method needs a checkpoint, the engine cannot run here, or
                windows or templates are impossible.
        """
        _check_windows(size, stride, templates)
        chosen, engine = method_of(method), engine_name(engine)
        if chosen.trained:
            raise UserError(f"{chosen.title} must be trained: name one of its checkpoints.")
        frozen, defaults = _shared_backbone(find_backbone(backbone), backbones)
        config, side = chosen.config(), size or defaults.size
        if side % frozen.patch_size:
            raise UserError(f"Windows of {side} pixels hold no whole patches: give a multiple of {frozen.patch_size}.")
        metadata = Metadata(
            f"{method}-{frozen.name}", method, "training-free", config, frozen.name, frozen.sha256, tuple(templates),
            defaults.mean, defaults.std, side, stride or max(1, side * 5 // 6), defaults.antialias, defaults.layout,
        )  # fmt: skip
        return cls(chosen.build(config, frozen), metadata, device, engine=engine)

    @property
    def name(self) -> str:
        """Name of the checkpoint."""
        return self.metadata.name

    @property
    def method(self) -> str:
        """Key of the method that answers, such as "clip_rc"."""
        return self.metadata.method

    @property
    def title(self) -> str:
        """Name of the method for people, such as "CLIP-RC"."""
        return METHODS[self.method].title

    @property
    def has_regions(self) -> bool:
        """Whether `region_view` has something to show."""
        return self.model.has_regions

    @property
    def has_recovery(self) -> bool:
        """Whether answers carry the features of a recovery decoder."""
        return self.model.has_recovery

    @explain_memory_errors()
    @own_precision()
    def predict(
        self,
        image: object,
        seen: str | Sequence[str] = (),
        unseen: str | Sequence[str] = (),
        *,
        seen_penalty: float | None = None,
        threshold: float | None = None,
        photo_gate: float = 0.0,
        report: Callable[[float, str], object] = lambda _share, _step: None,
    ) -> Segmentation:
        """Find the classes in a photo.

        A name longer than the context length is truncated, and the answer's `warnings` say so; they also name what
        looks like several names in one.

        Args:
            image: anything `zsseg.image.load.load_image` reads; a very large photo is shrunk, and so is the answer.
            seen, unseen: class names, as `zsseg.text.vocabulary.build_vocabulary` reads them.
            seen_penalty: in -1..1; None takes the checkpoint's own.
            threshold: in 0..1; None takes the checkpoint's own.
            photo_gate: strength of `zsseg.analysis.photo_gate`, in 0..1; neither published method has it.
            report: called now and then with the share that is done, 0..1, and the step that runs, in words.

        Raises:
            UserError: the photo, the names or a setting cannot be used.
        """
        # Before the names are read: `seconds` is what a person waits.
        start = time.perf_counter()
        if not callable(report):
            raise UserError(f"report must be a function of the share done and the step, not {type(report).__name__}.")
        vocabulary = build_vocabulary(seen, unseen)
        penalty = self.metadata.seen_penalty if seen_penalty is None else seen_penalty
        limit = self.metadata.threshold if threshold is None else threshold
        # Settings are checked before the networks run, so that a mistake costs no waiting.
        check_penalty(penalty)
        check_fraction(limit, "The threshold")
        check_fraction(photo_gate, "The photo-level gate")
        photo = self.preprocess(load_image(image))
        text = self.text_encoder.encode(vocabulary, lambda share: report(share / 2, "reading the names"))
        report(1 / 2, "reading the photo")
        encoded = self.encode_image(photo)
        report(3 / 4, "scoring the names")
        scores, features = self.decode(photo, encoded, text, vocabulary)
        answer = Segmentation(
            self.method, self.name, vocabulary.names, vocabulary.seen,
            scores,  # type: ignore[arg-type]
            penalty, limit, features,
            provenance=self.provenance, warnings=self.text_encoder.answer_warnings(vocabulary),
            photo_scores=self._photo_scores(encoded, text, vocabulary),
        )  # fmt: skip
        gated = apply_photo_gate(answer, photo_gate)
        if gated.maps.size <= _COMPUTED_AT_ONCE:
            gated.scores  # noqa: B018 - computed here, so that `seconds` is the whole wait
        seconds = time.perf_counter() - start
        return dataclasses.replace(gated, scores=gated.maps, seconds=seconds)  # type: ignore[arg-type]

    @torch.inference_mode()
    def _photo_scores(self, encoded: EncodedImage, text: Tensor, vocabulary: Vocabulary) -> tuple[float, ...]:
        synonyms = [len(group) for group in vocabulary.synonyms]
        # CLIP stores the logarithm of its inverse temperature.
        scale = float(self.model.backbone.clip.logit_scale.exp())
        return photo_scores(encoded.tokens.cls_token, text, synonyms, scale)

    @explain_memory_errors()
    @own_precision()
    @torch.inference_mode()
    def region_view(
        self, image: object, seen: str | Sequence[str] = (), unseen: str | Sequence[str] = ()
    ) -> RegionView:
        """Show the region tokens one by one; a photo or names that are cached are not encoded again.

        Args:
            image, seen, unseen: as in `predict`.

        Raises:
            UserError: the method has no region tokens, or the photo or the names cannot be used.
        """
        if not self.has_regions:
            raise UserError(f"{self.title} has no region tokens.")
        vocabulary = build_vocabulary(seen, unseen)
        photo = self.preprocess(load_image(image))
        rows, columns = (side // self.model.backbone.patch_size for side in photo.pixels.shape[-2:])
        synonyms = sum(map(len, vocabulary.synonyms))  # all are computed, though only each class's first is shown
        check_regions(len(photo.boxes) * self.model.config.regions * rows * columns, synonyms)
        text = self.encode_text(vocabulary)
        batches = self.encode_image(photo).batches(len(text))
        outputs = (self.decoder_engine.run(self.model.decode, batch.tokens, text) for batch in batches)
        return view_regions(self.model, photo, outputs, vocabulary)

    @property
    def parameters(self) -> tuple[int, int]:
        """Numbers of parameters: of the trained head, and of the frozen backbone with both encoders."""
        trained = set(self.model.trainable_names())
        head = sum(p.numel() for name, p in self.model.named_parameters() if name in trained)
        return head, sum(p.numel() for p in self.model.backbone.parameters())

    @property
    def provenance(self) -> dict[str, str]:
        """Where the model comes from, and which engine runs it; stored with every answer."""
        meta = self.metadata
        backbone = {"backbone": meta.backbone, "backbone_sha256": meta.backbone_sha256}
        return {"sha256": self.sha256, "setting": meta.setting, **backbone, "engine": self.engine.name}

    @property
    def decoder_engine(self) -> Engine:
        """The engine of the decoder: the exact one where rounding would change too many labels."""
        return self.engine.exact if self.model.has_exact_decoder else self.engine

    def preprocess(self, photo: Pixels) -> Windows:
        """Resize, normalise and cut up a photo (H,W,3); see `zsseg.image.windows.make_windows`."""
        return self.image_encoder.preprocess(photo)

    @own_precision()
    def encode_image(self, photo: Windows) -> EncodedImage:
        """Run the image encoder over every window, or return its cached output."""
        return self.image_encoder.encode(photo)

    @own_precision()
    def encode_text(self, vocabulary: Vocabulary) -> Tensor:
        """Encode every synonym, class after class, or return the cached vectors: (synonyms, D) unit norm.

        A name longer than the context length is truncated; `name_warnings` reports it.
        """
        return self.text_encoder.encode(vocabulary)

    @own_precision()
    def name_warnings(self, vocabulary: Vocabulary) -> list[VocabularyWarning]:
        """Warnings about likely typing mistakes and surprises in class names, for this model; none blocks an answer."""
        return self.text_encoder.name_warnings(vocabulary)

    @own_precision()
    @torch.inference_mode()
    def name_cosines(self, image: object, vocabulary: Vocabulary) -> FloatArray:
        """How alike the whole photo is to each class: K cosines of the class token, the mean over windows, -1..1.

        Args:
            image: as in `predict`.
            vocabulary: the K classes, each by its first synonym.

        Raises:
            UserError: the photo or the vocabulary cannot be used.
        """
        text = self.encode_text(vocabulary)
        encoded = self.encode_image(self.preprocess(load_image(image)))
        # Over windows, (n, S) -> (S,).
        cosines = (encoded.tokens.cls_token @ text.T).mean(0).cpu().numpy()  # (S,)
        firsts = np.cumsum([0, *(len(group) for group in vocabulary.synonyms[:-1])])
        return np.asarray(cosines[firsts], dtype=np.float32)

    @own_precision()
    @torch.inference_mode()
    def decode(
        self, photo: Windows, encoded: EncodedImage, text: Tensor, vocabulary: Vocabulary
    ) -> tuple[WindowMaps, Mapping[str, FloatArray]]:
        """Score the encoded photo for the encoded class names.

        Returns:
            (K,H,W) scores of the classes in 0..1, and the features of `Segmentation`; both computed when they are read.
        """
        # Logits of patches, (n, S, h, w), are a few kilobytes per class: they are what an answer keeps.
        logits = torch.cat([output.mask_logits for _, output in self._outputs(encoded, text)])
        synonym_counts = [len(group) for group in vocabulary.synonyms]
        scores = WindowMaps(logits, photo, synonym_counts)
        if not self.has_recovery:
            return scores, {}
        # Nothing of the answer depends on them, and keeping what they are computed from is cheaper than its outputs.
        return scores, Later(_FEATURES, partial(self._features, encoded, text, photo.boxes, photo.resized))

    def _outputs(self, encoded: EncodedImage, text: Tensor) -> Iterator[tuple[EncodedImage, MaskOutput]]:
        for batch in encoded.batches(len(text)):
            yield batch, self.decoder_engine.run(self.model.decode, batch.tokens, text)

    @own_precision()
    @torch.inference_mode()
    def _features(
        self, encoded: EncodedImage, text: Tensor, boxes: Sequence[Box], resized: tuple[int, int]
    ) -> dict[str, FloatArray]:
        """Inputs and outputs of the recovery decoder over the whole photo, by the names of `_FEATURES`."""
        grids = [self._features_of_windows(batch, output) for batch, output in self._outputs(encoded, text)]
        features, patch = {}, self.model.backbone.patch_size
        for name in grids[0]:
            maps = torch.cat([grid[name] for grid in grids])  # (n, N, D)
            maps = maps.reshape(len(maps), *encoded.tokens.grid, -1)  # (n, h, w, D)
            features[name] = stitch_grids(maps, boxes, *resized, patch)
        # After stitching, so that the cosine belongs to the features that are shown; (h, w).
        features["recovery_cosine"] = F.cosine_similarity(features["recovered"], features["target"], dim=-1)
        return {name: feature.cpu().numpy() for name, feature in features.items()}

    def _features_of_windows(self, batch: EncodedImage, output: MaskOutput) -> dict[str, Tensor]:
        """(n, N, D) each."""
        # Not the exact engine: these features are looked at, and no label depends on them.
        recovery = self.engine.run(self.model.recover, batch.tokens, output, batch.target)
        return {
            "encoder": batch.tokens.patch_tokens,
            "decoder": output.patch_features,
            "recovered": recovery.patches,
            "target": recovery.target_patches,
        }


def _check_windows(size: object, stride: object, templates: object) -> None:
    for value in (size, stride):
        is_side = isinstance(value, int | np.integer) and not isinstance(value, bool) and 1 <= value <= MAX_SIZE
        if value is not None and not is_side:
            raise UserError(f"Windows and the step between them have 1 to {MAX_SIZE} pixels, not {shown(value)}.")
    texts = templates if isinstance(templates, Sequence) and not isinstance(templates, str) else ()
    if not texts or not all(isinstance(text, str) and "{}" in text for text in texts):
        raise UserError("Templates are a list of texts, each with {} for the class name.")


def _shared_backbone(
    folder: Path, backbones: MutableMapping[str, Backbone] | None
) -> tuple[Backbone, BackboneDefaults]:
    """The backbone of a folder, read only where it is not among `backbones`, and what the folder says of photos."""
    known = shared_backbones(backbones)
    sha256 = file_sha256(folder / WEIGHTS_FILE) if (folder / WEIGHTS_FILE).is_file() else ""
    if sha256 not in known:
        backbone = load_backbone(folder)
        # Under its own hash: a folder without weights fails in `load_backbone`, with a sentence.
        known[backbone.sha256] = backbone
    return known[sha256], read_defaults(folder)
