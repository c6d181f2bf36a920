"""The published scores, and how long each recipe is projected to take.

Source of the scores: the readmes of ZiqinZhou66/ZegCLIP (averages over several runs) and of CLIP-RC in Jittor/JSeg.
pAcc, mIoU of seen and of unseen classes, hIoU, in percent. ZegCLIP's readme prints 40.8 as the hIoU of 40.2 and 41.1;
the formula gives 40.6.
"""

from typing import NamedTuple

from training.recipes.base import Recipe


class PublishedScores(NamedTuple):
    """One published row, in percent."""

    pAcc: float
    mIoU_seen: float
    mIoU_unseen: float
    hIoU: float


PUBLISHED: dict[str, PublishedScores] = {
    "zegclip_voc_inductive": PublishedScores(94.6, 91.9, 77.8, 84.3),
    "zegclip_voc_transductive": PublishedScores(96.2, 92.3, 89.9, 91.1),
    "zegclip_voc_fully_supervised": PublishedScores(96.3, 92.4, 90.9, 91.6),
    "zegclip_coco_inductive": PublishedScores(62.0, 40.2, 41.1, 40.8),
    "zegclip_coco_transductive": PublishedScores(69.2, 40.7, 59.9, 48.5),
    "zegclip_coco_fully_supervised": PublishedScores(69.9, 40.7, 63.2, 49.6),
    "clip_rc_voc_inductive": PublishedScores(95.8, 92.8, 84.4, 88.4),
    "clip_rc_voc_transductive": PublishedScores(97.0, 93.9, 92.2, 93.0),
    "clip_rc_voc_fully_supervised": PublishedScores(97.1, 94.1, 93.4, 93.7),
    "clip_rc_coco_inductive": PublishedScores(63.1, 40.9, 41.6, 41.2),
    "clip_rc_coco_transductive": PublishedScores(69.9, 42.0, 60.8, 49.7),
    "clip_rc_coco_fully_supervised": PublishedScores(70.8, 42.9, 64.1, 51.4),
}
"""Published scores by recipe name. PASCAL Context and cross-data rows: none that could be checked at the source."""

# Multiply-adds of one 512 px crop in 10^9: encoder and prompts, decoder, and CLIP-RC's recovery decoder.
_GIGA_MACS = {
    ("zegclip", "voc2012"): 110.6,
    ("zegclip", "coco_stuff164k"): 124.2,
    ("zegclip", "pascal_context"): 114.0,
    ("clip_rc", "voc2012"): 132.3,
    ("clip_rc", "coco_stuff164k"): 199.3,
    ("clip_rc", "pascal_context"): 156.0,
}
# Forward pass and gradients: the frozen encoder needs gradients of its activations but not of its weights.
_PASSES = 2.2
# Cascade-CLIP's readme: 20,000 iterations of 16 VOC crops take 3 hours on four RTX 3090, in fp32.
_FLOPS_PER_SECOND = 4 * 3.6e12


def projected_hours(recipe: Recipe) -> float:
    """Project the training time on four RTX 3090 in fp32, in hours. A projection, not a measurement.

    Args:
        recipe: one of the papers' recipes.
    """
    macs = _GIGA_MACS[recipe.model.method, recipe.sources[0].name] * 1e9
    # Two operations for each multiply-add.
    return 2 * macs * _PASSES * recipe.iters * recipe.batch / _FLOPS_PER_SECOND / 3600


def command(recipe: Recipe) -> str:
    """Return the command that trains a recipe on four GPUs."""
    return f"torchrun --nproc-per-node 4 -m training.train --recipe {recipe.name} --data-root DATA --workers 4"


def overview(recipes: list[Recipe]) -> str:
    """Format the papers' recipes as a Markdown table: published scores, iterations and projected hours."""
    lines = [
        "| recipe | pAcc | seen | unseen | hIoU | iterations | hours |",
        "|---|---|---|---|---|---|---|",
    ]
    for recipe in recipes:
        # Without a published row there is no score to reach.
        scores = [f"{score:.1f}" for score in PUBLISHED[recipe.name]] if recipe.name in PUBLISHED else ["-"] * 4
        hours = f"{projected_hours(recipe):.0f}"
        lines.append(f"| `{recipe.name}` | {' | '.join(scores)} | {recipe.iters:,} | {hours} |")
    return "\n".join(lines)
