"""The embedded backbone: two frozen pretrained networks, a small transformer above them, a small text encoder.

`training/README.md` has the command, `training/LOG.md` what it reached.
"""

from typing import Any

from training.data.views import ViewPlan
from training.pretraining.image_encoder import ImageRecipe
from training.pretraining.text_encoder import TextRecipe
from training.pretraining.text_targets import JOINT_DIM
from zsseg.layers.imagenet import MEAN, STD

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": JOINT_DIM,
        "vision_cfg": {
            "image_size": 320,  # 20 x 20 patches
            "patch_size": 16,
            "width": 384,
            "layers": 3,
            "head_width": 64,
            "no_ln_pre": True,
            "ls_init_value": 0.1,
        },
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 160, "heads": 5, "layers": 4},
    },
    "preprocess_cfg": {"mean": list(MEAN), "std": list(STD)},
    # Components that keep 76, 93 and 98 % of the variance; why these layers: training/LOG.md, ninth round.
    "trunks": {"lite2_features": 384, "vit_features": [128, 192], "vit_layers": [9, 12]},
    "window": 320,
    "layout": "whole",
    "antialias": True,
}

# The first view is nearly the whole photo, since a label holds for the whole photo only.
VIEWS = ViewPlan(grid=14, views=1, scale=(0.85, 1.0))
REDUCTION_PHOTOS = 1200

IMAGE = ImageRecipe(passes=3, saliency_weight=0.5)

# On a GPU, from the result of `IMAGE`: the networks below learn as well, so slowly that they keep what they know.
WHOLE = ImageRecipe(passes=2, batch=256, lr=2e-4, trunk_lr=3e-5, saliency_weight=0.5, self_training_weight=0.5)

TEXT = TextRecipe(steps=2500)
