"""Trains the text encoder: regression of the target embeddings of names (`training.pretraining.text_targets`)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.pretraining.text_targets import TextTargets
from training.runtime.devices import bf16_is_faster
from training.runtime.loop import StepLoop
from training.runtime.runlog import append_row
from training.runtime.saved import read_saved
from zsseg.errors import UserError
from zsseg.files import atomic_path
from zsseg.open_clip_compat import OpenClip

# The embedding of a name should not depend on the template. Inference uses the first one.
TEMPLATES = (
    "a photo of a {}",
    "{}",
    "a {}",
    "a photo of the {}",
    "a photo of a small {}",
    "there is a {} in the scene",
)


@dataclass(frozen=True)
class TextRecipe:
    """Hyper-parameters of the text encoder's training.

    Attributes:
        steps: iterations.
        batch: names per iteration.
        listed_share: share of each batch, 0..1, drawn from names that have a CLIP embedding of their own.
        lr: peak learning rate.
        weight_decay: of AdamW.
        temperature: of the contrastive softmax over the names of a batch.
        save_every: iterations between saved states.
        seed: of the batches.
    """

    steps: int
    batch: int = 384
    listed_share: float = 0.4
    lr: float = 2e-3
    weight_decay: float = 0.02
    temperature: float = 0.05
    save_every: int = 500
    seed: int = 0


class TextRun:
    """One resumable run.

    Args:
        clip: the model whose text encoder is trained.
        tokenize: texts to tokens (B, L) int64.
        targets: names and their target embeddings.
        recipe: hyper-parameters.
        folder: of `state.pt` and `log.csv`; a `state.pt` found there is resumed.
    """

    def __init__(
        self,
        clip: OpenClip,
        tokenize: Callable[[list[str]], Tensor],
        targets: TextTargets,
        recipe: TextRecipe,
        folder: Path,
    ) -> None:
        self.clip, self.tokenize, self.targets, self.recipe, self.folder = clip, tokenize, targets, recipe, folder
        self.parameters = [p for name, p in clip.named_parameters() if not name.startswith("visual.")]
        # The betas are CLIP's own.
        self.optimizer = torch.optim.AdamW(
            self.parameters, recipe.lr, (0.9, 0.98), weight_decay=recipe.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, recipe.lr, recipe.steps, pct_start=0.05)
        # Held-out names come among all names, with predicted vectors. Without them their words would stay
        # unlearnt: recall@10 .46 after 1,000 steps, .73 with them (training/LOG.md, first round).
        self.listed = np.flatnonzero(~targets.held_out)
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def train(self) -> None:
        """Train to the last iteration."""
        loop = StepLoop(self.recipe.steps, self.step)
        for _ in loop:
            loss = self._step()
            self.step += 1
            loop.show({"loss": loss})
            if self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps:
                self._save()
                self._write(loss)

    def _step(self) -> float:
        # A generator per step: a resumed run draws the batches of an uninterrupted one.
        rng = np.random.default_rng((self.recipe.seed, self.step))
        wanted = round(self.recipe.batch * self.recipe.listed_share)
        rows = np.concatenate(
            [rng.choice(self.listed, wanted), rng.choice(len(self.targets.names), self.recipe.batch - wanted)]
        )
        # Half of the texts have the template of inference.
        templates = rng.choice(TEMPLATES, len(rows), p=[0.5, *[0.1] * 5])
        texts = [template.format(self.targets.names[row]) for template, row in zip(templates, rows, strict=True)]
        wanted_vectors = torch.from_numpy(self.targets.vectors[rows])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_is_faster(torch.device("cpu"))):
            vectors = encode_short(self.clip, self.tokenize(texts))
        vectors = F.normalize(vectors.float(), dim=-1)
        # Synonyms and repeated names have one target: all of them are positives of each other.
        same = (wanted_vectors @ wanted_vectors.T > 0.999).float()
        log_shares = (vectors @ wanted_vectors.T / self.recipe.temperature).log_softmax(1)
        confusion = -(same / same.sum(1, keepdim=True) * log_shares).sum(1).mean()
        loss = (1 - (vectors * wanted_vectors).sum(1)).mean() + 0.1 * confusion
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        return float(loss.item())

    def _save(self) -> None:
        state = {
            "clip": {k: v for k, v in self.clip.state_dict().items() if not k.startswith("visual.")},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
            "recipe": asdict(self.recipe),
        }
        with atomic_path(self.folder / "state.pt") as partial:
            torch.save(state, partial)

    def _resume(self) -> None:
        if not (self.folder / "state.pt").exists():
            return
        path = self.folder / "state.pt"
        state = read_saved(path, ("recipe", "clip", "optimizer", "schedule", "step"))
        if _identity(state["recipe"]) != _identity(asdict(self.recipe)):
            raise UserError(f"{path} is of another recipe: delete it, or choose another --runs.")
        # Not strict, for the image encoder is no part of the state; anything else that is missing is an error.
        missing = self.clip.load_state_dict(state["clip"], strict=False)
        wrong = [*missing.unexpected_keys, *(k for k in missing.missing_keys if not k.startswith("visual."))]
        if wrong:
            raise ValueError(f"{self.folder / 'state.pt'} belongs to another text encoder: {wrong[:3]}")
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step = state["step"]

    def _write(self, loss: float) -> None:
        row = {"step": self.step, "loss": round(loss, 4), **retrieval(self.clip, self.tokenize, self.targets)}
        append_row(self.folder / "log.csv", row)


def _identity(recipe: dict[str, Any]) -> dict[str, Any]:
    """What decides the weights; how often they are saved does not."""
    return {name: value for name, value in recipe.items() if name != "save_every"}


def encode_short(clip: OpenClip, tokens: Tensor) -> Tensor:
    """Return the same (B, D) as open_clip's `encode_text` for tokens (B, L), without computing the padding."""
    # Padding is 0. Attention is causal, so what comes after a text's end cannot change it.
    length = int((tokens != 0).sum(1).max())
    tokens = tokens[:, :length]
    x = clip.token_embedding(tokens) + clip.positional_embedding[:length]  # (B, longest, W)
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel's backward pass is slow on short texts
        x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
    x = clip.ln_final(x)
    # The end mark has the largest id, as in open_clip.
    answers: Tensor = x[torch.arange(len(x)), tokens.argmax(1)] @ clip.text_projection
    return answers


@torch.inference_mode()
def retrieval(clip: OpenClip, tokenize: Callable[[list[str]], Tensor], targets: TextTargets) -> dict[str, float]:
    """Return recall@1 and recall@10 among all listed names, and the mean cosine, of held-out and of training names.

    A name is retrieved if CLIP's own embedding of it is among the nearest listed embeddings of the encoder's output
    for "a photo of a <name>".
    """
    texts = [TEMPLATES[0].format(name) for name in targets.names[: len(targets.own)]]
    return found(F.normalize(clip.encode_text(tokenize(texts)).float(), dim=-1), targets)


def found(answers: Tensor, targets: TextTargets) -> dict[str, float]:
    """Return recall@1, recall@10 and mean cosine of held-out and of training names.

    Args:
        answers: (L, JOINT_DIM) unit vectors predicted for the listed names.
        targets: the true embeddings.
    """
    cosines = answers @ torch.from_numpy(targets.own).T  # (L, L)
    own = cosines.diagonal()
    # How many listed names lie nearer than the right one.
    rank = (cosines > own[:, None]).sum(1)
    out = torch.from_numpy(targets.held_out)
    return {
        f"{name}_{key}": round(float(value[mask].float().mean()), 4)
        for name, mask in (("held_out", out), ("learnt", ~out))
        for key, value in (("recall1", rank < 1), ("recall10", rank < 10), ("cosine", own))
    }
