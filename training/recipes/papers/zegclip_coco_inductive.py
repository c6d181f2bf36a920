"""ZegCLIP on COCO-Stuff 164k, inductive, at the published numbers (ZegCLIP, section 4.2).

    torchrun --nproc-per-node 4 -m training.train --recipe zegclip_coco_inductive --data-root DATA --workers 4

Not run by this project: it needs OpenAI's ViT-B/16 as `checkpoints/ViT-B-16`, the 118,287 training photos, and GPUs
(80,000 batches of 16 at 512 px: a day on four). Published: pAcc 62.0, mIoU seen 40.2, unseen 41.1, hIoU 40.8.
"""

from training.recipes.base import Recipe, Source
from zsseg.imagenet import MEAN_255, STD_255
from zsseg.models import ZegCLIPConfig
from zsseg.text.templates import SCENE_TEMPLATES

RECIPE = Recipe(
    name="zegclip_coco_inductive",
    model=ZegCLIPConfig(prompts=100),
    backbone="ViT-B-16",
    sources=(Source("coco_stuff164k"),),
    templates=SCENE_TEMPLATES,
    # The papers' photos are normalised as for ImageNet, not as CLIP's own.
    normalisation=(MEAN_255, STD_255),
    iters=80_000,
    eval_every=8000,
)
