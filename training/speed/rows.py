"""The training's part of `zsseg bench`: one step of each method on the CPU, in matrix products."""

import dataclasses
from collections.abc import Iterator

from training.recipes import load_recipe
from training.speed.measure import METHODS
from training.speed.step import Step, StepSpec
from zsseg.bench.models import MODELS
from zsseg.bench.parts import TRAINING
from zsseg.bench.timing import Clock, Row
from zsseg.models import ModelConfig

# Photos per step: at ViT-B/16 one core needs seconds for each.
_PHOTOS = {"embedded": 2, "vit-b16": 1}


def measure_rows(clock: Clock) -> Iterator[Row]:
    """A step of each method over the embedded backbone and over ViT-B/16 with random weights, from pixels on."""
    for size, make in MODELS.items():
        for method in METHODS:
            predictor = make(method)
            config = predictor.model.config
            # Both methods have prompts.
            assert isinstance(config, ModelConfig)
            # The recipe's losses and optimizer, over the head at hand.
            recipe = dataclasses.replace(
                load_recipe(f"{method}_voc_inductive"),
                model=config,
                size=predictor.metadata.size,
                batch=_PHOTOS[size],
            )
            step = Step(StepSpec(recipe), predictor.model.backbone, autocast=False)
            name = f"{size} {method}, {recipe.size} px"
            yield clock.measure(TRAINING, name, step.run, count=True, items=recipe.batch)
