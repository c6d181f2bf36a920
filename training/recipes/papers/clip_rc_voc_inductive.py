"""CLIP-RC on all of PASCAL VOC 2012 + SBD, inductive, at the published numbers.

    torchrun --nproc-per-node 4 -m training.train --recipe clip_rc_voc_inductive --data-root DATA --workers 4

Not run by this project: it needs OpenAI's ViT-B/16 as `checkpoints/ViT-B-16`, the 10,582 training photos, and GPUs
(40,000 batches of 16 at 512 px). Published: pAcc 95.8, mIoU seen 92.8, unseen 84.4, hIoU 88.4. The released code
recovers the prompted encoder's features; ours the untouched CLIP's, as the paper says.
"""

from training.data.splits import PAPER_VOC_UNSEEN
from training.recipes.base import Recipe, Source
from zsseg.imagenet import MEAN_255, STD_255
from zsseg.models import ClipRCConfig

RECIPE = Recipe(
    name="clip_rc_voc_inductive",
    model=ClipRCConfig(prompts=10, regions=16),
    backbone="ViT-B-16",
    sources=(Source("voc2012", unseen=PAPER_VOC_UNSEEN),),
    # The papers' photos are normalised as for ImageNet, not as CLIP's own.
    normalisation=(MEAN_255, STD_255),
    iters=40_000,
    recovery=2.0,
)
