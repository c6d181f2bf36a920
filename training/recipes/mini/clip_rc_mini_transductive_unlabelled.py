"""CLIP-RC over the embedded backbone, transductive, without any look at the masks of unseen names.

    python -m training.train --recipe clip_rc_mini_transductive_unlabelled --data-root DATA --features runs/features-1

As `clip_rc_mini_transductive`, changed by `without_masks`, which says why. No score of it has been measured.
"""

import dataclasses

from training.recipes.mini.clip_rc_mini_transductive import RECIPE as PUBLISHED
from training.recipes.self_training import without_masks

RECIPE = dataclasses.replace(without_masks(PUBLISHED), name="clip_rc_mini_transductive_unlabelled")
