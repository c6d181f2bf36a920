"""Heads' files: what is written is read, and every fault is one sentence."""

import dataclasses
import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import CLIP_CONFIG, tiny_backbone, tiny_checkpoint, tiny_config
from zsseg.errors import UserError
from zsseg.models import Backbone, build_clip
from zsseg.weights.backbone import WEIGHTS_FILE, load_backbone, save_backbone
from zsseg.weights.checkpoint import load_checkpoint, replace_metadata, save_checkpoint
from zsseg.weights.metadata import Metadata, from_json, read_metadata, to_json
from zsseg.weights.search import CONFIG_FILE, find_checkpoint, list_checkpoints


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights with one head, which is where names are looked up."""
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    tiny_checkpoint(tmp_path, "zegclip")
    return tmp_path


def header(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["zsseg"])


def rewrite(path: Path, **changes: object) -> None:
    """Write the file again with other fields in its header; None removes one."""
    fields = {name: value for name, value in {**header(path), **changes}.items() if value is not None}
    save_file(load_file(path), path, {"zsseg": json.dumps(fields)})


def test_header_says_everything(weights: Path) -> None:
    path = weights / "zegclip-tiny-inductive.safetensors"
    metadata = read_metadata(path)
    assert metadata.backbone_sha256 == load_backbone(weights / "tiny-clip").sha256
    assert metadata.templates == ("a photo of a {}",)
    assert metadata.seen == ("dog", "person")
    assert header(path)["format_version"] == 2
    assert from_json(to_json(metadata)) == metadata


def test_files_are_half_precision_and_hold_the_head_alone(weights: Path) -> None:
    tensors = load_file(weights / "zegclip-tiny-inductive.safetensors")
    model, _ = load_checkpoint("zegclip-tiny-inductive")
    assert tensors.keys() == model.state_dict().keys()
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    assert not list(weights.glob(".*"))


def test_a_checkpoint_is_found_by_name_or_path(weights: Path, tmp_path: Path) -> None:
    path = weights / "zegclip-tiny-inductive.safetensors"
    assert find_checkpoint("zegclip-tiny-inductive") == path
    assert find_checkpoint("zegclip-tiny-inductive.safetensors") == path
    assert find_checkpoint(path) == path
    with pytest.raises(UserError, match="no checkpoint nothing.safetensors in .*ZSSEG_WEIGHTS"):
        find_checkpoint("nothing")


def test_list_has_readable_and_damaged_files(weights: Path) -> None:
    (weights / "broken.safetensors").write_bytes(b"not weights")
    entries = {path.name: entry for path, entry in list_checkpoints()}
    assert isinstance(entries["zegclip-tiny-inductive.safetensors"], Metadata)
    assert isinstance(entries["broken.safetensors"], UserError)


def test_heads_share_a_backbone(weights: Path) -> None:
    tiny_checkpoint(weights, "clip_rc")
    backbones: dict[str, Backbone] = {}
    one, _ = load_checkpoint("zegclip-tiny-inductive", backbones)
    two, _ = load_checkpoint("clip_rc-tiny-inductive", backbones)
    assert one.backbone is two.backbone
    assert list(backbones) == [one.backbone.sha256]


def test_missing_optional_fields_take_defaults(weights: Path) -> None:
    path = weights / "zegclip-tiny-inductive.safetensors"
    rewrite(path, seen=None, scores=None, created=None, seen_penalty=None)
    metadata = read_metadata(path)
    assert metadata.seen == ()
    assert metadata.scores == {}
    assert metadata.seen_penalty == 0.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format_version": 3}, "format version 3 where this program reads 1 and 2"),
        ({"colour": "red"}, "'colour' is unknown"),
        ({"backbone": None}, "'backbone' is missing"),
        ({"method": None}, "'method' is missing"),
        ({"config": None}, "config"),
        ({"config": {"prompts": 0}}, "must be at least 1"),
        ({"config": {"prompts": 1, "depth": 3}}, "depth"),
        ({"config": {"method": "zegclip", "prompts": 1}}, "method"),
        ({"method": "clip_rc"}, "clip_rc cannot have 0 regions"),
        ({"method": "segformer"}, "cannot be used. There is no method 'segformer'"),
        ({"setting": "magic"}, "magic"),
        ({"templates": ["a photo"]}, "template"),
        ({"mean": [1.0]}, "'mean' has too few values"),
        ({"size": "64"}, "'size' cannot be \"64\""),
        ({"antialias": 1}, "'antialias' cannot be 1"),
        ({"seen": "dog"}, "'seen' cannot be"),
        ({"config": {"prompts": 1.5}}, "'config.prompts' cannot be 1.5"),
        ({"config": []}, "'config' cannot be"),
    ],
)
def test_damaged_headers(weights: Path, changes: dict[str, object], reason: str) -> None:
    path = weights / "zegclip-tiny-inductive.safetensors"
    rewrite(path, **changes)
    with pytest.raises(UserError, match=reason):
        load_checkpoint(path)


def test_a_file_of_format_version_1_is_read(weights: Path) -> None:
    path = weights / "zegclip-tiny-inductive.safetensors"
    written, fields = read_metadata(path), header(path)
    old = {name: value for name, value in fields.items() if name != "layout"}
    old |= {"format_version": 1, "config": {"method": "zegclip", **dict(fields["config"])}}  # type: ignore[call-overload]
    assert from_json(json.dumps(old)) == written
    assert from_json(json.dumps({**old, "layout": "whole"})).layout == "whole"
    with pytest.raises(ValueError, match="method is clip_rc but config says zegclip"):
        from_json(json.dumps({**old, "method": "clip_rc"}))


def test_files_that_are_no_checkpoints(weights: Path) -> None:
    text, foreign = weights / "text.safetensors", weights / "foreign.safetensors"
    text.write_text("hello, this is not a weights file at all")
    save_file({"a": torch.zeros(1)}, foreign)
    for path, reason in (
        (text, "damaged"),
        (foreign, "no checkpoint of this program"),
        (weights / "x", "There is no checkpoint"),
    ):
        with pytest.raises(UserError, match=reason):
            load_checkpoint(path)
    with pytest.raises(UserError, match="no file"):
        read_metadata(weights / "gone.safetensors")


def test_truncated_file(weights: Path) -> None:
    path = weights / "zegclip-tiny-inductive.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_tensors_must_match_exactly(weights: Path, change: str) -> None:
    path = weights / "zegclip-tiny-inductive.safetensors"
    tensors, fields = load_file(path), header(path)
    if change == "missing":
        del tensors["descriptor.bias"]
    elif change == "extra":
        tensors["more"] = torch.zeros(1)
    else:
        tensors["descriptor.bias"] = torch.zeros(3)
    save_file(tensors, path, {"zsseg": json.dumps(fields)})
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(path)


def test_backbone_must_be_there_and_the_right_one(weights: Path) -> None:
    config = CLIP_CONFIG
    torch.manual_seed(7)
    save_backbone(build_clip(config), config, weights / "tiny-clip")
    with pytest.raises(UserError, match="sha256 differs"):
        load_checkpoint("zegclip-tiny-inductive")
    for file in (weights / "tiny-clip").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="needs the backbone folder tiny-clip"):
        load_checkpoint("zegclip-tiny-inductive")


@pytest.mark.parametrize("file", [CONFIG_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"nonsense"])
def test_damaged_backbone(tmp_path: Path, file: str, content: bytes | None) -> None:
    folder = tiny_backbone(tmp_path)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=r"damaged|has no"):
        load_backbone(folder)


def test_backbone_with_other_sizes_than_its_config_says(tmp_path: Path) -> None:
    folder = tiny_backbone(tmp_path)
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 3
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(UserError, match="damaged"):
        load_backbone(folder)


@pytest.mark.parametrize("stem", [False, True])
def test_backbone_round_trip(tmp_path: Path, stem: bool) -> None:
    backbone = load_backbone(tiny_backbone(tmp_path, stem))
    config = json.loads((tmp_path / "tiny-clip" / CONFIG_FILE).read_text())
    again = tmp_path / "again"
    assert save_backbone(backbone.clip, config, again) == backbone.sha256
    assert (backbone.width, backbone.depth, backbone.joint_dim, backbone.patch_size) == (32, 2, 16, 16)
    assert next(load_backbone(again).parameters()).dtype == torch.float32


def test_a_stem_may_look_around_and_must_fit_the_patches(tmp_path: Path) -> None:
    model = {**CLIP_CONFIG["model_cfg"], "vision_cfg": {**CLIP_CONFIG["model_cfg"]["vision_cfg"], "patch_size": 8}}
    config = {**CLIP_CONFIG, "model_cfg": model, "stem": [4, 8], "stem_dilations": [1, 2]}
    clip = build_clip(config).eval()
    save_backbone(clip, config, tmp_path / "eight", torch.float32)
    pixels = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(load_backbone(tmp_path / "eight").visual.conv1(pixels), clip.visual.conv1(pixels))
    (tmp_path / "eight" / CONFIG_FILE).write_text(json.dumps({**config, "stem": [4, 8, 8]}))
    with pytest.raises(UserError, match="patches of 16 pixels"):
        load_backbone(tmp_path / "eight")


def test_pieces_and_tokens_of_a_text(tmp_path: Path) -> None:
    backbone = load_backbone(tiny_backbone(tmp_path))
    assert [backbone.piece_count(text) for text in ("dog", "Dog", "hot dog", "", "qwxzqwxz")] == [1, 1, 2, 0, 6]
    assert backbone.token_count("hot dog") == 4


def test_a_packed_backbone_is_half_the_size_and_nearly_the_same(tmp_path: Path) -> None:
    vision = {**CLIP_CONFIG["model_cfg"]["vision_cfg"], "width": 128}
    config = {**CLIP_CONFIG, "model_cfg": {**CLIP_CONFIG["model_cfg"], "vision_cfg": vision}, "stem": [8, 16, 64]}
    clip = build_clip(config)
    for name, pack in (("whole", False), ("packed", True)):
        save_backbone(clip, config, tmp_path / name, pack=pack)
    sizes = [(tmp_path / name / "open_clip_model.safetensors").stat().st_size for name in ("packed", "whole")]
    assert sizes[0] < 0.6 * sizes[1]
    whole, packed = (load_backbone(tmp_path / name).clip.state_dict() for name in ("whole", "packed"))
    for name, value in whole.items():
        if value.ndim > 1 and value.numel() >= 2**14:  # the table, the blocks' matrices, the stem's last convolution
            moved = (packed[name] - value).flatten(1).abs() / value.flatten(1).abs().amax(1, keepdim=True)
            assert 0 < moved.max() < 1 / 220  # 1/254, and what fp16 takes from the whole one
        else:
            torch.testing.assert_close(packed[name], value, rtol=0, atol=0)


def test_packed_matrices_without_their_scales_are_damage(tmp_path: Path) -> None:
    folder = tiny_backbone(tmp_path)
    config = json.loads((folder / "open_clip_config.json").read_text())
    save_backbone(load_backbone(folder).clip, config, folder, pack=True)
    file = folder / "open_clip_model.safetensors"
    save_file({name: value for name, value in load_file(file).items() if not name.endswith(".scales")}, file)
    with pytest.raises(UserError, match="damaged"):
        load_backbone(folder)


def test_a_packed_head_is_smaller_and_nearly_the_same(tmp_path: Path) -> None:
    exact = tiny_checkpoint(tmp_path, "clip_rc", config=dataclasses.replace(tiny_config("clip_rc"), decoder_ffn=2048))
    model, metadata = load_checkpoint(exact)
    packed = tmp_path / "packed.safetensors"
    save_checkpoint(model, metadata, packed, pack=True)
    assert packed.stat().st_size < 0.7 * exact.stat().st_size
    for name, value in load_checkpoint(packed)[0].state_dict().items():
        kept = model.state_dict()[name]
        assert float((value - kept).abs().max()) <= float(kept.abs().max()) / 250 + 1e-6, name


@pytest.mark.parametrize("pack", [False, True])
def test_a_new_header_leaves_every_stored_bit(tmp_path: Path, pack: bool) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    model, metadata = load_checkpoint(path)
    save_checkpoint(model, metadata, path, torch.float32, pack)
    before = load_file(path)
    replace_metadata(path, dataclasses.replace(metadata, seen_penalty=0.3))
    after = load_file(path)
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) and value.dtype == after[name].dtype for name, value in before.items())
    assert read_metadata(path).seen_penalty == 0.3
