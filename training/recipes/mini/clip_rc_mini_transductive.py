"""CLIP-RC over the embedded backbone, transductive: self-training on unseen names, from the shipped head.

    python -m training.train --recipe clip_rc_mini_transductive --data-root DATA --features runs/features-1

As `zegclip_mini_transductive`, whose docstring says what is published, what differs, and what the pseudo-labels take
from the masks of unseen names.

Must reach a higher hIoU on the VOC validation photos than the head it begins with; training/LOG.md says whether it did.
"""

from training.recipes.mini.clip_rc_mini_inductive import RECIPE as INDUCTIVE
from training.recipes.self_training import second_stage

RECIPE = second_stage(INDUCTIVE, "clip_rc_mini_transductive", start_from="clip_rc-mini-inductive")
