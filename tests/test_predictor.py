"""The one core, on tiny models: exact order, caches, bounded memory, sentences for what cannot work."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import DEFAULT, patch

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.tiny import SIDE, tiny_backbone, tiny_checkpoint, tiny_metadata
from zsseg.errors import UserError
from zsseg.image.windows import window_boxes
from zsseg.models import Backbone, ClipRC, ImageTokens, MaskOutput, TrainingFreeConfig
from zsseg.predictor import Predictor
from zsseg.text.vocabulary import build_vocabulary
from zsseg.weights.backbone import load_backbone
from zsseg.weights.search import CONFIG_FILE

METHODS: tuple[str, ...] = ("zegclip", "clip_rc")
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 70, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights")
    for method in METHODS:
        tiny_checkpoint(path, method)
    return path


@pytest.fixture(scope="module")
def shared(folder: Path) -> dict[str, Predictor]:
    return {m: Predictor.from_checkpoint(folder / f"{m}-tiny-inductive.safetensors") for m in METHODS}


@pytest.fixture(params=[*METHODS, "training-free"])
def predictor(request: pytest.FixtureRequest, folder: Path) -> Predictor:
    """A fresh one, with empty caches."""
    if request.param == "training-free":
        return Predictor.training_free(folder / "tiny-clip", stride=48)
    return Predictor.from_checkpoint(folder / f"{request.param}-tiny-inductive.safetensors")


@pytest.fixture
def calls(predictor: Predictor) -> Iterator[list[str]]:
    """Names of the model's stages, in the order they ran."""
    log: list[str] = []

    def spy(owner: object, name: str) -> AbstractContextManager[object]:
        # A side effect that returns DEFAULT lets the wrapped method answer.
        return patch.object(owner, name, wraps=getattr(owner, name), side_effect=lambda *_: log.append(name) or DEFAULT)

    model = predictor.model
    with spy(model, "encode_patches"), spy(model, "decode"), spy(model.backbone, "encode_text"):
        yield log


def test_answer_fits_the_photo_and_the_names(predictor: Predictor) -> None:
    seg = predictor.predict(PHOTO, "dog, person", "cow")
    assert seg.scores.shape == (3, 48, 70)
    assert (seg.names, seg.seen) == (("dog", "person", "cow"), (True, True, False))
    assert (seg.method, seg.model) == (predictor.method, predictor.name)
    assert seg.seconds > 0
    assert seg.provenance["backbone_sha256"] == predictor.metadata.backbone_sha256


def test_settings_default_to_the_checkpoint(predictor: Predictor) -> None:
    seg = predictor.predict(PHOTO, "dog")
    assert (seg.seen_penalty, seg.threshold) == (predictor.metadata.seen_penalty, predictor.metadata.threshold)
    seg = predictor.predict(PHOTO, "dog", seen_penalty=0.0, threshold=0.25)
    assert (seg.seen_penalty, seg.threshold) == (0.0, 0.25)


def test_scores_follow_the_published_order_exactly(predictor: Predictor) -> None:
    """Upsample each window, sigmoid, mean over visits, resize: written out a second time, one window at a time."""
    vocabulary = build_vocabulary("dog", "cow, sheep")
    prepared = predictor.preprocess(PHOTO)
    assert prepared.boxes == window_boxes(64, 93, SIDE, 48) == [(0, 0, 64, 64), (0, 29, 64, 93)]
    total, visits = torch.zeros(3, 64, 93), torch.zeros(64, 93)
    with torch.inference_mode():
        text = predictor.encode_text(vocabulary)
        for (y1, x1, y2, x2), window in zip(prepared.boxes, prepared.pixels, strict=True):
            logits = predictor.model(window[None], text).mask_logits
            total[:, y1:y2, x1:x2] += F.interpolate(logits, (SIDE, SIDE), mode="bilinear")[0].sigmoid()
            visits[y1:y2, x1:x2] += 1
        expected = F.interpolate((total / visits)[None], (48, 70), mode="bilinear")[0]
    np.testing.assert_allclose(predictor.predict(PHOTO, "dog", "cow, sheep").scores, expected.numpy(), atol=2e-6)


def test_new_words_do_not_encode_the_photo_again(predictor: Predictor, calls: list[str]) -> None:
    predictor.predict(PHOTO, "dog", "cow")
    assert calls == ["encode_text", "encode_text", "encode_patches", "decode"]
    calls.clear()
    predictor.predict(PHOTO.copy(), "dog", "cow, sheep")
    assert calls == ["encode_text", "decode"]


def test_heads_over_one_backbone_encode_a_name_once(folder: Path) -> None:
    backbones: dict[str, Backbone] = {}
    first, second = (
        Predictor.from_checkpoint(folder / f"{method}-tiny-inductive.safetensors", backbones=backbones)
        for method in METHODS
    )
    vocabulary = build_vocabulary("dog", "cow")
    with torch.inference_mode():
        vectors = first.encode_text(vocabulary)
    with patch.object(Backbone, "encode_text", side_effect=AssertionError("encoded again")):
        assert torch.equal(second.encode_text(vocabulary), vectors)
        with pytest.raises(AssertionError, match="again"):
            second.encode_text(build_vocabulary("cat"))
    # What was encoded while answering may be trained with.
    head = torch.ones(vectors.shape[1], requires_grad=True)
    (second.encode_text(vocabulary) @ head).sum().backward()
    assert head.grad is not None


def test_a_new_photo_does_not_encode_the_words_again(predictor: Predictor, calls: list[str]) -> None:
    predictor.predict(PHOTO, "dog")
    calls.clear()
    predictor.predict(PHOTO[::-1], "dog")
    assert calls == ["encode_patches", "decode"]


def test_sliders_run_nothing(predictor: Predictor, calls: list[str]) -> None:
    seg = predictor.predict(PHOTO, "dog", "cow")
    calls.clear()
    assert seg.with_settings(seen_penalty=0.5, threshold=0.5).labels.shape == (48, 70)
    assert calls == []


def test_asking_twice_gives_the_same_bits(predictor: Predictor) -> None:
    first = predictor.predict(PHOTO, "dog", "cow")
    predictor.predict(PHOTO[::-1], "person", "sheep")
    np.testing.assert_array_equal(predictor.predict(PHOTO, "dog", "cow").scores, first.scores)


def test_permuting_the_classes_permutes_the_scores(predictor: Predictor) -> None:
    straight = predictor.predict(PHOTO, "dog, person", "cow").scores
    turned = predictor.predict(PHOTO, "person, dog", "cow").scores
    np.testing.assert_allclose(turned, straight[[1, 0, 2]], atol=1e-5)


def test_zegclip_masks_stay_when_a_class_is_added(shared: dict[str, Predictor]) -> None:
    two = shared["zegclip"].predict(PHOTO, "dog", "cow").scores
    many = shared["zegclip"].predict(PHOTO, "dog", ["cow", *(f"thing {i}" for i in range(30))]).scores
    np.testing.assert_allclose(many[:2], two, atol=1e-5)


def test_a_synonym_can_only_raise_the_score(predictor: Predictor) -> None:
    both = predictor.predict(PHOTO, "cat | kitten, dog").scores
    spelled = predictor.predict(PHOTO, "cat, kitten, dog").scores
    assert len(both) == 2
    np.testing.assert_allclose(both[0], np.maximum(spelled[0], spelled[1]), atol=1e-5)


def test_templates_are_averaged_as_unit_vectors(folder: Path, tmp_path: Path) -> None:
    templates = ("a {}", "the {} there")
    predictor = Predictor.training_free(folder / "tiny-clip", templates=templates)
    vectors = predictor.model.backbone.encode_text(["a dog", "the dog there"])
    expected = F.normalize(F.normalize(vectors, dim=-1).mean(0), dim=0)
    torch.testing.assert_close(predictor.encode_text(build_vocabulary("dog"))[0], expected)


class Constant(torch.nn.Module):
    """Answers the same logit everywhere, whatever it sees."""

    def __init__(self, backbone: torch.nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.config = TrainingFreeConfig()
        self.has_recovery = False
        self.is_plain = False
        self.has_exact_decoder = False

    def encode_patches(self, patches: torch.Tensor) -> ImageTokens:
        count = len(patches)
        return ImageTokens(torch.ones(count, 16), torch.ones(count, 16, 16), torch.ones(count, 0, 16), (4, 4))

    def decode(self, image: ImageTokens, text: torch.Tensor) -> MaskOutput:
        logits = torch.arange(len(text), dtype=torch.float32)[None, :, None, None]
        empty = torch.zeros(len(image.cls_token), 0)
        return MaskOutput(logits.expand(len(image.cls_token), -1, 4, 4), empty, empty, empty)


@pytest.mark.parametrize("shape", [(64, 64), (64, 200), (333, 128), (7, 5), (1, 1), (1, 9)])
def test_windows_on_a_constant_model_equal_the_whole_image(folder: Path, shape: tuple[int, int]) -> None:
    backbone = load_backbone(folder / "tiny-clip")
    predictor = Predictor(Constant(backbone), tiny_metadata(backbone, "zegclip"))  # type: ignore[arg-type]
    scores = predictor.predict(np.zeros((*shape, 3), dtype=np.uint8), ["a", "b"]).scores
    assert scores.shape == (2, *shape)
    np.testing.assert_allclose(scores, np.array([0.5, 0.7310586])[:, None, None] * np.ones(shape), rtol=1e-6)


def test_recovery_features_lie_on_one_grid_over_the_photo(shared: dict[str, Predictor]) -> None:
    features = shared["clip_rc"].predict(PHOTO, "dog", "cow").features
    assert {name: maps.shape for name, maps in features.items()} == {
        "encoder": (4, 6, 16), "decoder": (4, 6, 16), "recovered": (4, 6, 16), "target": (4, 6, 16),
        "recovery_cosine": (4, 6),
    }  # fmt: skip
    product = (features["recovered"] * features["target"]).sum(2)
    lengths = np.linalg.norm(features["recovered"], axis=2) * np.linalg.norm(features["target"], axis=2)
    np.testing.assert_allclose(features["recovery_cosine"], product / lengths, atol=1e-5)
    assert shared["zegclip"].predict(PHOTO, "dog").features == {}


@pytest.mark.parametrize("target", ["clip", "prompted"])
def test_recovery_features_of_one_window_are_the_models(tmp_path: Path, target: str) -> None:
    predictor = Predictor.from_checkpoint(tiny_checkpoint(tmp_path, "clip_rc", recovery_target=target))
    photo = np.ascontiguousarray(PHOTO[:, :48])
    features = predictor.predict(photo, "dog").features
    model = predictor.model
    assert isinstance(model, ClipRC)
    tokens = model.encode_image(predictor.preprocess(photo).pixels)
    np.testing.assert_allclose(features["encoder"].reshape(16, 16), tokens.patch_tokens[0].detach(), atol=1e-5)
    same = np.allclose(features["target"], features["encoder"], atol=1e-5)
    assert same == (target == "prompted")


def test_five_hundred_names(predictor: Predictor) -> None:
    seg = predictor.predict(PHOTO, [f"thing {i}" for i in range(500)])
    assert seg.scores.shape == (500, 48, 70)


def test_more_scores_than_fit_into_an_array_are_answered(predictor: Predictor) -> None:
    seg = predictor.predict(np.zeros((1000, 1000, 3), dtype=np.uint8), [f"thing {i}" for i in range(400)])
    with pytest.raises(UserError, match="400 classes on a photo of 1000x1000"):
        _ = seg.scores
    assert seg.labels.shape == (1000, 1000)


def test_progress_is_told(predictor: Predictor) -> None:
    reports: list[tuple[float, str]] = []
    names = [f"thing {i}" for i in range(100)]
    predictor.predict(PHOTO, names, report=lambda share, step: reports.append((share, step)))
    shares, steps = zip(*reports, strict=True)
    assert list(shares) == sorted(shares)
    assert (shares[0], shares[-1] <= 1) == (0, True)
    assert list(dict.fromkeys(steps)) == ["reading the names", "reading the photo", "scoring the names"]
    assert len(set(shares)) > 5  # not only at the beginning of each step


@pytest.mark.parametrize(
    ("image", "names", "words"),
    [
        (None, "dog", "No photo"),
        (PHOTO.astype(float), "dog", "float64"),
        (b"junk", "dog", "not a picture"),
        (PHOTO, "", "No class name"),
        (PHOTO, " ,;", "No class name"),
        (np.zeros((1, 1000, 3), dtype=np.uint8), "dog", "long and narrow"),
    ],
)
def test_bad_input(shared: dict[str, Predictor], image: object, names: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        shared["zegclip"].predict(image, names)


@pytest.mark.parametrize("method", METHODS)
def test_a_name_longer_than_the_text_tower_reads_is_cut_and_told(shared: dict[str, Predictor], method: str) -> None:
    context = shared[method].model.backbone.context_length
    start = "word " * context
    answer = shared[method].predict(PHOTO, ["dog", start + "this"], [start + "that"])
    assert answer.names[1].endswith("this")
    np.testing.assert_array_equal(answer.scores[1], answer.scores[2])  # nothing of what differs was read
    assert not np.array_equal(answer.scores[0], answer.scores[1])
    assert [f"reads {context}" in warning for warning in answer.warnings] == [True, True, False]
    assert "mean nearly the same" in answer.warnings[2]
    assert answer.with_settings(threshold=0.3).warnings == answer.warnings
    assert shared[method].predict(PHOTO, "dog").warnings == ()


def test_a_cut_text_still_ends_where_the_tower_looks(shared: dict[str, Predictor]) -> None:
    # The text encoder reads its answer at the end mark, so a cut that lost it would make all long names alike.
    backbone = shared["zegclip"].model.backbone
    words = backbone.encode_text(["cat " * 40, "dog " * 40, "cat " * (backbone.context_length - 2)])
    torch.testing.assert_close(words[0], words[2])
    assert not torch.allclose(words[0], words[1], atol=1e-3)


@pytest.mark.parametrize(("setting", "least"), [("seen_penalty", -1), ("threshold", 0)])
def test_bad_setting(shared: dict[str, Predictor], setting: str, least: int) -> None:
    with pytest.raises(UserError, match=f"between {least} and 1"):
        shared["zegclip"].predict(PHOTO, "dog", **{setting: float("nan")})  # type: ignore[arg-type]


def test_missing_or_damaged_checkpoint(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    data = path.read_bytes()
    with pytest.raises(UserError, match="no-such-model"):
        Predictor.from_checkpoint("no-such-model")
    for broken in (data[:100], data[: len(data) // 2], b"\0" * 64, b""):
        path.write_bytes(broken)
        with pytest.raises(UserError, match="damaged|no checkpoint"):
            Predictor.from_checkpoint(path)


def test_backbone_is_shared_when_asked(folder: Path) -> None:
    backbones: dict[str, Any] = {}
    paths = [folder / f"{method}-tiny-inductive.safetensors" for method in METHODS]
    first, second = (Predictor.from_checkpoint(path, backbones=backbones) for path in paths)
    assert first.model.backbone is second.model.backbone


def test_training_free_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(folder))
    predictor = Predictor.training_free("tiny-clip")
    assert (predictor.method, predictor.name) == ("training-free", "training-free-tiny-clip")
    assert predictor.metadata.setting == "training-free"
    assert predictor.metadata.mean == pytest.approx((123.675, 116.28, 103.53))
    assert (predictor.metadata.size, predictor.metadata.stride) == (SIDE, 53)
    assert predictor.model.trainable_names() == []


def test_training_free_takes_the_window_its_folder_names(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder / "tiny-clip", tmp_path / "tiny-clip")
    config = json.loads((copy / CONFIG_FILE).read_text()) | {"window": 48, "antialias": True}
    (copy / CONFIG_FILE).write_text(json.dumps(config))
    assert Predictor.training_free(copy).metadata.size == 48
    assert Predictor.training_free(copy).metadata.antialias
    assert Predictor.training_free(copy, size=SIDE).metadata.size == SIDE
    assert not Predictor.training_free(folder / "tiny-clip").metadata.antialias


def test_training_free_ranks_by_cosine(folder: Path) -> None:
    predictor = Predictor.training_free(folder / "tiny-clip")
    photo = np.ascontiguousarray(PHOTO[:, :48])
    vocabulary = build_vocabulary("dog, cow, tree")
    text = predictor.encode_text(vocabulary)
    with torch.inference_mode():
        tokens = predictor.model.encode_image(predictor.preprocess(photo).pixels)
        logits = predictor.model.decode(tokens, text).mask_logits
    cosine = F.cosine_similarity(text[:, None], tokens.patch_tokens, dim=-1).unflatten(1, (4, 4))
    torch.testing.assert_close(logits[0], 10 * cosine)


def test_missing_backbone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        Predictor.training_free(tmp_path / "nowhere")


def test_visitors_at_once_get_their_own_answers(predictor: Predictor) -> None:
    photos = [np.roll(PHOTO, 7 * i, axis=1) for i in range(6)]
    alone = [predictor.predict(photo, "dog", "cow").scores for photo in photos]
    fresh = Predictor(predictor.model, predictor.metadata)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda photo: fresh.predict(photo, "dog", "cow").scores, photos * 2))
    for got, expected in zip(together, alone * 2, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_parameters_count_head_and_backbone(predictor: Predictor) -> None:
    head, frozen = predictor.parameters
    tensors = predictor.model.state_dict()
    assert head == sum(tensors[name].numel() for name in predictor.model.trainable_names())
    assert frozen == sum(parameter.numel() for parameter in predictor.model.backbone.clip.parameters())
    assert (head == 0) == (predictor.method == "training-free")


def test_the_untouched_encoder_runs_once_for_recovery_and_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    backbones: dict[str, Backbone] = {}
    folder = tiny_backbone(tmp_path)
    alone = Predictor.training_free(folder, size=SIDE, stride=64, engine="eager")
    seen = {name: getattr(alone.metadata, name) for name in ("mean", "std", "stride")}
    path = tiny_checkpoint(tmp_path, "clip_rc", **seen)
    trained = Predictor.from_checkpoint(path, backbones=backbones, engine="eager")
    plain = Predictor.training_free(folder, size=SIDE, stride=64, backbones=backbones, engine="eager")
    expected = alone.predict(PHOTO, unseen="dog, cow").scores
    encode = Backbone.plain_tokens
    monkeypatch.setattr(Backbone, "plain_tokens", lambda self, patches: (runs.append(1), encode(self, patches))[1])
    trained.predict(PHOTO, unseen="dog, cow")
    answer = plain.predict(PHOTO, unseen="dog, cow")
    assert len(runs) == 1
    np.testing.assert_array_equal(answer.scores, expected)


def test_a_callers_autocast_changes_nothing_and_spoils_no_cache(predictor: Predictor) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = predictor.predict(PHOTO, "dog", "cow")
        features = {name: np.array(maps) for name, maps in inside.features.items()}
        cosines = predictor.name_cosines(PHOTO, build_vocabulary("dog", "cow"))
    outside = predictor.predict(PHOTO, "dog", "cow")
    np.testing.assert_array_equal(inside.scores, outside.scores)
    np.testing.assert_array_equal(cosines, predictor.name_cosines(PHOTO, build_vocabulary("dog", "cow")))
    for name, maps in outside.features.items():
        np.testing.assert_array_equal(features[name], maps)


def test_a_window_of_broken_patches_is_a_sentence(folder: Path) -> None:
    with pytest.raises(UserError, match="hold no whole patches: give a multiple of 16"):
        Predictor.training_free(folder / "tiny-clip", size=50)
