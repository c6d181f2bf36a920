"""Image-level labels of photos, the views and cached features they are learnt from, and the run that learns them."""

import argparse
import copy
import dataclasses
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.beside import DATA, needs_data
from training.data.feature_cache import FeatureCache, fill_cache
from training.data.splits import UNSEEN, class_names, is_development
from training.data.views import PhotoFile, View, ViewPlan, draw_views
from training.pretrain import _image_run, _whole_run, export
from training.pretraining.alignment import AlignmentLoss, ImageLabels, NameVectors, saliency_loss, self_training_loss
from training.pretraining.image_encoder import AlignmentRun, ImageRecipe, encode_features, trainable_parameters
from training.pretraining.photos import ANY, LABELLED_SETS, LabelledPhoto, list_photos, vocabulary_of, without_names
from training.pretraining.saliency import fit_readout
from training.pretraining.view_sources import CachedViews, LivePhotos
from zsseg.errors import UserError
from zsseg.models import Backbone, build_clip, plain_image_tokens
from zsseg.weights.backbone import load_backbone

CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 64,
            "patch_size": 16,
            "width": 32,
            "layers": 1,
            "head_width": 16,
            "no_ln_pre": True,
        },
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "trunks": {"lite2_features": 8, "vit_features": [8], "vit_layers": [1]},
}
VOCABULARY = ("blue", "green", "red")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return Backbone(build_clip(CONFIG), "tiny")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledPhoto]:
    folder, listed = tmp_path_factory.mktemp("photos"), []
    for i in range(24):
        name = VOCABULARY[i % 3]
        rgb = np.random.default_rng(i).integers(0, 60, (48 + i, 64, 3), dtype=np.uint8)
        rgb[..., 2 - i % 3] += 180
        Image.fromarray(rgb).save(folder / f"{i}.png")
        listed.append(LabelledPhoto(f"p/{i}", PhotoFile(str(folder / f"{i}.png")), (name,), ANY))
    return listed


PLAN = ViewPlan(grid=2, views=2, scale=(0.8, 1.0))


def places(photos: list[LabelledPhoto]) -> list[tuple[str, PhotoFile]]:
    return [(photo.key, photo.photo) for photo in photos]


def views_of(photos: list[LabelledPhoto]) -> list[View]:
    return draw_views(places(photos), PLAN)


@pytest.fixture(scope="module")
def cache(photos: list[LabelledPhoto], backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> FeatureCache:
    folder = tmp_path_factory.mktemp("cache")
    fill_cache(folder, places(photos), PLAN, backbone.visual.conv1)
    return FeatureCache(folder)


def test_views_lie_in_the_photo_and_depend_on_their_key_alone(photos: list[LabelledPhoto]) -> None:
    views = views_of(photos)
    assert len(views) == 48
    assert {view.mirrored for view in views} == {True, False}
    for view in views:
        left, top, right, bottom = view.box
        width, height = view.photo.open().size
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert right - left == pytest.approx(bottom - top)
    alone = {view.box for view in views_of(photos[3:5])}
    assert alone <= {view.box for view in views}
    assert [View.from_json(json.loads(json.dumps(view.to_json()))) for view in views] == views


def test_a_view_cuts_photo_and_labels_alike(tmp_path: Path) -> None:
    labels = np.zeros((64, 96), np.uint8)
    labels[20:40, 10:50] = 7
    Image.fromarray(np.repeat(labels[..., None] * 30, 3, -1)).save(tmp_path / "a.png")
    view = View("a", PhotoFile(str(tmp_path / "a.png")), (4.0, 8.0, 52.0, 56.0), True, (3, 3))
    rgb, ids = view.rgb(), view.labels(labels)
    assert rgb.shape == (48, 48, 3)
    assert ids.shape == (48, 48)
    np.testing.assert_array_equal(rgb[..., 0] > 105, ids == 7)
    assert view.labels(labels, 4).shape == (12, 12)


def test_a_photo_in_an_archive_is_read_where_it_lies(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), (10, 200, 30)).save(tmp_path / "a.png")
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        tar.add(tmp_path / "a.png", "a.png")
    with tarfile.open(tmp_path / "s.tar") as tar:
        member = tar.getmember("a.png")
    photo = PhotoFile(str(tmp_path / "s.tar"), member.offset_data, member.size).open()
    assert photo.getpixel((3, 3)) == (10, 200, 30)
    (tmp_path / "b.jpg").write_bytes(b"no photo")
    with pytest.raises(UserError, match="b.jpg is not a readable picture"):
        PhotoFile(str(tmp_path / "b.jpg")).open()


@torch.no_grad()
def test_cached_features_are_the_networks_own(cache: FeatureCache, backbone: Backbone) -> None:
    rows = [0, 5, 17]
    maps = cache.maps(rows)
    assert maps.shape == (3, 16, 2, 2)
    pixels = torch.from_numpy(np.stack([cache.views[i].rgb() for i in rows])).permute(0, 3, 1, 2).float() / 255
    stem = backbone.visual.conv1
    features = stem.trunk_features((pixels - stem.mean) / stem.std)
    torch.testing.assert_close(maps, features, atol=0.05, rtol=0.05)  # kept in fp16, computed in bf16 where it pays


def test_a_cache_is_completed_and_belongs_to_its_views(
    photos: list[LabelledPhoto],
    backbone: Backbone,
    cache: FeatureCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = cache.features(20)
    monkeypatch.setattr("training.data.feature_cache.SHARD", 16)
    views, stem = views_of(photos), backbone.visual.conv1
    fill_cache(tmp_path, places(photos), PLAN, stem, (1, 2))
    assert [view.key for view in FeatureCache(tmp_path).views] == [view.key for view in views[16:32]]
    fill_cache(tmp_path, places(photos), PLAN, stem)
    whole = FeatureCache(tmp_path)
    assert len(whole) == 48
    np.testing.assert_array_equal(whole.features(20), expected)
    other = [("p/new", photos[0].photo)]
    for photos_of_it, plan in ((other, PLAN), (places(photos), dataclasses.replace(PLAN, views=3))):
        with pytest.raises(UserError, match="other photos, views or networks"):
            fill_cache(tmp_path, photos_of_it, plan, stem)
    with pytest.raises(UserError, match="no cached features"):
        FeatureCache(tmp_path / "nowhere")


def test_labels_compare_with_the_photos_own_vocabulary() -> None:
    place = PhotoFile("a")
    listed = [
        LabelledPhoto("a", place, ("dog", "person"), "voc2012"),
        LabelledPhoto("b", place, ("harp",), ANY),
    ]
    vocabulary = vocabulary_of(listed)
    assert {"dog", "harp", "dress", "road", "zebra"} <= set(vocabulary)
    labels = ImageLabels(listed, vocabulary)
    compared = {name for name, on in zip(vocabulary, labels.candidates([0])[0], strict=True) if on}
    assert compared == {name for name in class_names("voc2012") if name}
    assert labels.candidates([1]).all()
    shares = labels.shares([0, 1])
    assert shares.sum(1).tolist() == [1, 1]
    assert shares[0, vocabulary.index("dog")] == shares[0, vocabulary.index("person")] == 0.5


@torch.no_grad()
def test_alignment_rewards_the_patch_that_shows_the_name() -> None:
    loss, text = AlignmentLoss(), torch.eye(3, 8)
    shares, candidates = torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 3, dtype=torch.bool)
    cls_token = torch.eye(8)[None, 7]
    background = torch.eye(8)[7].expand(1, 5, 8).clone()
    shown = background.clone()
    shown[0, 2] = text[2]
    wrong = background.clone()
    wrong[0, 2] = text[0]
    values = [float(loss(cls_token, p, text, shares, candidates)["patches"]) for p in (shown, background, wrong)]
    assert values[0] < values[1] < values[2]
    without = candidates.clone()
    without[0, 0] = False  # a name that the photo is not compared with cannot be wrong
    assert float(loss(cls_token, wrong, text, shares, without)["patches"]) < values[2]


def test_a_frequent_name_needs_no_high_score() -> None:
    place = PhotoFile("a")
    listed = [LabelledPhoto(f"{i}", place, ("person",) if i < 9 else ("dog",), "voc2012") for i in range(10)]
    vocabulary = vocabulary_of(listed)
    labels = ImageLabels(listed, vocabulary)
    prior = labels.log_prior([0])
    person, dog, zebra = (vocabulary.index(name) for name in ("person", "dog", "zebra"))
    assert prior[0, person] > prior[0, dog] > prior[0, zebra] > -20
    assert float(prior.exp().sum()) == pytest.approx(1, abs=1e-4)
    # With the prior in the logits, equal scores are already right on average: the gradient towards "person" is smaller.
    scores, shares = torch.zeros(1, 4, 8), labels.shares([0])
    text = torch.nn.functional.normalize(torch.randn(len(vocabulary), 8), dim=-1)
    gradients = []
    for offset in (0.0, prior):
        patches = scores.clone().requires_grad_()
        loss = AlignmentLoss()(scores[:, 0], patches, text, shares, labels.candidates([0]), offset)["patches"]
        loss.backward()
        assert patches.grad is not None
        gradients.append(float(patches.grad.norm()))
    assert gradients[1] < 0.5 * gradients[0]


def test_salient_patches_of_a_photo_with_one_label_show_it_and_the_others_do_not() -> None:
    logits = torch.zeros(2, 3, 4, requires_grad=True)
    shares = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]])
    candidates = torch.tensor([[True, True, True, False]] * 2)
    saliency = torch.tensor([[0.9, 0.1, 0.4]] * 2)
    saliency_loss(logits, shares, candidates, saliency, (0.2, 0.6)).backward()
    assert logits.grad is not None
    inside, outside, between = logits.grad[0]
    assert inside[0] < 0 < inside[1]
    assert outside[0] > 0 > outside[1]
    assert (between == 0).all()  # neither salient nor surely not
    assert (logits.grad[1] == 0).all()  # of two labels nobody knows which is where
    assert (logits.grad[:, :, 3] == 0).all()
    alone = saliency_loss(torch.zeros(1, 3, 4), shares[1:], candidates[1:], saliency[1:], (0.2, 0.6))
    assert alone == 0


def test_a_readout_of_saliency_finds_what_lies_in_the_features() -> None:
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.standard_normal((64, 9, 5))).float()
    truth = (0.3 * features[..., 0] - 0.2 * features[..., 3]).sigmoid()
    layer = fit_readout(features, truth, 400, rng)
    found = layer(features)[..., 0].sigmoid()
    assert float(np.corrcoef(found.flatten(), truth.flatten())[0, 1]) > 0.95
    assert not layer.weight.requires_grad


def test_a_teachers_pseudo_labels_are_bounded_by_the_photos_own_labels() -> None:
    shares = torch.tensor([[0.5, 0.5, 0, 0], [1, 0, 0, 0]])
    candidates = torch.tensor([[True, True, True, False]] * 2)
    # Patch 0: sure of a label. Patch 1: sure of a name that the photo does not show. Patch 2: sure of nothing.
    teacher = torch.tensor([[[9.0, 0, 0, 0], [0, 0, 9, 0], [0, 0, 0, 0]]] * 2)
    logits = torch.zeros(2, 3, 4, requires_grad=True)
    loss = self_training_loss(logits, teacher, shares, candidates)
    assert loss.item() == pytest.approx(np.log(3), rel=1e-3)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    counted = logits.grad.abs().sum(-1) > 0
    assert counted.tolist() == [[True, False, False], [False, False, False]]
    assert logits.grad[0, 0, 0] < 0 < logits.grad[0, 0, 1]
    assert (logits.grad[..., 3] == 0).all()


RECIPE = ImageRecipe(passes=12, batch=12, tokens=3, negatives=2, warmup=4, lr=1e-2, saliency_weight=0.5)


def run(photos: list[LabelledPhoto], cache: FeatureCache, folder: Path, recipe: ImageRecipe = RECIPE) -> AlignmentRun:
    torch.manual_seed(1)
    source = build_clip(CONFIG)
    torch.manual_seed(0)
    text = torch.nn.functional.normalize(torch.randn(3, 16), dim=-1)
    saliency = torch.nn.Linear(cache.features(0).shape[-1], 1).requires_grad_(False)
    views = CachedViews([cache], photos, recipe.tokens)
    return AlignmentRun(source.visual, views, photos, NameVectors(VOCABULARY, text), recipe, folder, saliency)


@torch.no_grad()
def loss_of(trained: AlignmentRun) -> float:
    """Of the patches of all views, at once."""
    listed, source = list(trained.source.owners), trained.source
    assert isinstance(source, CachedViews)
    features = torch.from_numpy(np.stack([cache.features(row) for cache, row in source._places])).float()
    tokens = encode_features(trained.visual, features)
    shares, candidates = trained.labels.shares(listed), trained.labels.candidates(listed)
    return float(trained.loss(*tokens, trained.text, shares, candidates)["patches"])


def test_a_run_learns_and_leaves_the_networks_alone(
    photos: list[LabelledPhoto], cache: FeatureCache, tmp_path: Path
) -> None:
    whole = run(photos, cache, tmp_path)
    before = {name: value.clone() for name, value in whole.visual.state_dict().items()}
    first = loss_of(whole)
    whole.train()
    assert loss_of(whole) < 0.3 * first
    moved = {name for name, value in whole.visual.state_dict().items() if not torch.equal(value, before[name])}
    trained = {name for name, p in whole.visual.named_parameters() if p.requires_grad}
    assert moved == trained | ({"positional_embedding"} & moved)
    assert not any(name.startswith(("conv1.lite2", "conv1.vit", "conv1.reduce")) for name in moved)
    assert (whole.visual.positional_embedding == 0).all()


def test_a_resumed_run_ends_with_the_same_weights(
    photos: list[LabelledPhoto], cache: FeatureCache, tmp_path: Path
) -> None:
    whole = run(photos, cache, tmp_path / "whole")
    whole.train()
    interrupted = run(photos, cache, tmp_path / "interrupted")
    for _ in range(7):
        interrupted._step()
    interrupted._save()
    resumed = run(photos, cache, tmp_path / "interrupted")
    assert resumed.step == 7
    resumed.train()
    for name, value in whole.visual.state_dict().items():
        assert torch.equal(value, resumed.visual.state_dict()[name]), name
    with pytest.raises(UserError, match="another recipe"):
        run(photos, cache, tmp_path / "interrupted", dataclasses.replace(RECIPE, lr=1.0))


def test_a_run_can_begin_with_the_weights_of_another(
    photos: list[LabelledPhoto], cache: FeatureCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(photos, cache, tmp_path / "first", dataclasses.replace(RECIPE, passes=1))
    first.train()
    monkeypatch.setattr("training.pretraining.mini_clip.IMAGE", dataclasses.replace(RECIPE, saliency_weight=0.0))
    args = argparse.Namespace(strict=False, passes=None, runs=tmp_path, start_from=tmp_path / "first" / "state.pt")
    begun = _image_run(build_clip(CONFIG), [cache], photos, args)
    assert (begun.step, begun.recipe.passes) == (0, RECIPE.passes)
    for mine, theirs in zip(begun.trained, first.trained, strict=True):
        assert torch.equal(mine, theirs)


def test_the_exported_folder_answers_as_the_run(
    photos: list[LabelledPhoto], cache: FeatureCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="--part image first"):
        export(build_clip(CONFIG), tmp_path, tmp_path / "out")
    trained = run(photos, cache, tmp_path / "image", dataclasses.replace(RECIPE, passes=2))
    trained.train()
    monkeypatch.setattr("training.pretraining.mini_clip.CONFIG", CONFIG)
    fresh = build_clip(CONFIG).eval()
    networks = {n: v for n, v in trained.visual.state_dict().items() if not n.startswith("conv1.mix")}
    fresh.visual.load_state_dict({**fresh.visual.state_dict(), **networks})
    export(fresh, tmp_path, tmp_path / "out")
    pixels = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        features = trained.visual.conv1.trunk_features(pixels).flatten(2).transpose(1, 2)
        cls_token, patches = encode_features(trained.visual, features)
        tokens = plain_image_tokens(fresh.visual, pixels)
    torch.testing.assert_close(tokens.patch_tokens, patches, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(tokens.cls_token, cls_token, atol=1e-5, rtol=1e-4)


def test_photos_of_a_device_are_cut_into_new_views_that_are_what_the_labels_say(tmp_path: Path) -> None:
    # Left half red, right half green: a mirrored view has the halves exchanged, and black margins never show.
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:, :30, 0], photo[:, 30:, 1] = 255, 255
    Image.fromarray(photo).save(tmp_path / "a.png")
    listed = [LabelledPhoto("a", PhotoFile(str(tmp_path / "a.png")), ("red",), ANY)]
    views = LivePhotos(listed, build_clip(CONFIG).eval().visual, None, side=48, grid=2, scale=(0.5, 1.0))
    cuts = torch.cat([views._cut([0], np.random.default_rng(seed)) for seed in range(40)])  # (40, 3, 32, 32)
    assert cuts.shape == (40, 3, 32, 32)
    assert (cuts[:, :2].sum(1) > 0.9).all()
    left, right = cuts[:, 0, :, 0].mean(1), cuts[:, 0, :, -1].mean(1)
    assert (left > right + 0.5).any()
    assert (right > left + 0.5).any()
    features = views.features([0, 0], np.random.default_rng(0))
    assert features.trained.shape == features.frozen.shape == (2, 4, views._visual.conv1.features)
    assert not features.trained.requires_grad


@pytest.mark.slow
def test_the_networks_below_are_trained_only_where_the_recipe_says_so_and_resume_exactly(
    photos: list[LabelledPhoto], tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, passes=2, batch=4, trunk_lr=1e-3, self_training_weight=0.5)
    whole = whole_run(photos, tmp_path / "whole", recipe)
    before = {name: value.clone() for name, value in whole.visual.state_dict().items()}
    whole.train()
    moved = {name for name, value in whole.visual.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("conv1.vit.blocks.") for name in moved)
    assert any(name.startswith("conv1.lite2.") for name in moved)
    assert not any(name.startswith("conv1.reduce") or "running" in name for name in moved)
    interrupted = whole_run(photos, tmp_path / "interrupted", recipe)
    interrupted._step()
    interrupted._save()
    resumed = whole_run(photos, tmp_path / "interrupted", recipe)
    assert resumed.step == 1
    resumed.train()
    for name, value in whole.visual.state_dict().items():
        torch.testing.assert_close(value, resumed.visual.state_dict()[name], atol=1e-6, rtol=1e-5)


def test_the_command_trains_everything_and_exports_that(
    photos: list[LabelledPhoto], cache: FeatureCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.pretraining.mini_clip.CONFIG", CONFIG)
    recipe = dataclasses.replace(RECIPE, passes=1, batch=2, trunk_lr=1e-3, self_training_weight=0.5)
    monkeypatch.setattr("training.pretraining.mini_clip.WHOLE", recipe)
    args = argparse.Namespace(strict=False, passes=None, runs=tmp_path, device="cpu", workers=0)
    with pytest.raises(UserError, match="--part image first"):
        _whole_run(build_clip(CONFIG), photos[:4], args)
    first = run(photos, cache, tmp_path / "image", dataclasses.replace(RECIPE, passes=1))
    first.train()
    assert first.saliency is not None
    torch.save(first.saliency.state_dict(), tmp_path / "saliency.pt")
    whole = _whole_run(build_clip(CONFIG), photos[:4], args)
    assert torch.equal(whole.visual.proj, first.visual.proj)  # it begins with what the first run made
    assert torch.equal(whole.loss.patch_scale, first.loss.patch_scale)
    whole.train()
    export(build_clip(CONFIG), tmp_path, tmp_path / "out")
    made = load_backbone(tmp_path / "out").clip.visual.conv1.vit.blocks[0].attn.qkv.bias
    torch.testing.assert_close(made, whole.visual.conv1.vit.blocks[0].attn.qkv.bias.detach(), atol=1e-3, rtol=1e-2)


def whole_run(photos: list[LabelledPhoto], folder: Path, recipe: ImageRecipe) -> AlignmentRun:
    torch.manual_seed(1)
    visual = build_clip(CONFIG).visual.train()
    torch.manual_seed(0)
    text = torch.nn.functional.normalize(torch.randn(3, 16), dim=-1)
    frozen = copy.deepcopy(visual.conv1).eval().requires_grad_(False)
    source = LivePhotos(photos, visual, frozen, side=48, grid=2)
    return AlignmentRun(visual, source, photos, NameVectors(VOCABULARY, text), recipe, folder)


def test_only_what_lies_above_the_networks_is_trained(backbone: Backbone) -> None:
    visual = build_clip(CONFIG).visual
    trained = sum(p.numel() for p in trainable_parameters(visual))
    assert 0 < trained < 40_000


def test_more_photos_come_with_a_list(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    with pytest.raises(UserError, match="has no labels.jsonl"):
        list_more(tmp_path)
    listing = tmp_path / "more/labels.jsonl"
    rows = [
        {"file": "a.jpg", "set": "voc2012", "names": ["dog", "person"]},
        {"file": "b.jpg", "set": "any", "names": ["harp"]},
        {"file": "c.jpg", "set": "any", "names": []},
    ]
    listing.write_text("\n".join(json.dumps(row) for row in rows))
    assert [(p.key, p.names, p.vocabulary) for p in list_more(tmp_path)] == [
        ("a.jpg", ("dog", "person"), "voc2012"),
        ("b.jpg", ("harp",), ANY),
    ]
    for wrong, message in (
        ('{"file": "a.jpg", "set": "voc2012", "names": ["shep"]}', "1: voc2012 has no name shep"),
        ('{"file": "a.jpg", "set": "vok", "names": []}', "no set 'vok'"),
        ('{"file": "a.jpg"}', 'needs "file", "set" and "names"'),
        ("no json", "labels.jsonl:1 needs"),
    ):
        listing.write_text(wrong)
        with pytest.raises(UserError, match=message):
            list_more(tmp_path)


def list_more(root: Path) -> list[LabelledPhoto]:
    from training.pretraining.photos import _more

    return [photo for photo in _more(root / "more") if photo.names]


@pytest.mark.slow
@needs_data
def test_no_photo_of_validation_or_development_is_listed() -> None:
    voc = DATA / "voc2012/VOCdevkit/VOC2012/ImageSets/Segmentation"
    kept = {f"voc2012/{name}" for name in (voc / "val.txt").read_text().split()}
    kept |= {f"ccp/{name}" for name in (DATA / "ccp/val.txt").read_text().split()}
    listed = list_photos(DATA)
    keys = {photo.key for photo in listed}
    assert len(keys) > 19_000
    assert not keys & kept
    assert not any(is_development(key) for key in keys if key.split("/")[0] in LABELLED_SETS)
    shown = {name for photo in listed for name in photo.names}
    assert {"horse", "golden retriever", "dog", "sofa"} <= shown


def test_the_strict_variant_compares_with_no_unseen_name() -> None:
    place = PhotoFile("a")
    listed = [
        LabelledPhoto("a", place, ("sheep", "person"), "voc2012"),
        LabelledPhoto("b", place, ("dog",), "voc2012"),
        LabelledPhoto("c", place, ("harp",), ANY),
    ]
    kept = without_names(listed, {"sheep", "sofa"})
    assert [photo.key for photo in kept] == ["b", "c"]
    vocabulary = vocabulary_of(kept, {"sheep", "sofa"})
    assert not {"sheep", "sofa"} & set(vocabulary)
    assert {"dog", "harp", "person"} <= set(vocabulary)
    assert {"sheep", "sofa"} < set(vocabulary_of(kept))  # what makes each photo an example against them


@pytest.mark.slow
@needs_data
def test_the_strict_variant_never_sees_an_unseen_name() -> None:
    unseen = {name for names in UNSEEN.values() for name in names}
    strict = without_names(list_photos(DATA), unseen)
    assert len(strict) > 15_000
    assert not unseen & {name for photo in strict for name in photo.names}
