"""CLIP-RC in the world of shapes, transductive: self-training on the names of unseen combinations.

    make train-shapes
    python -m training.train --recipe clip_rc_shapes_transductive --data-root runs/shapes --minutes 3

The start is the inductive head. Every pixel of a scene has a name, so a pixel without a label is one of an unseen name:
the papers' way of placing pseudo-labels and the way that looks at no mask of an unseen name are the same here.
"""

from training.recipes.clip_rc_shapes_inductive import RECIPE as INDUCTIVE
from training.recipes.self_training import second_stage_of_drawn

RECIPE = second_stage_of_drawn(INDUCTIVE, "clip_rc_shapes_transductive", start_from="clip_rc-shapes-inductive")
