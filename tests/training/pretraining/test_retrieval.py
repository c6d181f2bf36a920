"""The bag of tokens that the text encoder is compared with."""

import numpy as np
import torch

from training.pretraining.retrieval import bag_of_tokens, bag_retrieval
from training.pretraining.text_targets import TextTargets
from zsseg.open_clip_compat import import_open_clip


def test_bag_of_tokens__is_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    tokens = torch.from_numpy(rng.integers(0, 6, (20, 3)))
    targets = torch.from_numpy(rng.standard_normal((20, 4)).astype(np.float32))
    counts = torch.zeros(20, 6).scatter_add_(1, tokens, (tokens > 0).float())
    fitted = torch.linalg.solve(counts.T @ counts + 0.5 * torch.eye(6), counts.T @ targets)
    wanted = torch.nn.functional.normalize(counts @ fitted, dim=-1)
    torch.testing.assert_close(bag_of_tokens(tokens, targets, tokens, 0.5), wanted, rtol=1e-3, atol=1e-3)


def test_bag_retrieval__knows_a_pair_of_words_from_its_parts() -> None:
    rng = np.random.default_rng(1)
    words = rng.standard_normal((3, 16))
    pairs = [words[0], words[1], words[2], words[0] + words[1], words[1] + words[2]]
    vectors = np.stack([pair / np.linalg.norm(pair) for pair in pairs]).astype(np.float32)
    names = ("red", "bus", "tree", "red bus", "bus tree")
    held_out = np.array([False, False, False, False, True])
    targets = TextTargets(names, vectors, vectors, held_out)
    tokenize = import_open_clip().tokenizer.SimpleTokenizer(context_length=8)
    numbers = bag_retrieval(tokenize, targets)
    assert numbers["held_out_recall1"] == 1
    assert numbers["held_out_cosine"] > 0.95
