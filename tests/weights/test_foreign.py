"""Foreign and damaged files among the weights: a sentence each, and the others stay usable."""

import dataclasses
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.beside import case
from tests.tiny import tiny_backbone, tiny_checkpoint
from tests.weights.test_checkpoint import header
from zsseg.cli.main import main
from zsseg.demo import find_catalog
from zsseg.demo.catalog import working
from zsseg.errors import UserError
from zsseg.predictor import Predictor
from zsseg.weights import packing
from zsseg.weights.backbone import load_backbone
from zsseg.weights.metadata import FORMAT_VERSION, Metadata, read_metadata
from zsseg.weights.search import find_backbone, find_checkpoint, list_checkpoints

FIELDS = {
    2: (
        *("name", "method", "setting", "config", "backbone", "backbone_sha256", "templates", "mean", "std", "size"),
        *("stride", "antialias", "layout", "seen", "unseen", "seen_penalty", "threshold", "recovery_target"),
        *("pseudo_label_where", "data", "recipe", "commit", "scores", "created"),
    )
}
"""Fields of the header by format version."""

CHANGES: tuple[dict[str, object], ...] = (
    {"config": [1]}, {"config": None}, {"mean": "abc"}, {"mean": ["a", "b", "c"]}, {"std": [0, 0, 0]},
    {"std": [1, 1, float("nan")]}, {"mean": [0, 0, float("inf")]}, {"size": "512"}, {"size": 64.5}, {"size": 10**6},
    {"size": 65}, {"size": float("nan")}, {"stride": 10**9}, {"stride": 0}, {"seen_penalty": "0.1"},
    {"seen_penalty": 2}, {"threshold": float("nan")}, {"threshold": -1}, {"seen": "dog"}, {"seen": [1, 2]},
    {"templates": "a photo of a {}"}, {"templates": [1]}, {"templates": []}, {"scores": {"a": "b"}},
    {"scores": [1]}, {"scores": {"a": float("inf")}}, {"backbone": "../../../etc"}, {"backbone": "/etc"},
    {"backbone": 5}, {"backbone": ".."}, {"setting": ["x"]}, {"data": "voc"}, {"format_version": "2"},
    {"method": ["zegclip"]}, {"method": 5}, {"layout": 3}, {"unknown": 1},
    {"format_version": True}, {"format_version": 2.0},
)  # fmt: skip


def damage(path: Path, **changes: object) -> None:
    fields = {**header(path), **changes}
    save_file(load_file(path), path, {"zsseg": json.dumps(fields)})


def foreign(folder: Path) -> int:
    """Put files into the folder that are no heads, whatever their ending says; return how many can be listed."""
    (folder / "empty.safetensors").touch()
    (folder / "huge-header.safetensors").write_bytes(struct.pack("<Q", 2**64 - 1) + b"{}")
    (folder / "text.safetensors").write_text("no weights")
    (folder / "folder.safetensors").mkdir()
    (folder / "dangling.safetensors").symlink_to(folder / "nowhere")
    (folder / "._apple.safetensors").write_bytes(b"\0\5\x16\7")
    tensors = {"a": torch.zeros(1)}
    headers = ("[1,2]", "5", '"x"', "null", "[" * 100_000, "{}", '{"format_version": 2}', "{")
    for number, text in enumerate(headers):
        save_file(tensors, folder / f"header{number}.safetensors", {"zsseg": text})
    for number, text in enumerate((b"[]", b"5", b"null", b"[" * 50_000, b'{"a":1}')):
        (folder / f"raw{number}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    return 5 + len(headers) + 5


def test_foreign_files_stop_neither_the_list_nor_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    tiny_checkpoint(tmp_path, "zegclip")
    count = foreign(tmp_path)
    mine = [(path, content) for path, content in list_checkpoints() if path.parent == tmp_path]
    assert len(mine) == count + 1
    assert sum(isinstance(content, Metadata) for _, content in mine) == 1
    assert all(len(str(content)) < 600 for _, content in mine if isinstance(content, UserError))
    assert main(["info", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sum("error" in row for row in rows if row["file"].startswith(str(tmp_path))) == count
    assert main(["info"]) == 0
    assert find_catalog().titles


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_metadata_of_wrong_types_and_sizes_is_damage(changes: dict[str, object], tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    damage(path, **changes)
    with pytest.raises(UserError, match=path.name):
        Predictor.from_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("file", ["zegclip-tiny-inductive.safetensors", "tiny-clip/open_clip_model.safetensors"])
def test_weights_that_are_no_numbers_are_damage(file: str, value: float, tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    tensors = load_file(tmp_path / file)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.ndim)
    tensors[name].view(-1)[-1] = value
    about = {"zsseg": json.dumps(header(path))} if file == path.name else {}
    save_file(tensors, tmp_path / file, about)
    with pytest.raises(UserError, match=r"damaged|not the one"):
        Predictor.from_checkpoint(path)


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.complex64, torch.float64], ids=str)
@pytest.mark.parametrize("file", ["zegclip-tiny-inductive.safetensors", "tiny-clip/open_clip_model.safetensors"])
def test_weights_of_another_kind_are_damage(file: str, kind: torch.dtype, tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    tensors = load_file(tmp_path / file)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.ndim)
    # 64 bits are no damage, but a number that 32 bits cannot hold is.
    value = tensors[name] if kind != torch.float64 else torch.full(tensors[name].shape, 1e300, dtype=kind)
    tensors[name] = value.to(kind)
    save_file(tensors, tmp_path / file, {"zsseg": json.dumps(header(path))} if file == path.name else {})
    if file == path.name:
        with pytest.raises(UserError, match="damaged"):
            Predictor.from_checkpoint(path)
    else:
        with pytest.raises(UserError, match="damaged"):
            load_backbone(tmp_path / "tiny-clip")


PACKED: tuple[tuple[str, Callable[[Tensor, Tensor], dict[str, Tensor | None]]], ...] = (
    ("scales that are not above 0", lambda _, scales: {"a.scales": scales * 0}),
    ("scales that are not above 0", lambda _, scales: {"a.scales": -scales}),
    ("scales that are not above 0", lambda _, scales: {"a.scales": scales * float("nan")}),
    ("not packed as", lambda _, scales: {"a.scales": scales[:1]}),
    ("not packed as", lambda _, scales: {"a.scales": scales.half()}),
    ("not packed as", lambda rows, _: {"a.rows": rows.float()}),
    ("not packed as", lambda rows, _: {"a.rows": rows.bool()}),
    ("needs rows with scales", lambda rows, _: {"a": rows.float()}),
    ("needs rows with scales", lambda *_: {"a.scales": None}),
    ("needs rows with scales", lambda *_: {"a.rows": None}),
)


@pytest.mark.parametrize(("words", "change"), PACKED)
def test_packed_weights_are_as_they_were_written_or_damage(
    words: str, change: Callable[[Tensor, Tensor], dict[str, Tensor | None]]
) -> None:
    matrix = torch.linspace(-1, 1, packing.PACKED_FROM).view(128, -1)
    packed = packing.pack({"a": matrix}, torch.float16)
    torch.testing.assert_close(packing.unpack(packed)["a"], matrix, atol=1 / 254, rtol=0)
    changed = {**packed, **change(packed["a.rows"], packed["a.scales"])}
    with pytest.raises(ValueError, match=words):
        packing.unpack({name: value for name, value in changed.items() if value is not None})


@pytest.mark.parametrize("file", ["header", "configuration"])
def test_a_key_that_stands_twice_is_damage(file: str, tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    if file == "header":
        text = json.dumps(header(path))
        save_file(load_file(path), path, {"zsseg": f'{text[:-1]}, "seen_penalty": 0.9}}'})
    else:
        config = tmp_path / "tiny-clip/open_clip_config.json"
        config.write_text(config.read_text().rstrip()[:-1] + ', "model_cfg": {}}')
    with pytest.raises(UserError, match=r"damaged \(the key '\w+' occurs twice\)"):
        Predictor.from_checkpoint(path)


def test_weights_beyond_all_bounds_are_a_sentence(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    tensors = load_file(path)
    large = {name: torch.full(value.shape, 3e38) for name, value in tensors.items() if name.endswith("ffn_out.bias")}
    assert large
    save_file({**tensors, **large}, path, {"zsseg": json.dumps(header(path))})
    with pytest.raises(UserError, match="not finite: its weights are damaged"):
        Predictor.from_checkpoint(path).predict(np.zeros((40, 60, 3), np.uint8), "cat")


def test_a_header_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    for size in ("prompts", "decoder_ffn", "decoder_layers", "decoder_heads"):
        config = {**dataclasses.asdict(read_metadata(tiny_checkpoint(tmp_path, "zegclip")).config), size: 10**8}
        damage(path, config=config)
        with pytest.raises(UserError, match="damaged"):
            Predictor.from_checkpoint(path)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        *(("vision_cfg", {"layers": value}) for value in (10**300, 10**6, 2.5, [1, 1, 1, 1], "2", None, -1)),
        *((part, {"width": 60_000}) for part in ("vision_cfg", "text_cfg")),
        ("vision_cfg", {"width": float("nan")}), ("vision_cfg", {"mlp_ratio": 1e9}), ("vision_cfg", {"patch_size": 0}),
        ("vision_cfg", {"image_size": 60_000, "patch_size": 1}), ("text_cfg", {"vocab_size": 10**9}),
        ("vision_cfg", {"timm_model_name": "resnet18", "timm_model_pretrained": True}),
        ("text_cfg", {"hf_model_name": "some/text-model"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_backbone_cannot_ask_for_all_memory_or_for_other_networks(
    part: str, changes: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    file = tmp_path / "tiny-clip" / "open_clip_config.json"
    config = json.loads(file.read_text())
    config["model_cfg"][part].update(changes)
    file.write_text(json.dumps(config))
    monkeypatch.setattr("zsseg.weights.backbone.build_clip", lambda _: pytest.fail("a network is built"))
    with pytest.raises(UserError, match="damaged"):
        Predictor.from_checkpoint(path)


def test_a_stem_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    folder = tiny_backbone(tmp_path, stem=True)
    load_backbone(folder)
    file = folder / "open_clip_config.json"
    config = json.loads(file.read_text())
    for changes in ({"stem": [60_000] * 9}, {"stem": [8] * 10**6}, {"stem_dilations": [1] * 10**5}):
        file.write_text(json.dumps(config | changes))
        with pytest.raises(UserError, match="damaged"):
            load_backbone(folder)


def test_an_unknown_method_of_many_letters_is_a_short_sentence(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip")
    damage(path, method="x" * 10_000)
    with pytest.raises(UserError, match="no method") as problem:
        read_metadata(path)
    assert len(str(problem.value)) < 600


def test_one_damaged_head_leaves_the_other_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    tiny_checkpoint(tmp_path, "zegclip", name="zegclip-mini-inductive")
    path = tiny_checkpoint(tmp_path, "clip_rc", name="clip_rc-mini-inductive")
    tensors = load_file(path)
    next(iter(tensors.values())).fill_(float("nan"))
    save_file(tensors, path, {"zsseg": json.dumps(header(path))})
    catalog = find_catalog()
    assert "clip_rc" not in working(catalog.get(catalog.first))
    assert "zegclip" in working(catalog.get(catalog.first))


@pytest.mark.parametrize(
    "name", ["x" * 300, "猫" * 100, "a/" * 3000, "data:image/png;base64," + "A" * 9000, "nul\0l", ""]
)
def test_names_that_no_file_can_have_are_not_found(name: str) -> None:
    for find in (find_checkpoint, find_backbone, lambda name: find_checkpoint("x", name), Predictor.training_free):
        with pytest.raises(UserError) as problem:
            find(name)
        assert len(str(problem.value)) < 700


@pytest.mark.parametrize("name", [5, None, ["a"], b"a"])
def test_names_of_other_types_are_a_sentence(name: object) -> None:
    for find in (find_checkpoint, find_backbone, Predictor.from_checkpoint):
        with pytest.raises(UserError, match="named by a text or a path"):
            find(name)  # type: ignore[arg-type]


def test_the_format_version_rises_with_the_fields() -> None:
    # Add a line to FIELDS for every change: a program that knows less must refuse the file, not lose what it says.
    assert FIELDS[FORMAT_VERSION] == tuple(field.name for field in dataclasses.fields(Metadata))
    assert max(FIELDS) == FORMAT_VERSION


def test_reported_foreign_weights(capsys: pytest.CaptureFixture[str]) -> None:
    folder = case("07-foreign-checkpoint") / "weights"
    assert main(["info", "--json", "--weights", str(folder)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows if "error" in row} >= {path.stem for path in folder.glob("*.safetensors")}
