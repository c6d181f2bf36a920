"""Wrong types in Python: whatever an argument of a public call is, the answer is a sentence, never a traceback."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tiny import tiny_checkpoint
from zsseg import Predictor, UserError, build_vocabulary, load_image
from zsseg.analysis.ground_truth import read_truth
from zsseg.export import write_outputs
from zsseg.visualize.edges import follow_edges

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
VALUES: tuple[object, ...] = (
    None, 0, 3, -1, 1.5, float("nan"), True, 10**400, Fraction(10**400), 1j, "x", "", "\0", b"x",
    [], [1], (1, 2), {}, {"a": 1},
    np.zeros(3), np.float32(2), object(), Path("x"), {"x"}, Predictor, range(2), Image.new("L", (1, 1)),
)  # fmt: skip
CALLS = (
    "build_vocabulary",
    "encode_text",
    "follow_edges",
    "from_checkpoint",
    "load_image",
    "name_cosines",
    "name_warnings",
    "predict",
    "predictor",
    "read_truth",
    "region_view",
    "training_free",
    "with_settings",
    "write_outputs",
)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Callable[..., object], Mapping[str, Any]]]:
    """Every public call with arguments that work."""
    folder = tmp_path_factory.mktemp("types")
    path = tiny_checkpoint(folder, "clip_rc")
    predictor = Predictor.from_checkpoint(path, engine="eager")
    answer = predictor.predict(PHOTO, "dog", "cat")
    vocabulary = {"vocabulary": build_vocabulary("dog", "cat")}
    names = {"seen": "dog", "unseen": "cat"}
    settings = {"seen_penalty": 0.1, "threshold": 0.1}
    load = {"device": "cpu", "backbones": None, "engine": "eager"}
    windows = {"size": None, "stride": None, "templates": ("a {}",), "method": "training-free"}
    mask = Image.fromarray(np.zeros(PHOTO.shape[:2], dtype=np.uint8))
    made = {"model": predictor.model, "metadata": predictor.metadata, "device": "cpu", "engine": "eager"}
    return {
        "build_vocabulary": (build_vocabulary, names),
        "encode_text": (predictor.encode_text, vocabulary),
        "follow_edges": (lambda photo: follow_edges(answer.scores, photo), {"photo": PHOTO}),
        "from_checkpoint": (Predictor.from_checkpoint, {"name": path, **load}),
        "load_image": (load_image, {"source": PHOTO}),
        "name_cosines": (predictor.name_cosines, {"image": PHOTO, **vocabulary}),
        "name_warnings": (predictor.name_warnings, vocabulary),
        "predict": (
            predictor.predict,
            {"image": PHOTO, **names, **settings, "photo_gate": 0.0, "report": lambda _share, _step: None},
        ),
        "predictor": (Predictor, made),
        "read_truth": (read_truth, {"source": mask, "names": ["dog", "cat"], "table": None, "size": PHOTO.shape[:2]}),
        "region_view": (predictor.region_view, {"image": PHOTO, **names}),
        "training_free": (Predictor.training_free, {"backbone": folder / "tiny-clip", **load, **windows}),
        "with_settings": (answer.with_settings, {**settings, "off": frozenset()}),
        "write_outputs": (
            write_outputs,
            {"image": PHOTO, "seg": answer, "folder": folder / "out", "opacity": 0.5},
        ),
    }


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_type_is_a_sentence(
    calls: Mapping[str, tuple[Callable[..., object], Mapping[str, Any]]],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A text can be a valid folder, which is made where the process stands.
    monkeypatch.chdir(tmp_path)
    call, arguments = calls[name]
    call(**arguments)  # so that a sentence below is about the one argument that was changed
    failures = []
    for argument in arguments:
        for value in VALUES:
            try:
                call(**{**arguments, argument: value})
            except UserError:
                continue
            except Exception as error:  # noqa: BLE001 - what is looked for
                failures.append(f"{argument}={value!r}: {type(error).__name__}: {error}")
    assert not failures
