"""The ablations: every change is the one it says, runs come out as rows of a table, and nothing is made twice."""

import dataclasses
import json
import statistics
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.tiny import tiny_backbone
from tests.training.core.test_engine import make_recipe
from tests.training.photosets import draw_voc
from training import ablate
from training.ablation import variants
from training.ablation.trials import BASELINE, Plan, Trial, run_trial
from training.ablation.variants import DOMAINS, Length, recipes_of
from training.core import engine
from training.data.datasets import open_set
from training.recipes import Recipe, load_recipe
from zsseg.errors import UserError
from zsseg.weights.metadata import read_metadata

MINI = recipes_of(DOMAINS["mini"], Length(20, 112), 16)
CHANGED = {
    "": set(),
    "no-descriptor": {"model.relationship"},
    "softmax": {"mask_loss"},
    "prompts-0": {"model.prompt_depth"},
    "prompts-1": {"model.prompt_depth"},
    "regions-1": {"model.regions"},
    "regions-4": {"model.regions"},
    "regions-49": {"model.regions"},
    "no-recovery": {"recovery"},
    "recovery-prompted": {"recovery_target"},
    "transductive": {"setting", "pseudo_label_where", "pseudo_label_threshold"},
    "transductive-unlabelled": {"setting", "pseudo_label_threshold", "sources"},
}
TOY = ("zegclip", "clip_rc")


def differences(one: Recipe, other: Recipe) -> set[str]:
    """Fields that are not alike, those of the head with "model." before them."""
    left, right = ({**vars(r), **{f"model.{key}": value for key, value in vars(r.model).items()}} for r in (one, other))
    return {key for key in left if left[key] != right[key]} - {"name", "model"}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Synthetic photos and tiny recipes; runs happen in this process. Returns the folders for the command line."""
    draw_voc(tmp_path, photos=120)
    recipes = {f"{method}_mini_inductive": make_recipe(method) for method in variants.METHODS}
    monkeypatch.setattr(variants, "load_recipe", recipes.__getitem__)
    monkeypatch.setattr(ablate, "subprocess", SimpleNamespace(run=run_here))
    monkeypatch.setattr(engine, "plot_run", lambda _: None)  # a second for each run
    return [
        *("--data-root", str(tmp_path), "--backbone", str(tiny_backbone(tmp_path)), "--out", str(tmp_path / "out")),
        *("--split", "val", "--limit", "12", "--device", "cpu"),
    ]


def run_here(command: list[str], **_: object) -> SimpleNamespace:
    assert command[1:3] == ["-m", "training.ablate"]
    return SimpleNamespace(returncode=ablate.main(command[3:]))


def toy_plan(tmp_path: Path) -> Plan:
    return Plan(DOMAINS["mini"], Length(2), "val", 12, tmp_path, tmp_path / "tiny-clip", tmp_path / "out", device="cpu")


def test_variants__each_changes_what_it_says_and_nothing_else() -> None:
    assert {name for name, (_, recipe) in MINI.items() if recipe.model.method == "zegclip"} == {
        "-".join(filter(None, ("zegclip", name)))
        for name in CHANGED
        if not name.startswith(("regions", "recovery")) and name != "no-recovery"
    }
    for name, (variant, recipe) in MINI.items():
        base = MINI[recipe.model.method][1]
        assert name == "-".join(filter(None, (recipe.model.method, variant.name)))
        assert differences(recipe, base) == CHANGED[variant.name], name
    assert {variant.name for variant, _ in MINI.values()} == set(CHANGED)


def test_variants__all_runs_are_as_long_and_as_large() -> None:
    for name, (_, recipe) in MINI.items():
        assert (recipe.iters, recipe.warmup, recipe.size, recipe.stride) == (20, 2, 112, 112), name
        assert recipe.name == f"mini_{name}"
    whole = recipes_of(DOMAINS["mini"], Length(), 16)["zegclip"][1]
    expected = dataclasses.replace(load_recipe("zegclip_mini_inductive"), name="mini_zegclip", eval_every=2000)
    assert whole == expected
    one = recipes_of(DOMAINS["mini"], Length(views=1), 16)["zegclip"][1].views
    assert expected.views is not None
    assert one == dataclasses.replace(expected.views, views=1)


def test_variants__regions_must_find_room() -> None:
    assert "clip_rc-regions-49" in MINI  # 7 x 7 patches are just enough
    small = recipes_of(DOMAINS["mini"], Length(20, 96), 16)
    assert MINI.keys() - small.keys() == {"clip_rc-regions-49"}
    with pytest.raises(UserError, match="100 px does not divide into patches of 16"):
        recipes_of(DOMAINS["mini"], Length(20, 100), 16)


@pytest.mark.parametrize("change", [variant.name for variant in variants.VARIANTS if variant.name != "regions-49"])
@pytest.mark.parametrize("method", TOY)
def test_run_trial__every_variant_trains_and_answers(tmp_path: Path, toy: list[str], method: str, change: str) -> None:
    plan, name = toy_plan(tmp_path), "-".join(filter(None, (method, change)))
    if name not in plan.variants:
        with pytest.raises(UserError, match=f"no run '{name}'"):
            run_trial(plan, Trial(name))
        return
    result = run_trial(plan, Trial(name, seed=3))
    assert (result["steps"], result["photos"], result["seed"], result["method"]) == (2, 12, 3, method)
    assert all(0 <= result[key] <= 1 for key in ("pAcc", "mIoU_seen", "mIoU_unseen"))
    metadata = read_metadata(tmp_path / f"out/{name}-seed3/last.safetensors")
    assert metadata.config == plan.variants[name][1].model
    assert metadata.setting == plan.variants[name][1].setting


def test_ablate__makes_a_table_and_nothing_twice(
    tmp_path: Path, toy: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["zegclip-softmax", BASELINE, "zegclip"]
    arguments = [*toy, "--iters", "2", "--seeds", "0", "1"]
    assert ablate.main([*arguments, "--only", *names]) == 0
    table = json.loads((tmp_path / "out/ablation-mini.json").read_text())
    assert [row["name"] for row in table["rows"]] == [BASELINE, "zegclip", "zegclip-softmax"]
    assert [row["seeds"] for row in table["rows"]] == [[0], [0, 1], [0, 1]]
    baseline, trained, _ = table["rows"]
    for key in ("pAcc", "mIoU_seen", "mIoU_unseen"):
        assert trained["mean"][key] == pytest.approx(statistics.mean(trained["values"][key]), abs=1e-5)
        assert trained["sd"][key] == pytest.approx(statistics.stdev(trained["values"][key]), abs=1e-5)
    assert baseline["sd"]["pAcc"] is None
    text = (tmp_path / "out/ablation-mini.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith(f"| {BASELINE} |"))
    assert f"| 0 | - | {baseline['mean']['pAcc']:.3f} |" in row
    assert f"| 2 | 0 1 | {trained['mean']['pAcc']:.3f} ± {trained['sd']['pAcc']:.3f} |" in text
    assert text in capsys.readouterr().out
    monkeypatch.setattr(ablate, "subprocess", None)  # a run would fail
    assert ablate.main([*arguments, "--only", "zegclip"]) == 0
    assert (tmp_path / "out/ablation-mini.md").read_text() == text


def test_ablate__tells_seeds_and_rows_apart(tmp_path: Path, toy: list[str]) -> None:
    """A run that a longer name begins with its own is no seed of it."""
    assert ablate.main([*toy, "--iters", "2", "--only", "zegclip-transductive", "zegclip-transductive-unlabelled"]) == 0
    rows = json.loads((tmp_path / "out/ablation-mini.json").read_text())["rows"]
    assert [(row["name"], row["seeds"]) for row in rows] == [
        ("zegclip-transductive", [0]),
        ("zegclip-transductive-unlabelled", [0]),
    ]


def test_ablate__does_not_mix_what_cannot_be_compared(
    tmp_path: Path, toy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ablate.main([*toy, "--iters", "2", "--only", BASELINE]) == 0
    assert ablate.main([*toy, "--iters", "3", "--only", BASELINE]) == 2
    assert "another iters" in capsys.readouterr().err


def test_ablate__goes_on_when_one_run_fails(
    tmp_path: Path, toy: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(returncode=1) if "zegclip" in command else run_here(command)

    monkeypatch.setattr(ablate, "subprocess", SimpleNamespace(run=run))
    assert ablate.main([*toy, "--iters", "2", "--jobs", "2", "--only", BASELINE, "zegclip"]) == 2
    assert str(tmp_path / "out/zegclip-seed0/log.txt") in capsys.readouterr().err
    assert BASELINE in (tmp_path / "out/ablation-mini.md").read_text()


def test_ablate__a_child_is_told_all_that_its_parent_was(
    tmp_path: Path, toy: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = []
    monkeypatch.setattr(ablate, "run_trial", lambda plan, trial: plans.append((plan, trial)))
    options = ["--whole", "--size", "32", "--views", "3", "--only", "clip_rc", "--seeds", "5"]
    assert ablate.main([*toy, *options]) == 0
    (plan, trial), *rest = plans
    assert not rest
    assert trial == Trial("clip_rc", 5)
    assert plan.length == Length(None, 32, 3)
    expected = toy_plan(tmp_path)
    assert plan == dataclasses.replace(expected, length=plan.length)


def test_ablate__says_what_is_wrong(toy: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate.main([*toy, "--only", "zegclip-regions-4"]) == 2
    assert "no run 'zegclip-regions-4'" in capsys.readouterr().err
    assert ablate.main([*toy, "--size", "50"]) == 2
    assert "50 px does not divide" in capsys.readouterr().err


def test_recipe__a_softmax_head_cannot_choose_pseudo_labels_by_a_sigmoid() -> None:
    changes = {"mask_loss": "softmax", "setting": "transductive"}
    with pytest.raises(ValueError, match="pseudo_label_threshold must be 0"):
        make_recipe("zegclip", **changes)
    assert make_recipe("zegclip", **changes, pseudo_label_threshold=0.0).mask_loss == "softmax"


def test_domains__are_sets_that_exist() -> None:
    with pytest.raises(UserError, match="not found"):
        open_set(DOMAINS["mini"].data, Path("nowhere"), DOMAINS["mini"].split)
    assert set(DOMAINS) == {"mini", "shapes"}
