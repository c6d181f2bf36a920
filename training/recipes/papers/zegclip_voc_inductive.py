"""ZegCLIP on all of PASCAL VOC 2012 + SBD, inductive, at the published numbers (ZegCLIP, section 4.2).

    torchrun --nproc-per-node 4 -m training.train --recipe zegclip_voc_inductive --data-root DATA --workers 4

Not run by this project: it needs OpenAI's ViT-B/16 as `checkpoints/ViT-B-16`, the 10,582 training photos, and GPUs
(20,000 batches of 16 at 512 px: hours on four). Published: pAcc 94.6, mIoU seen 91.9, unseen 77.8, hIoU 84.3.
"""

from training.data.splits import PAPER_VOC_UNSEEN
from training.recipes.base import Recipe, Source
from zsseg.imagenet import MEAN_255, STD_255
from zsseg.models import ZegCLIPConfig

RECIPE = Recipe(
    name="zegclip_voc_inductive",
    model=ZegCLIPConfig(prompts=10),
    backbone="ViT-B-16",
    sources=(Source("voc2012", unseen=PAPER_VOC_UNSEEN),),
    # The papers' photos are normalised as for ImageNet, not as CLIP's own.
    normalisation=(MEAN_255, STD_255),
)
