"""How salient each patch is, read from cached features by one linear layer.

The package that the ViT comes from is a saliency model; its encoder's features say almost linearly what its decoder
would (correlation .93 per photo, training/LOG.md). The whole model therefore sees a few hundred views only.
"""

import importlib
import importlib.util
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from training.data.feature_cache import FeatureCache
from training.data.views import View
from training.pretraining.trunks import VIT_PACKAGE, package_file
from zsseg.errors import UserError
from zsseg.layers.imagenet import MEAN, STD

_SIDE = 224  # of the model's input, fixed in its graph
_BATCH, _RATE, _DECAY = 32, 2e-3, 0.3


def fit_saliency(cache: FeatureCache, views: int = 460, steps: int = 500, seed: int = 0) -> nn.Linear:
    """Fit the layer on views of a cache, drawn by chance.

    Args:
        cache: features (N, F) of square views.
        views: how many the saliency model sees; about .2 s each on one core.
        steps: of AdamW, 32 views each.
        seed: of the choice and the order.

    Returns:
        (..., F) -> (..., 1), the logit of the saliency.

    Raises:
        UserError: a package is missing, or a photo cannot be read.
    """
    rng = np.random.default_rng(seed)
    rows = [int(i) for i in rng.permutation(len(cache))[:views]]
    model = SaliencyModel()
    targets = torch.stack([model(cache.views[i]) for i in tqdm(rows, desc="saliency")])  # (M, N)
    features = torch.from_numpy(np.stack([cache.features(i) for i in rows])).float()  # (M, N, F)
    return fit_readout(features, targets, steps, rng)


def fit_readout(features: Tensor, targets: Tensor, steps: int, rng: np.random.Generator) -> nn.Linear:
    """Logistic regression of targets (M, N) in 0..1 on features (M, N, F)."""
    layer = nn.Linear(features.shape[-1], 1)
    # The problem is convex, so any start will do; this one is the same in every run.
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(layer.parameters(), _RATE, weight_decay=_DECAY)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = _RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        drawn = torch.from_numpy(rng.integers(0, len(features), _BATCH))
        # (B, N, 1) -> (B, N)
        loss = F.binary_cross_entropy_with_logits(layer(features[drawn])[..., 0], targets[drawn])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    # From here on it only supervises.
    return layer.requires_grad_(False)


class SaliencyModel:
    """The package's saliency model, run as it is.

    Raises:
        UserError: its package or onnxruntime is missing.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("onnxruntime") is None:
            raise UserError("The package onnxruntime is missing: install requirements-train.txt first.")
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        # onnxruntime would take every core; torch knows how many this process was given.
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = runtime.InferenceSession(str(package_file(VIT_PACKAGE, "*.onnx")), options)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, view: View) -> Tensor:
        """Saliency (rows * columns) in 0..1 of a view's cells, means over their areas."""
        rgb = Image.fromarray(view.rgb()).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        pixels = (np.asarray(rgb, np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
        answer = self._session.run(None, {self._input: pixels.transpose(2, 0, 1)[None]})[0]  # (1, 1, S, S)
        saliency = torch.from_numpy(np.asarray(answer, np.float32)).reshape(1, 1, _SIDE, _SIDE)
        return F.adaptive_avg_pool2d(saliency, view.grid).flatten()  # (rows * columns,)
