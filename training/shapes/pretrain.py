"""Trains the backbone for the shapes data set: captions of regions for every patch, and captions of whole crops.

    python -m training.shapes.pretrain --data-root runs/shapes --out runs/shapes/weights/shapes-clip --minutes 7

The caption of a region is its class name or a part of it ("red star", "striped"). Labels are made by
`training.data.labels`, as for the heads: the backbone is trained on no pixel and no caption of an unseen class.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.batches import Batch, BatchStream, Part
from training.data.datasets import open_set
from training.data.splits import split_names
from training.data.transforms import Augmentation
from training.pretraining.text_encoder import encode_short
from training.runtime.budget import TimeBudget
from training.runtime.console import positive, positive_number, run_for_person
from training.runtime.devices import DeviceContext, setup_device
from training.runtime.loop import StepLoop
from training.runtime.runlog import RunLog
from training.runtime.schedules import poly_lr
from training.shapes import shapes_clip
from training.shapes.captions import WORDS, Captions, captions_of, cell_shares, cross_entropy, recolour
from training.shapes.trainable_encoder import TrainableEncoder
from zsseg.models.backbone import build_clip
from zsseg.open_clip_compat import OpenClip, import_open_clip
from zsseg.synthetic import GROUND
from zsseg.weights.backbone import save_backbone

_SHAPE_TERM = 3  # index of "shape" in _TERMS
_LOG_EVERY = 25
# In the order of a step's captions: full names, three words, a pair; then the terms of other kinds.
_TERMS = ("names", "texture", "colour", "shape", "pairs", "whole", "stem")


@dataclass(frozen=True)
class ShapesRecipe:
    """Hyper-parameters.

    Attributes:
        iters: iterations.
        batch: crops per iteration, as large as the inference window.
        scale: range of a scene's short side before cropping, as a multiple of the window.
        temperature: of the softmax over captions.
        whole: weight of the loss of whole crops.
        shape: weight of the losses of the shape word, which is learnt last.
        stem_first: share of the iterations in which only the stem is trained, at half the cost of an iteration.
        recoloured: share of the crops with permuted colour channels; their captions name no colour. Without them the
            encoder learns which shapes each colour has among the seen classes, and recognises no other combination.
        ground: weight of a ground patch; a patch of a shape has weight 1.
        lr: peak learning rate.
        weight_decay: of AdamW.
        warmup: iterations of linear warm-up.
        templates: prompt templates of the captions.
        seed: of all random choices.
    """

    # An upper limit: 7.5 minutes of one core are some 1,900 (training/LOG_shapes.md).
    iters: int = 9000
    batch: int = 12
    scale: tuple[float, float] = (1.0, 1.25)
    temperature: float = 0.07
    whole: float = 0.2
    shape: float = 2.0
    stem_first: float = 0.3
    recoloured: float = 0.5
    ground: float = 0.25
    lr: float = 3e-3
    weight_decay: float = 0.03
    warmup: int = 50
    templates: tuple[str, ...] = ("{}", "a {}", "a photo of a {}")
    seed: int = 0


def build_optimizer(module: nn.Module, recipe: ShapesRecipe) -> torch.optim.Optimizer:
    """AdamW with weight decay on matrices only, not on embeddings, norms and biases."""
    named = list(module.named_parameters())
    groups = [
        {
            "params": [p for name, p in named if (p.ndim > 1 and "embedding" not in name) is decays],
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for decays in (True, False)
    ]
    # CLIP's own betas.
    return torch.optim.AdamW(groups, recipe.lr, betas=(0.9, 0.98), fused=True)


class ShapesRun:
    """One training run.

    Args:
        clip: the untrained model; its image encoder has a trainable stem until `finish`.
        part: training scenes and seen class names.
        recipe: hyper-parameters.
        context: device and precision.
    """

    def __init__(self, clip: OpenClip, part: Part, recipe: ShapesRecipe, context: DeviceContext) -> None:
        self.clip, self.part, self.recipe, self.context = clip, part, recipe, context
        config = shapes_clip.CONFIG
        self.encoder = TrainableEncoder(clip.visual, config["stem"], config["stem_dilations"])
        self.patch = int(clip.visual.patch_size[0])
        self.captions = captions_of(part.seen)
        # Ground fills most of a scene and is learnt first.
        self.balance = torch.tensor([recipe.ground if name == GROUND else 1.0 for name in part.seen])
        self.tokenize = import_open_clip().tokenizer.SimpleTokenizer(context_length=clip.context_length)
        # (B, N, W) -> every single word. Only `clip` is exported: this layer goes with the training.
        self.stem_words = nn.Linear(len(clip.visual.class_embedding), sum(len(c.phrases) for c in self.words()))
        self.trained = nn.ModuleList([clip, self.stem_words]).to(context.device).train()
        self.optimizer = build_optimizer(self.trained, recipe)

    def step(self, batch: Batch, iteration: int, iters: int) -> dict[str, float]:
        """Take one optimizer step; return the loss terms."""
        for group in self.optimizer.param_groups:
            group["lr"] = poly_lr(iteration, iters, self.recipe.lr, power=1.0, warmup=self.recipe.warmup)
        self.optimizer.zero_grad(set_to_none=True)
        only_stem = iteration < self.recipe.stem_first * iters
        # Seeds 0 to 2 belong to the batches.
        terms = self.losses(batch, np.random.default_rng([self.recipe.seed, 3, iteration]), only_stem)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.trained.parameters(), 1.0)
        self.optimizer.step()
        return {name: float(term.detach()) for name, term in terms.items()}

    def losses(self, batch: Batch, rng: np.random.Generator, only_stem: bool = False) -> dict[str, Tensor]:
        """Return the loss terms of one batch by name, as in `_TERMS`; with `only_stem` only "stem"."""
        shares = cell_shares(batch.labels, len(self.part.seen), self.patch).to(self.context.device)  # (B, N, K)
        pixels, true_colours = recolour(batch.inputs.to(self.context.device), self.recipe.recoloured, rng)
        with torch.autocast(self.context.device.type, torch.bfloat16, enabled=self.context.autocast):
            embedded = self.encoder.embedded(pixels)  # (B, 1 + N, W)
        terms = {} if only_stem else self._encoder_losses(embedded, shares, true_colours, rng)
        return terms | {"stem": self._stem_loss(embedded[:, 1:], shares, true_colours)}

    def _encoder_losses(
        self, embedded: Tensor, shares: Tensor, true_colours: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Losses of the full encoder: captions of each patch, class names of the whole crop."""
        present = (shares.sum(1) > 1).float()  # (B, K); a class counts as present from an area of one patch
        # The pairs stand last; one of them a step, by chance.
        pair = len(self.captions) - 1 - int(rng.integers(WORDS))
        sets = [self.captions[i] for i in (*range(1 + WORDS), pair)]
        with torch.autocast(self.context.device.type, torch.bfloat16, enabled=self.context.autocast):
            joint = self.encoder.finished(embedded) @ self.clip.visual.proj  # (B, 1 + N, D)
            texts = self._encode([captions.phrases for captions in sets], rng)
        joint = F.normalize(joint.float(), dim=-1)
        losses = [
            self._caption_loss(joint[:, 1:], text, self._caption_shares(captions, shares, true_colours))
            for text, captions in zip(texts, sets, strict=True)
        ]
        losses[_SHAPE_TERM] = self.recipe.shape * losses[_SHAPE_TERM]
        # A full name says the colour, so recoloured crops do not count.
        whole = self._caption_loss(joint[:, 0], texts[0], present * true_colours[:, None])
        # Not strict: the name "stem" is left over.
        return dict(zip(_TERMS, [*losses, self.recipe.whole * whole], strict=False))

    def _stem_loss(self, patches: Tensor, shares: Tensor, true_colours: Tensor) -> Tensor:
        """Loss of a linear classifier of single words on the stem's patches (B, N, W)."""
        sets = self.words()
        # (B, N, all words) -> (B, N, P) for each kind of word.
        logits = self.stem_words(patches.float()).split([len(captions.phrases) for captions in sets], dim=-1)
        losses = [
            cross_entropy(some, self._caption_shares(c, shares, true_colours))
            for some, c in zip(logits, sets, strict=True)
        ]
        # The last kind is the shape.
        losses[-1] = self.recipe.shape * losses[-1]
        return torch.stack(losses).sum()

    def _caption_shares(self, captions: Captions, shares: Tensor, true_colours: Tensor) -> Tensor:
        """Weighted share of each caption in each patch (B, N, P); 0 for captions with a colour of a recoloured crop."""
        weight = self.balance.to(shares)
        if captions.coloured:
            weight = weight * true_colours[:, None, None]
        # (B, N, K) @ (K, P) -> (B, N, P)
        return shares * weight @ captions.says.to(shares)

    def _encode(self, sets: Sequence[Sequence[str]], rng: np.random.Generator) -> list[Tensor]:
        """Unit vectors (P, D) of each set of captions, all with one random template."""
        template = self.recipe.templates[rng.integers(len(self.recipe.templates))]
        words = [phrase.split() for phrases in sets for phrase in phrases]
        tokens = self.tokenize([template.format(" ".join(some)) for some in words]).to(self.context.device)
        # Captions are short: most of the text encoder's 16 places would be padding.
        vectors = F.normalize(encode_short(self.clip, tokens).float(), dim=-1)
        return list(torch.split(vectors, [len(phrases) for phrases in sets]))

    def _caption_loss(self, tokens: Tensor, text: Tensor, shares: Tensor) -> Tensor:
        """Cross-entropy of unit vectors (..., D) against the shares (..., P) of the captions (P, D)."""
        return cross_entropy(tokens @ text.T / self.recipe.temperature, shares)

    def words(self) -> list[Captions]:
        """Return the one-word captions: textures, colours, shapes."""
        return self.captions[1 : 1 + WORDS]

    def finish(self) -> OpenClip:
        """Return the trained model with its stem folded, as it is exported."""
        self.clip.visual.conv1 = self.encoder.folded_stem()
        return self.clip.cpu().eval()


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: pretrain(_parser().parse_args(arguments)))


def pretrain(options: argparse.Namespace) -> Path:
    """Train and write the backbone's folder; return it."""
    recipe = ShapesRecipe() if options.iters is None else ShapesRecipe(iters=options.iters)
    context = setup_device("auto", options.device)
    torch.manual_seed(recipe.seed)
    seen, unseen = split_names("shapes")
    part = Part(open_set("shapes", options.data_root, "train"), seen, unseen)
    run = ShapesRun(build_clip(shapes_clip.CONFIG), part, recipe, context)
    options.out.mkdir(parents=True, exist_ok=True)
    log = RunLog(options.out.with_suffix(".csv"), _TERMS, 0)
    follow(run, _stream(part, recipe), options.minutes, log)
    save_backbone(run.finish(), shapes_clip.CONFIG, options.out, pack=True)
    print(f"{options.out}: evaluate it with python -m training.evaluate --baseline {options.out} --data shapes")
    return Path(options.out)


def _stream(part: Part, recipe: ShapesRecipe) -> BatchStream:
    config = shapes_clip.CONFIG
    mean, std = ((255 * v[0], 255 * v[1], 255 * v[2]) for v in map(config["preprocess_cfg"].get, ("mean", "std")))
    # No photometric distortion: colours are part of the class names.
    how = Augmentation(config["model_cfg"]["vision_cfg"]["image_size"], recipe.scale, False, mean, std)
    return BatchStream((part,), how, recipe.batch, recipe.iters, seed=recipe.seed)


def follow(run: ShapesRun, stream: BatchStream, minutes: float | None, log: RunLog) -> int:
    """Train to the end of the recipe or of the time budget; return the number of iterations."""
    loop = StepLoop(run.recipe.iters, budget=TimeBudget(minutes, run.recipe.iters))
    for step in loop:
        terms = run.step(stream[step], step, loop.total)
        if step % _LOG_EVERY == 0:
            log.write(step, terms)
            loop.show(terms)
    return loop.done


def _parser() -> argparse.ArgumentParser:
    about = __doc__.split("\n")[0] if __doc__ else None
    parser = argparse.ArgumentParser(prog="training.shapes.pretrain", description=about)
    parser.add_argument("--data-root", type=Path, default=Path("runs/shapes"), help="folder that holds shapes/")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/shapes/weights/shapes-clip"), help="folder of the backbone"
    )
    parser.add_argument("--minutes", type=positive_number, help="shorten the schedule to this wall time in minutes")
    parser.add_argument("--iters", type=positive, help="overrides the recipe's")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if available)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
