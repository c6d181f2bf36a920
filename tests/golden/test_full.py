"""Both methods against the published implementations' numbers, in both shapes, on the full golden data.

The data lie in `../shared/golden`, beside the repository; its README.md says how they were made. Where they are missing
these tests skip, and `test_portable.py` still proves both methods in the VOC shape.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.beside import GOLDEN
from tests.golden.checks import (
    Golden,
    assert_decoder,
    assert_labels,
    assert_logits,
    assert_near,
    assert_scores,
    assert_tokens,
    assert_train_step,
)
from tests.golden.label_tables import inductive_table, remap
from tests.golden.replay import Arrays, calibrated_scores, evaluate, train_step, without_dropout
from tests.golden.weights import fill, normalised
from training.core.losses import LossWeights
from zsseg.image.windows import stitch, window_boxes
from zsseg.layers import region_attention_mask
from zsseg.models import SegmentationModel
from zsseg.weights.released.official import ConvertedOfficial, build_official, convert_state_dict

pytestmark = [
    pytest.mark.golden,
    pytest.mark.slow,
    pytest.mark.skipif(not GOLDEN.is_dir(), reason="the full golden data are not at ../shared/golden"),
]

FOLDERS = ("zegclip_voc", "clip_rc_voc", "zegclip_coco", "clip_rc_coco")


def only(*folders: str) -> pytest.MarkDecorator:
    """For tests of what only some folders hold."""
    return pytest.mark.parametrize("replay", folders, indirect=True, scope="module")


@dataclass(frozen=True)
class Replay:
    name: str
    entries: list[dict[str, object]]
    converted: ConvertedOfficial
    model: SegmentationModel
    text: Tensor
    seen: Tensor
    golden: Golden
    arrays: Arrays

    @property
    def folder(self) -> Path:
        return GOLDEN / self.name


@pytest.fixture(scope="module", params=FOLDERS)
def replay(request: pytest.FixtureRequest) -> Iterator[Replay]:
    folder = GOLDEN / request.param
    entries = json.loads((folder / "state_dict.json").read_text())["entries"]
    state = {item["name"]: fill(item["name"], tuple(item["shape"]), item["offset"], item["scale"]) for item in entries}
    converted = convert_state_dict(state)
    model = build_official(converted)
    text = torch.from_numpy(np.load(folder / "text_embeddings.npy").astype(np.float32))
    with np.load(folder / "outputs.npz") as golden:
        arrays = evaluate(model, normalised(read(folder / "input.png")), text)
        yield Replay(request.param, entries, converted, model, text, seen_flags(len(text)), dict(golden), arrays)


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def read_labels(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def seen_flags(classes: int) -> Tensor:
    with np.load(GOLDEN / "self_training.npz") as tables:
        unseen = tables["voc_unseen" if classes == 20 else "coco_unseen"]
    flags = torch.ones(classes, dtype=torch.bool)
    flags[torch.from_numpy(unseen)] = False
    return flags


def test_weights_follow_the_rule(replay: Replay) -> None:
    for item in replay.entries:
        value = fill(item["name"], tuple(item["shape"]), item["offset"], item["scale"])
        assert zlib.crc32(value.numpy().tobytes()) == item["crc32"], item["name"]


def test_input(replay: Replay) -> None:
    corner = normalised(read(replay.folder / "input.png"))[0, :, :16, :16]
    assert_near(corner, replay.golden["input_corner"], 1e-6, "input_corner")


def test_tokens(replay: Replay) -> None:
    assert_tokens(replay.arrays, replay.golden)


def test_decoder(replay: Replay) -> None:
    assert_decoder(replay.arrays, replay.golden)


def test_logits(replay: Replay) -> None:
    assert_logits(replay.arrays, replay.golden, 2e-4)


def test_scores_and_label_maps(replay: Replay) -> None:
    maps = {name: read_labels(replay.folder / f"{name}.png") for name in ("label_map", "label_map_uncalibrated")}
    assert_scores(replay.arrays, replay.golden, replay.seen, 5e-5, maps)


@only("clip_rc_voc", "clip_rc_coco")
def test_region_mask(replay: Replay) -> None:
    size = int(replay.golden["region_mask_shape"][0])
    permitted = np.unpackbits(replay.golden["region_mask_packed"])[: size**2].reshape(size, size)
    mask = region_attention_mask((32, 32), replay.model.config.prompts, 16).numpy()
    assert (mask == permitted.astype(bool)).all()
    assert (mask.sum(1) == replay.golden["region_mask_row_counts"]).all()


def test_trainable_parameters(replay: Replay) -> None:
    listed = json.loads((GOLDEN / "trainable.json").read_text())["configs"][replay.name]
    alive = [count for _, count, status in listed["parameters"] if status != "dead"]
    own = dict(replay.model.named_parameters())
    assert sum(alive) == sum(parameter.numel() for parameter in own.values())
    assert len(alive) == len(own) + 1  # the two prompt tensors are one of ours
    assert replay.model.trainable_names() == list(own)
    assert all(parameter.requires_grad for parameter in own.values())
    assert not any(parameter.requires_grad for parameter in replay.model.backbone.parameters())


def test_dropped_and_folded_names(replay: Replay) -> None:
    dead = {item["name"] for item in replay.entries if item["status"] == "dead"}
    assert set(replay.converted.dropped) == dead
    assert replay.converted.unknown == ()
    assert replay.converted.folded == (
        "backbone.class_embedding",
        "backbone.prompt_embeddings",
        "backbone.deep_prompt_embeddings",
    )


@only("zegclip_voc", "clip_rc_voc")
def test_whole_image_through_windows(replay: Replay) -> None:
    pixels = normalised(read(GOLDEN / "e2e_resized.png"))
    height, width = pixels.shape[-2:]
    boxes = window_boxes(height, width, 512, 426)
    windows = torch.cat([pixels[:, :, y1:y2, x1:x2] for y1, x1, y2, x2 in boxes])
    with torch.inference_mode():
        logits = replay.model(windows, replay.text).mask_logits
    _, calibrated = calibrated_scores(logits, replay.seen)
    stitched = stitch(calibrated, boxes, height, width)
    atol = 5e-5
    golden = replay.golden
    assert_near(stitched[None, :, ::16, ::16], golden["e2e_scores_resized"], atol, "e2e_scores_resized")
    scores = F.interpolate(stitched[None], (300, 400), mode="bilinear", align_corners=False)
    assert_near(scores, golden["e2e_scores"], atol, "e2e_scores")
    assert_labels(scores, read_labels(replay.folder / "e2e_label_map.png"), 2e-4)


@only("zegclip_voc", "clip_rc_voc")
def test_training_step(replay: Replay) -> None:
    image = read(replay.folder / "input.png")
    pixels = torch.cat([normalised(image), normalised(image[:, ::-1])])
    raw = np.stack([read_labels(replay.folder / f"train_label_{i}.png") for i in range(2)])
    labels = remap(torch.from_numpy(raw), inductive_table(range(15)))
    weights = LossWeights(100, 1, 2 if replay.model.config.method == "clip_rc" else 0)
    step = train_step(without_dropout(replay.model), pixels, replay.text[:15], labels, weights)
    assert_train_step(replay.folder, step, replay.converted)
