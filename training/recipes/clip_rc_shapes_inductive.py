"""CLIP-RC in the world of shapes, inductive: unseen names are new combinations of known words.

    make train-shapes
    python -m training.train --recipe clip_rc_shapes_inductive --data-root runs/shapes --minutes 5

As `zegclip_shapes_inductive`; four region tokens, because a region asks about each of the 61 seen names.
"""

import dataclasses

from training.recipes.zegclip_shapes_inductive import RECIPE as ZEGCLIP
from zsseg.models import ModelConfig

RECIPE = dataclasses.replace(
    ZEGCLIP,
    name="clip_rc_shapes_inductive",
    model=ModelConfig("clip_rc", prompts=4, regions=4, decoder_heads=4, decoder_ffn=256, dropout=0.0),
    iters=600,
    recovery=2.0,
    recovery_target="clip",
    lr=3e-4,
)
