"""Segment a photo by exported ONNX files, without torch: python onnx_segment.py FOLDER PHOTO LABELS.png

FOLDER holds what `zsseg export-onnx` wrote; its classes.npz says which classes are asked. Needs numpy, Pillow and
onnxruntime. The photo is seen in one window, whatever its shape; colours are those of the label's number.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image


def pixels_of(photo: Image.Image, facts: dict) -> np.ndarray:
    """The photo with the model's short side, both sides multiples of the patch: (1, 3, H, W) float32, normalised."""
    scale = facts["size"] / min(photo.size)
    width, height = (max(facts["size"], round(side * scale / facts["patch"]) * facts["patch"]) for side in photo.size)
    resized = np.asarray(photo.resize((width, height), Image.Resampling.BOX), dtype=np.float32)
    return ((resized - facts["mean"]) / facts["std"]).transpose(2, 0, 1)[None].astype(np.float32)


def logits_of(folder: Path, pixels: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Logits (K, h, w) of the classes on the grid of patches."""
    patches, encoder, decoder = (
        onnxruntime.InferenceSession(folder / f"{part}.onnx") for part in ("patches", "encoder", "decoder")
    )
    embedded = patches.run(None, {"pixels": pixels})[0]
    wanted = {"text": text}
    for tensor, value in zip(encoder.get_outputs(), encoder.run(None, {"patches": embedded}), strict=True):
        wanted[tensor.name] = value
    known = {tensor.name for tensor in decoder.get_inputs()}  # a method without regions does not take them
    return decoder.run(None, {name: value for name, value in wanted.items() if name in known})[0][0]


def labels_of(logits: np.ndarray, seen: np.ndarray, size: tuple[int, int], facts: dict) -> np.ndarray:
    """Labels (H, W): the best score after the seen penalty; 255 where every score is below the threshold."""
    large = [np.asarray(Image.fromarray(logit).resize(size, Image.Resampling.BILINEAR)) for logit in logits]
    scores = 1 / (1 + np.exp(-np.stack(large)))  # (K, H, W) float32
    best = np.argmax(scores - facts["seen_penalty"] * seen[:, None, None], axis=0).astype(np.uint8)
    best[np.max(scores, axis=0) < facts["threshold"]] = 255
    return best


def main(folder: Path, photo_path: Path, out: Path) -> None:
    """Write the labels as a palette PNG and print the share of each class."""
    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    classes, photo = np.load(folder / "classes.npz"), Image.open(photo_path).convert("RGB")
    logits = logits_of(folder, pixels_of(photo, facts), classes["text"])
    labels = labels_of(logits, classes["seen"], photo.size, facts)
    picture = Image.fromarray(labels)
    picture.putpalette(np.random.default_rng(4).integers(0, 256, 768, dtype=np.uint8).tobytes())
    picture.save(out)
    for number, name in enumerate(classes["names"]):
        print(f"{name}: {np.mean(labels == number):.1%}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
