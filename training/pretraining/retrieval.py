"""Retrieval of held-out names by the text encoder, compared with a bag of tokens.

    python -m training.pretraining.retrieval --backbone mini-clip --data-root DATA

recall@10: the share of names whose CLIP embedding is among the ten listed embeddings nearest to the prediction. The
bag of tokens sums one vector per token of the name, fitted by ridge regression to the same targets: the recall that
is possible without a transformer.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.pretraining.text_encoder import found, retrieval
from training.pretraining.text_targets import TextTargets, load_text_targets
from training.runtime.console import run_for_person
from zsseg.open_clip_compat import import_open_clip
from zsseg.weights.backbone import load_backbone
from zsseg.weights.search import find_backbone

_ITERATIONS = 100
_PADDING = 0


def bag_of_tokens(tokens: Tensor, targets: Tensor, asked: Tensor, penalty: float = 1.0) -> Tensor:
    """Fit one vector per token so that a name's tokens sum to its target; return the sums of other names.

    Args:
        tokens: (T, L) integers, 0 for padding.
        targets: (T, D).
        asked: (A, L), as `tokens`: the names to predict.
        penalty: of the ridge regression, above 0.

    Returns:
        (A, D) unit vectors; zero for a name without known tokens.
    """
    size = int(max(tokens.max(), asked.max())) + 1
    names, places = (tokens != _PADDING).nonzero(as_tuple=True)
    known = tokens[names, places]  # (number of tokens,); `names` holds the row of each

    # X' times `sums`: (T, D) -> (size, D). X itself, names times tokens, is never built.
    def back(sums: Tensor) -> Tensor:
        return torch.zeros(size, sums.shape[1]).index_add_(0, known, sums[names])

    vectors = torch.zeros(size, targets.shape[1])
    # Conjugate gradients on (X'X + penalty) V = X'Y, X = token counts per name, one system per target dimension.
    # The first guess is 0, so the first residual is X'Y.
    rest = back(targets)
    direction, power = rest.clone(), (rest**2).sum(0)
    for _ in range(_ITERATIONS):
        image = back(_sums(direction, tokens)) + penalty * direction
        # (D,): each dimension is a system with a step of its own. One that has converged would divide 0 by 0.
        step = power / (direction * image).sum(0).clamp(min=1e-12)
        vectors += step * direction
        rest -= step * image
        power, old = (rest**2).sum(0), power
        direction = rest + power / old.clamp(min=1e-12) * direction
    return F.normalize(_sums(vectors, asked), dim=-1)


def _sums(vectors: Tensor, tokens: Tensor) -> Tensor:
    """Sum the vectors (size, D) over each row of tokens (T, L): (T, D)."""
    return F.embedding_bag(tokens, vectors, mode="sum", padding_idx=_PADDING)


def bag_retrieval(tokenize: Callable[[list[str]], Tensor], targets: TextTargets) -> dict[str, float]:
    """Return the numbers of `retrieval` for the bag of tokens."""
    tokens = _bare(tokenize, targets.names)
    # The listed names come first.
    answers = bag_of_tokens(tokens, torch.from_numpy(targets.vectors), tokens[: len(targets.own)])
    return found(answers, targets)


def _bare(tokenize: Callable[[list[str]], Tensor], names: Sequence[str]) -> Tensor:
    """Tokens (T, L) without start and end marks."""
    tokens = tokenize(list(names))
    # Every row begins with the start mark, and the end mark has the largest id of CLIP's vocabulary.
    opening = tokens[:, :1]
    closing = tokens.max(1, keepdim=True).values
    bare = tokens.masked_fill((tokens == opening) | (tokens == closing), _PADDING)
    return bare[:, bare.any(0)]


def main(argv: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: report(_parser().parse_args(argv)))


def report(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Print and return recall and cosine of the text encoder and of the bag of tokens."""
    targets = load_text_targets(args.data_root, args.runs / "cache/text_targets.npz")
    backbone = load_backbone(find_backbone(args.backbone))
    tokenize = import_open_clip().tokenizer.SimpleTokenizer(context_length=backbone.context_length)
    numbers = {
        "text encoder": retrieval(backbone.clip, tokenize, targets),
        "bag of tokens": bag_retrieval(tokenize, targets),
    }
    kept = int(np.count_nonzero(targets.held_out))
    print(f"{kept} of {len(targets.own)} listed names are held out:")
    for who, row in numbers.items():
        print(f"{who:14s}" + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    return numbers


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="mini-clip", help="name or folder of a backbone")
    parser.add_argument("--data-root", type=Path, required=True, help="folder that holds the data sets")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the cached targets (runs)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
