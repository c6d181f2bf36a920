"""One contract over both methods, on a tiny untrained model."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.tiny import GRID, SIDE, tiny_backbone, tiny_checkpoint, tiny_config, tiny_metadata, tiny_model
from zsseg.errors import UserError
from zsseg.layers import run_block
from zsseg.models import (
    Backbone,
    ClipRC,
    ClipRCConfig,
    MethodConfig,
    SegmentationModel,
    TrainingFreeConfig,
    ZegCLIP,
    ZegCLIPConfig,
    build_model,
    plain_image_tokens,
    prompted_vit,
)
from zsseg.weights.backbone import load_backbone
from zsseg.weights.checkpoint import load_checkpoint, save_checkpoint
from zsseg.weights.metadata import from_json, to_json

METHODS: tuple[str, ...] = ("zegclip", "clip_rc")
WORDS = ("dog", "a red bus", "potted plant", "sky")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return load_backbone(tiny_backbone(tmp_path_factory.mktemp("contract")))


@pytest.fixture(scope="module", params=METHODS)
def model(request: pytest.FixtureRequest, backbone: Backbone) -> SegmentationModel:
    return tiny_model(backbone, tiny_config(request.param))


@pytest.fixture(scope="module")
def clip_rc(backbone: Backbone) -> ClipRC:
    head = tiny_model(backbone, tiny_config("clip_rc"))
    assert isinstance(head, ClipRC)
    return head


@pytest.fixture(scope="module")
def zegclip(backbone: Backbone) -> ZegCLIP:
    head = tiny_model(backbone, tiny_config("zegclip"))
    assert isinstance(head, ZegCLIP)
    return head


@pytest.fixture(scope="module")
def text(backbone: Backbone) -> Tensor:
    return backbone.encode_text(WORDS)


def photo(height: int = SIDE, width: int = SIDE, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(5))


def test_shapes_and_norms(model: SegmentationModel, text: Tensor) -> None:
    regions = model.config.regions
    image = model.encode_image(photo())
    assert image.grid == GRID
    assert image.cls_token.shape == (2, 16)
    assert image.patch_tokens.shape == (2, 16, 16)
    assert image.region_tokens.shape == (2, regions, 16)
    for tokens in (image.cls_token, image.patch_tokens, image.region_tokens):
        torch.testing.assert_close(tokens.norm(dim=-1), torch.ones(tokens.shape[:-1]))
    output = model.decode(image, text)
    rows = max(regions, 1) * len(WORDS)
    assert output.mask_logits.shape == (2, 4, *GRID)
    assert output.relationship_descriptor.shape == (2, rows, 32)
    assert output.queries.shape == (2, rows, 16)
    assert output.patch_features.shape == (2, 16, 16)
    assert torch.equal(model(photo(), text).mask_logits, output.mask_logits)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 112), (96, 64)])
def test_any_grid(model: SegmentationModel, text: Tensor, height: int, width: int) -> None:
    output = model(photo(height, width), text)
    assert output.mask_logits.shape == (2, 4, height // 16, width // 16)
    assert output.mask_logits.isfinite().all()


def test_sides_must_be_multiples_of_the_patch(model: SegmentationModel, text: Tensor) -> None:
    with pytest.raises(ValueError, match="do not divide"):
        model(photo(64, 70), text)


def test_a_batch_equals_its_pictures_one_by_one(model: SegmentationModel, text: Tensor) -> None:
    both = model(photo(), text).mask_logits
    alone = torch.cat([model(picture[None], text).mask_logits for picture in photo()])
    torch.testing.assert_close(both, alone, atol=1e-5, rtol=1e-5)


def test_any_number_of_classes(model: SegmentationModel, text: Tensor) -> None:
    assert model(photo(), text[:1]).mask_logits.shape[1] == 1
    assert model(photo(), text.repeat(30, 1)).mask_logits.shape[1] == 120


def test_permuting_classes_permutes_masks(model: SegmentationModel, text: Tensor) -> None:
    order = [2, 0, 3, 1]
    permuted = model(photo(), text[order]).mask_logits
    torch.testing.assert_close(permuted, model(photo(), text).mask_logits[:, order], atol=1e-5, rtol=1e-5)


def test_zegclip_masks_do_not_move_when_a_class_is_added(zegclip: ZegCLIP, text: Tensor) -> None:
    few, all_of_them = zegclip(photo(), text[:2]).mask_logits, zegclip(photo(), text).mask_logits
    torch.testing.assert_close(all_of_them[:, :2], few, atol=1e-5, rtol=1e-5)


def test_clip_rc_masks_move_when_a_class_is_added(clip_rc: ClipRC, text: Tensor) -> None:
    few, all_of_them = clip_rc(photo(), text[:2]).mask_logits, clip_rc(photo(), text).mask_logits
    assert float((all_of_them[:, :2] - few).detach().abs().max()) > 1e-3


def test_mean_over_regions_before_the_product_is_exact(clip_rc: ClipRC, text: Tensor) -> None:
    output = clip_rc(photo(48, 80), text)
    regions = clip_rc.region_logits(output)
    assert regions.shape == (2, 4, 4, 3, 5)
    torch.testing.assert_close(regions.mean(1), output.mask_logits, atol=1e-5, rtol=1e-5)


def test_descriptors_as_specified(zegclip: ZegCLIP, clip_rc: ClipRC, text: Tensor) -> None:
    image = zegclip.encode_image(photo())
    descriptor = zegclip.decode(image, text).relationship_descriptor
    torch.testing.assert_close(descriptor[1, 2], torch.cat([image.cls_token[1] * text[2], text[2]]))
    image = clip_rc.encode_image(photo())
    descriptor = clip_rc.decode(image, text).relationship_descriptor
    bridged = image.region_tokens[1, 3] + image.cls_token[1]
    torch.testing.assert_close(descriptor[1, 3 * 4 + 2], torch.cat([bridged * text[2], text[2]]))


@pytest.mark.parametrize("method", METHODS)
def test_queries_of_the_text_alone(backbone: Backbone, text: Tensor, method: str) -> None:
    """Without the relationship descriptor every picture, and every region, asks with the same queries."""
    head = build_model(tiny_config(method, relationship=False), backbone).eval()
    descriptor = head.decode(head.encode_image(photo()), text).relationship_descriptor
    assert torch.equal(descriptor, text.repeat(2, max(1, head.config.regions), 1))
    assert head.get_submodule("descriptor").get_parameter("weight").shape == (16, 16)
    assert head(photo(), text).mask_logits.shape == (2, 4, *GRID)


def test_recovery_of_the_text_alone(backbone: Backbone, text: Tensor) -> None:
    head = build_model(tiny_config("clip_rc", relationship=False), backbone).eval()
    assert isinstance(head, ClipRC)
    image = head.encode_image(photo())
    recovery = head.recover(image, head.decode(image, text))
    assert recovery.queries.shape == recovery.target_queries.shape == (2, 16, 16)


def test_without_prompts_the_tower_is_untouched(backbone: Backbone, text: Tensor) -> None:
    head = build_model(tiny_config("zegclip", prompt_depth=0), backbone).eval()
    assert not [name for name in head.trainable_names() if name.startswith("encoder.")]
    image, plain = head.encode_image(photo()), plain_image_tokens(backbone.visual, photo())
    assert torch.equal(image.patch_tokens, plain.patch_tokens)
    assert torch.equal(image.cls_token, plain.cls_token)
    regions = build_model(tiny_config("clip_rc", prompt_depth=0), backbone).eval()
    assert regions.trainable_names()[0].startswith("descriptor.")
    assert regions(photo(), text).mask_logits.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
def test_prompts_at_the_first_layer_run_on_through_the_others(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    shallow = tiny_model(backbone, tiny_config(method, prompt_depth=1))
    assert shallow.get_parameter("encoder.prompts.embeddings").shape == (1, 3, 32)
    layers: list[tuple[Tensor, Tensor]] = []

    def run(block: torch.nn.Module, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        after = run_block(block, tokens, mask)
        layers.append((tokens, after))
        return after

    monkeypatch.setattr(prompted_vit, "run_block", run)
    image = shallow.encode_image(photo())
    (first, between), (second, _) = layers
    assert first.shape[1] == 1 + 3 + 16 + shallow.config.regions
    assert torch.equal(first[0, 1:4], shallow.get_submodule("encoder.prompts")(1)[0, 0])
    assert torch.equal(second, between)
    assert image.patch_tokens.shape == (2, 16, 16)


def test_prompts_at_every_layer_are_the_default(backbone: Backbone, text: Tensor) -> None:
    whole = tiny_model(backbone, tiny_config("clip_rc"))
    same = build_model(tiny_config("clip_rc", prompt_depth=2), backbone).eval()
    same.load_state_dict(whole.state_dict())
    assert torch.equal(same(photo(), text).mask_logits, whole(photo(), text).mask_logits)
    with pytest.raises(ValueError, match="must be at most 2"):
        build_model(tiny_config("zegclip", prompt_depth=3), backbone)


def test_what_a_region_sees(clip_rc: ClipRC) -> None:
    pixels = photo(batch=1)
    changed = pixels.clone()
    changed[:, :, :32, :32] += 1  # all of region 0's patches
    before, after = clip_rc.encode_image(pixels), clip_rc.encode_image(changed)
    moved = (after.region_tokens - before.region_tokens).abs().amax(-1)[0]
    assert moved.argmax() == 0
    twice = clip_rc.encode_image(pixels.flip(-1)).region_tokens
    assert not torch.allclose(twice, before.region_tokens)


def test_recovery(clip_rc: ClipRC, text: Tensor) -> None:
    image = clip_rc.encode_image(photo())
    output = clip_rc.decode(image, text)
    recovery = clip_rc.recover(image, output)
    assert recovery.queries.shape == recovery.target_queries.shape == (2, 16, 32)
    assert recovery.patches.shape == recovery.target_patches.shape == (2, 16, 16)
    assert torch.equal(recovery.target_patches, image.patch_tokens)
    assert torch.equal(recovery.target_queries, output.relationship_descriptor)
    assert recovery.patches.requires_grad
    assert not recovery.target_patches.requires_grad
    assert not recovery.target_queries.requires_grad
    untouched = plain_image_tokens(clip_rc.backbone.visual, photo()).patch_tokens
    assert torch.equal(clip_rc.recover(image, output, untouched).target_patches, untouched)


def test_only_clip_rc_recovers(model: SegmentationModel) -> None:
    assert model.has_recovery == isinstance(model, ClipRC)


def test_untouched_clip_is_open_clips_own(backbone: Backbone) -> None:
    tokens = plain_image_tokens(backbone.visual, photo())
    expected = F.normalize(backbone.visual(photo()), dim=-1)
    torch.testing.assert_close(tokens.cls_token, expected)
    assert tokens.region_tokens.shape == (2, 0, 16)


def test_value_only_changes_the_last_layer_alone(backbone: Backbone, text: Tensor, tmp_path: Path) -> None:
    config = TrainingFreeConfig(value_only=True)
    model = build_model(config, backbone)
    pixels = torch.randn(2, 3, SIDE, SIDE)
    visual, tokens = backbone.visual, []
    visual.transformer.resblocks[-1].register_forward_pre_hook(lambda _, inputs: tokens.append(inputs[0]))
    with torch.inference_mode():
        found = model.encode_image(pixels)
        visual(pixels)
        block, itself = visual.transformer.resblocks[-1], torch.full((17, 17), -torch.inf).fill_diagonal_(0)
        last = block(tokens[0], attn_mask=itself)
        expected = F.normalize(visual.ln_post(last) @ visual.proj, dim=-1)
    block._forward_pre_hooks.clear()
    torch.testing.assert_close(found.patch_tokens, expected[:, 1:], atol=1e-5, rtol=1e-5)
    metadata = tiny_metadata(backbone, "training-free", config=config, setting="training-free")
    assert from_json(to_json(metadata)) == metadata


def test_text_vectors(backbone: Backbone) -> None:
    text = backbone.encode_text(["cat"] * 300 + ["dog"])
    torch.testing.assert_close(text.norm(dim=-1), torch.ones(301))
    torch.testing.assert_close(text[0], text[299])
    assert not torch.allclose(text[0], text[300])
    assert backbone.token_count("dog") == 3
    assert backbone.token_count("word " * 30) > backbone.context_length
    assert backbone.encode_text(["word " * 30]).isfinite().all()


def test_training_moves_the_head_and_nothing_else(model: SegmentationModel, text: Tensor) -> None:
    head = build_model(model.config, model.backbone)
    assert head.trainable_names() == [name for name, value in head.named_parameters() if value.requires_grad]
    assert not any("region_tokens" in name for name in head.trainable_names())
    image = head.encode_image(photo())
    output = head.decode(image, text)
    loss = output.mask_logits.square().mean()
    if isinstance(head, ClipRC):
        recovery = head.recover(image, output)
        loss = loss + recovery.queries.square().mean() + recovery.patches.square().mean()
    loss.backward()
    reached = {name for name, value in head.named_parameters() if value.grad is not None}
    assert reached == set(head.trainable_names())
    assert not any(value.requires_grad or value.grad is not None for value in head.backbone.parameters())


def test_train_mode_leaves_the_backbone_in_evaluation(model: SegmentationModel) -> None:
    head = build_model(model.config, model.backbone).train()
    assert head.training
    assert not any(module.training for module in head.backbone.modules())


def test_state_holds_no_backbone(model: SegmentationModel) -> None:
    names = set(model.state_dict())
    extra = {"encoder.region_tokens"} if isinstance(model, ClipRC) else set()
    assert names == set(model.trainable_names()) | extra
    assert not any("visual" in name or "resblocks" in name for name in names)


def test_backbone_moves_with_the_model(backbone: Backbone, tmp_path: Path) -> None:
    own = load_backbone(tiny_backbone(tmp_path))
    head = build_model(tiny_config("clip_rc"), own).to(torch.float64)
    assert head.backbone.visual.proj.dtype == torch.float64
    assert own.visual.proj.dtype == torch.float32
    assert head.state_dict()["encoder.region_tokens"].dtype == torch.float64
    assert backbone.visual.proj.dtype == torch.float32


def test_region_tokens_start_as_the_class_token(backbone: Backbone) -> None:
    head = build_model(tiny_config("clip_rc"), backbone)
    start = backbone.visual.class_embedding + backbone.visual.positional_embedding[0]
    assert torch.equal(head.state_dict()["encoder.region_tokens"], start.expand(4, -1))


def test_save_and_load(model: SegmentationModel, text: Tensor, tmp_path: Path) -> None:
    tiny_backbone(tmp_path)
    metadata = tiny_metadata(model.backbone, model.config.method)
    path = tmp_path / "head.safetensors"
    save_checkpoint(model, metadata, path, torch.float32)
    loaded, read = load_checkpoint(path)
    assert read == metadata
    assert not loaded.training
    assert torch.equal(loaded(photo(), text).mask_logits, model(photo(), text).mask_logits)
    save_checkpoint(model, metadata, path)
    halved, _ = load_checkpoint(path)
    assert next(halved.parameters()).dtype == torch.float32
    torch.testing.assert_close(
        halved(photo(), text).mask_logits, model(photo(), text).mask_logits, atol=0.05, rtol=0.05
    )


@pytest.mark.parametrize("changes", [{"relationship": False}, {"prompt_depth": 0}, {"prompt_depth": 1}])
@pytest.mark.parametrize("method", METHODS)
def test_a_changed_head_comes_back(
    backbone: Backbone, text: Tensor, tmp_path: Path, method: str, changes: dict[str, object]
) -> None:
    tiny_backbone(tmp_path)
    config = tiny_config(method, **changes)
    model, metadata = tiny_model(backbone, config), tiny_metadata(backbone, method, config=config)
    save_checkpoint(model, metadata, tmp_path / "head.safetensors", torch.float32)
    loaded, read = load_checkpoint(tmp_path / "head.safetensors")
    assert read == metadata
    assert torch.equal(loaded(photo(), text).mask_logits, model(photo(), text).mask_logits)


def test_a_header_of_an_older_program_means_the_published_head(backbone: Backbone) -> None:
    metadata = tiny_metadata(backbone, "zegclip")
    header = json.loads(to_json(metadata))
    for name in ("relationship", "prompt_depth"):
        del header["config"][name]
    assert from_json(json.dumps(header)) == metadata


def test_a_stem_replaces_the_patch_embedding(text: Tensor, tmp_path: Path) -> None:
    backbone = load_backbone(tiny_backbone(tmp_path, stem=True))
    model = tiny_model(backbone, tiny_config("zegclip"))
    assert model(photo(48, 80), text).mask_logits.shape == (2, 4, 3, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompts": 0},
        {"regions": 3},
        {"regions": 0},
        {"dropout": 1.0},
        {"decoder_layers": 0},
        {"prompt_depth": -1},
    ],
)
def test_impossible_sizes(changes: dict[str, object]) -> None:
    fields: dict[str, object] = {"prompts": 2, "regions": 4, **changes}
    with pytest.raises(ValueError, match=r"must be|cannot"):
        ClipRCConfig(**fields)  # type: ignore[arg-type]


def test_only_clip_rc_has_regions() -> None:
    with pytest.raises(ValueError, match="zegclip cannot have 4 regions"):
        ZegCLIPConfig(prompts=2, regions=4)


def test_an_unknown_method_is_refused(backbone: Backbone) -> None:
    class Segformer(MethodConfig):
        method = "segformer"

    with pytest.raises(UserError, match=r"no method 'segformer': choose one of zegclip, clip_rc, training-free\."):
        build_model(Segformer(), backbone)


def test_a_head_that_changes_type_leaves_its_sibling_alone(tmp_path: Path) -> None:
    known: dict[str, Backbone] = {}
    first, second, third = (
        load_checkpoint(tiny_checkpoint(tmp_path, m), known)[0] for m in ("zegclip", "clip_rc", "zegclip")
    )
    before = {name: value.clone() for name, value in second.backbone.state_dict().items()}
    first.half()
    assert first.backbone.visual.proj.dtype == torch.float16
    assert second.backbone.visual.proj.dtype == torch.float32
    assert all(torch.equal(value, second.backbone.state_dict()[name]) for name, value in before.items())
    third.half()
    assert third.backbone is first.backbone  # heads that move alike share one copy
    assert second.to("cpu").float().backbone is known[second.backbone.sha256]
    assert first.backbone.patch_cache is not second.backbone.patch_cache
