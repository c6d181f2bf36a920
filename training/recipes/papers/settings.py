"""What the papers' recipes share, and the three settings of each: inductive, transductive, fully supervised."""

import dataclasses
from typing import Literal

from training.recipes.base import Recipe, Source
from training.recipes.self_training import both_stages
from zsseg.layers.imagenet import MEAN_255, STD_255
from zsseg.models import ClipRCConfig, ZegCLIPConfig

PaperMethod = Literal["zegclip", "clip_rc"]


def inductive(method: PaperMethod, short_name: str, source: Source, prompts: int, iters: int) -> Recipe:
    """Return the recipe of a method on a data set: OpenAI's ViT-B/16, crops of 512 px, batches of 16, AdamW 2e-4.

    Args:
        method: "zegclip" or "clip_rc".
        short_name: of the data set, in the recipe's name.
        source: data set and unseen classes.
        prompts: prompt tokens per layer.
        iters: iterations.
    """
    return Recipe(
        name=f"{method}_{short_name}_inductive",
        model=ZegCLIPConfig(prompts=prompts) if method == "zegclip" else ClipRCConfig(prompts=prompts, regions=16),
        backbone="ViT-B-16",
        sources=(source,),
        # The papers' photos are normalised as for ImageNet, not as CLIP's own.
        normalisation=(MEAN_255, STD_255),
        iters=iters,
        eval_every=iters // 10,
    )


def transductive(base: Recipe) -> Recipe:
    """Self-training in the second half of the inductive schedule, in one run.

    The released code does it in two: the inductive run's checkpoint of half its schedule is loaded into a new run of
    the other half, with a new optimizer and warm-up. `both_stages` has the same learning rates in the same order.
    """
    return dataclasses.replace(both_stages(base), name=base.name.replace("_inductive", "_transductive"))


def fully_supervised(base: Recipe) -> Recipe:
    """All classes are seen: the upper bound that the papers compare with."""
    return dataclasses.replace(
        base,
        name=base.name.replace("_inductive", "_fully_supervised"),
        setting="fully-supervised",
        # Nothing is unseen, so no label is hidden.
        sources=tuple(dataclasses.replace(source, unseen=()) for source in base.sources),
        # The released code subtracts 0.1 from all classes alike, which changes no answer.
        seen_penalty=0.0,
    )
