"""CLIP-RC on COCO-Stuff 164k, inductive, at the published numbers.

    torchrun --nproc-per-node 4 -m training.train --recipe clip_rc_coco_inductive --data-root DATA --workers 4

Not run by this project: it needs OpenAI's ViT-B/16 as `checkpoints/ViT-B-16`, the 118,287 training photos, and GPUs
(80,000 batches of 16 at 512 px). Published: pAcc 63.1, mIoU seen 40.9, unseen 41.6, hIoU 41.2.
"""

from training.recipes.base import Recipe, Source
from zsseg.imagenet import MEAN_255, STD_255
from zsseg.models import ClipRCConfig
from zsseg.text.templates import SCENE_TEMPLATES

RECIPE = Recipe(
    name="clip_rc_coco_inductive",
    model=ClipRCConfig(prompts=100, regions=16),
    backbone="ViT-B-16",
    sources=(Source("coco_stuff164k"),),
    templates=SCENE_TEMPLATES,
    # The papers' photos are normalised as for ImageNet, not as CLIP's own.
    normalisation=(MEAN_255, STD_255),
    iters=80_000,
    focal=200.0,
    dice=3.0,
    recovery=50.0,
    eval_every=8000,
)
