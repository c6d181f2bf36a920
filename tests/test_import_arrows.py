"""The parts may depend on each other only as the architecture's picture says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEAVES = {"zsseg.errors", "zsseg.compat"}

# part -> parts it may import; every part may import itself and LEAVES, and nothing that is not named here.
DATA = {"zsseg.segmentation", "zsseg.image", "zsseg.vocabulary"}
ARROWS: dict[str, set[str]] = {
    "app": {"zsseg.demo", "zsseg.hub"},
    "zsseg": {"zsseg.predictor", "zsseg.segmentation", "zsseg.vocabulary", "zsseg.image"},
    "zsseg.__main__": {"zsseg.cli"},
    "zsseg.demo": {
        "zsseg.predictor",
        "zsseg.visualize",
        "zsseg.export",
        "zsseg.recipe",
        "zsseg.checkpoint",
        "zsseg.photos",
    }
    | {"zsseg", "zsseg.compare", "zsseg.truth", "zsseg.regions", "zsseg.presets", "zsseg.scenes", *DATA},
    "zsseg.cli": {"zsseg", "zsseg.cli_segment", "zsseg.terminal", "zsseg.checkpoint", "zsseg.official"},
    "zsseg.cli_segment": {"zsseg", "zsseg.cli_models", "zsseg.photos", "zsseg.terminal", "zsseg.export"}
    | {"zsseg.recipe", "zsseg.predictor", *DATA},
    "zsseg.cli_models": {"zsseg.predictor", "zsseg.checkpoint", "zsseg.export", "zsseg.recipe", "zsseg.terminal"},
    "zsseg.photos": set(),
    "zsseg.scenes": set(),
    "zsseg.terminal": set(),
    "zsseg.visualize": {"zsseg.segmentation", "zsseg.image", "zsseg.compare", "zsseg.regions", "zsseg.sliding"},
    "zsseg.export": {"zsseg", "zsseg.recipe", "zsseg.segmentation", "zsseg.visualize", "zsseg.image"},
    "zsseg.recipe": {"zsseg", *DATA},
    "zsseg.predictor": {"zsseg.models", "zsseg.sliding", "zsseg.checkpoint", "zsseg.cache", "zsseg.encoded"}
    | {"zsseg.regions", "zsseg.vocabulary_check", *DATA},
    "zsseg.cache": set(),
    "zsseg.encoded": {"zsseg.models"},
    "zsseg.regions": {"zsseg.models", "zsseg.layers", "zsseg.sliding", "zsseg.segmentation", "zsseg.vocabulary"},
    "zsseg.compare": {"zsseg.confusion", "zsseg.segmentation"},
    "zsseg.truth": {"zsseg.confusion", "zsseg.label_table", *DATA},
    "zsseg.confusion": set(),
    "zsseg.label_table": {"zsseg.vocabulary"},
    "zsseg.official": {"zsseg.official_names", "zsseg.checkpoint", "zsseg.models", "zsseg.vocabulary"},
    "zsseg.official_names": set(),
    "zsseg.checkpoint": {"zsseg.models", "zsseg.hub"},
    "zsseg.hub": set(),
    "zsseg.models": {"zsseg.layers"},
    "zsseg.layers": set(),
    "zsseg.sliding": {"zsseg.image"},
    "zsseg.image": set(),
    "zsseg.vocabulary": set(),
    "zsseg.presets": {"zsseg.vocabulary", "zsseg.scenes"},
    "zsseg.vocabulary_check": {"zsseg.vocabulary"},
    "zsseg.segmentation": set(),
    "zsseg.errors": set(),
    "zsseg.compat": set(),
}
ONLY_IN = {
    "gradio": ("app", "zsseg.demo"),
    "matplotlib": ("zsseg.visualize", "zsseg.export", "zsseg.demo", "training"),
    "open_clip": (),  # through zsseg.compat only
}
FILES = [ROOT / "app.py", *sorted((ROOT / "zsseg").rglob("*.py")), *sorted((ROOT / "training").rglob("*.py"))]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _part(module: str) -> str:
    """The longest part that holds the module: zsseg.models.zegclip belongs to zsseg.models."""
    above = [part for part in (*ARROWS, "training") if part != "zsseg" and module.startswith(part + ".")]
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
            allowed = any(part == each or part.startswith(each + ".") for each in ONLY_IN[top])
            assert allowed, f"{_module(path)} imports {imported}"
        if top not in ("zsseg", "training", "app"):
            continue
        target = _part(imported)
        if part == "training":
            assert target != "app", f"{_module(path)} imports {imported}"
            continue
        assert target != "training", f"{_module(path)} imports {imported}"
        assert target in ARROWS[part] | LEAVES | {part}, f"{_module(path)} imports {imported}"


def test_every_file_belongs_to_a_part() -> None:
    assert {_part(_module(path)) for path in FILES} <= {*ARROWS, "training"}
