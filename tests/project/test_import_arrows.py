"""The parts may depend on each other only as the architecture's picture says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEAVES = {f"zsseg.{leaf}" for leaf in ("errors", "version", "open_clip_compat", "characters", "files", "documents")}

# part -> parts it may import, from the bottom up: a part may import only what stands above it here. Every part may
# import itself and LEAVES, and nothing that is not named here. A folder is one part.
ARROWS: dict[str, set[str]] = {
    "zsseg.errors": set(),
    "zsseg.version": set(),
    "zsseg.open_clip_compat": set(),
    "zsseg.characters": set(),
    "zsseg.files": set(),
    "zsseg.documents": set(),
    "zsseg.cache": set(),
    "zsseg.synthetic": set(),
    "zsseg.examples": set(),
    "zsseg.scores": set(),
    "zsseg.segmentation": {"zsseg.scores"},
    "zsseg.layers": set(),
    "zsseg.models": {"zsseg.cache", "zsseg.layers"},
    "zsseg.engines": {"zsseg.layers", "zsseg.models"},
    "zsseg.text": {"zsseg.synthetic", "zsseg.cache", "zsseg.models"},
    "zsseg.image": {"zsseg.cache", "zsseg.models", "zsseg.engines", "zsseg.scores"},
    "zsseg.weights": {"zsseg.segmentation", "zsseg.layers", "zsseg.models", "zsseg.text", "zsseg.image"},
    "zsseg.analysis": {"zsseg.scores", "zsseg.segmentation", "zsseg.layers", "zsseg.models", "zsseg.text"}
    | {"zsseg.image"},
    "zsseg.visualize": {"zsseg.segmentation", "zsseg.image", "zsseg.analysis"},
    "zsseg.export": {"zsseg.segmentation", "zsseg.text", "zsseg.image", "zsseg.visualize", "zsseg.engines"}
    | {"zsseg.scores"},
    "zsseg.predictor": {"zsseg.cache", "zsseg.segmentation", "zsseg.models", "zsseg.text", "zsseg.image"}
    | {"zsseg.weights", "zsseg.analysis", "zsseg.engines"},
    "zsseg.export.onnx": {"zsseg.models", "zsseg.text", "zsseg.predictor", "zsseg.engines"},
    "zsseg": {"zsseg.segmentation", "zsseg.text", "zsseg.image", "zsseg.predictor"},
    "zsseg.demo": {"zsseg.synthetic", "zsseg.examples", "zsseg.segmentation", "zsseg.models", "zsseg.text"}
    | {"zsseg.image", "zsseg.weights", "zsseg.analysis", "zsseg.visualize", "zsseg.export", "zsseg.predictor"},
    "zsseg.bench": {
        "zsseg.layers",
        "zsseg.engines",
        "zsseg.examples",
        "zsseg.models",
        "zsseg.text",
        "zsseg.image",
        "zsseg.weights",
        "zsseg.predictor",
    },
    "zsseg.cli": {"zsseg.segmentation", "zsseg.models", "zsseg.text", "zsseg.image", "zsseg.weights", "zsseg.export"}
    | {"zsseg.predictor", "zsseg.demo", "zsseg.bench", "zsseg.engines", "zsseg.export.onnx"},
    "zsseg.__main__": {"zsseg.cli"},
    "app": {"zsseg.cli"},
    "training": set(),
    "training.runtime": {"zsseg.engines"},
    "training.data": {"zsseg.synthetic", "zsseg.layers", "zsseg.text", "zsseg.image", "training.runtime"},
    "training.recipes": {"zsseg.layers", "zsseg.models", "zsseg.text", "zsseg.image", "zsseg.weights"}
    | {"training.runtime", "training.data"},
    "training.evaluation": {
        "zsseg.engines",
        "zsseg.segmentation",
        "zsseg.models",
        "zsseg.weights",
        "zsseg.analysis",
        "zsseg.predictor",
        "zsseg.export.onnx",
    }
    | {"zsseg.image", "training.runtime", "training.data"},
    "training.core": {"zsseg.layers", "zsseg.models", "zsseg.text", "zsseg.weights", "zsseg.bench"}
    | {"training.runtime", "training.data", "training.recipes", "training.evaluation"},
    "training.pretraining": {"zsseg.layers", "zsseg.models", "zsseg.weights"}
    | {"training.runtime", "training.data", "training.evaluation"},
    "training.shapes": {"zsseg.synthetic", "zsseg.layers", "zsseg.models", "zsseg.weights"}
    | {"training.runtime", "training.data", "training.pretraining"},
    "training.ablation": {"zsseg.engines", "zsseg.models", "zsseg.weights", "zsseg.predictor"}
    | {"training.runtime", "training.data", "training.recipes", "training.evaluation", "training.core"},
    "training.train": {"zsseg.models", "zsseg.weights", "zsseg.predictor"}
    | {"training.runtime", "training.data", "training.recipes", "training.evaluation", "training.core"},
    "training.evaluate": {"zsseg.image", "zsseg.weights", "zsseg.predictor"}
    | {"training.runtime", "training.data", "training.recipes", "training.evaluation"},
    "training.calibrate": {"zsseg.predictor"} | {"training.runtime", "training.data", "training.evaluation"},
    "training.report": {"zsseg.predictor", "training.runtime", "training.data", "training.evaluation"},
    "training.edges": {"zsseg.image", "zsseg.visualize"}
    | {f"training.{part}" for part in ("data", "evaluation", "runtime")},
    "training.contact_sheet": {"zsseg.examples", "zsseg.segmentation", "zsseg.models", "zsseg.image"}
    | {"zsseg.visualize", "zsseg.predictor", "training.runtime", "training.data", "training.evaluation"},
    "training.speed": {"zsseg.layers", "zsseg.engines", "zsseg.bench", "zsseg.models", "zsseg.weights"}
    | {f"training.{part}" for part in ("data", "recipes", "core")},
    "training.bench": {"zsseg.engines", "zsseg.bench", "training.runtime", "training.speed"},
    "training.ablate": {"zsseg.weights", "training.runtime", "training.evaluation", "training.ablation"},
    "training.pretrain": {"zsseg.layers", "zsseg.models", "zsseg.weights"}
    | {"training.runtime", "training.data", "training.pretraining"},
}
ONLY_IN = {
    "gradio": ("zsseg.demo",),
    "matplotlib": ("zsseg.visualize", "zsseg.export", "zsseg.demo", "training"),
    "onnx": ("zsseg.export.onnx", "training"),
    "onnxscript": (),
    "onnxruntime": ("training",),
    "open_clip": (),  # through zsseg.open_clip_compat only
}
FILES = [ROOT / "app.py", *sorted((ROOT / "zsseg").rglob("*.py")), *sorted((ROOT / "training").rglob("*.py"))]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _part(module: str) -> str:
    """The longest part that holds the module: zsseg.models.zegclip belongs to zsseg.models."""
    above = [part for part in ARROWS if part not in ("zsseg", "training") and module.startswith(part + ".")]
    known = [part for part in ARROWS if module == part] + above
    return max(known, key=len, default=module)


def _imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it; ``from zsseg import predictor`` counts as the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if _is_module(full) else str(node.module)


def _is_module(name: str) -> bool:
    base = ROOT.joinpath(*name.split("."))
    return base.with_suffix(".py").is_file() or (base / "__init__.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda path: _module(path))
def test_imports_follow_the_arrows(path: Path) -> None:
    part = _part(_module(path))
    for imported in _imports(path):
        top = imported.split(".")[0]
        if top in ONLY_IN:
            allowed = any(part == home or part.startswith(home + ".") for home in ONLY_IN[top])
            assert allowed, f"{_module(path)} imports {imported}"
        if top not in ("zsseg", "training", "app"):
            continue
        target = _part(imported)
        assert target in ARROWS[part] | LEAVES | {part}, f"{_module(path)} imports {imported}"


def test_every_file_belongs_to_a_part() -> None:
    assert {_part(_module(path)) for path in FILES} <= ARROWS.keys()


def test_every_arrow_is_used() -> None:
    used = {(_part(_module(path)), _part(imported)) for path in FILES for imported in _imports(path)}
    for part, targets in ARROWS.items():
        assert targets <= {target for source, target in used if source == part}, f"{part} uses less than it may"


def test_the_arrows_point_one_way() -> None:
    order = list(ARROWS)
    for part, targets in ARROWS.items():
        assert all(order.index(target) < order.index(part) for target in targets), part


def test_no_module_imports_itself_through_others() -> None:
    imports = {_module(path): set(_imports(path)) for path in FILES}
    while imports:  # take away what imports nothing that is left; a circle is never taken away
        done = {module for module, targets in imports.items() if not (targets - {module}) & imports.keys()}
        assert done, f"a circle among {sorted(imports)}"
        imports = {module: targets for module, targets in imports.items() if module not in done}
