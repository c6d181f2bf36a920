"""CLIP-RC over the embedded backbone, transductive: self-training on unseen names, from the shipped head.

    python -m training.train --recipe clip_rc_mini_transductive --data-root DATA --minutes 12

As `zegclip_mini_transductive`, whose docstring says what is published, what differs, and what the pseudo-labels take
from the masks of unseen names. Must reach, on the VOC validation photos, a mean IoU of unseen names above the inductive
head's.
"""

import dataclasses

from training.recipes.clip_rc_mini_inductive import RECIPE as INDUCTIVE

RECIPE = dataclasses.replace(
    INDUCTIVE,
    name="clip_rc_mini_transductive",
    setting="transductive",
    start_from="clip_rc-mini-inductive",
    self_training_from=0.0,
    pseudo_label_where="unseen_pixels",
    pseudo_label_threshold=0.0,
    iters=600,
    lr=INDUCTIVE.lr / 2,
    warmup=30,
    ema=0.99,
    seen_penalty=0.0,
    eval_every=200,
)
