"""The published rows: scores, the command that makes each one, and how long it is projected to take.

The scores of the authors' readmes stand in `zsseg.weights.released.published_scores`. The readmes have neither PASCAL
Context nor the cross-data rows, and the papers' tables could not be read here. ZegCLIP's are taken from later papers
that copy them, and marked so. PASCAL Context is from Table 2 of RPN ("Relationship Prompt Learning is Enough for
Open-Vocabulary Semantic Segmentation", NeurIPS 2024), whose VOC and COCO-Stuff rows are the readme's, 41.1 apart. Two
cross-data scores are from Table 1 of H-CLIP ("Parameter-efficient Fine-tuning in Hyperspherical Space for
Open-vocabulary Semantic Segmentation", OpenReview, 2024). CLIP-RC's were found nowhere: a summary of OC-ZSS (ICLR 2026)
gives 51.9 as its hIoU on PASCAL Context, but 85.8 on VOC, where the authors publish 88.4, and is not taken.
"""

from typing import NamedTuple

from training.recipes.base import Recipe
from training.recipes.papers import coco_stuff, pascal_context, voc2012
from zsseg.weights.released.published_scores import PUBLISHED as BY_SETTING
from zsseg.weights.released.published_scores import PublishedScores

COPIED: dict[str, PublishedScores] = {
    "zegclip_context_inductive": PublishedScores(76.2, 46.0, 54.6, 49.9),
    "zegclip_context_transductive": PublishedScores(77.3, 46.8, 68.5, 55.6),
    # The harmonic mean of 46.5 and 78.7 is 58.5: one of the three is a misprint there or in the paper.
    "zegclip_context_fully_supervised": PublishedScores(77.5, 46.5, 78.7, 56.9),
}
"""Published scores by recipe name, as another paper copies them; background is one of the seen classes in them."""
COPIED_FROM = "RPN, Table 2"

PUBLISHED: dict[str, PublishedScores] = {
    f"{method}_{data}_{setting.replace('-', '_')}": row for (method, data, setting), row in BY_SETTING.items()
}
"""Published scores by recipe name, of the same classes and pixels as ours; none of PASCAL Context."""

ALL_PUBLISHED = PUBLISHED | COPIED
"""Every published score by recipe name, to read and not to compare; CLIP-RC on PASCAL Context has none."""


class CrossDataRow(NamedTuple):
    """One published row of a head that is evaluated on another data set than it was trained on.

    Attributes:
        recipe: name of the recipe that trains the head.
        data: data set that it is evaluated on; all of its classes are asked.
        mIoU: mean over all classes, in percent; None where the paper's table could not be read.
        source: which table the number was read in; empty without a number.
    """

    recipe: str
    data: str
    mIoU: float | None = None
    source: str = ""


CROSS_DATA = (
    CrossDataRow("zegclip_coco_inductive", "voc2012", 93.6, "H-CLIP, Table 1"),
    CrossDataRow("zegclip_coco_inductive", "pascal_context", 41.2, "H-CLIP, Table 1"),
    CrossDataRow("clip_rc_coco_inductive", "voc2012"),
    CrossDataRow("clip_rc_coco_inductive", "pascal_context"),
)
"""The cross-data rows of both papers: trained on COCO-Stuff, evaluated on VOC and on PASCAL Context."""

NOT_AVAILABLE = "not available"

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


def evaluation_command(row: CrossDataRow) -> str:
    """Return the command that evaluates a trained head on another data set."""
    name = row.recipe.replace("_", "-")
    # "none": every class counts as seen, since the head was trained on another list.
    return (
        f"python -m training.evaluate --checkpoint {name} --data {row.data} --root DATA --unseen none --protocol papers"
    )


def all_rows() -> str:
    """Describe every row of both papers: scores, command and projected hours, then the cross-data rows."""
    recipes = (*voc2012.RECIPES, *coco_stuff.RECIPES, *pascal_context.RECIPES)
    return "\n".join([*map(describe_row, recipes), *map(describe_cross_data, CROSS_DATA)])


def describe_row(recipe: Recipe) -> str:
    """Describe a row in four lines: name, published scores, the command that trains it and the projected hours.

    Args:
        recipe: one of the papers' recipes.
    """
    row = ALL_PUBLISHED.get(recipe.name)
    scores = f"{NOT_AVAILABLE} to us: the papers' tables for this data set could not be read"
    if row is not None:
        scores = f"pAcc {row.pAcc}, mIoU of seen classes {row.mIoU_seen}, of unseen {row.mIoU_unseen}, hIoU {row.hIoU}"
        scores += f", as copied in {COPIED_FROM}" if recipe.name in COPIED else ""
    return (
        f"{recipe.name}\n  published: {scores}\n  command: {command(recipe)}\n"
        f"  projected, not measured: {projected_hours(recipe):.0f} hours on four RTX 3090"
    )


def describe_cross_data(row: CrossDataRow) -> str:
    """Describe a cross-data row in four lines: name, published score, the command that evaluates it and the time."""
    score = f"{NOT_AVAILABLE} to us: the paper's table could not be read"
    if row.mIoU is not None:
        score = f"mIoU {row.mIoU} as copied in {row.source}"
    return (
        f"{row.recipe}, evaluated on {row.data}\n  published: {score}\n  command: {evaluation_command(row)}\n"
        f"  time: that of the recipe's training; nothing else is trained"
    )
