"""Released files: every name accounted for, strict loading, and a sentence for whatever is no such file."""

import gzip
import json
import re
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.golden.weights import PORTABLE, fill, rule
from zsseg.errors import UserError
from zsseg.models import ClipRC
from zsseg.text.templates import SCENE_TEMPLATES, SINGLE_TEMPLATE
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.metadata import read_metadata
from zsseg.weights.released.official import build_official, convert_state_dict, import_official

State = dict[str, Tensor]
METHODS = ("zegclip", "clip_rc")
TOKENS = "text_encoder.token_embedding.weight"
FOLDED = ("backbone.class_embedding", "backbone.prompt_embeddings", "backbone.deep_prompt_embeddings")
IN_SELF_ATTENTION = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")

# A smaller model with the same names: width 128, joint dimension 64, two layers, a 4 x 4 grid, three prompts.
SMALL = {768: 128, 3072: 512, 2304: 384, 512: 64, 1024: 128, 1536: 192, 2048: 256, 1025: 17, 10: 3, 11: 1}


def never_run(block: str) -> set[str]:
    """What a published decoder block stores beside the parts that it runs."""
    return {f"{block}.self_attn.{part}" for part in IN_SELF_ATTENTION} | {
        f"{block}.norm1.{kind}" for kind in ("weight", "bias")
    }


def after_scores() -> set[str]:
    """ZegCLIP's last layer behind its scores."""
    parts = ("multihead_attn.v", "multihead_attn.proj", "linear1", "linear2", "norm2", "norm3")
    return {f"decode_head.decoder_1.layers.2.{part}.{kind}" for part in parts for kind in ("weight", "bias")}


def dropped_names(method: str) -> set[str]:
    if method == "zegclip":
        blocks = [f"decode_head.decoder_1.layers.{i}" for i in range(3)]
        extra = after_scores() | {"decode_head.loss_decode.criterion.empty_weight"}
    else:
        blocks = [f"decode_head.decoder_{side}.layers.{i}" for side in "qv" for i in range(3)]
        blocks += [f"decode_head.recovery_decoder.decouple_{side}.0" for side in "qv"]
        extra = set()
    return extra.union(*map(never_run, blocks))


def entries(method: str) -> list[tuple[str, list[int], str]]:
    content = json.loads(gzip.decompress((PORTABLE / "entries.json.gz").read_bytes()))
    return [(name, shape, status) for name, shape, status, _, _ in content[method]]


def small_state(method: str) -> State:
    """The official names with small shapes, filled by golden's rule."""
    state = {}
    for name, shape, _ in entries(method):
        deeper = re.search(r"resblocks\.(\d+)\.", name)
        if deeper is None or int(deeper[1]) < 2:
            small = tuple(SMALL.get(size, size) for size in shape)
            state[name] = fill(name, small, *rule(name, small))
    return state


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def save(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_every_official_name_is_accounted_for(method: str) -> None:
    listed = {name: status for name, _, status in entries(method)}
    assert {name for name, status in listed.items() if status == "dead"} == dropped_names(method)
    converted = convert_state_dict(small_state(method))
    assert set(converted.dropped) == dropped_names(method)
    assert converted.folded == FOLDED
    assert converted.unknown == ()
    # Of the rest each becomes one tensor; prompts become one of two, and CLIP's logit scale is not in the file.
    kept = small_state(method).keys() - dropped_names(method)
    assert len(kept) == len(converted.backbone) - 1 + len(converted.head) + 1


def test_sizes_are_read_off_the_shapes(method: str) -> None:
    converted = convert_state_dict(small_state(method))
    config, clip = converted.config, converted.clip_config["model_cfg"]
    assert (config.method, config.prompts, config.regions) == (method, 3, 16 if method == "clip_rc" else 0)
    assert (config.decoder_layers, config.decoder_heads, config.decoder_ffn) == (3, 1, 256)
    assert clip["quick_gelu"]
    assert clip["embed_dim"] == 64
    assert clip["vision_cfg"] == {"image_size": 64, "layers": 2, "width": 128, "head_width": 64, "patch_size": 16}
    assert clip["text_cfg"]["layers"] == 2


def test_class_token_is_added_twice_by_one_addition(method: str) -> None:
    state = small_state(method)
    converted = convert_state_dict(state)
    visual = build_official(converted).backbone.visual
    doubled = 2 * state["backbone.class_embedding"] + state["backbone.positional_embedding"][0]
    torch.testing.assert_close(visual.class_embedding + visual.positional_embedding[0], doubled)
    torch.testing.assert_close(visual.positional_embedding[1:], state["backbone.positional_embedding"][1:])


def test_stored_region_tokens_are_kept() -> None:
    state = small_state("clip_rc")
    model = build_official(convert_state_dict(state))
    assert isinstance(model, ClipRC)
    assert torch.equal(model.state_dict()["encoder.region_tokens"], state["backbone.region_level_bridge"])


def test_import_writes_a_checkpoint_that_answers_the_same(method: str, tmp_path: Path) -> None:
    state = small_state(method)
    source = save({"meta": {"epoch": 1}, "state_dict": state, "optimizer": {}}, tmp_path / "voc_inductive.pth")
    path = import_official(source, tmp_path / "out")
    assert path == tmp_path / "out" / "voc_inductive.safetensors"
    model, metadata = load_checkpoint(path)
    pixels = torch.randn(1, 3, 64, 96)
    text = model.backbone.encode_text(["cat", "dog"])
    expected = build_official(convert_state_dict(state))(pixels, text).mask_logits
    assert torch.equal(model(pixels, text).mask_logits, expected)
    assert metadata.templates == SINGLE_TEMPLATE
    assert (metadata.size, metadata.stride, metadata.seen_penalty) == (512, 426, 0.1)
    assert (len(metadata.seen), len(metadata.unseen)) == (15, 5)


def test_imported_heads_share_their_backbone(tmp_path: Path) -> None:
    paths = [import_official(save(small_state(m), tmp_path / f"{m}.pth"), tmp_path / "out") for m in METHODS]
    assert len({read_metadata(path).backbone_sha256 for path in paths}) == 1
    assert len([entry for entry in (tmp_path / "out").iterdir() if entry.is_dir()]) == 1


def test_import_settings(tmp_path: Path) -> None:
    source = save(small_state("zegclip"), tmp_path / "a.pth")
    path = import_official(
        source, tmp_path, name="mine", setting="transductive", vocabulary="coco171", dtype=torch.float16
    )
    metadata = read_metadata(path)
    assert (path.stem, metadata.setting, metadata.seen_penalty) == ("mine", "transductive", 0.0)
    assert metadata.pseudo_label_where == "unseen_pixels"
    assert (len(metadata.seen), len(metadata.unseen)) == (156, 15)


def test_a_fully_supervised_import_has_no_unseen_class_to_favour(tmp_path: Path) -> None:
    source = save(small_state("zegclip"), tmp_path / "a.pth")
    metadata = read_metadata(import_official(source, tmp_path, setting="fully-supervised", vocabulary="coco171"))
    assert (metadata.setting, metadata.seen_penalty) == ("fully-supervised", 0.0)
    assert (len(metadata.seen), metadata.unseen) == (171, ())


def test_published_templates() -> None:
    assert len(set(SCENE_TEMPLATES)) == 15
    assert all(template.endswith(".") and "{}" in template for template in SCENE_TEMPLATES)
    assert SCENE_TEMPLATES[1] == "a photo of a small {}."
    assert SCENE_TEMPLATES[-1] == "This is one {} in the scene."


def test_dead_entries_may_be_missing_and_strange_ones_are_named(method: str) -> None:
    state = {name: value for name, value in small_state(method).items() if name not in dropped_names(method)}
    state["decode_head.conv_seg.weight"] = torch.zeros(1)
    converted = convert_state_dict(state)
    build_official(converted)
    assert converted.dropped == ()
    assert converted.unknown == ("decode_head.conv_seg.weight",)


def test_without_recovery_decoder_masks_stay_and_recovery_is_zero() -> None:
    state = small_state("clip_rc")
    whole = build_official(convert_state_dict(state))
    converted = convert_state_dict({name: value for name, value in state.items() if "recovery" not in name})
    model = build_official(converted)
    assert not converted.has_recovery
    assert isinstance(model, ClipRC)
    pixels, text = torch.randn(1, 3, 64, 64), model.backbone.encode_text(["cat"])
    image = model.encode_image(pixels)
    output = model.decode(image, text)
    assert torch.equal(output.mask_logits, whole(pixels, text).mask_logits)
    assert not model.recover(image, output).patches.any()


@pytest.mark.parametrize(
    "name",
    [
        "decode_head.q_proj.weight",
        "backbone.prompt_embeddings",
        "backbone.conv1.weight",
        "backbone.transformer.resblocks.1.ln_1.bias",
        "text_encoder.token_embedding.weight",
        "text_encoder.ln_final.bias",
    ],
)
def test_missing_inference_entry(method: str, name: str) -> None:
    state = small_state(method)
    del state[name]
    with pytest.raises(UserError):
        build_official(convert_state_dict(state))


@pytest.mark.parametrize(
    "value", [torch.tensor(float("nan")), torch.tensor(1e300, dtype=torch.float64), torch.tensor(1)]
)
@pytest.mark.parametrize("name", ["decode_head.q_proj.bias", "backbone.conv1.weight"])
def test_weights_that_are_no_finite_fractions(method: str, name: str, value: torch.Tensor) -> None:
    state = small_state(method)
    state[name] = value.expand(state[name].shape)
    with pytest.raises(UserError, match=f"damaged .{name}"):
        convert_state_dict(state)


def test_misshapen_entry(method: str) -> None:
    state = small_state(method)
    state["decode_head.q_proj.bias"] = torch.zeros(3)
    with pytest.raises(UserError, match="another shape"):
        build_official(convert_state_dict(state))


@pytest.mark.parametrize(
    "content", [{"state_dict": {"a": torch.zeros(1)}}, {"state_dict": 3}, [1, 2], {"weights": "x"}]
)
def test_other_pickles(content: object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"other\.pth|no checkpoint"):
        import_official(save(content, tmp_path / "other.pth"), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"hello", bytes(1000)])
def test_damaged_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        import_official(path, tmp_path / "out")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        import_official(tmp_path / "gone.pth", tmp_path)


HOSTILE = (
    *("sizes by strides", "sizes by strides of half precision", "one storage for many", "layers"),
    *("complex", "sparse", "boolean"),
)


def _hostile_states() -> dict[str, State]:
    good = small_state("zegclip")
    deep, words, projection = "backbone.transformer.resblocks.9999999.ln_1.weight", TOKENS, "backbone.proj"
    huge, huge_half = (torch.zeros(1, dtype=kind).expand(100_000, 10_000_000) for kind in (torch.float, torch.half))
    return {
        "sizes by strides": {**good, projection: huge},
        "sizes by strides of half precision": {**good, projection: huge_half},
        "one storage for many": {**good, **{f"x{number}": good[words] for number in range(99)}},
        "layers": {**good, deep: good[projection]},
        "complex": {**good, projection: good[projection].cfloat()},
        "sparse": {**good, projection: good[projection].to_sparse()},
        "boolean": {**good, words: good[words] > 0},
    }


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_declares_more_than_it_holds(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "released.pth"
    torch.save({"state_dict": _hostile_states()[kind]}, path)
    began = time.process_time()
    with pytest.raises(UserError):
        import_official(path, tmp_path / "out")
    assert time.process_time() - began < 5
    assert not list((tmp_path / "out").glob("*"))
