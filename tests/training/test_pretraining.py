"""The embedded backbone's training: crops read the right cells, what is shipped is what was trained."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

from training.data.splits import is_development
from training.pretrain import export
from training.pretraining import mini_clip
from training.pretraining.crops import ConceptMaps, CropSampler
from training.pretraining.hypernyms import everyday_names
from training.pretraining.image_labels import ImageLabels
from training.pretraining.image_tower import ImageRecipe, ImageRun, NameTable, Stage, learning_rate, losses
from training.pretraining.label_teacher import LabelTeacher
from training.pretraining.photos import PretrainingPhoto, _training_files, iter_photos
from training.pretraining.student import Student, TrainableStem, TrainableTower
from training.pretraining.teacher import Teacher
from training.pretraining.teacher_maps import TeacherMaps, load_pretraining_set
from training.pretraining.text_targets import TextTargets
from training.pretraining.text_tower import TextRecipe, TextRun, encode_short, retrieval
from zsseg.errors import UserError
from zsseg.models.backbone import build_clip
from zsseg.open_clip_compat import import_open_clip

DATA = Path(__file__).parents[3] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data, which is not in this project")

TINY = {
    "model_cfg": {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 16, "layers": 1, "head_width": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
    },
    "stem": [4, 4, 8],
}
RECIPE = ImageRecipe(stages=(Stage(32, 4, 0.5), Stage(48, 2, 1.0)), minutes=0.01, save_every=0.0, ema=0.5)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def targets() -> TextTargets:
    rng = np.random.default_rng(0)
    names = ("cat", "dog", "red bus", "tree")
    vectors = unit(rng.standard_normal((4, 8)))
    return TextTargets(
        names, vectors, vectors[:3], np.array([False, False, True]), unit(rng.standard_normal((1000, 8)))
    )


@pytest.fixture
def photos() -> list[PretrainingPhoto]:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 255, (40, 60, 3), dtype=np.uint8) for _ in range(3)]
    names = (("cat", "felis catus"), (), ("red bus",))
    return [
        PretrainingPhoto(f"p/{i}", rgb, labels) for i, (rgb, labels) in enumerate(zip(pictures, names, strict=True))
    ]


def ramp_maps(count: int) -> np.ndarray:
    """Channel 0 is the relative x of each of 14 x 14 cells, channel 1 its relative y."""
    centres = (np.arange(14) + 0.5) / 14
    x, y = np.meshgrid(centres, centres)
    return np.repeat(np.stack([x, y], -1)[None], count, 0).astype(np.float16)


def test_crop_sampler__cells_read_the_map_where_the_pixels_come_from() -> None:
    # Red is the photo's own x, green its y, so that each crop's pixels say where it was cut and whether mirrored.
    # Neither is so bright that the jitter could clip it, which would bend the pattern.
    x, y = np.meshgrid(np.linspace(60, 160, 320), np.linspace(60, 160, 240))
    photo = PretrainingPhoto("p", np.stack([x, y, 0 * x], -1).astype(np.uint8), ())
    sampler = CropSampler([photo], ramp_maps(1), ramp_maps(1), min_area=0.2)
    rng = np.random.default_rng(3)
    batch = sampler.draw(64, 16, rng)
    std, mean = np.array((58.395, 57.12, 57.375)), np.array((123.675, 116.28, 103.53))
    rgb = batch.pixels.permute(0, 2, 3, 1).numpy() * std + mean
    cells = rgb.reshape(16, 4, 16, 4, 16, 3).mean((2, 4))
    for axis in (0, 1):
        seen, taught = cells[..., axis].reshape(16, -1), batch.concepts[..., axis].reshape(16, -1).numpy()
        for crop_seen, crop_taught in zip(seen, taught, strict=True):  # colour jitter is affine: compare the pattern
            assert np.corrcoef(crop_seen, crop_taught)[0, 1] > 0.97


def test_concept_maps__weigh_the_classes_vectors_by_their_probabilities() -> None:
    classes = np.zeros((1, 1, 1, 2), np.int16)
    classes[..., 1] = 5
    probabilities = np.array([0.75, 0.25], np.float16).reshape(1, 1, 1, 2)
    table = np.random.default_rng(0).standard_normal((1000, 3)).astype(np.float32)
    maps = TeacherMaps(np.zeros((1, 1, 1, 1), np.float16), classes, probabilities, 1.0)
    expected = 0.75 * table[0] + 0.25 * table[5]
    np.testing.assert_allclose(ConceptMaps(maps, table)[np.array([0])][0, 0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("dilations", [(), (1, 2)])
def test_folded_stem__equals_the_trained_stem_in_evaluation(dilations: tuple[int, ...]) -> None:
    tower = TrainableTower(build_clip(TINY).visual, TINY["stem"], dilations)  # type: ignore[arg-type]
    stem: TrainableStem = tower.visual.conv1
    pixels = torch.randn(4, 3, 64, 64)
    for _ in range(3):
        stem(pixels * 2 + 1)  # gives the batch norms statistics that are not the identity
    for _, norm in stem.pairs():
        nn.init.normal_(norm.weight, 1, 0.3)
        nn.init.normal_(norm.bias, 0, 0.3)
    stem.eval()
    torch.testing.assert_close(tower.folded_stem()(pixels), stem(pixels), atol=1e-5, rtol=1e-4)


def test_encode_short__equals_open_clips_own_encoder() -> None:
    clip = build_clip(TINY)
    tokens = import_open_clip().tokenizer.SimpleTokenizer(context_length=16)(["a cat", "a photo of a red bus"])
    with torch.inference_mode():
        torch.testing.assert_close(encode_short(clip, tokens), clip.encode_text(tokens), atol=1e-6, rtol=1e-5)


def test_name_table__punishes_the_wrong_name_and_ignores_unnamed_photos(
    photos: list[PretrainingPhoto], targets: TextTargets
) -> None:
    table = NameTable(photos, targets)
    cat, bus = (torch.from_numpy(targets.vectors[[row]]) for row in (0, 2))
    photo = torch.tensor([0])
    assert table.loss(cat, photo, 0.07) < table.loss(bus, photo, 0.07)
    assert table.loss(cat, torch.tensor([1]), 0.07) == 0


def test_learning_rate__warms_up_peaks_and_decays() -> None:
    rates = [learning_rate(progress, RECIPE) for progress in (0, 0.02, 0.5, 1)]
    assert rates[0] == 0
    assert rates[1] == RECIPE.lr
    assert rates[1] > rates[2] > rates[3] > 0


def lessons(photos: list[PretrainingPhoto], targets: TextTargets) -> tuple[CropSampler, NameTable, LabelTeacher]:
    rng = np.random.default_rng(2)
    features, concepts = (rng.standard_normal((3, 14, 14, size)).astype(np.float16) for size in (4, 8))
    places = LabelTeacher(ImageLabels(photos, targets), features)
    return CropSampler(photos, features, concepts, 0.5), NameTable(photos, targets), places


def test_losses__reach_every_weight_of_the_tower(photos: list[PretrainingPhoto], targets: TextTargets) -> None:
    sampler, names, places = lessons(photos, targets)
    student = Student(build_clip(TINY).visual, TINY["stem"], 4)  # type: ignore[arg-type]
    terms = losses(student, sampler.draw(32, 6, np.random.default_rng(0)), names, places, RECIPE)
    torch.stack(list(terms.values())).sum().backward()
    without = [name for name, p in student.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_image_run__resumes_where_it_stopped(
    photos: list[PretrainingPhoto], targets: TextTargets, tmp_path: Path
) -> None:
    sampler, names, places = lessons(photos, targets)
    student = Student(build_clip(TINY).visual, TINY["stem"], 4)  # type: ignore[arg-type]
    average = ImageRun(student, sampler, names, places, RECIPE, tmp_path).train().state_dict()
    again = Student(build_clip(TINY).visual, TINY["stem"], 4)  # type: ignore[arg-type]
    run = ImageRun(again, sampler, names, places, dataclasses.replace(RECIPE, minutes=0.0), tmp_path)
    assert run.passes > 0
    for name, value in run.average.module.state_dict().items():
        torch.testing.assert_close(value, average[name])


def test_text_run__learns_the_names_it_is_shown(targets: TextTargets, tmp_path: Path) -> None:
    torch.manual_seed(0)
    clip = build_clip(TINY)
    tokenize = import_open_clip().tokenizer.SimpleTokenizer(context_length=16)
    before = retrieval(clip, tokenize, targets)["learnt_cosine"]
    TextRun(clip, tokenize, targets, TextRecipe(steps=40, batch=8, save_every=20), tmp_path).train()
    assert retrieval(clip, tokenize, targets)["learnt_cosine"] > before + 0.2
    resumed = TextRun(build_clip(TINY), tokenize, targets, TextRecipe(steps=40, batch=8), tmp_path)
    assert resumed.step == 40


def test_export__without_trained_towers_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--part text first"):
        export(build_clip(TINY), Student(build_clip(TINY).visual, TINY["stem"], 4), tmp_path, tmp_path)  # type: ignore[arg-type]


def test_recipe__builds_a_clip_whose_towers_meet() -> None:
    clip = build_clip(mini_clip.CONFIG)
    assert clip.visual.proj.shape[1] == clip.text_projection.shape[1] == 192


@needs_data
@pytest.mark.parametrize(
    ("photo", "name", "probability"),
    [("cat", "egyptian cat", 0.46), ("coffee", "espresso", 0.77), ("rocket", "missile", 0.56)],
)
def test_teacher__agrees_with_the_published_network(photo: str, name: str, probability: float) -> None:
    # Probabilities of the undilated network, as its own notes give them; dilation moves them a little.
    teacher = Teacher(DATA / "teacher/mobilenet_v2_imagenet.npz")
    classes = (DATA / "text_embeddings/imagenet1k_names.txt").read_text().split("\n")
    picture = Image.open(Path(__file__).parents[2] / f"assets/examples/{photo}.jpg")
    square = np.array(ImageOps.fit(picture, (224, 224), Image.Resampling.BILINEAR))
    pixels = torch.from_numpy(square).permute(2, 0, 1)[None].float()
    best = teacher.classifier(teacher(pixels).mean((2, 3)))[0].softmax(0).max(0)
    assert classes[int(best.indices)] == name
    assert float(best.values) == pytest.approx(probability, abs=0.12)


@pytest.fixture
def no_sets(tmp_path: Path) -> Path:
    """A data root whose sets hold no photo."""
    for part in ("pretrain", "voc2012/VOCdevkit/VOC2012/ImageSets/Segmentation", "ccp"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "voc2012/VOCdevkit/VOC2012/ImageSets/Segmentation/train_aug.txt").touch()
    (tmp_path / "ccp/train.txt").touch()
    return tmp_path


def test_iter_photos__of_a_folder_of_photos(no_sets: Path) -> None:
    more = no_sets / "more"
    for folder in ("cats", "voc2012/dog,person/walks"):
        (more / folder).mkdir(parents=True)
    Image.new("RGB", (900, 300), "red").save(more / "cats/b.JPEG")
    Image.new("L", (50, 40), 7).save(more / "a.png")
    Image.new("RGB", (40, 40)).save(more / "voc2012/dog,person/walks/c.jpg")
    Image.new("RGB", (40, 40)).save(more / "voc2012/d.jpg")  # of no name's folder
    (more / "notes.txt").write_text("no photo")
    photos = list(iter_photos(no_sets, more))
    assert [(photo.key, photo.rgb.shape, photo.names) for photo in photos] == [
        ("more/a.png", (40, 50, 3), ()),
        ("more/cats/b.JPEG", (75, 224, 3), ()),
        ("more/voc2012/d.jpg", (40, 40, 3), ()),
        ("voc2012/dog,person/walks/c.jpg", (40, 40, 3), ("dog", "person")),
    ]


def test_iter_photos__of_a_bad_folder_says_what_is_wrong(no_sets: Path) -> None:
    with pytest.raises(UserError, match="no picture in .*nowhere"):
        list(iter_photos(no_sets, no_sets / "nowhere"))
    misspelt = no_sets / "more/voc2012/dog,shep"
    misspelt.mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(misspelt / "a.jpg")
    with pytest.raises(UserError, match="voc2012 has no name shep. It has aeroplane, bicycle"):
        list(iter_photos(no_sets, no_sets / "more"))
    (no_sets / "damaged").mkdir()
    (no_sets / "damaged/broken.jpg").write_bytes(b"no photo")
    with pytest.raises(UserError, match="broken.jpg"):
        list(iter_photos(no_sets, no_sets / "damaged"))


@needs_data
def test_iter_photos__opens_no_photo_of_validation_or_development() -> None:
    voc = DATA / "voc2012/VOCdevkit/VOC2012/ImageSets/Segmentation"
    kept = {f"voc2012/{name}" for name in (voc / "val.txt").read_text().split()}
    kept |= {f"ccp/{name}" for name in (DATA / "ccp/val.txt").read_text().split()}
    keys = {key for key, _, _ in _training_files(DATA)}
    assert len(keys) > 4000
    assert not keys & kept
    assert not any(is_development(key) for key in keys)


def test_load_pool__of_other_photos_says_what_to_delete(
    photos: list[PretrainingPhoto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("features", "classes", "probabilities"):
        np.save(tmp_path / f"{name}.npy", np.zeros(3))
    np.save(tmp_path / "explained.npy", 0.7)
    monkeypatch.setattr("training.pretraining.teacher_maps.iter_photos", lambda root, more: iter(photos))
    made_for = tmp_path / "photos.txt"
    made_for.write_text("p/0\np/1\np/2")
    assert load_pretraining_set(tmp_path, tmp_path)[0] == photos
    made_for.write_text("p/0\np/2\np/1")  # as many, but others
    with pytest.raises(UserError, match="other photos than these 3: delete it"):
        load_pretraining_set(tmp_path, tmp_path)


@pytest.mark.parametrize("dilations", [(), (1, 2)])
def test_start_from__goes_on_where_a_shipped_tower_ended(dilations: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    shipped = build_clip({**TINY, "stem_dilations": dilations})
    for parameter in shipped.visual.parameters():
        nn.init.normal_(parameter, std=0.2)
    pixels = torch.randn(8, 3, 64, 64)
    tower = TrainableTower(build_clip(TINY).visual, TINY["stem"], dilations)  # type: ignore[arg-type]
    tower.start_from(shipped.visual, pixels)
    torch.testing.assert_close(tower.visual.conv1(pixels), shipped.visual.conv1(pixels), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(tower.eval().folded_stem()(pixels), shipped.visual.conv1(pixels), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(tower.visual.proj, shipped.visual.proj)


def test_everyday_names__stand_at_the_classes_they_mean() -> None:
    names = everyday_names()
    known = {151: "dog", 268: "dog", 269: "wolf", 281: "cat", 339: "horse", 345: "cow", 348: "sheep", 831: "sofa"}
    assert {place: names[place] for place in known} == known
    assert all(0 <= place < 1000 for place in names)


@needs_data
def test_everyday_names__agree_with_the_list_of_the_teacher() -> None:
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
