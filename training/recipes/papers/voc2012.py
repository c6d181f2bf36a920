"""ZegCLIP and CLIP-RC on PASCAL VOC 2012 + SBD (10,582 photos), 15 seen and 5 unseen classes.

    torchrun --nproc-per-node 4 -m training.train --recipe zegclip_voc_inductive --data-root DATA --workers 4

Numbers of the released configurations: ZiqinZhou66/ZegCLIP, configs/voc12, and CLIP-RC's project/clip_rc. The released
CLIP-RC recovers the prompted encoder's features; these recipes recover the frozen CLIP's, as the paper says.
"""

import dataclasses

from training.data.splits import PAPER_VOC_UNSEEN
from training.recipes.base import Source
from training.recipes.papers.settings import fully_supervised, inductive, transductive

_SOURCE = Source("voc2012", unseen=PAPER_VOC_UNSEEN)
# 20,000 batches of 16 are about 30 epochs.
_ZEGCLIP = inductive("zegclip", "voc", _SOURCE, prompts=10, iters=20_000)
# Twice ZegCLIP's iterations, as published: the two methods' scores are not of equal training.
_CLIP_RC = dataclasses.replace(
    inductive("clip_rc", "voc", _SOURCE, prompts=10, iters=40_000), recovery=2.0, eval_every=2000
)

RECIPES = (
    _ZEGCLIP,
    transductive(_ZEGCLIP),
    fully_supervised(_ZEGCLIP),
    _CLIP_RC,
    transductive(_CLIP_RC),
    # As published, without the recovery loss.
    dataclasses.replace(fully_supervised(_CLIP_RC), recovery=0.0),
)
