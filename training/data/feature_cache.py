"""Features of every view from the frozen networks of a `TrunkStem`, computed once and kept on disk.

A folder holds `views.json` and one array of fp16 features for each 256 views. It can be interrupted at any time and is
completed at the next call; it belongs to one list of views and one set of network weights.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training.data.views import PhotoFile, View, ViewPlan, draw_views
from training.runtime.devices import available_cores, bf16_is_faster
from zsseg.errors import UserError
from zsseg.files import atomic_path, write_text
from zsseg.layers import TrunkStem
from zsseg.layers.imagenet import MEAN, STD

# Views in a file: what an interruption can cost at most.
SHARD = 256
# A CPU gains nothing from more; a GPU waits for the pictures.
_BATCH, _BATCH_ON_GPU = 8, 64
_VIEWS_FILE = "views.json"


class FeatureCache:
    """Read-only view of a cache's folder.

    Args:
        folder: made by `fill_cache`; shards that are missing at the end are left out.

    Attributes:
        views: those that have features, in order.

    Raises:
        UserError: there is no cache in the folder.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / _VIEWS_FILE).is_file():
            raise UserError(f"There are no cached features in {folder}: run training.pretrain --part features first.")
        rows = json.loads((folder / _VIEWS_FILE).read_text(encoding="utf-8"))["views"]
        shards = [path for path in sorted(folder.glob("*.npy")) if path.stem.isdigit()]
        # Mapped, not read: the features of all views together need not fit the memory.
        self._arrays = {int(path.stem): np.load(path, mmap_mode="r") for path in shards}
        # A shard that another process has not finished is left out, and so are its views.
        self._rows = [i for i in range(len(rows)) if i // SHARD in self._arrays]
        self.views = [View.from_json(rows[i]) for i in self._rows]

    def __len__(self) -> int:
        return len(self.views)

    def features(self, index: int) -> np.ndarray:
        """Features (rows * columns, F) fp16 of a view."""
        shard, row = divmod(self._rows[index], SHARD)
        # asarray reads one row, (N, F), from the disk.
        return np.asarray(self._arrays[shard][row])

    def maps(self, indices: Sequence[int]) -> Tensor:
        """Features (B, F, rows, columns) fp32 of views on one grid."""
        grid = self.views[indices[0]].grid
        stacked = torch.from_numpy(np.stack([self.features(i) for i in indices])).float()  # (B, N, F)
        return stacked.transpose(1, 2).reshape(len(indices), -1, *grid)  # (B, F, h, w)


def fill_cache(
    folder: Path,
    photos: Iterable[tuple[str, PhotoFile]],
    plan: ViewPlan,
    stem: TrunkStem,
    part: tuple[int, int] = (0, 1),
) -> None:
    """Draw views of photos at the first call, and compute what is missing of their features at every call.

    Args:
        folder: of the cache; made where it does not exist.
        photos: (key, place) of each; every one must have a view in a folder that exists.
        plan: how views are drawn.
        stem: with its networks' weights and its fixed reduction, on the device that computes.
        part: this process's share (number, of how many): several processes with one thread each can work side by side.

    Raises:
        UserError: the folder holds features of other photos, another plan, or other networks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    views = _claim(folder, list(photos), plan, stem)
    number, parts = part
    # Every `parts`-th shard: processes need not speak with each other.
    shards = range(number, -(-len(views) // SHARD), parts)
    device = next(stem.parameters()).device
    batch = _BATCH if device.type == "cpu" else _BATCH_ON_GPU
    with ThreadPoolExecutor(available_cores()) as readers:
        for shard in tqdm([s for s in shards if not (folder / f"{s:05d}.npy").exists()], desc=folder.name):
            own = views[shard * SHARD : (shard + 1) * SHARD]
            rows = [
                _features(list(readers.map(View.rgb, own[i : i + batch])), stem, device)
                for i in range(0, len(own), batch)
            ]
            # Under its final name a shard is whole, so one that exists is never computed again.
            with atomic_path(folder / f"{shard:05d}.npy") as partial:
                np.save(partial, np.concatenate(rows))


@torch.inference_mode()
def _features(pictures: Sequence[np.ndarray], stem: TrunkStem, device: torch.device) -> np.ndarray:
    rgb = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2).float() / 255  # NHWC -> NCHW
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (MEAN, STD))
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16_is_faster(device)):
        maps = stem.trunk_features((rgb - mean) / std)  # (B, F, h, w)
    return maps.flatten(2).transpose(1, 2).half().cpu().numpy()  # (B, N, F)


def _claim(folder: Path, photos: list[tuple[str, PhotoFile]], plan: ViewPlan, stem: TrunkStem) -> list[View]:
    """Write the folder's list of views, or read it and check that it fits."""
    # JSON has no tuples: the plan has to equal itself after reading.
    made_for = {"trunks": _fingerprint(stem), "plan": dataclasses.asdict(plan) | {"scale": list(plan.scale)}}
    path = folder / _VIEWS_FILE
    if not path.exists():
        views = draw_views(photos, plan)
        write_text(path, json.dumps({**made_for, "views": [v.to_json() for v in views]}))
        return views
    document = json.loads(path.read_text(encoding="utf-8"))
    views = [View.from_json(row) for row in document.pop("views")]
    # More views than asked for are fine: several recipes can share a cache.
    if document != made_for or not {key for key, _ in photos} <= {view.key for view in views}:
        raise UserError(f"{folder} holds features of other photos, views or networks: delete it, or name another one.")
    return views


def _fingerprint(stem: TrunkStem) -> str:
    """sha256 of the weights that features depend on; those of `mix` come after the cache."""
    digest = hashlib.sha256()
    for name, value in stem.state_dict().items():
        if not name.startswith("mix."):
            digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
