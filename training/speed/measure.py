"""The measurements of `python -m training.bench`: steps of both methods, the loader, the papers' recipes."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from training.core.assemble import build_parts
from training.data.batches import BatchStream
from training.data.sets.known import DATA_SETS
from training.data.sets.synthetic import write_synthetic
from training.data.transforms import Augmentation
from training.recipes import Recipe, load_recipe, recipe_names
from training.speed.device import (
    StepPrecision,
    forget_peak,
    peak_gb,
    precisions,
    product_precision,
    seconds_on,
)
from training.speed.step import PHASES, Step, StepSpec
from zsseg.bench.timing import gflop_of
from zsseg.layers.imagenet import MEAN_255, STD_255
from zsseg.models import Backbone

METHODS = ("zegclip", "clip_rc")
_PAPERS_BACKBONE = "ViT-B-16"
_WARM, _TIMED, _PROFILED = 2, 5, 2
# Short side of the photos that the loader decodes: PASCAL VOC's are 500 x 375 or near it.
_PHOTO_SIDE = 375
_LOADED = 6  # batches


@dataclasses.dataclass(frozen=True)
class Bench:
    """What all measurements share.

    Attributes:
        backbone: on the device to measure.
        product_gflops: of the device's matrix products, by precision.
        resize: gives a recipe the size of the backbone and of the batches to measure.
        deadline: on `time.monotonic`: no measurement begins after it.
    """

    backbone: Backbone
    product_gflops: dict[str, float]
    resize: Callable[[Recipe], Recipe]
    deadline: float

    @property
    def device(self) -> torch.device:
        """The device to measure."""
        device: torch.device = self.backbone.visual.proj.device
        return device

    def has_time(self) -> bool:
        """Whether another measurement may begin."""
        return time.monotonic() < self.deadline

    def recipe(self, name: str) -> Recipe:
        """A recipe, at the size to measure."""
        return self.resize(load_recipe(name))


def measure_methods(bench: Bench) -> Iterator[dict[str, Any]]:
    """A step of each method's inductive recipe for PASCAL VOC, in every precision of the device."""
    for method in METHODS:
        spec = StepSpec(bench.recipe(f"{method}_voc_inductive"))
        gflop = gflop_of(Step(spec, bench.backbone, autocast=False).run)
        for precision, channels_last in [*((one, False) for one in precisions(bench.device)), ("bf16", True)]:
            if bench.has_time():
                yield _measure_step(bench, spec, precision, gflop, channels_last)


def _measure_step(
    bench: Bench, spec: StepSpec, precision: StepPrecision, gflop: float, channels_last: bool
) -> dict[str, Any]:
    forget_peak(bench.device)
    with product_precision(precision):
        step = Step(spec, bench.backbone, precision == "bf16", channels_last=channels_last)
        seconds = seconds_per_step(step, _WARM, _TIMED)
        memory = peak_gb(bench.device)
        phases = [step.phases() for _ in range(_PROFILED)]
    medians = {phase: statistics.median(taken[phase] for taken in phases) for phase in PHASES}
    rate = gflop / seconds
    return {
        "recipe": spec.recipe.name,
        "precision": precision,
        "channels_last": channels_last,
        "photos": spec.recipe.batch,
        "classes": len(step.part.seen),
        "seconds": seconds,
        "photos_per_second": spec.recipe.batch / seconds,
        "peak_gb": memory,
        "gflop": gflop,
        "tflops": rate / 1e3,
        "mfu": rate / bench.product_gflops[precision],
        "shares": {phase: medians[phase] / sum(medians.values()) for phase in PHASES},
    }


def seconds_per_step(step: Step, warm: int, timed: int) -> float:
    """The mean of `timed` steps without a wait between them, as in training, after `warm` others."""
    for _ in range(warm):
        step.run()

    def several() -> None:
        for _ in range(timed):
            step.run()

    return seconds_on(step.device, several) / timed


def measure_operators(bench: Bench, number: int) -> dict[str, list[dict[str, Any]]]:
    """The operators that take most of a step's time under bf16, and their shares of it, by recipe.

    Args:
        bench: what to measure.
        number: how many of them, from the slowest on.
    """
    found = {}
    for method in METHODS:
        spec = StepSpec(bench.recipe(f"{method}_voc_inductive"))
        step = Step(spec, bench.backbone, autocast=True)
        step.run()
        found[spec.recipe.name] = _slowest(step, number)
    return found


def _slowest(step: Step, number: int) -> list[dict[str, Any]]:
    on_gpu = step.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as watched:
        seconds_on(step.device, step.run)
    events = watched.key_averages()
    # Without the operators that a listed one calls: each moment counts once.
    taken = {event.key: event.self_device_time_total if on_gpu else event.self_cpu_time_total for event in events}
    whole = sum(taken.values())
    slowest = sorted(taken, key=lambda key: -taken[key])[:number]
    return [{"operator": key, "share": taken[key] / whole} for key in slowest]


def measure_recipes(bench: Bench) -> Iterator[dict[str, Any]]:
    """Every paper recipe: the seconds of its steps under bf16, and the hours of all of them on this device alone.

    A batch of another size than the recipe's is taken to need seconds in proportion to its photos.
    """
    known: dict[tuple[object, ...], dict[str, Any]] = {}
    for name in recipe_names():
        if load_recipe(name).backbone != _PAPERS_BACKBONE:
            continue
        recipe = bench.recipe(name)
        stages = _stages(recipe)
        for spec, _ in stages:
            if spec.key not in known and bench.has_time():
                known[spec.key] = _fitting_step(bench, spec)
        found = [known.get(spec.key) for spec, _ in stages]
        batches = load_recipe(name).batch / recipe.batch
        yield {"recipe": name, "iterations": recipe.iters, **_hours(recipe.iters * batches, stages, found)}


def _stages(recipe: Recipe) -> Sequence[tuple[StepSpec, float]]:
    """The kinds of step in a recipe, and their shares of its iterations."""
    # Its first stage is the inductive recipe's: no unseen name is asked, and hidden pixels are void.
    first = StepSpec(dataclasses.replace(recipe, setting="inductive"))
    if recipe.setting != "transductive":
        return ((first, 1.0),)
    start = recipe.self_training_from
    return ((first, start), (StepSpec(recipe, self_training=True), 1 - start))


def _hours(
    steps: float, stages: Sequence[tuple[StepSpec, float]], found: Sequence[dict[str, Any] | None]
) -> dict[str, Any]:
    # A stage that was not measured leaves the recipe without a projection.
    if any(step is None or step["seconds"] is None for step in found):
        return {"steps": found, "hours": None}
    seconds = sum(share * step["seconds"] for (_, share), step in zip(stages, found, strict=True) if step)
    return {"steps": found, "hours": seconds * steps / 3600}


def _fitting_step(bench: Bench, spec: StepSpec) -> dict[str, Any]:
    """Seconds and memory of a step, in as few pieces as the device's memory allows."""
    pieces = 1
    while pieces <= spec.recipe.batch:
        # The tensors of a failed try are released with the error, before the next.
        with suppress(torch.OutOfMemoryError):
            forget_peak(bench.device)
            step = Step(spec, bench.backbone, autocast=True, pieces=pieces)
            return {"seconds": seconds_per_step(step, 1, 3), "pieces": pieces, "peak_gb": peak_gb(bench.device)}
        pieces *= 2
    return {"seconds": None, "pieces": None, "peak_gb": None}


def measure_loader(recipe: Recipe) -> dict[str, float]:
    """Photos per second that one process decodes, crops and distorts for a recipe, from synthetic files."""
    with tempfile.TemporaryDirectory(prefix="zsseg-loader-") as name:
        root = Path(name)
        write_synthetic(DATA_SETS[recipe.sources[0].name], root, photos=4, side=_PHOTO_SIDE)
        how = Augmentation(recipe.size, recipe.scale, recipe.photometric, MEAN_255, STD_255, recipe.antialias)
        # Without a cache: in the first epoch every photo is decoded.
        stream = BatchStream(build_parts(recipe, root), how, recipe.batch, _LOADED, seed=0, cache_bytes=0)
        stream[0]
        began = time.perf_counter()
        for index in range(1, _LOADED):
            stream[index]
        seconds = time.perf_counter() - began
    return {"photos_per_second": (_LOADED - 1) * recipe.batch / seconds}
