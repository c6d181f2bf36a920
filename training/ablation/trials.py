"""One run of an ablation: train the changed recipe, evaluate it, write its scores."""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from training.ablation.variants import METHODS, Domain, Length, Variant, base_recipe, recipes_of
from training.core.assemble import assemble
from training.core.engine import STATE_FILE, RunOptions, Trainer
from training.data.datasets import open_set
from training.evaluation.protocol import evaluate_predictor, protocol_for
from training.evaluation.scores import ScoreReport, score_report
from training.recipes import Recipe
from training.runtime.devices import setup_device
from zsseg.engines import EAGER
from zsseg.errors import UserError
from zsseg.files import file_sha256, write_text
from zsseg.models import TrainingFreeConfig
from zsseg.predictor import Predictor
from zsseg.weights.backbone import WEIGHTS_FILE
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.search import CONFIG_FILE

BASELINE = TrainingFreeConfig.method
SCORES_FILE = "scores.json"


@dataclass(frozen=True)
class Plan:
    """Options that all runs of a table share.

    Attributes:
        domain: recipes and data set.
        length: iterations and crop size of every run.
        split: photos for evaluation.
        limit: evaluate on the first `limit` photos only; None for all.
        data_root: folder that holds the data sets.
        backbone: folder of the backbone.
        out: folder of the runs.
        features: folder of the cached views, for recipes with `views`.
        device: None for CUDA if available, else the CPU.
    """

    domain: Domain
    length: Length
    split: str
    limit: int | None
    data_root: Path
    backbone: Path
    out: Path
    features: Path = Path("runs/features")
    device: str | None = None

    @cached_property
    def variants(self) -> dict[str, tuple[Variant, Recipe]]:
        """All runs by name, without the training-free baseline; see `recipes_of`."""
        # The patch size is in the folder's settings: no weights are loaded for it.
        config = json.loads((self.backbone / CONFIG_FILE).read_text(encoding="utf-8"))
        return recipes_of(self.domain, self.length, config["model_cfg"]["vision_cfg"]["patch_size"])

    def about(self, name: str) -> str:
        """Description of a run for the table."""
        if name == BASELINE:
            return "cosine of the frozen backbone's patch tokens and the text"
        variant, recipe = self.variants[name]
        regions = f", {recipe.model.regions} region tokens" if recipe.model.regions and not variant.name else ""
        return variant.about + regions

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything but name and seed that decides the scores; runs with the same identity are comparable."""
        return {
            "domain": self.domain.name,
            "iters": self.length.iters,
            "size": self.length.size,
            "views": self.length.views,
            "data": self.domain.data,
            "split": self.split,
            "limit": self.limit,
            # By content: a backbone of the same name can have been trained again.
            "backbone_sha256": file_sha256(self.backbone / WEIGHTS_FILE),
        }


@dataclass(frozen=True)
class Trial:
    """One run: METHOD, METHOD-VARIANT or "training-free", and its seed, which the training-free one does not use."""

    name: str
    seed: int = 0

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        return self.name if self.name == BASELINE else f"{self.name}-seed{self.seed}"


class TrialScores(ScoreReport):
    """The document `scores.json` of a run."""

    plan: dict[str, Any]
    name: str
    seed: int
    steps: int
    photos: int
    method: str | None


_DOCUMENT = TypeAdapter(TrialScores)


def run_trial(plan: Plan, trial: Trial) -> TrialScores:
    """Train or resume, evaluate, and write the run's scores; return the document that was written.

    Raises:
        UserError: there is no such run in this domain, or its photos do not exist.
    """
    if trial.name == BASELINE:
        predictor, steps = _training_free(plan), 0
    elif trial.name in plan.variants:
        predictor, steps = _trained(plan, trial)
    else:
        raise UserError(f"There is no run {trial.name!r}: choose one of {', '.join((BASELINE, *plan.variants))}.")
    photos = open_set(plan.domain.data, plan.data_root, plan.split)
    items = photos.items[: plan.limit]
    # Each variant at the penalty of its recipe, as it would ship.
    protocol, penalty = protocol_for(photos, predictor.metadata), predictor.metadata.seen_penalty
    matrix = evaluate_predictor(predictor, items, protocol, penalty, progress=trial.name)
    result: TrialScores = {
        "plan": plan.identity,
        "name": trial.name,
        "seed": trial.seed,
        "steps": steps,
        "photos": len(items),
        "method": None if trial.name == BASELINE else predictor.metadata.method,
        **score_report(predictor, protocol, matrix, penalty),
    }
    folder = plan.out / trial.folder
    folder.mkdir(parents=True, exist_ok=True)
    # Last: a folder without this file holds a run that has not ended.
    write_text(folder / SCORES_FILE, json.dumps(result, indent=1) + "\n")
    return result


def read_scores(plan: Plan, trial: Trial) -> TrialScores | None:
    """Read the scores of a run; None if it has not ended.

    Raises:
        UserError: it was made with other options or another backbone, or the file is damaged.
    """
    path = plan.out / trial.folder / SCORES_FILE
    if not path.is_file():
        return None
    try:
        result = _DOCUMENT.validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise UserError(f"{path} is damaged ({error.errors()[0]['msg']}): remove it and run again.") from error
    if result["plan"] != plan.identity:
        different = [key for key, value in plan.identity.items() if result["plan"].get(key) != value]
        raise UserError(f"{path} was made with another {' and '.join(different)}: choose another --out, or remove it.")
    return result


def _training_free(plan: Plan) -> Predictor:
    # Any method's recipe will do: they share window, stride and templates.
    recipe = base_recipe(plan.domain, METHODS[0], plan.length)
    device = plan.device or ("cuda" if torch.cuda.is_available() else "cpu")
    # The reference engine: another could be chosen by its speed and differ in the last digits.
    return Predictor.training_free(
        plan.backbone, device, size=recipe.size, stride=recipe.stride, templates=recipe.templates, engine=EAGER
    )


def _trained(plan: Plan, trial: Trial) -> tuple[Predictor, int]:
    """Return a predictor with the run's last weights, rounded as in a checkpoint, and the number of iterations."""
    recipe = dataclasses.replace(plan.variants[trial.name][1], seed=trial.seed)
    context = setup_device(recipe.precision, plan.device)
    experiment = assemble(recipe, plan.data_root, plan.backbone, plan.features)
    folder = plan.out / trial.folder
    # A state is there if the run was interrupted. One that had ended is not trained any further.
    progress = Trainer(experiment, RunOptions(folder, (folder / STATE_FILE).is_file()), context).run()
    backbone = experiment.model.backbone
    model, metadata = load_checkpoint(folder / "last.safetensors", {backbone.sha256: backbone})
    return Predictor(model, metadata, str(context.device)), progress.iteration
