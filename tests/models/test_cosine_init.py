"""A head that starts as the training-free cosine."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.tiny import GRID, SIDE, tiny_backbone, tiny_config
from zsseg.models import Backbone, ClipRC, SegmentationModel, build_model, init_from_cosine, plain_image_tokens
from zsseg.weights.backbone import load_backbone

WORDS = ("dog", "a red bus", "potted plant", "sky")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return load_backbone(tiny_backbone(tmp_path_factory.mktemp("cosine")))


@pytest.fixture(params=["zegclip", "clip_rc"])
def method(request: pytest.FixtureRequest) -> str:
    return "zegclip" if request.param == "zegclip" else "clip_rc"


@pytest.fixture(params=[{}, {"relationship": False}, {"prompt_depth": 0}, {"prompt_depth": 1}], ids=str)
def head(request: pytest.FixtureRequest, backbone: Backbone, method: str) -> SegmentationModel:
    return build_model(tiny_config(method, **request.param), backbone).eval()


@pytest.fixture(scope="module")
def text(backbone: Backbone) -> Tensor:
    return backbone.encode_text(WORDS)


def photo(height: int = SIDE, width: int = SIDE) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(5))


def centred(vectors: Tensor) -> Tensor:
    return vectors - vectors.mean(-1, keepdim=True)


def test_cosine_start(head: SegmentationModel, text: Tensor) -> None:
    """The first logits are scale x cosine + bias of centred vectors; on centred vectors, the plain cosine's argmax."""
    init_from_cosine(head, scale=10.0, bias=-2.0)
    image = head.encode_image(photo())
    words, patches = F.normalize(centred(text), dim=-1), centred(image.patch_tokens)
    if isinstance(head, ClipRC):
        patches = F.normalize(patches, dim=-1)
    expected = (10 * words @ patches.transpose(1, 2) - 2).reshape(2, 4, *GRID)
    logits = head.decode(image, text).mask_logits
    # ZegCLIP's bias adds a little to all classes of a patch alike.
    difference = logits - expected
    torch.testing.assert_close(difference, difference.mean(1, keepdim=True).expand_as(difference), atol=2e-3, rtol=0)
    assert torch.equal(logits.argmax(1), expected.argmax(1))


def test_cosine_start_agrees_with_the_training_free_baseline(head: SegmentationModel) -> None:
    """On the untouched CLIP's tokens and words without a common mean, both name the same class everywhere."""
    init_from_cosine(head)
    image = plain_image_tokens(head.backbone.visual, photo(96, 96))
    regions = image.cls_token[:, None].expand(-1, head.config.regions, -1)
    image = type(image)(image.cls_token, F.normalize(centred(image.patch_tokens), dim=-1), regions, image.grid)
    words = F.normalize(centred(torch.randn(8, 16, generator=torch.Generator().manual_seed(3))), dim=-1)
    baseline = words @ image.patch_tokens.transpose(1, 2)
    assert torch.equal(head.decode(image, words).mask_logits.argmax(1).flatten(1), baseline.argmax(1))


def test_cosine_start_can_learn(head: SegmentationModel, text: Tensor) -> None:
    init_from_cosine(head)
    head(photo(), text).mask_logits.square().mean().backward()
    moving = ("descriptor.weight", "ffn_out.weight", "attention.value.weight", "prompts.embeddings")
    for name, value in head.named_parameters():
        if name.endswith(moving) and not name.startswith("recovery"):
            assert value.grad is not None, name
            assert float(value.grad.abs().max()) > 0, name
