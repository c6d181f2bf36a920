"""ZegCLIP over the embedded backbone, transductive, without any look at the masks of unseen names.

    python -m training.train --recipe zegclip_mini_transductive_unlabelled --data-root DATA --features runs/features-1

As `zegclip_mini_transductive`, changed by `without_masks`, which says why. No score of it has been measured.
"""

import dataclasses

from training.recipes.mini.zegclip_mini_transductive import RECIPE as PUBLISHED
from training.recipes.self_training import without_masks

RECIPE = dataclasses.replace(without_masks(PUBLISHED), name="zegclip_mini_transductive_unlabelled")
