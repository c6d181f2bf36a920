"""CLIP-RC on the shapes data set, inductive: unseen classes are new combinations of known words.

    make train-shapes
    python -m training.train --recipe clip_rc_shapes_inductive --data-root runs/shapes --minutes 5

As `zegclip_shapes_inductive`. Four region tokens only: the decoder has a query per region and per seen class (4 x 61).
"""

import dataclasses

from training.recipes.shapes.zegclip_shapes_inductive import RECIPE as ZEGCLIP
from zsseg.models import ClipRCConfig

RECIPE = dataclasses.replace(
    ZEGCLIP,
    name="clip_rc_shapes_inductive",
    model=ClipRCConfig(prompts=4, regions=4, decoder_heads=4, decoder_ffn=256, dropout=0.0),
    iters=600,
    recovery=2.0,
    recovery_target="clip",
    # Small rates and few steps, not to forget what the start knows (training/LOG_shapes.md).
    lr=3e-4,
)
