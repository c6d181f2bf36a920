"""Train a head of either method, inductive or transductive.

    python -m training.train --recipe zegclip_mini_inductive --data-root DATA
    torchrun --nproc-per-node 4 -m training.train --recipe zegclip_voc_inductive --data-root DATA --workers 4
    python -m training.train --list

--out (runs/NAME) holds the run: state.pt to resume from, train.csv, development.csv, curves.png, best.safetensors and
last.safetensors. At the end the weights chosen by the recipe are copied to --export as NAME.safetensors.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any, get_args

from training.core.assemble import Experiment, assemble
from training.core.dry_run import announcement, find_or_make_backbone, peak_memory, shortened, write_data
from training.core.engine import Evaluator, RunOptions, Trainer
from training.data.datasets import has_development, open_set
from training.data.sets.run_files import check_photos
from training.evaluation.protocol import Scores, build_protocol, evaluate_predictor, protocol_for, summarise
from training.recipes import Recipe, load_recipe, recipe_names
from training.recipes.papers.published import all_rows
from training.runtime.console import check_outputs, count, positive, positive_number, run_for_person, say, seed
from training.runtime.devices import DeviceContext, Precision, setup_device, teardown
from training.runtime.runlog import read_log
from zsseg.errors import UserError
from zsseg.models import SegmentationModel
from zsseg.predictor import Predictor
from zsseg.weights.checkpoint import load_checkpoint, save_checkpoint
from zsseg.weights.metadata import Metadata
from zsseg.weights.search import SUFFIX, find_backbone


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    options = _parser().parse_args(arguments)
    if options.list:
        print(all_rows())
        return 0
    return run_for_person(lambda: dry_run(options) if options.dry_run else train(options))


def train(options: argparse.Namespace) -> Path | None:
    """Train; return the exported checkpoint, or None if this process exports none or the run did not end.

    Raises:
        UserError: the options contradict each other, --out holds a run already, or files cannot be read or written.
    """
    recipe = chosen_recipe(options)
    # First: denormals are flushed before any thread starts.
    context = setup_device(recipe.precision, options.device)
    # Each process would measure its own speed and plan another end.
    if options.minutes is not None and context.world_size > 1:
        raise UserError("--minutes works in one process only: give --iters under torchrun.")
    folder = find_backbone(options.backbone) if options.backbone else None
    out = options.out or Path("runs") / recipe.name
    check_outputs(out / "state.pt", options.export / f"{recipe.name}{SUFFIX}")
    experiment = assemble(recipe, options.data_root, folder, options.features, str(context.device))
    if not options.resume and (out / "state.pt").exists():
        raise UserError(f"{out} holds a run already: add --resume to continue it, or choose another --out.")
    evaluator = development_evaluator(recipe, options.data_root, context)
    trainer = Trainer(experiment, run_options(options, out), context, evaluator)
    progress = trainer.run()
    # Before the export, which the main process makes alone.
    teardown(context)
    if not context.is_main or progress.iteration < progress.iters:
        return None
    return export(experiment, out, options.export)


def dry_run(options: argparse.Namespace) -> dict[str, Any]:
    """Build everything for a recipe and run two iterations on synthetic data; return the scores, which mean nothing.

    Raises:
        UserError: something does not fit or is not installed.
    """
    # Without --batch, so that the announcement compares with the recipe's own.
    whole = chosen_recipe(argparse.Namespace(**{**vars(options), "batch": None}))
    context = setup_device(whole.precision, options.device)
    # One photo for each device, unless --batch asks for more.
    recipe = shortened(whole, options.batch or context.world_size)
    say(context, announcement(whole, recipe))
    with tempfile.TemporaryDirectory(prefix="zsseg-dry-run-") as name:
        folder = Path(name)
        write_data(recipe, folder)
        backbone = find_or_make_backbone(options.backbone or recipe.backbone, folder)
        experiment = assemble(recipe, folder, backbone, folder / "features")
        say(context, f"Encoding {len(experiment.metadata.seen) + len(experiment.metadata.unseen)} names.")
        how = dataclasses.replace(run_options(options, folder / "run"), resume=False, minutes=None)
        trainer = Trainer(experiment, how, context)
        progress = trainer.run()
        say(context, "Segmenting one photo as the evaluation does.")
        photos = open_set(recipe.sources[0].name, folder, "trainval")
        predictor = Predictor(trainer.model, experiment.metadata, str(context.device))
        protocol = protocol_for(photos, experiment.metadata)
        # A minimum of 1: one photo has to give scores.
        scores = summarise(evaluate_predictor(predictor, photos.items[:1], protocol, recipe.seen_penalty), protocol, 1)
        teardown(context)
        losses = [row["total"] for row in read_log(folder / "run/train.csv")] if context.is_main else []
    trained = sum(parameter.numel() for parameter in trainer.model.parameters())
    say(
        context,
        f"{recipe.name}: dry run passed, {progress.iteration} iterations of {recipe.batch} photos of {recipe.size} px, "
        f"losses {losses}, {trained:,} parameters{peak_memory(context.device)}.",
    )
    return scores.as_dict()


def run_options(options: argparse.Namespace, out: Path) -> RunOptions:
    """The options of the command line that belong to the run in `out` and not to the recipe."""
    return RunOptions(
        out, options.resume, options.minutes, options.workers, options.accumulate, options.checkpoint_activations,
        options.save_seconds,
    )  # fmt: skip


def chosen_recipe(options: argparse.Namespace) -> Recipe:
    """Return the recipe with the changes of the options `data`, `iters`, `batch`, `seed` and `precision`.

    Raises:
        UserError: there is no such recipe.
    """
    recipe = load_recipe(options.recipe)
    if options.data is not None:
        # `unseen=None` takes the new set's own list; the recipe's names belong to another set.
        source = dataclasses.replace(recipe.sources[0], name=options.data, weight=1.0, unseen=None)
        # Under another name, so that neither run nor checkpoint replaces the recipe's own.
        recipe = dataclasses.replace(recipe, name=f"{recipe.name}_{options.data}", sources=(source,))
    changes = {name: getattr(options, name) for name in ("iters", "batch", "seed", "precision")}
    return dataclasses.replace(recipe, **{name: value for name, value in changes.items() if value is not None})


def development_evaluator(recipe: Recipe, data_root: Path, context: DeviceContext) -> Evaluator | None:
    """Return an evaluator on development photos of the recipe's first data set.

    All class names compete, the unseen ones too, but only labels that training may use count: those of seen classes
    and, as "unseen", those of the classes that the recipe holds out. So no unseen label decides which weights are kept.
    None, after a message, if the data set is too small to have development photos.
    """
    source = recipe.sources[0]
    if not has_development(source.name, data_root):
        print(f"{source.name} has no development photos: there is no evaluation during training.")
        return None
    photos = open_set(source.name, data_root, "development")
    seen, unseen = photos.split_names(source.unseen)
    held = tuple(n for n in seen if n in recipe.held_out)
    protocol = build_protocol(photos.raw_names, [n for n in seen if n not in held], held + unseen, hide=unseen)
    items = photos.items[: recipe.eval_photos]
    # A missing file is found before the first iteration, not at the first evaluation.
    check_photos(photos, items)

    def look(model: SegmentationModel, metadata: Metadata) -> Scores:
        predictor = Predictor(model, metadata, str(context.device))
        return summarise(evaluate_predictor(predictor, items, protocol, recipe.seen_penalty), protocol)

    return look


def export(experiment: Experiment, out: Path, folder: Path) -> Path:
    """Copy the weights chosen by the recipe ("last" or "best") to the checkpoint folder, with their scores."""
    # The backbone at hand goes along, so that it is not read again.
    model, metadata = load_checkpoint(
        out / f"{experiment.recipe.ship}.safetensors",
        {experiment.metadata.backbone_sha256: experiment.model.backbone},
    )
    path = folder / f"{experiment.metadata.name}.safetensors"
    # The run's files are called "last" and "best"; the export has the recipe's name.
    metadata = dataclasses.replace(metadata, name=experiment.metadata.name)
    save_checkpoint(model, metadata, path, pack=experiment.recipe.pack)
    data = experiment.recipe.sources[0].name
    print(f"{path} is done. Evaluate it: python -m training.evaluate --checkpoint {path} --data {data} --root DATA")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.train", description=__doc__.split("\n")[0] if __doc__ else None)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--recipe", help=f"one of {', '.join(recipe_names())}")
    what.add_argument(
        "--list", action="store_true", help="print the papers' rows: published scores, command, projected hours"
    )
    parser.add_argument("--data", help="train on this data set alone, e.g. the folder name of your own data")
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="folder that holds the data sets (data)")
    parser.add_argument("--out", type=Path, help="folder of the run (runs/NAME)")
    parser.add_argument("--export", type=Path, default=Path("checkpoints"), help="folder of the result (checkpoints)")
    parser.add_argument(
        "--dry-run", action="store_true", help="build all, two iterations on synthetic data, keep nothing"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--seed", type=seed, help="overrides the recipe's")
    parser.add_argument("--iters", type=positive, help="overrides the recipe's")
    parser.add_argument("--minutes", type=positive_number, help="shorten the schedule to this wall time in minutes")
    parser.add_argument("--backbone", help="folder or name of a backbone; overrides the recipe's")
    parser.add_argument(
        "--features", type=Path, default=Path("runs/features"), help="cached views of the photos (runs/features)"
    )
    parser.add_argument("--workers", type=count, default=0, help="processes that make batches (0: the main process)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if available)")
    _add_scale(parser)
    return parser


def _add_scale(parser: argparse.ArgumentParser) -> None:
    """Options of memory and speed."""
    parser.add_argument(
        "--batch", type=positive, help="photos per batch, over all devices; overrides the recipe's (dry run: 1 each)"
    )
    parser.add_argument("--precision", choices=get_args(Precision), help="overrides the recipe's")
    parser.add_argument(
        "--accumulate", type=positive, default=1, metavar="N", help="take each batch in N pieces, for less memory (1)"
    )
    parser.add_argument(
        "--checkpoint-activations", action="store_true", help="compute encoder layers twice, for less memory"
    )
    parser.add_argument(
        "--save-seconds", type=positive_number, default=180.0, metavar="S", help="time between writes of state.pt (180)"
    )


if __name__ == "__main__":
    raise SystemExit(main())
