"""ZegCLIP in the world of shapes, inductive: unseen names are new combinations of known words.

    make train-shapes
    python -m training.train --recipe zegclip_shapes_inductive --data-root runs/shapes --minutes 5

The scenes are drawn, so every pixel has a name: the ground's, a seen or an unseen one. Pixels of unseen names are left
out of the loss, for as negatives of every seen name they would say where the unseen names are. The head begins as the
cosine, which knows the unseen names already, and learns outlines.
"""

from training.recipes.base import Recipe, Source
from zsseg.models import ModelConfig

RECIPE = Recipe(
    name="zegclip_shapes_inductive",
    model=ModelConfig("zegclip", prompts=4, decoder_heads=4, decoder_ffn=256, dropout=0.0),
    backbone="shapes-clip",
    sources=(Source("shapes", void_ignored=True),),
    size=128,
    stride=128,
    iters=1500,
    batch=16,
    init="cosine",
    init_scale=14.0,
    init_bias=-10.0,
    templates=("a {}",),
    loss_stride=2,
    lr=4e-4,
    warmup=30,
    clip_norm=5.0,
    ema=0.98,
    scale=(1.0, 1.25),
    # The colours have names.
    photometric=False,
    seen_penalty=0.0,
    eval_every=400,
    eval_photos=60,
)
