"""CLIP-RC on the shapes data set, transductive: self-training on the unseen combinations.

    make train-shapes
    python -m training.train --recipe clip_rc_shapes_transductive --data-root runs/shapes --minutes 3

The inductive head is the start. Every pixel of a scene has a class, so an unlabelled pixel is of an unseen class. With
and without the papers' oracle (`pseudo_label_where`), pseudo-labels therefore go to the same pixels here.
"""

from training.recipes.self_training import second_stage_of_drawn
from training.recipes.shapes.clip_rc_shapes_inductive import RECIPE as INDUCTIVE

RECIPE = second_stage_of_drawn(INDUCTIVE, "clip_rc_shapes_transductive", start_from="clip_rc-shapes-inductive")
