"""Both methods against the published implementations' numbers, from formulas alone; runs in every clone.

`golden/README.md` says how image, text, labels and weights are made and what is compared.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.golden.checks import Golden, assert_decoder, assert_logits, assert_scores, assert_tokens, assert_train_step
from tests.golden.label_tables import inductive_table, remap
from tests.golden.replay import Arrays, evaluate, train_step, without_dropout
from tests.golden.weights import PORTABLE, fill, normalised, rule
from training.core.losses import LossWeights
from zsseg.layers import region_attention_mask
from zsseg.models import SegmentationModel
from zsseg.weights.released.official import ConvertedOfficial, build_official, convert_state_dict

pytestmark = pytest.mark.golden

METHODS = ("zegclip", "clip_rc")
SEEN = torch.arange(20) < 15
ATOL = {"zegclip": (2e-4, 5e-5), "clip_rc": (5e-4, 1e-4)}  # logits, scores


def portable_image() -> np.ndarray:
    row, col = np.mgrid[0:512, 0:512]
    red = _triangle(row * col // 96 + 3 * row)
    green = _triangle(3 * ((row - 140) ** 2 + (col - 370) ** 2) // 40)
    blue = _triangle(5 * col + 2 * (511 - row) + 90 * ((row // 48 + col // 32) % 3))
    image = np.stack([red, green, blue], 2)
    disc = (row - 330) ** 2 + (col - 150) ** 2 < 110**2
    image[disc] = 255 - image[disc][:, [2, 0, 1]] // 2
    return image.astype(np.uint8)


def _triangle(value: np.ndarray) -> np.ndarray:
    return np.abs(value % 510 - 255)


def portable_text() -> Tensor:
    text = np.random.default_rng(zlib.crc32(b"text_embeddings")).standard_normal((20, 512))
    return torch.from_numpy((text / np.linalg.norm(text, axis=1, keepdims=True)).astype(np.float32))


def portable_labels() -> Tensor:
    row, col = np.mgrid[0:512, 0:512] // 32
    values = (3 * row + 5 * col + row * col // 4) % 24, 4 * ((row // 4 + col // 5) % 6)
    return torch.from_numpy(np.stack([np.where(value < 20, value, 255) for value in values]).astype(np.uint8))


@dataclass(frozen=True)
class Replay:
    method: str
    converted: ConvertedOfficial
    model: SegmentationModel
    golden: Golden
    arrays: Arrays


@pytest.fixture(scope="module", params=METHODS)
def replay(request: pytest.FixtureRequest) -> Iterator[Replay]:
    entries = json.loads(gzip.decompress((PORTABLE / "entries.json.gz").read_bytes()))[request.param]
    state = {}
    for name, shape, status, _trainable, crc in entries:
        # Class names are given as vectors here: the text tower is never run.
        zero = status == "text_tower"
        state[name] = torch.zeros(shape) if zero else fill(name, tuple(shape), *rule(name, shape))
        assert zero or zlib.crc32(state[name].numpy().tobytes()) == crc, name
    converted = convert_state_dict(state)
    model = build_official(converted)
    with np.load(PORTABLE / request.param / "outputs.npz") as golden:
        arrays = evaluate(model, normalised(portable_image()), portable_text())
        yield Replay(request.param, converted, model, dict(golden), arrays)


def test_inputs_are_those_of_the_formulas() -> None:
    assert zlib.crc32(portable_image().tobytes()) == 487230114
    assert zlib.crc32(portable_labels().numpy().tobytes()) == 2734671553
    assert portable_text().double().sum() == pytest.approx(-2.30064, abs=1e-4)
    assert portable_text()[0, :3].tolist() == pytest.approx([-0.03341345, 0.06001275, 0.04523411], abs=1e-6)


def test_tokens(replay: Replay) -> None:
    assert_tokens(replay.arrays, replay.golden)


def test_decoder(replay: Replay) -> None:
    assert_decoder(replay.arrays, replay.golden)


def test_logits(replay: Replay) -> None:
    assert_logits(replay.arrays, replay.golden, ATOL[replay.method][0])


def test_scores_and_label_maps(replay: Replay) -> None:
    maps = {
        name: cv2.imread(str(PORTABLE / replay.method / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        for name in ("label_map", "label_map_uncalibrated")
    }
    assert_scores(replay.arrays, replay.golden, SEEN, ATOL[replay.method][1], maps)


def test_region_mask() -> None:
    with np.load(PORTABLE / "clip_rc" / "outputs.npz") as golden:
        counts = region_attention_mask((32, 32), prompts=10, regions=16).sum(1).numpy()
        assert (counts == golden["region_mask_row_counts"]).all()


@pytest.mark.slow
def test_training_step(replay: Replay) -> None:
    image = portable_image()
    pixels = torch.cat([normalised(image), normalised(image[:, ::-1])])
    labels = remap(portable_labels(), inductive_table(range(15)))
    weights = LossWeights(100, 1, 2 if replay.method == "clip_rc" else 0)
    step = train_step(without_dropout(replay.model), pixels, portable_text()[:15], labels, weights)
    assert_train_step(PORTABLE / replay.method, step, replay.converted)
