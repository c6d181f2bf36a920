"""The steps of a prediction, timed one by one: of the embedded model, and of ViT-B/16 with random weights."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count

import numpy as np
import torch
import torch.nn.functional as F

from zsseg.bench.machine import peak_memory_gb
from zsseg.bench.timing import Clock, Row, gflop_of, seconds_of
from zsseg.engines import EAGER
from zsseg.engines.build import candidates
from zsseg.image.encoder import EncodedImage
from zsseg.image.load import Pixels
from zsseg.image.windows import Windows
from zsseg.layers.imagenet import MEAN_255, STD_255
from zsseg.models import METHODS, Backbone, ClipRCConfig, ModelConfig, ZegCLIPConfig, build_clip, build_model
from zsseg.predictor import Predictor
from zsseg.text.vocabulary import build_vocabulary
from zsseg.weights.metadata import Metadata

CLASSES = (2, 20, 171, 1000)
"""Numbers of classes that the decoder is asked for; 20 and 171 are those of PASCAL VOC and COCO-Stuff."""

ASKED = 20
COMPARED = (20, 171)
"""Numbers of classes of which whole answers are compared."""
_SIDE = 512
# OpenAI's ViT-B/16 at the papers' 512 px: sizes alone, since nothing is read.
_VIT_B16 = {
    "embed_dim": 512,
    "vision_cfg": {"image_size": _SIDE, "layers": 12, "width": 768, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
}


# As the papers have them for PASCAL VOC.
_PAPERS: dict[str, ModelConfig] = {
    "zegclip": ZegCLIPConfig(prompts=10),
    "clip_rc": ClipRCConfig(prompts=10, regions=16),
}


def embedded(method: str) -> Predictor:
    """The embedded checkpoint of a method.

    Raises:
        UserError: it cannot be found or read.
    """
    return Predictor.from_checkpoint(METHODS[method].checkpoint, engine=EAGER)


def vit_b16(method: str) -> Predictor:
    """A head of the papers' size for PASCAL VOC over ViT-B/16, both with random weights: speed needs no others."""
    # The caller's random numbers stay as they are.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Backbone(build_clip({"model_cfg": _VIT_B16}), "vit-b16-random")
        model = build_model(_PAPERS[method], backbone)
    # ImageNet's statistics and a stride of 426 px, as in the released configurations.
    metadata = Metadata(
        f"{method}-vit-b16-random", method, "inductive", _PAPERS[method], backbone.name, "", ("a photo of a {}",),
        MEAN_255, STD_255, _SIDE, _SIDE * 5 // 6,
        recovery_target="clip" if method == "clip_rc" else None,
    )  # fmt: skip
    return Predictor(model, metadata)


MODELS = {"embedded": embedded, "vit-b16": vit_b16}


def measure_model(part: str, predictor: Predictor, clock: Clock) -> tuple[list[Row], dict[str, float | None]]:
    """All steps of one model, and the peak memory in GB after the whole prediction and after the largest decode."""
    # In this order: peak memory never falls, so the largest decode comes last.
    rows = list(measure_answers(part, predictor, clock))
    memory = {f"predict {ASKED}": peak_memory_gb()}
    rows += measure_engines(part, predictor, clock)
    rows += _step_rows(part, predictor, clock)
    memory[f"decode {CLASSES[-1]}"] = peak_memory_gb()
    return rows, memory


def measure_answers(part: str, predictor: Predictor, clock: Clock) -> Iterator[Row]:
    """Whole answers: of a new photo and new names, of a new photo with known names, and again of the same photo."""
    names, photo, fresh = _names(ASKED), _photo(), count()

    def predict(asked: Sequence[str]) -> object:
        # A photo that is cached would cost nothing.
        return predictor.predict(_changed(photo, next(fresh)), unseen=asked)

    yield clock.measure(part, f"first answer {ASKED}", lambda: predict(_names(ASKED, f"word {next(fresh)}")))
    for classes in COMPARED:
        yield clock.measure(part, f"predict {classes}", partial(predict, _names(classes)))
    others, kept = _names(ASKED, "other"), [predictor.predict(photo, unseen=names)]
    predictor.predict(photo, unseen=others)

    def ask_again() -> None:
        # One name is new in each call. The last answer is kept, as the page does.
        kept[0] = predictor.predict(photo, unseen=[*names[1:], f"something else {next(fresh)}"])

    yield clock.measure(part, f"predict {ASKED}, one new name", ask_again)
    yield clock.measure(part, f"predict {ASKED}, other names", lambda: predictor.predict(photo, unseen=others))


def measure_engines(part: str, predictor: Predictor, clock: Clock) -> Iterator[Row]:
    """The model's whole forward pass of one window, without its recovery decoder, by every engine of this machine."""
    model, pixels = predictor.model, predictor.preprocess(_photo()).pixels[:1]
    for classes in COMPARED:
        text = F.normalize(torch.randn(classes, model.backbone.joint_dim), dim=-1)  # (K, D)
        gflop = gflop_of(partial(_forward, predictor, pixels, text))
        for engine in candidates():
            other = Predictor(model, predictor.metadata, engine=engine)
            call = partial(_forward, other, pixels, text)
            # The first also packs weights.
            call()
            seconds = partial(seconds_of, call)
            yield clock.measure_seconds(part, f"forward {classes}, {engine}", seconds, gflop=gflop)


@torch.inference_mode()
def _forward(predictor: Predictor, pixels: torch.Tensor, text: torch.Tensor) -> object:
    model, engine = predictor.model, predictor.engine
    first = engine.exact if model.backbone.has_exact_patches else engine
    image = engine.run(model.encode_patches, first.run(model.backbone.embed_patches, pixels))
    return predictor.decoder_engine.run(model.decode, image, text)


def _step_rows(part: str, predictor: Predictor, clock: Clock) -> Iterator[Row]:
    windows, fresh = predictor.preprocess(_photo()), count()

    def encode() -> object:
        return predictor.encode_image(_forgotten(windows, next(fresh)))

    def encode_text() -> object:
        return predictor.encode_text(build_vocabulary("", _names(ASKED, f"thing {next(fresh)}")))

    yield clock.measure(part, f"encode {ASKED} names", encode_text, count=True)
    yield clock.measure(part, "encode", encode, count=True)
    with torch.autocast("cpu", torch.bfloat16):
        yield clock.measure(part, "encode, bf16", encode, count=True)
    encoded = predictor.encode_image(windows)
    for classes in CLASSES:
        text = F.normalize(torch.randn(classes, predictor.model.backbone.joint_dim), dim=-1)  # (K, D)
        decode = partial(_decode, predictor, encoded, text)
        yield clock.measure(part, f"decode {classes}", decode, count=True)
        if classes == ASKED:
            with torch.autocast("cpu", torch.bfloat16):
                yield clock.measure(part, f"decode {classes}, bf16", decode, count=True)


@torch.inference_mode()
def _decode(predictor: Predictor, encoded: EncodedImage, text: torch.Tensor) -> object:
    return [predictor.model.decode(batch.tokens, text).mask_logits for batch in encoded.batches(len(text))]


def _photo() -> Pixels:
    """A square photo of noise: one window at 512 px, and always the same."""
    pixels: Pixels = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    return pixels


def _changed(photo: Pixels, number: int) -> Pixels:
    """The photo with one other pixel, so that it was never seen before."""
    other = photo.copy()
    other[0, 0] = (number % 256, number // 256 % 256, 7)
    return other


def _forgotten(windows: Windows, number: int) -> Windows:
    """The same windows under a new key, so that no cache holds them."""
    return dataclasses.replace(windows, key=f"{windows.key} {number}")


def _names(number: int, word: str = "thing") -> list[str]:
    return [f"{word} {index}" for index in range(number)]
