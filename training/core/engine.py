"""The training loop of both methods: one class that owns a run, from its first batch to its last checkpoint.

Batch i, its dropout and its learning rate are functions of (recipe, seed, i), so that a run which was interrupted
and resumed ends with the same weights as one which was not.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset

from training.core.accumulate import add_gradients
from training.core.assemble import Experiment, text_vectors
from training.core.objective import Objective
from training.core.optim import MovingAverage, build_optimizer
from training.core.state import Progress, read_state, remove_partial, restore, save_state
from training.data.batches import CACHE_BYTES, Batch, BatchStream
from training.data.cached_batches import CachedBatchStream
from training.evaluation.plots import plot_run
from training.evaluation.protocol import Scores
from training.runtime.budget import TimeBudget
from training.runtime.devices import DeviceContext
from training.runtime.loop import StepLoop
from training.runtime.runlog import RunLog
from training.runtime.schedules import poly_lr
from zsseg.models import SegmentationModel
from zsseg.weights.checkpoint import save_checkpoint
from zsseg.weights.metadata import Metadata

STATE_FILE = "state.pt"
_LOG_EVERY = 20
_LOSSES = ("focal", "dice", "cross_entropy", "recovery")

Evaluator = Callable[[SegmentationModel, Metadata], Scores]


@dataclass(frozen=True)
class RunOptions:
    """Options of one invocation (paths, resume, time limit), not hyper-parameters.

    Attributes:
        out: folder of the run.
        resume: go on from its state.
        minutes: time budget; see `training.runtime.budget`.
        workers: processes that make batches; 0 makes them in this one, best where cores are few.
        accumulate: forward and backward passes per batch; more need less memory and give the same gradients.
        checkpointing: keep only the input of each encoder layer and run the layer again for its gradients: less memory,
            more time, the same weights.
        save_seconds: time between two writes of the state.
        stop_at: leave after this iteration, state saved, as if interrupted; for tests.
    """

    out: Path
    resume: bool = False
    minutes: float | None = None
    workers: int = 0
    accumulate: int = 1
    checkpointing: bool = False
    save_seconds: float = 180.0
    stop_at: int | None = None


class Trainer:
    """One run.

    Args:
        experiment: what to train.
        options: where, and for how long.
        context: device, rank, precision.
        evaluator: looks at the development split, or None to train without looking.
    """

    def __init__(
        self, experiment: Experiment, options: RunOptions, context: DeviceContext, evaluator: Evaluator | None = None
    ) -> None:
        self.experiment, self.options, self.context, self.evaluator = experiment, options, context, evaluator
        self.recipe = recipe = experiment.recipe
        self.model = experiment.model.to(context.device).train()
        self.model.backbone.visual.set_grad_checkpointing(options.checkpointing)
        # Once: the text encoder is frozen. The released code reads a file in each forward pass (zegclip.py:175, 200).
        self.texts = [
            text_vectors(self.model.backbone, (*p.seen, *p.unseen), recipe.templates) for p in experiment.parts
        ]
        objective = Objective(self.model, recipe, context.autocast)
        self.objective: nn.Module = objective
        if context.world_size > 1:
            # Without its loss, the recovery decoder has no gradient to wait for.
            unused = self.model.has_recovery and recipe.recovery == 0
            self.objective = DistributedDataParallel(objective, find_unused_parameters=unused)
        self.optimizer = build_optimizer(self.model, recipe)
        self.average = MovingAverage(self.model, recipe.ema) if recipe.ema > 0 else None
        self.progress = Progress(0, recipe.iters)
        self.options.out.mkdir(parents=True, exist_ok=True)
        if context.is_main:
            remove_partial(options.out / STATE_FILE)
        # Before the logs are opened: they keep the rows that lie before the restored iteration.
        if options.resume:
            self._restore()
        self.budget = TimeBudget(options.minutes, recipe.iters)
        start = self.progress.iteration
        self.log = RunLog(options.out / "train.csv", ("lr", *_LOSSES, "total", "grad_norm", "seconds"), start)
        columns = tuple(field.name for field in dataclasses.fields(Scores))
        self.development_log = RunLog(options.out / "development.csv", columns, start + 1)

    def run(self) -> Progress:
        """Train to the end (or to the interruption), leaving state, logs and weights in the run's folder."""
        progress, quiet = self.progress, not self.context.is_main
        last_save = time.monotonic()
        loop = StepLoop(progress.iters, progress.iteration, progress.elapsed, self.budget, quiet=quiet)
        for _, batch in zip(loop, self._batches(), strict=False):
            self._step(batch)
            loop.count()
            progress.iteration, progress.iters, progress.elapsed = loop.done, loop.total, loop.elapsed
            # The final evaluation follows the loop; here it would run twice where `eval_every` divides `iters`.
            if self._is_over():
                break
            if progress.iteration % self.recipe.eval_every == 0:
                self._evaluate()
            # By time, not by iterations: a step takes anything from a tenth of a second to several seconds.
            if time.monotonic() - last_save > self.options.save_seconds:
                self._save()
                last_save = time.monotonic()
        # Not after an interruption: the schedule has not ended, so these weights are not the recipe's.
        if progress.iteration >= progress.iters:
            self._evaluate()
        self._save()
        return progress

    def _is_over(self) -> bool:
        return self.progress.iteration >= min(self.progress.iters, self.options.stop_at or self.progress.iters)

    def _batches(self) -> Iterator[Batch]:
        recipe, context, start = self.recipe, self.context, self.progress.iteration
        # A resumed run that had ended: `run` only evaluates and saves again.
        if start >= self.progress.iters:
            return iter(())
        parts, how, cache = self.experiment.parts, self.experiment.augmentation(), self.experiment.features
        # Every worker has a copy of the stream, and thus a cache of its own: together they have what one may have.
        room = CACHE_BYTES // max(1, self.options.workers)
        share = {"seed": recipe.seed, "rank": context.rank, "world_size": context.world_size, "cache_bytes": room}
        # `recipe.iters`, not `progress.iters`: a time budget shortens the run but must not change its batches.
        stream = (
            BatchStream(parts, how, recipe.batch, recipe.iters, **share)
            if cache is None
            else CachedBatchStream(parts, how, recipe.batch, recipe.iters, cache, **share)
        )
        loader: DataLoader[Batch] = DataLoader(
            Subset(stream, range(start, recipe.iters)),
            # An item of the stream is a whole batch already.
            batch_size=None,
            num_workers=self.options.workers,
            persistent_workers=False,
        )
        return iter(loader)

    def _step(self, batch: Batch) -> None:
        """Take one optimizer step."""
        began, iteration = time.monotonic(), self.progress.iteration
        # Before the learning rate, which counts from the switch.
        self._enter_self_training()
        lr = self._set_learning_rate()
        self.optimizer.zero_grad(set_to_none=True)
        losses = self._add_gradients(batch)
        total = torch.stack(list(losses.values())).sum()
        # An infinite limit clips nothing, but the norm is still measured for the log.
        limit = float("inf") if self.recipe.clip_norm is None else self.recipe.clip_norm
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        if self.context.is_main and (iteration % _LOG_EVERY == 0 or iteration + 1 == self.progress.iters):
            # float() waits for the device, so losses are read at logged steps only.
            values = {name: float(loss) for name, loss in losses.items()}
            extra = {"lr": lr, "total": float(total), "grad_norm": float(norm)}
            self.log.write(iteration, {**values, **extra, "seconds": time.monotonic() - began})

    def _add_gradients(self, batch: Batch) -> dict[str, Tensor]:
        part, text, device = self.experiment.parts[batch.part], self.texts[batch.part], self.context.device
        # (K, D); unseen names come last, so an inductive step takes a slice and never sees their vectors.
        asked = text if self.progress.switch >= 0 else text[: len(part.seen)]
        there = Batch(batch.inputs.to(device), batch.labels.to(device), batch.part)
        # A seed of its own for every iteration and device makes dropout independent of where a run was resumed.
        # The factors exceed the iterations of any recipe and any number of devices: no two seeds are equal.
        seed = (self.recipe.seed * 1_000_003 + self.progress.iteration) * 1009 + self.context.rank
        return add_gradients(self.objective, there, asked, part, pieces=self.options.accumulate, seed=seed)

    def _enter_self_training(self) -> None:
        """Begin the second half: unseen names are predicted from here on, optimizer and schedule start again."""
        if self.recipe.setting != "transductive" or self.progress.switch >= 0:
            return
        # A share of `progress.iters`: where a time budget moves the end, it moves the switch too.
        if self.progress.iteration >= int(self.recipe.self_training_from * self.progress.iters):
            self.progress.switch = self.progress.iteration
            # AdamW's moments belong to the inductive loss. The released code starts a new run here, to the same effect.
            self.optimizer = build_optimizer(self.model, self.recipe)

    def _set_learning_rate(self) -> float:
        # `switch` is -1 before self-training.
        begun = max(0, self.progress.switch)
        lr = 0.0
        for group in self.optimizer.param_groups:
            group["lr"] = poly_lr(
                self.progress.iteration - begun,
                self.progress.iters - begun,
                group["peak_lr"],
                floor=self.recipe.min_lr,
                power=self.recipe.power,
                warmup=self.recipe.warmup,
            )
            # The other processes go on, and wait for this one at the gradients of the next step.
            lr = max(lr, group["lr"])
        return lr

    def _evaluate(self) -> None:
        """Evaluate the weights that would be shipped on the development split; keep them if they are the best."""
        if not self.context.is_main:
            return
        known: dict[str, float] = {}
        with self.average.applied() if self.average else nullcontext():
            if self.evaluator is not None:
                scores = self.evaluator(self.model, self.experiment.metadata)
                # The evaluator left the model in evaluation mode, where dropout is off.
                self.model.train()
                self.development_log.write(self.progress.iteration, scores.as_dict())
                # hIoU needs held-out names; without them seen names alone decide.
                score = scores.mIoU_seen if math.isnan(scores.hIoU) else scores.hIoU
                known = {f"development {k}": round(v, 4) for k, v in scores.as_dict().items() if not math.isnan(v)}
                if score > self.progress.best:
                    self.progress.best = score
                    self._write("best", known)
            # With or without an evaluator: a recipe may ship "last".
            self._write("last", known)
        plot_run(self.options.out)

    def _write(self, name: str, scores: dict[str, float]) -> None:
        metadata = dataclasses.replace(self.experiment.metadata, name=name, scores=scores)
        # Unpacked; `training.train.export` packs the one that is shipped.
        save_checkpoint(self.model, metadata, self.options.out / f"{name}.safetensors")

    def _save(self) -> None:
        if self.context.is_main:
            path = self.options.out / STATE_FILE
            save_state(path, self.recipe, self.progress, self.model, self.optimizer, self.average)

    def _restore(self) -> None:
        state = read_state(self.options.out / STATE_FILE, self.recipe)
        self.progress = restore(state, self.model, self.optimizer, self.average)
