"""The embedded backbone's text encoder and names; its image encoder has tests of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.beside import DATA, needs_data
from training.pretraining import mini_clip
from training.pretraining.hypernyms import everyday_names
from training.pretraining.text_encoder import TextRecipe, TextRun, encode_short, retrieval
from training.pretraining.text_targets import TextTargets
from training.shapes.trainable_encoder import TrainableEncoder, TrainableStem
from zsseg.errors import UserError
from zsseg.models.backbone import build_clip
from zsseg.open_clip_compat import import_open_clip

TINY = {
    "model_cfg": {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 16, "layers": 1, "head_width": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
    },
    "stem": [4, 4, 8],
}


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def targets() -> TextTargets:
    rng = np.random.default_rng(0)
    names = ("cat", "dog", "red bus", "tree")
    vectors = unit(rng.standard_normal((4, 8)))
    return TextTargets(names, vectors, vectors[:3], np.array([False, False, True]))


@pytest.mark.parametrize("dilations", [(), (1, 2)])
def test_folded_stem__equals_the_trained_stem_in_evaluation(dilations: tuple[int, ...]) -> None:
    encoder = TrainableEncoder(build_clip(TINY).visual, TINY["stem"], dilations)  # type: ignore[arg-type]
    stem: TrainableStem = encoder.visual.conv1
    pixels = torch.randn(4, 3, 64, 64)
    for _ in range(3):
        stem(pixels * 2 + 1)  # gives the batch norms statistics that are not the identity
    for _, norm in stem.pairs():
        nn.init.normal_(norm.weight, 1, 0.3)
        nn.init.normal_(norm.bias, 0, 0.3)
    stem.eval()
    torch.testing.assert_close(encoder.folded_stem()(pixels), stem(pixels), atol=1e-5, rtol=1e-4)


def test_encode_short__equals_open_clips_own_encoder() -> None:
    clip = build_clip(TINY)
    tokens = import_open_clip().tokenizer.SimpleTokenizer(context_length=16)(["a cat", "a photo of a red bus"])
    with torch.inference_mode():
        torch.testing.assert_close(encode_short(clip, tokens), clip.encode_text(tokens), atol=1e-6, rtol=1e-5)


def test_text_run__learns_the_names_it_is_shown(targets: TextTargets, tmp_path: Path) -> None:
    torch.manual_seed(0)
    clip = build_clip(TINY)
    tokenize = import_open_clip().tokenizer.SimpleTokenizer(context_length=16)
    before = retrieval(clip, tokenize, targets)["learnt_cosine"]
    TextRun(clip, tokenize, targets, TextRecipe(steps=40, batch=8, save_every=20), tmp_path).train()
    assert retrieval(clip, tokenize, targets)["learnt_cosine"] > before + 0.2
    resumed = TextRun(build_clip(TINY), tokenize, targets, TextRecipe(steps=40, batch=8), tmp_path)
    assert resumed.step == 40
    for changes in ({"lr": 1e-3}, {"steps": 80}, {"seed": 1}):
        other = replace(TextRecipe(steps=40, batch=8), **changes)
        with pytest.raises(UserError, match="of another recipe"):
            TextRun(build_clip(TINY), tokenize, targets, other, tmp_path)


def test_recipe__builds_a_clip_whose_towers_meet() -> None:
    clip = build_clip(mini_clip.CONFIG)
    assert clip.visual.proj.shape[1] == clip.text_projection.shape[1] == 192


def test_everyday_names__stand_at_the_classes_they_mean() -> None:
    names = everyday_names()
    known = {151: "dog", 268: "dog", 269: "wolf", 281: "cat", 339: "horse", 345: "cow", 348: "sheep", 831: "sofa"}
    assert {place: names[place] for place in known} == known
    assert all(0 <= place < 1000 for place in names)


@needs_data
def test_everyday_names__agree_with_the_list_of_imagenet() -> None:
    words = (DATA / "text_embeddings/imagenet1k_names.txt").read_text().split("\n")
    expected = {
        151: "chihuahua",
        268: "mexican hairless",
        281: "tabby",
        345: "ox",
        348: "ram",
        339: "sorrel",
        7: "cock",
    }
    assert {place: words[place] for place in expected} == expected
    sports_car, bottle = words.index("sports car"), words.index("wine bottle")
    assert (everyday_names()[sports_car], everyday_names()[bottle]) == ("car", "bottle")
