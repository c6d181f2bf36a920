"""Released weights by one command, from a stand-in server, a file or a folder."""

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch

from tests.servers.file_server import FileServer, Reply, serving_files
from tests.servers.hub_server import Hub, serving_hub
from tests.tiny import CLIP_CONFIG, tiny_checkpoint
from tests.weights.test_official import SMALL, entries, small_state
from training.recipes import load_recipe
from training.recipes.papers.published import PUBLISHED
from zsseg.cli.main import main
from zsseg.demo import find_catalog
from zsseg.demo.answer.card import title
from zsseg.demo.catalog import Catalog, working
from zsseg.errors import UserError
from zsseg.models import build_clip
from zsseg.predictor import Predictor, default_checkpoints
from zsseg.text.class_lists import DATASETS
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.hub import _fetch
from zsseg.weights.metadata import read_metadata
from zsseg.weights.released.clip import BACKBONE, VIT_B16, import_clip
from zsseg.weights.released.download import LARGEST_FILE, download, file_name
from zsseg.weights.released.get import get, home
from zsseg.weights.released.listing import RELEASED, Place, Released, released
from zsseg.weights.released.official import convert_state_dict
from zsseg.weights.search import find_backbone, find_checkpoint

SMALL_CLIP = {
    **CLIP_CONFIG,
    "model_cfg": {**CLIP_CONFIG["model_cfg"], "quick_gelu": True},
    "preprocess_cfg": VIT_B16["preprocess_cfg"],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving_files() as files:
        yield files


@pytest.fixture
def small_clip(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Stands in for OpenAI's ViT-B/16, which has 600 MB: the same names, fewer numbers."""
    monkeypatch.setattr("zsseg.weights.released.clip.VIT_B16", SMALL_CLIP)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return dict(build_clip(SMALL_CLIP).state_dict())


def in_torch(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


# The table


def test_every_published_row_is_in_the_table() -> None:
    """Each published row has a recipe and a released head, of the same method, setting, prompts and scores."""
    rows = {row.name: row for row in RELEASED.values() if row.method}
    assert set(rows) == {name.replace("_", "-").replace("clip-rc", "clip_rc") for name in PUBLISHED}
    for name, scores in PUBLISHED.items():
        row = rows[name.replace("_", "-").replace("clip-rc", "clip_rc")]
        assert [round(100 * value, 1) for value in row.scores.values()] == list(scores)
        recipe = load_recipe(name)
        assert (row.method, row.setting) == (recipe.model.method, recipe.setting)
        assert row.prompts == recipe.model.prompt_tokens
        assert row.vocabulary in DATASETS


def test_addresses_differ_and_only_openai_states_a_sha256() -> None:
    places = [place for row in RELEASED.values() for place in row.places]
    assert len({place.address for place in places}) == len(places) == 2 + 12 + 6
    stated = [place for place in places if place.sha256]
    assert [place.file for place in stated] == ["ViT-B-16.pt"]
    assert stated[0].sha256 in stated[0].address
    assert len(stated[0].sha256) == 64


def test_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(UserError, match="zegclip-voc-inductive"):
        released("zegclip")


@pytest.mark.parametrize("name", ["clip_rc-voc-inductive", "clip_rc_voc_inductive", "clip-rc-voc-inductive"])
def test_a_row_is_found_as_its_recipe_is(name: str) -> None:
    assert released(name).name == "clip_rc-voc-inductive"


def test_what_is_not_here_is_told_how_to_bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match="zsseg weights get zegclip-voc-inductive"):
        find_checkpoint("zegclip-voc-inductive")
    with pytest.raises(UserError, match="zsseg weights get clip-vit-b16"):
        find_backbone("ViT-B-16")
    for find in (find_checkpoint, find_backbone):
        with pytest.raises(UserError) as raised:
            find("mine")
        assert "weights get" not in str(raised.value)


# Downloads


def test_download_is_whole_and_verified(server: FileServer, tmp_path: Path) -> None:
    body = bytes(range(256)) * 9000
    server.replies["/a.bin"] = Reply(body)
    sha256 = hashlib.sha256(body).hexdigest()
    target = tmp_path / "folder" / "a.bin"
    assert download(f"{server.url}/a.bin", target, sha256) == sha256
    assert target.read_bytes() == body
    assert server.requests[0][1]["User-Agent"].startswith("zsseg/")
    assert "Range" not in server.requests[0][1]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(b"x", 404), "HTTP 404"),
        (Reply(b"x", 503), "HTTP 503"),
        (Reply(b"x" * 2000), "more than the 1,000"),
        (Reply(b"x" * 2000, size=-1), "sends more than the 1,000"),
        (Reply(b"x" * 50, size=500), "cut off after 50 of 500|IncompleteRead"),
        (Reply(b"other"), "not the published file"),
        (Reply(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}), "a web page"),
        (Reply(b"", 302, headers={"Location": "file:///etc/passwd"}), "could not be downloaded"),
    ],
)
def test_failed_download_leaves_the_old_file_and_nothing_else(
    server: FileServer, tmp_path: Path, reply: Reply, message: str
) -> None:
    server.replies["/a.bin"] = reply
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(UserError, match=message):
        download(f"{server.url}/a.bin", target, sha256=hashlib.sha256(b"published").hexdigest(), largest=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert target.read_bytes() == b"old"


def test_offline_forbids_downloads(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        download(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert server.requests == []


def test_refused_connection(tmp_path: Path, server: FileServer) -> None:
    with pytest.raises(UserError, match="could not be downloaded"):
        download("http://127.0.0.1:9/a.bin", tmp_path / "a.bin")
    assert LARGEST_FILE > 600e6


@pytest.mark.parametrize("url", ["http://[", "http://x.invalid/é", f"http://{'a' * 300}.invalid/a", "http://x:y/a"])
def test_an_address_that_is_none_is_a_sentence(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be downloaded"):
        download(url, tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://a/b/c.pth?x=1", "c.pth"),
        ("http://a", "weights"),
        ("http://a/%2e%2e/..", "weights"),
        ("http://a/.b", "b"),
    ],
)
def test_file_name_of_an_address(url: str, name: str) -> None:
    assert file_name(url) == name


# Heads of the papers


def state_of(row: Released) -> dict[str, torch.Tensor]:
    """The small stand-in of a released file, with the row's number of prompts."""
    state = small_state(row.method)
    for name in ("backbone.prompt_embeddings", "backbone.deep_prompt_embeddings"):
        layers, _, width = state[name].shape
        state[name] = torch.randn(layers, row.prompts, width, generator=torch.Generator().manual_seed(0))
    return state


@pytest.mark.parametrize("name", [name for name, row in RELEASED.items() if row.method])
def test_every_row_is_imported_from_a_file(name: str, tmp_path: Path) -> None:
    row = released(name)
    source = tmp_path / "download.pth"
    source.write_bytes(in_torch({"state_dict": state_of(row)}))
    (path,) = get(row, tmp_path / "out", str(source))
    assert path == tmp_path / "out" / f"{name}.safetensors"
    model, metadata = load_checkpoint(path)
    assert (metadata.name, metadata.method, metadata.setting) == (name, row.method, row.setting)
    assert metadata.scores == {f"published {key}": value for key, value in row.scores.items()}
    seen, unseen = DATASETS[row.vocabulary]
    if row.setting == "fully-supervised":  # every class had masks
        assert (set(metadata.seen), metadata.unseen, metadata.seen_penalty) == ({*seen, *unseen}, (), 0)
    else:
        assert (metadata.seen, metadata.unseen) == (seen, unseen)
    expected = convert_state_dict(state_of(row)).head
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())
    assert {entry.name.split("-")[0] for entry in (tmp_path / "out").iterdir()} == {name.split("-")[0], "clip"}


def test_the_papers_heads_of_one_data_set_are_side_by_side_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", list)
    for name in ("zegclip-voc-inductive", "clip_rc-voc-inductive", "zegclip-coco-inductive"):
        source = tmp_path / f"{name}.pth"
        source.write_bytes(in_torch(state_of(released(name))))
        get(released(name), tmp_path / "out", str(source))
    catalog = find_catalog(str(tmp_path / "out"))
    assert catalog.titles[1:] == ["ViT-B-16, PASCAL VOC 2012, inductive", "ViT-B-16, COCO-Stuff 164k, inductive"]
    both = working(catalog.get(catalog.titles[1]))
    assert [predictor.name for predictor in both.values()][:2] == ["zegclip-voc-inductive", "clip_rc-voc-inductive"]
    assert list(both) == ["zegclip", "clip_rc", "training-free"]


def test_a_folder_gives_its_one_file_or_the_one_of_the_name(tmp_path: Path) -> None:
    row = released("zegclip-voc-inductive")
    folder = tmp_path / "downloads"
    folder.mkdir()
    with pytest.raises(UserError, match="has 0 files"):
        get(row, tmp_path / "out", str(folder))
    (folder / "iter_20000.pth").write_bytes(in_torch(state_of(row)))
    assert get(row, tmp_path / "out", str(folder))
    (folder / "other.pth").write_bytes(b"")
    with pytest.raises(UserError, match="has 2 files"):
        get(row, tmp_path / "out", str(folder))
    (folder / f"{row.name}.pth").write_bytes(in_torch(state_of(row)))
    assert get(row, tmp_path / "out", str(folder))


@pytest.mark.parametrize("other", ["zegclip-coco-inductive", "clip_rc-voc-inductive"])
def test_another_rows_file_is_refused(other: str, tmp_path: Path) -> None:
    source = tmp_path / "download.pth"
    source.write_bytes(in_torch(state_of(released(other))))
    with pytest.raises(UserError, match="is not ZegCLIP, PASCAL VOC 2012, inductive"):
        get(released("zegclip-voc-inductive"), tmp_path / "out", str(source))
    assert not list((tmp_path / "out").glob("*.safetensors"))


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    row = released("zegclip-voc-inductive")
    state = state_of(row)
    name = "decode_head.q_proj.bias"
    state[name] = torch.full_like(state[name], torch.nan)
    source = tmp_path / "download.pth"
    source.write_bytes(in_torch(state))
    with pytest.raises(UserError, match="not finite"):
        get(row, tmp_path / "out", str(source))
    assert not list((tmp_path / "out").glob("*.safetensors"))


@pytest.mark.parametrize("name", ["zegclip-voc-inductive", "clip-vit-b16"])
def test_a_text_under_the_name_of_weights_is_told_as_what_it_is(name: str, tmp_path: Path) -> None:
    source = tmp_path / "download.pth"
    source.write_text("hi\n")
    with pytest.raises(UserError, match=r"download\.pth cannot be read as .* \(KeyError 105\)"):
        get(released(name), tmp_path / "out", str(source))


def test_pages_for_people_are_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], server: FileServer
) -> None:
    assert main(["weights", "get", "clip_rc-coco-inductive", "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    row = released("clip_rc-coco-inductive")
    assert all(place.address in printed for place in row.places)
    assert "zsseg weights get clip_rc-coco-inductive --source FILE" in printed
    assert list((tmp_path / "out").iterdir()) == []


def test_a_url_as_source(server: FileServer, tmp_path: Path) -> None:
    row = released("zegclip-voc-transductive")
    server.replies["/mirror/st.pth"] = Reply(in_torch(state_of(row)))
    (path,) = get(row, tmp_path / "out", f"{server.url}/mirror/st.pth")
    assert read_metadata(path).setting == "transductive"


# Repositories of the Hugging Face hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A stand-in of the hub, and an empty cache."""
    constants = huggingface_hub.constants
    with serving_hub() as stand_in:
        monkeypatch.setattr(constants, "ENDPOINT", stand_in.url)
        template = stand_in.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        _fetch.cache_clear()  # another test's repositories of these names
        yield stand_in


def test_a_head_from_a_repository_of_all_heads(hub: Hub, tmp_path: Path) -> None:
    row, other = released("zegclip-voc-inductive"), released("zegclip-coco-inductive")
    hub.files["models/org/heads"] = {
        f"{row.name}.pth": in_torch({"state_dict": state_of(row)}),
        f"{other.name}.pth": in_torch({"state_dict": state_of(other)}),
        "optimizer.bin": b"gigabytes",
    }
    (path,) = get(row, tmp_path / "out", "org/heads")
    assert read_metadata(path).name == row.name
    assert hub.sent == [f"{row.name}.pth"]  # and nothing else


def test_a_head_from_a_repository_that_names_it_otherwise(hub: Hub, tmp_path: Path) -> None:
    row = released("clip_rc-voc-inductive")
    files = {"work_dirs/iter_40000.pth": in_torch({"state_dict": state_of(row)})}
    hub.files |= {"models/org/head": files, "models/org/heads": {**files, "last.pth": b""}}
    assert get(row, tmp_path / "out", "org/head")
    assert hub.sent == ["work_dirs/iter_40000.pth"]
    with pytest.raises(UserError, match=r"org/heads has 2 files .* call it clip_rc-voc-inductive\.pth"):
        get(row, tmp_path / "out", "org/heads")


@pytest.mark.parametrize("name", ["zegclip-voc-inductive", "clip-vit-b16"])
def test_a_repository_without_the_files(name: str, hub: Hub, tmp_path: Path) -> None:
    hub.files["models/org/empty"] = {"README.md": b"nothing", "model.safetensors": b"of another model"}
    with pytest.raises(UserError, match=r"org/empty has no file"):
        get(released(name), tmp_path / "out", "org/empty")
    assert hub.sent == []


def test_clip_from_the_published_repository(
    hub: Hub, tmp_path: Path, small_clip: dict[str, torch.Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = hub_folder(tmp_path / "repository", small_clip)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    others = {"model.safetensors": b"timm's own file", "open_clip_pytorch_model.bin": b"the same again"}
    hub.files["models/timm/vit_base_patch16_clip_224.openai"] = {**files, **others}
    assert main(["weights", "get", "clip-vit-b16", "--out", str(tmp_path / "out")]) == 0
    assert sorted(hub.sent) == ["open_clip_config.json", "open_clip_model.safetensors"]
    clip = Predictor.from_checkpoint(tmp_path / "out" / "clip-vit-b16.safetensors").model.backbone.clip.state_dict()
    assert all(torch.equal(value, small_clip[name]) for name, value in clip.items())
    assert str(tmp_path / "out") in capsys.readouterr().out


# CLIP


def test_clip_from_plain_http(
    server: FileServer, tmp_path: Path, small_clip: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = in_torch({name: value.half() for name, value in small_clip.items()})
    server.replies["/ViT-B-16.pt"] = Reply(body)
    place = Place("http", f"{server.url}/ViT-B-16.pt", "ViT-B-16.pt", hashlib.sha256(body).hexdigest())
    row = dataclasses.replace(RELEASED["clip-vit-b16"], places=(place,))
    monkeypatch.setitem(RELEASED, "clip-vit-b16", row)
    assert main(["weights", "get", "clip-vit-b16", "--out", str(tmp_path)]) == 0
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [BACKBONE, "clip-vit-b16-values.safetensors", "clip-vit-b16.safetensors"]
    # It is a checkpoint like any other: in Python, in the shell, and on the page.
    predictor = Predictor.from_checkpoint(tmp_path / "clip-vit-b16.safetensors")
    assert predictor.method == "training-free"
    expected = {name: value.half().float() for name, value in small_clip.items()}
    clip = predictor.model.backbone.clip.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in clip.items())
    assert predictor.metadata.mean == tuple(255 * value for value in VIT_B16["preprocess_cfg"]["mean"])


def test_the_hub_is_tried_before_plain_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fail(source: str, *_: object) -> Path:
        asked.append(source)
        raise UserError(f"no {source}.")

    monkeypatch.setattr("zsseg.weights.released.get.weights_folder", fail)
    monkeypatch.setattr("zsseg.weights.released.get.download", fail)
    with pytest.raises(UserError, match="browser") as raised:
        get(released("clip-vit-b16"), tmp_path / "out")
    assert asked == [place.address for place in RELEASED["clip-vit-b16"].places]
    assert "no timm/vit_base_patch16_clip_224.openai. no https://openaipublic" in str(raised.value)


def hub_folder(folder: Path, state: dict[str, torch.Tensor], **changes: object) -> Path:
    """A repository of open_clip's, as its own code pushes it."""
    from safetensors.torch import save_file

    folder.mkdir()
    model = {**SMALL_CLIP["model_cfg"], "vision_cfg": dict(SMALL_CLIP["model_cfg"]["vision_cfg"]), **changes}
    del model["vision_cfg"]["head_width"]  # the hub's files leave defaults out
    config = {"model_cfg": model, "preprocess_cfg": VIT_B16["preprocess_cfg"]}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


def test_clip_from_a_folder_of_the_hub(tmp_path: Path, small_clip: dict[str, torch.Tensor]) -> None:
    models = import_clip(hub_folder(tmp_path / "hub", small_clip), tmp_path / "out")
    clip = Predictor.from_checkpoint(models.plain).model.backbone.clip.state_dict()
    assert all(torch.equal(value, small_clip[name]) for name, value in clip.items())


@pytest.mark.parametrize("value", [False, None, "true", 1])
def test_another_activation_is_an_error(value: object, tmp_path: Path, small_clip: dict[str, torch.Tensor]) -> None:
    with pytest.raises(UserError, match="QuickGELU"):
        import_clip(hub_folder(tmp_path / "hub", small_clip, quick_gelu=value), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_model_is_an_error(tmp_path: Path, small_clip: dict[str, torch.Tensor]) -> None:
    vision = {**SMALL_CLIP["model_cfg"]["vision_cfg"], "patch_size": 32}
    with pytest.raises(UserError, match="vision_cfg patch_size differs"):
        import_clip(hub_folder(tmp_path / "hub", small_clip, vision_cfg=vision), tmp_path / "out")


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "nan"])
def test_clip_weights_that_do_not_fit(change: str, tmp_path: Path, small_clip: dict[str, torch.Tensor]) -> None:
    state = dict(small_clip)
    name = "visual.proj"
    if change == "missing":
        del state[name]
    else:
        state[name + ("2" if change == "extra" else "")] = torch.full(
            (3, 3) if change == "shape" else state[name].shape, torch.nan
        )
    file = tmp_path / "clip.pt"
    file.write_bytes(in_torch(state))
    with pytest.raises(UserError, match=r"is not OpenAI's CLIP ViT-B/16|not finite"):
        import_clip(file, tmp_path / "out")


class Danger:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code in a checkpoint was run')",))


def test_clip_file_runs_no_code(tmp_path: Path, small_clip: dict[str, torch.Tensor]) -> None:
    file = tmp_path / "clip.pt"
    for content in (in_torch(Danger()), in_torch({"a": Danger()}), b"hello", in_torch([1])):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"clip\.pt (cannot be read|holds no state dict)"):
            import_clip(file, tmp_path / "out")


def scripted(state: dict[str, torch.Tensor], file: Path) -> str:
    """A TorchScript archive with these tensors, as OpenAI publishes its own; its sha256."""
    module = torch.nn.Module()
    for name, value in state.items():
        *parents, last = name.split(".")
        holder = module
        for parent in parents:
            if not hasattr(holder, parent):
                holder.add_module(parent, torch.nn.Module())
            holder = getattr(holder, parent)
        holder.register_buffer(last, value)
    module.register_buffer("input_resolution", torch.tensor(64))
    torch.jit.script(module).save(file)
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_openais_archive_is_opened_only_if_it_is_the_published_one(
    tmp_path: Path, small_clip: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ViT-B-16.pt"
    sha256 = scripted(small_clip, file)
    with pytest.raises(UserError, match="TorchScript"):
        import_clip(file, tmp_path / "out")
    published = dataclasses.replace(RELEASED["clip-vit-b16"], places=(Place("http", "x", sha256=sha256),))
    monkeypatch.setattr("zsseg.weights.released.clip.CLIP_VIT_B16", published)
    clip = Predictor.from_checkpoint(import_clip(file, tmp_path / "out").plain).model.backbone.clip.state_dict()
    assert all(torch.equal(value, small_clip[name]) for name, value in clip.items())


def test_clip_answers_in_the_catalog_the_shell_and_by_manifest(
    tmp_path: Path,
    small_clip: dict[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = tmp_path / "weights"
    file = tmp_path / "clip.pt"
    file.write_bytes(in_torch(small_clip))
    models = import_clip(file, weights)
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", list)
    monkeypatch.setattr("zsseg.demo.catalog.default_checkpoints", dict)
    catalog = find_catalog(str(weights))
    entry = next(title for title in catalog.titles if title.endswith("(clip-vit-b16-values)"))
    on_page = catalog.get(entry)["training-free"]
    assert isinstance(on_page, Predictor)
    assert on_page.model.config.value_only

    from PIL import Image

    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)).save(photo)
    expected = Predictor.from_checkpoint(models.values).predict(str(photo), "dog", "cow").scores
    plain = Predictor.from_checkpoint(models.plain).predict(str(photo), "dog", "cow").scores
    assert not np.array_equal(expected, plain)
    assert np.array_equal(on_page.predict(str(photo), "dog", "cow").scores, expected)
    options = ["--weights", str(weights), "--out", str(tmp_path / "out")]
    asked = ["segment", str(photo), "--seen", "dog", "--unseen", "cow", "--checkpoint", "clip-vit-b16-values"]
    assert main([*asked, *options, "--zip"]) == 0
    import zipfile

    with zipfile.ZipFile(tmp_path / "out" / "photo.zip") as packed:
        packed.extract("recipe.json", tmp_path)
    again = ["segment", str(photo), "--manifest", str(tmp_path / "recipe.json"), "--weights", str(weights)]
    assert main([*again, "--out", str(tmp_path / "again")]) == 0
    with np.load(tmp_path / "again" / "training-free" / "scores.npz") as scores:
        assert np.array_equal(scores["scores"], expected.astype(scores["scores"].dtype))
    capsys.readouterr()
    assert main(["info", "--weights", str(weights)]) == 0
    assert "clip-vit-b16-values" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["ViT-B-16/openai", "clip-vit-b16"])
def test_the_page_brings_a_backbone_once(
    name: str,
    server: FileServer,
    tmp_path: Path,
    small_clip: dict[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.replies["/clip.pt"] = Reply(in_torch(small_clip))
    row = dataclasses.replace(RELEASED["clip-vit-b16"], places=(Place("http", f"{server.url}/clip.pt"),))
    monkeypatch.setitem(RELEASED, "clip-vit-b16", row)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ZSSEG_BACKBONE", name)
    monkeypatch.setattr("zsseg.cli.demo._serve", lambda *_: None)
    for _ in range(2):
        assert main(["demo"]) == 0
        assert "HF_HUB_OFFLINE" not in os.environ
    assert [path for path, _ in server.requests] == ["/clip.pt"]
    assert Predictor.from_checkpoint("clip-vit-b16").method == "training-free"


def test_the_page_opens_with_clip_beside_the_embedded_heads(
    server: FileServer, tmp_path: Path, small_clip: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.replies["/clip.pt"] = Reply(in_torch(small_clip))
    row = dataclasses.replace(RELEASED["clip-vit-b16"], places=(Place("http", f"{server.url}/clip.pt"),))
    monkeypatch.setitem(RELEASED, "clip-vit-b16", row)
    for method, name in default_checkpoints().items():
        tiny_checkpoint(tmp_path, method, name=name)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ZSSEG_BACKBONE", "ViT-B-16/openai")
    monkeypatch.setattr("zsseg.weights.search.own_folders", list)
    opened: list[Catalog] = []
    monkeypatch.setattr("zsseg.cli.demo._serve", lambda args, name: opened.append(find_catalog(args.weights, name)))
    assert main(["demo"]) == 0
    (catalog,) = opened
    assert catalog.titles[0] == "tiny-clip, inductive"
    predictors = working(catalog.get(catalog.first))
    assert [predictor.name for predictor in predictors.values()] == [
        *default_checkpoints().values(), "clip-vit-b16-values"
    ]  # fmt: skip
    # The page says that this card stands on another backbone than the two beside it.
    titles = [str(title(method, predictors)) for method in predictors]
    assert [">ViT-B-16<" in text for text in titles] == [False, False, True]
    assert "Nothing was trained. It stands on a backbone of its own" in titles[-1]
    photo = np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)
    answer = predictors["training-free"].predict(photo, "dog", "cow")
    assert answer.provenance["backbone"] == BACKBONE
    # Both models over CLIP are in the list as well.
    assert len([name for name in catalog.titles if name.startswith(BACKBONE)]) == 2
    # Without the variable nothing changes.
    usual = working(find_catalog().get(catalog.first))
    assert usual["training-free"].metadata.backbone == "tiny-clip"
    assert all("tiny-clip" not in str(title(method, usual)) for method in usual)


@pytest.mark.parametrize("name", ["ViT-L-14/openai", "zegclip-voc-inductive"])
def test_a_backbone_that_the_page_cannot_bring(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZSSEG_BACKBONE", name)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert main(["demo"]) == 2
    assert name in capsys.readouterr().err


# Where they go, and the listing


def test_home_is_the_folder_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.setenv("ZSSEG_WEIGHTS", "org/name")
    assert home().name == "checkpoints"
    monkeypatch.setattr("zsseg.weights.released.get.os.access", lambda *_: False)
    with pytest.raises(UserError, match="--out"):
        home()


def test_list_names_every_row_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    printed = capsys.readouterr().out
    for row in RELEASED.values():
        assert f"{row.name}\n  {row.title}\n" in printed
        assert all(place.address in printed for place in row.places)
    assert "hIoU 84.3" in printed


def test_sizes_of_the_stand_ins_are_those_of_the_published_names() -> None:
    """The full shapes that the small ones stand for hold 10 and 100 prompts of ViT-B/16."""
    assert SMALL[10] == 3
    shapes = {name: shape for name, shape, _ in entries("zegclip")}
    assert shapes["backbone.deep_prompt_embeddings"] == [11, 10, 768]
