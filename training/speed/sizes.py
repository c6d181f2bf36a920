"""The sizes that are measured: the papers', and tiny ones to try the command itself."""

import dataclasses
from typing import Any

import torch

from training.recipes import Recipe
from training.speed.device import product_gflops
from training.speed.measure import Bench
from zsseg.models import Backbone, ModelConfig, build_clip
from zsseg.weights.released.clip import BACKBONE, VIT_B16

_TINY: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 128, "width": 32, "heads": 2, "layers": 1},
    }
}
# Large enough that the device is busy with one product, small enough for a second.
_SIDES = {"cuda": 8192, "cpu": 2048}
_TINY_SIDE = 256


def build_bench(device: torch.device, tiny: bool, deadline: float, photos: int | None = None) -> Bench:
    """The random backbone on its device, and the device's matrix products.

    Args:
        device: to measure.
        tiny: a tiny backbone, and tiny recipes with it, instead of the papers' sizes.
        deadline: as in `Bench`.
        photos: in a batch, instead of the recipes' own number.
    """
    # The caller's random numbers stay as they are.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = Backbone(build_clip(_TINY if tiny else VIT_B16), f"{BACKBONE}-random")
        backbone = plain.converted(lambda tensor: tensor.to(device))
        side = _TINY_SIDE if tiny else _SIDES.get(device.type, _SIDES["cpu"])
        products = product_gflops(device, side)

    def resize(recipe: Recipe) -> Recipe:
        sized = _shrunk(recipe) if tiny else recipe
        return dataclasses.replace(sized, batch=photos or sized.batch)

    return Bench(backbone, products, resize, deadline)


def _shrunk(recipe: Recipe) -> Recipe:
    """The recipe for a tiny backbone; data set, losses, setting and schedule stay."""
    model = recipe.model
    # The papers' recipes have no other configurations.
    assert isinstance(model, ModelConfig)
    regions = 4 if model.regions else 0
    model = dataclasses.replace(model, prompts=3, regions=regions, decoder_heads=2, decoder_ffn=32)
    return dataclasses.replace(recipe, model=model, size=64, batch=2)
