"""A linear probe of a backbone's patch tokens: trained with every label, measured on known and on new photos.

    python -m training.pretraining.linear_probe --backbone mini-clip --data-root DATA

A head over a frozen image encoder can hardly find more than this read-out does, which is trained with the true name
of each patch, unseen names too; hence it is a measurement only and not shipped. Where it is much better on training
photos than on validation photos, both kept from the read-out, the encoder overfits the former: more passes will not
help it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.data.datasets import Item, open_set, read_mask, read_photo
from training.data.labels import VOID
from training.data.splits import class_names
from training.evaluation.metrics import ConfusionMatrix
from training.runtime.console import positive, run_for_person
from training.runtime.devices import flush_denormals
from zsseg.models import plain_image_tokens
from zsseg.models.backbone import Backbone
from zsseg.weights.backbone import load_backbone, read_normalisation
from zsseg.weights.search import find_backbone

_FINE = 4  # mask pixels along a patch's side
_STEPS, _BATCH, _LR, _DECAY = 1500, 1024, 1e-3, 0.05
_MIN_PHOTOS = 3  # of a class that counts in the mean
_SHOWN = 20  # photos of a class that is printed by itself


class LinearProbe:
    """A linear read-out of patch tokens.

    Args:
        tokens: (P, D) of labelled patches.
        labels: (P,) their classes, 0..classes-1.
        classes: how many there are.
    """

    def __init__(self, tokens: Tensor, labels: Tensor, classes: int) -> None:
        # Channels of unit spread: one learning rate and one weight decay suit all of them.
        self.mean, self.scale = tokens.mean(0), tokens.std(0).clamp(min=1e-6)
        self.read_out = nn.Linear(tokens.shape[1], classes)
        optimizer = torch.optim.AdamW(self.read_out.parameters(), _LR, weight_decay=_DECAY)
        for _ in range(_STEPS):
            rows = torch.randint(len(tokens), (_BATCH,))
            loss = F.cross_entropy(self.read_out((tokens[rows] - self.mean) / self.scale), labels[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()

    @torch.no_grad()
    def answers(self, tokens: Tensor) -> Tensor:
        """(..., D) tokens -> (...) the best class of each."""
        best: Tensor = self.read_out((tokens - self.mean) / self.scale).argmax(-1)
        return best


def most_frequent(mask: np.ndarray, cells: int) -> np.ndarray:
    """Return the most frequent id in each of `cells` x `cells` squares of a square mask: (cells, cells)."""
    side = len(mask) // cells
    # (n, side, n, side) -> (n, n, side, side) -> (n * n, side * side)
    squares = mask.reshape(cells, side, cells, side).swapaxes(1, 2).reshape(cells * cells, -1)
    return np.array([np.bincount(square).argmax() for square in squares]).reshape(cells, cells)


@torch.no_grad()
def encode(backbone: Backbone, folder: Path, items: Sequence[Item], size: int) -> tuple[Tensor, np.ndarray]:
    """Return patch tokens (G, N, D) of photos squeezed to `size` px, and raw masks (G, 4n, 4n), n * n = N."""
    mean, std = (torch.tensor(triple).view(3, 1, 1) for triple in read_normalisation(folder))
    tokens, masks = [], []
    for item in items:
        # Squeezed, for one grid for all. By areas: samples would leave out most of a photo (LOG.md, eighth round).
        squeezed = cv2.resize(read_photo(item), (size, size), interpolation=cv2.INTER_AREA)
        pixels = (torch.from_numpy(squeezed).permute(2, 0, 1).float() - mean) / std
        image = plain_image_tokens(backbone.clip.visual, pixels[None])
        height, width = image.grid
        tokens.append(image.patch_tokens[0])  # (N, D)
        masks.append(cv2.resize(read_mask(item), (_FINE * width, _FINE * height), interpolation=cv2.INTER_NEAREST))
    return torch.stack(tokens), np.stack(masks)


def score(probe: LinearProbe, tokens: Tensor, masks: np.ndarray, classes: int) -> ConfusionMatrix:
    """Count the probe's predictions on photos; id 0 is background, which is ignored as void is."""
    matrix = ConfusionMatrix(classes)
    for answer, mask in zip(probe.answers(tokens), masks, strict=True):
        cells = round(len(answer) ** 0.5)
        fine = answer.view(cells, cells).numpy().repeat(_FINE, 0).repeat(_FINE, 1)  # (4n, 4n)
        # Ids 1..20 -> 0..19. Background becomes -1, which is not counted.
        matrix.update(np.where(mask == VOID, -1, mask.astype(np.int64) - 1), fine)
    return matrix


def measure(options: argparse.Namespace) -> None:
    """Print the probe's scores on new photos, on development photos and on training photos kept from the probe."""
    flush_denormals()
    torch.manual_seed(0)
    folder = find_backbone(options.backbone)
    backbone = load_backbone(folder)
    names = [name for name in class_names("voc2012") if name is not None]
    train = _some(open_set("voc2012", options.data_root, "train").items, 2 * options.photos)
    # The backbone was trained on both halves, the probe on one: the other shows how far the backbone overfits.
    taught, known = train[::2], train[1::2]
    tokens, masks = encode(backbone, folder, taught, options.size)
    labels = torch.from_numpy(np.stack([most_frequent(mask, len(mask) // _FINE) for mask in masks])).flatten()
    # Background is left out here as in `score`.
    labelled = (labels > 0) & (labels != VOID)
    probe = LinearProbe(tokens.flatten(0, 1)[labelled], labels[labelled].long() - 1, len(names))
    print(f"{len(taught)} photos taught, {options.size} px, mean IoU of classes in at least {_MIN_PHOTOS} photos")
    splits = {split: open_set("voc2012", options.data_root, split).items for split in ("development", "val")}
    for split, items in {"train, not taught": known, **splits}.items():
        matrix = score(probe, *encode(backbone, folder, _some(items, options.photos), options.size), len(names))
        iou = {n: value for n, value, count in zip(names, matrix.iou(), matrix.photos, strict=True) if count >= _SHOWN}
        print(f"{split:18s} pAcc {matrix.accuracy():.3f}  mIoU {matrix.mean_iou(range(len(names)), _MIN_PHOTOS):.3f}")
        print(" " * 19 + "  ".join(f"{name} {value:.2f}" for name, value in iou.items()))


def _some(items: Sequence[Item], count: int) -> list[Item]:
    # Seed 0: all backbones are measured on the same photos.
    chosen = np.random.default_rng(0).permutation(len(items))[:count]
    return [items[i] for i in chosen]


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="mini-clip", help="name or folder")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--size", type=positive, default=160, help="px of the squeezed photos")
    parser.add_argument("--photos", type=positive, default=1000, help="taught, and at most as many asked of each split")
    options = parser.parse_args(arguments)
    return run_for_person(lambda: measure(options))


if __name__ == "__main__":
    raise SystemExit(main())
