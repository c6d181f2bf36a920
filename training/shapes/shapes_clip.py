"""The backbone for the shapes data set: a small open_clip model, trained by training/shapes/pretrain.py."""

from typing import Any

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 128,
        "vision_cfg": {"image_size": 128, "patch_size": 8, "width": 128, "layers": 2, "head_width": 64},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "stem": [32, 64],
    "stem_dilations": [1, 2, 4, 2],
}
