"""The backbone for the shapes data set: a small open_clip model, trained by training/shapes/pretrain.py."""

from typing import Any

from zsseg.layers.imagenet import MEAN, STD

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 128,
        # 16 x 16 patches: perfect shares of each, bilinear between them, reach a mIoU of .92 (LOG_shapes.md).
        "vision_cfg": {"image_size": 128, "patch_size": 8, "width": 128, "layers": 2, "head_width": 64},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {"mean": list(MEAN), "std": list(STD)},
    # With `width`, three strides of 2: 8 px to a patch.
    "stem": [32, 64],
    # Residual 3x3 convolutions on the patch grid: it is there that shapes are learnt (training/LOG_shapes.md).
    "stem_dilations": [1, 2, 4, 2],
}
