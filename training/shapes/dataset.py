"""The shapes data set on disk: scenes of `zsseg.synthetic` as PNG files, which `training.data.datasets` reads."""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from zsseg.synthetic import NAMES, render


def write_scenes(root: Path, counts: Mapping[str, int], seed: int = 0) -> Path:
    """Draw scenes into `root`/shapes, which `open_set("shapes", root, split)` reads; return that folder.

    Args:
        root: made if it does not exist.
        counts: number of scenes per split, "train" and "val".
        seed: of all scenes; the splits share no scene.
    """
    home = root / "shapes"
    # Sorted: a split's scenes must not depend on the order of `counts`.
    for number, (split, count) in enumerate(sorted(counts.items())):
        for folder in ("images", "masks"):
            (home / folder / split).mkdir(parents=True, exist_ok=True)
        for index in tqdm(range(count), f"scenes, {split}"):
            photo, mask = render(seed, number, index)
            Image.fromarray(photo).save(home / f"images/{split}/{index:05d}.png")
            Image.fromarray(mask).save(home / f"masks/{split}/{index:05d}.png")
    # Written last: its presence means that the scenes are complete.
    (home / "classes.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return home
