"""ZegCLIP over the embedded backbone, transductive: self-training on unseen names, from the shipped head.

    python -m training.train --recipe zegclip_mini_transductive --data-root DATA --features runs/features-1

The papers' second stage: the inductive head is the start, optimizer and warm-up begin anew, unseen names are asked too,
and in every step the head's own best unseen name labels the pixels that have no seen label. Published are a start half
way through the inductive schedule and the full learning rate; here the start is the finished head, and the rate half.

Which pixels those are decides what the scores mean. This recipe does what both papers' code does: pseudo-labels go
where the *true* name is unseen. Which one is guessed, that it is one is looked up in the masks, so the head is told
where to look. The published gains rest on that, and only so are ours like theirs. The recipe with "unlabelled" in its
name uses nothing of those masks; the checkpoint says which it is, and the two are never compared with each other, nor
with an inductive head.

Must reach a higher hIoU on the VOC validation photos than the head it begins with; training/LOG.md says whether it did.
"""

from training.recipes.mini.zegclip_mini_inductive import RECIPE as INDUCTIVE
from training.recipes.self_training import second_stage

RECIPE = second_stage(INDUCTIVE, "zegclip_mini_transductive", start_from="zegclip-mini-inductive")
