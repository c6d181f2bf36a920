"""ZegCLIP on COCO-Stuff 164k, inductive, at the published numbers (ZegCLIP, section 4.2).

    torchrun --nproc-per-node 4 -m training.train --recipe zegclip_coco_inductive --data-root DATA --workers 4

Not run by this project: it needs OpenAI's ViT-B/16 as `checkpoints/ViT-B-16`, the 118,287 training photos, and GPUs
(80,000 batches of 16 at 512 px: a day on four). Published: pAcc 62.0, mIoU seen 40.2, unseen 41.1, hIoU 40.8.
"""

from training.recipes.base import CLIP_TEMPLATES, Recipe, Source
from zsseg.models import ZegCLIPConfig

RECIPE = Recipe(
    name="zegclip_coco_inductive",
    model=ZegCLIPConfig(prompts=100),
    backbone="ViT-B-16",
    sources=(Source("coco_stuff164k"),),
    templates=CLIP_TEMPLATES,
    # The papers' photos are normalised as for ImageNet, not as CLIP's own.
    normalisation=((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    iters=80_000,
    eval_every=8000,
)
