"""Checks a backbone's configuration before open_clip, which builds whatever it says, gets it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

_MOST_LAYERS = 128
_LARGEST_NUMBER = 65_536  # CLIP's vocabulary has 49,408 tokens, and no other size comes near
# Networks of other libraries, which open_clip would fetch from a public server.
_FOREIGN = ("timm_", "hf_")


def check_config(config: Mapping[str, Any], stored_bytes: int) -> None:
    """Refuse a configuration before a network is built by it.

    Args:
        config: what `open_clip_config.json` holds.
        stored_bytes: of the weights that belong to it; a parameter takes at least one.

    Raises:
        ValueError: it names a network of another library, or asks for far more parameters than are stored.
        TypeError, KeyError, AttributeError: it is no configuration at all.
    """
    model = config["model_cfg"]
    encoders = [model["vision_cfg"], model["text_cfg"]]
    foreign = [key for encoder in encoders for key in encoder if key.startswith(_FOREIGN)]
    if foreign:
        raise ValueError(f"it asks for a network of another library by {foreign[0]!r:.40}")
    for number in _numbers([model, config.get("stem"), config.get("stem_dilations"), config.get("trunks")]):
        if not abs(number) <= _LARGEST_NUMBER:  # not `>`, which holds for no comparison with NaN
            raise ValueError(f"a size above {_LARGEST_NUMBER}, or none at all")
    needed = sum(map(_parameters, encoders)) + _stem_parameters(config)
    if needed > stored_bytes:
        raise ValueError(f"it asks for {needed:,} parameters, where {stored_bytes:,} bytes of weights are stored")


def _numbers(value: object) -> Iterator[int | float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _parameters(encoder: Mapping[str, Any]) -> int:
    """A lower bound of the parameters of a transformer encoder; the defaults are open_clip's."""
    layers, width = encoder.get("layers", 12), encoder.get("width", 512)
    if not isinstance(layers, int) or not 0 <= layers <= _MOST_LAYERS:
        raise ValueError(f"layers must be a number of at most {_MOST_LAYERS}")
    block = 4 * width**2 + 2 * width * math.floor(width * encoder.get("mlp_ratio", 4.0))
    # An image encoder has no words and a text encoder no patches.
    words = encoder.get("vocab_size", 0) * width
    patches = (encoder.get("image_size", 0) // encoder.get("patch_size", 16)) ** 2 * width
    return int(layers * block + words + patches)


def _stem_parameters(config: Mapping[str, Any]) -> int:
    """Of the 3 x 3 convolutions of a `zsseg.layers.ConvStem`."""
    if "stem" not in config:
        return 0
    width = config["model_cfg"]["vision_cfg"]["width"]
    counts = [3, *config["stem"], width]
    pairs = sum(inputs * outputs for inputs, outputs in zip(counts, counts[1:], strict=False))
    return int(9 * (pairs + width**2 * len(config.get("stem_dilations", ()))))
