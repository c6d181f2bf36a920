"""The patch embedding made of two pretrained networks; here with random weights, for their shapes and arithmetic."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from zsseg.errors import UserError
from zsseg.layers import TrunkStem
from zsseg.models import Backbone, ClipRC, ZegCLIP, build_clip, build_model, method_of, plain_image_tokens
from zsseg.weights.backbone import TRUNKS_FILE, WEIGHTS_FILE, load_backbone, save_backbone

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 32, "layers": 2, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "trunks": {"lite2_features": 12, "vit_features": [4, 8], "vit_layers": [1, 2]},
}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return Backbone(build_clip(CONFIG), "trunks")


def pixels(rows: int = 3, cols: int = 5) -> torch.Tensor:
    return torch.randn(2, 3, 16 * rows, 16 * cols, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_one_cell_for_16_pixels_on_any_grid(backbone: Backbone) -> None:
    stem = backbone.visual.conv1
    features = stem.trunk_features(pixels())
    assert features.shape == (2, 24, 3, 5)
    torch.testing.assert_close(stem(pixels()), stem.embed(features))
    assert backbone.embed_patches(pixels(2, 2)).shape == (2, 32, 2, 2)
    with pytest.raises(ValueError, match="do not divide"):
        backbone.embed_patches(torch.zeros(1, 3, 40, 32))


@torch.no_grad()
def test_each_photo_of_a_batch_is_embedded_alone(backbone: Backbone) -> None:
    together = backbone.embed_patches(pixels())
    alone = torch.cat([backbone.embed_patches(one[None]) for one in pixels()])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_cell_answers_to_what_lies_in_it(backbone: Backbone) -> None:
    """Of the ViT's first layer; an untrained Lite2 answers to nothing."""
    stem, before = backbone.visual.conv1, torch.zeros(1, 3, 96, 96)
    changed = before.clone()
    changed[..., 64:80, 16:32] = 3.0
    moved = (stem.trunk_features(changed) - stem.trunk_features(before)).abs()[:, 12:16]
    assert divmod(int(moved.sum(1).argmax()), 6) == (4, 1)


@pytest.mark.parametrize("method", ["zegclip", "clip_rc"])
@torch.no_grad()
def test_heads_read_the_shared_embedding(backbone: Backbone, method: str) -> None:
    regions = 4 if method == "clip_rc" else 0
    config = method_of(method).config(prompts=3, regions=regions, decoder_heads=2, decoder_ffn=8)
    head = build_model(config, backbone).eval()
    assert isinstance(head, ZegCLIP | ClipRC)
    text = torch.nn.functional.normalize(torch.randn(3, 24), dim=-1)
    whole = head(pixels(), text).mask_logits
    assert whole.shape == (2, 3, 3, 5)
    shared = head.decode(head.encode_patches(backbone.embed_patches(pixels())), text).mask_logits
    assert torch.equal(whole, shared)


@torch.no_grad()
def test_trunks_have_a_file_of_their_own(backbone: Backbone, tmp_path: Path) -> None:
    sha256 = save_backbone(backbone.clip, CONFIG, tmp_path / "exact", torch.float32)
    again = load_backbone(tmp_path / "exact")
    assert again.sha256 == sha256
    exact = plain_image_tokens(again.visual, pixels()).patch_tokens
    assert torch.equal(exact, plain_image_tokens(backbone.visual, pixels()).patch_tokens)
    assert (tmp_path / "exact" / TRUNKS_FILE).stat().st_size > 10 * (tmp_path / "exact" / WEIGHTS_FILE).stat().st_size

    save_backbone(backbone.clip, CONFIG, tmp_path / "packed", pack=True)
    packed = plain_image_tokens(load_backbone(tmp_path / "packed").visual, pixels()).patch_tokens
    assert torch.nn.functional.cosine_similarity(exact, packed, dim=-1).min() > 0.98


def test_trunks_of_another_backbone_are_refused(backbone: Backbone, tmp_path: Path) -> None:
    other = copy.deepcopy(backbone.clip)
    torch.nn.init.ones_(other.visual.conv1.reduce_lite2.bias)
    for name, clip in (("one", backbone.clip), ("other", other)):
        save_backbone(clip, CONFIG, tmp_path / name)
    (tmp_path / "one" / TRUNKS_FILE).write_bytes((tmp_path / "other" / TRUNKS_FILE).read_bytes())
    with pytest.raises(UserError, match=TRUNKS_FILE):
        load_backbone(tmp_path / "one")
    (tmp_path / "other" / TRUNKS_FILE).unlink()
    with pytest.raises(UserError, match=f"has no {TRUNKS_FILE}"):
        load_backbone(tmp_path / "other")


def test_the_stem_is_built_from_the_configuration() -> None:
    clip = build_clip(json.loads(json.dumps(CONFIG)))
    assert isinstance(clip.visual.conv1, TrunkStem)
    wrong = json.loads(json.dumps(CONFIG))
    wrong["model_cfg"]["vision_cfg"]["patch_size"] = 32
    with pytest.raises(ValueError, match="patches of 16"):
        build_clip(wrong)
