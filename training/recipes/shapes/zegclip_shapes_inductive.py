"""ZegCLIP on the shapes data set, inductive: unseen classes are new combinations of known words.

    make train-shapes
    python -m training.train --recipe zegclip_shapes_inductive --data-root runs/shapes --minutes 5

The scenes are synthetic, so every pixel is ground, a seen or an unseen class. Pixels of unseen classes are left out of
the loss: as negatives of every seen class they would tell the head where the unseen classes are. The head starts as
the training-free cosine, which recognises the unseen classes already, and learns boundaries.
"""

from training.recipes.base import Recipe, Source
from zsseg.models import ZegCLIPConfig

RECIPE = Recipe(
    name="zegclip_shapes_inductive",
    model=ZegCLIPConfig(prompts=4, decoder_heads=4, decoder_ffn=256, dropout=0.0),
    backbone="shapes-clip",
    sources=(Source("shapes", void_ignored=True),),
    size=128,
    stride=128,
    iters=1500,
    batch=16,
    init="cosine",
    # About 1 / 0.07, the inverse temperature of the backbone's training.
    init_scale=14.0,
    # A sigmoid of one half is at a cosine of 10 / 14.
    init_bias=-10.0,
    # One of the templates that the backbone is trained with.
    templates=("a {}",),
    loss_stride=2,
    # Small rates and few steps, not to forget what the start knows (training/LOG_shapes.md).
    lr=4e-4,
    warmup=30,
    clip_norm=5.0,
    ema=0.98,
    scale=(1.0, 1.25),
    # Colours are part of the class names.
    photometric=False,
    seen_penalty=0.0,
    eval_every=400,
    eval_photos=60,
)
