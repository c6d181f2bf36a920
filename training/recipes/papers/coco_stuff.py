"""ZegCLIP and CLIP-RC on COCO-Stuff 164k (118,287 photos), 156 seen and 15 unseen classes.

    torchrun --nproc-per-node 4 -m training.train --recipe zegclip_coco_inductive --data-root DATA --workers 4

Numbers of the released configurations: ZiqinZhou66/ZegCLIP, configs/coco, and CLIP-RC's project/clip_rc. The
transductive runs end with 40,000 iterations of self-training; CLIP-RC's start is not written down there and taken from
ZegCLIP's.
"""

import dataclasses

from training.recipes.base import Recipe, Source
from training.recipes.papers.settings import PaperMethod, fully_supervised, inductive, transductive
from zsseg.text.templates import SCENE_TEMPLATES


def _on_coco(method: PaperMethod) -> Recipe:
    # 100 prompts a layer: the "100" in the names of the released configurations.
    base = inductive(method, "coco", Source("coco_stuff164k"), prompts=100, iters=80_000)
    # The released coco_multi.npy holds the means over 15 templates; VOC's file is of one.
    return dataclasses.replace(base, templates=SCENE_TEMPLATES)


_ZEGCLIP = _on_coco("zegclip")
# CLIP-RC, configs/coco/*_80k_*_100_16.py:82-89.
_CLIP_RC = dataclasses.replace(_on_coco("clip_rc"), focal=200.0, dice=3.0, recovery=50.0)

RECIPES = (
    _ZEGCLIP,
    transductive(_ZEGCLIP),
    fully_supervised(_ZEGCLIP),
    _CLIP_RC,
    transductive(_CLIP_RC),
    # CLIP-RC's fully supervised configuration, lines 71-78, has weights of its own.
    dataclasses.replace(fully_supervised(_CLIP_RC), focal=100.0, dice=1.5, recovery=1.0),
)
