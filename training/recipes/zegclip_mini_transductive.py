"""ZegCLIP over the embedded backbone, transductive: self-training on unseen names, from the shipped head.

    python -m training.train --recipe zegclip_mini_transductive --data-root DATA --minutes 12

The papers' second stage: the inductive head is the start, optimizer and warm-up begin anew, unseen names are asked too,
and in every step the head's own best unseen name labels the pixels that have no seen label. Published are a start half
way through the inductive schedule and the full learning rate; here the start is the finished head, and the rate half.

Which pixels those are decides what the scores mean. This recipe does what both papers' code does: pseudo-labels go
where the *true* name is unseen. Which one is guessed, that it is one is looked up in the masks, so the head is told
where to look. The published gains rest on that, and only so are ours like theirs. The recipe with "unlabelled" in its
name uses nothing of those masks; the checkpoint says which it is, and the two are never compared with each other, nor
with an inductive head.

Must reach, on the VOC validation photos, a mean IoU of unseen names above the inductive head's.
"""

import dataclasses

from training.recipes.zegclip_mini_inductive import RECIPE as INDUCTIVE

RECIPE = dataclasses.replace(
    INDUCTIVE,
    name="zegclip_mini_transductive",
    setting="transductive",
    start_from="zegclip-mini-inductive",
    self_training_from=0.0,
    pseudo_label_where="unseen_pixels",
    # As published: every such pixel gets one, however unsure the head is.
    pseudo_label_threshold=0.0,
    iters=600,
    lr=INDUCTIVE.lr / 2,
    warmup=30,
    ema=0.99,
    # Published too: once unseen names are learnt, seen ones are not held back.
    seen_penalty=0.0,
    eval_every=200,
)
