"""ZegCLIP over the embedded backbone, transductive, without any look at the masks of unseen names.

    python -m training.train --recipe zegclip_mini_transductive_unlabelled --data-root DATA --minutes 12

As `zegclip_mini_transductive`, but any pixel without a seen label, background included, gets the head's best unseen
name where the head is sure enough. The others are left out of the loss: as negatives of every name, as published, they
would teach the head to be less sure in each step than in the one before, until no pixel is left.
"""

import dataclasses

from training.recipes.zegclip_mini_transductive import RECIPE as PUBLISHED

RECIPE = dataclasses.replace(
    PUBLISHED,
    name="zegclip_mini_transductive_unlabelled",
    sources=tuple(dataclasses.replace(source, void_ignored=True) for source in PUBLISHED.sources),
    pseudo_label_where="unlabelled_pixels",
    # Sigmoids of so short a run stay small: few reach one half.
    pseudo_label_threshold=0.4,
)
