"""The embedded backbone: a small open_clip model taught from `shared/data` (training/README.md has the command).

4 minutes of teacher, 7 of text tower, `IMAGE.minutes` of image tower on one CPU core. What ships took eight rounds of
the image tower (`--start-from`; the eighth went on with the seventh's `runs/mini-image`): 47 minutes on two cores,
72 and 80 on one, 42, 58, 52, 68 and 76 on two, the last four with `--photos` (LOG.md).
"""

from typing import Any

from training.pretraining.image_tower import ImageRecipe, Stage
from training.pretraining.text_targets import JOINT_DIM
from training.pretraining.text_tower import TextRecipe

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": JOINT_DIM,
        "vision_cfg": {"image_size": 256, "patch_size": 16, "width": 256, "layers": 8, "head_width": 64},
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 160, "heads": 5, "layers": 4},
    },
    "preprocess_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "stem": [32, 64, 128],
    "window": 160,
    "antialias": True,
}

# Low resolution first: 112 px is 49 tokens, four times the passes of 224 px. The heads then work at 160 px.
IMAGE = ImageRecipe(stages=(Stage(112, 128, 0.7), Stage(160, 64, 1.0)), minutes=60, min_area=0.15, labelled_share=0.25)

TEXT = TextRecipe(steps=2500)
