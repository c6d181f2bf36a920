"""CLIP-RC on COCO-Stuff 164k, inductive, at the published numbers.

    torchrun --nproc-per-node 4 -m training.train --recipe clip_rc_coco_inductive --data-root DATA --workers 4

Not run by this project: it needs OpenAI's ViT-B/16 as `checkpoints/ViT-B-16`, the 118,287 training photos, and GPUs
(80,000 batches of 16 at 512 px). Published: pAcc 63.1, mIoU seen 40.9, unseen 41.6, hIoU 41.2.
"""

from training.recipes.base import CLIP_TEMPLATES, Recipe, Source
from zsseg.models import ClipRCConfig

RECIPE = Recipe(
    name="clip_rc_coco_inductive",
    model=ClipRCConfig(prompts=100, regions=16),
    backbone="ViT-B-16",
    sources=(Source("coco_stuff164k"),),
    templates=CLIP_TEMPLATES,
    # The papers' photos are normalised as for ImageNet, not as CLIP's own.
    normalisation=((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    iters=80_000,
    focal=200.0,
    dice=3.0,
    recovery=50.0,
    eval_every=8000,
)
