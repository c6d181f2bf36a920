"""ZegCLIP over the embedded backbone, transductive: self-training on unseen names, from the shipped head.

    python -m training.train --recipe zegclip_mini_transductive --data-root DATA --features runs/features-1

The papers' second stage. It starts from the inductive head, with a new optimizer and warm-up, and predicts the unseen
classes too: in every step the head's own best unseen name labels the pixels that have no seen label. The papers start
half way through the inductive schedule, at the full learning rate; here the start is the finished head, at half the
rate.

Which pixels get pseudo-labels decides what the scores mean. Here, as in the code of both papers, they are those whose
*true* class is unseen: the masks say where these pixels are, but not which unseen class is there. The published gains
depend on this, so only such scores of ours can be compared with them. The recipe with "unlabelled" in its name uses
nothing of those masks; the checkpoint says which it is, and the two are never compared with each other, nor with an
inductive head.
"""

from training.recipes.mini.zegclip_mini_inductive import RECIPE as INDUCTIVE
from training.recipes.self_training import second_stage

RECIPE = second_stage(INDUCTIVE, "zegclip_mini_transductive", start_from="zegclip-mini-inductive")
