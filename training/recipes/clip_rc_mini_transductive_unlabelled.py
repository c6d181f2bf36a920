"""CLIP-RC over the embedded backbone, transductive, without any look at the masks of unseen names.

    python -m training.train --recipe clip_rc_mini_transductive_unlabelled --data-root DATA --minutes 12

As `clip_rc_mini_transductive`, changed as `zegclip_mini_transductive_unlabelled`, whose docstring says why.
"""

import dataclasses

from training.recipes.clip_rc_mini_transductive import RECIPE as PUBLISHED

RECIPE = dataclasses.replace(
    PUBLISHED,
    name="clip_rc_mini_transductive_unlabelled",
    sources=tuple(dataclasses.replace(source, void_ignored=True) for source in PUBLISHED.sources),
    pseudo_label_where="unlabelled_pixels",
    pseudo_label_threshold=0.4,
)
