"""How a recipe becomes one of self-training, the papers' way and a stricter one; no recipe itself."""

import dataclasses

from training.recipes.base import Recipe


def second_stage(inductive: Recipe, name: str, start_from: str) -> Recipe:
    """The papers' second stage on its own: it begins with a finished inductive head, at half its learning rate.

    Args:
        inductive: the recipe of that head.
        name: of the new recipe.
        start_from: that head's checkpoint.
    """
    return dataclasses.replace(
        _self_training(inductive),
        name=name,
        start_from=start_from,
        self_training_from=0.0,
        iters=600,
        lr=inductive.lr / 2,
        warmup=30,
        ema=0.99,
        eval_every=200,
    )


def second_stage_of_drawn(inductive: Recipe, name: str, start_from: str) -> Recipe:
    """A second stage where every pixel has a name, so that one without a label is one of an unseen name.

    Half as long as the first, at half its learning rate; arguments as of `second_stage`.
    """
    return dataclasses.replace(
        _self_training(inductive),
        name=name,
        start_from=start_from,
        self_training_from=0.0,
        pseudo_label_where="unlabelled_pixels",
        iters=inductive.iters // 2,
        lr=inductive.lr / 2,
    )


def both_stages(inductive: Recipe) -> Recipe:
    """The papers' schedule in one run: the first half of the steps inductive, the second half with pseudo-labels."""
    return dataclasses.replace(_self_training(inductive), self_training_from=0.5)


def without_masks(recipe: Recipe) -> Recipe:
    """Take away what the papers' way looks up in the masks: where some unseen name is.

    Any pixel without a label, background included, gets the head's best unseen name where the head is sure enough. The
    others are left out of the loss: as negatives of every name, as published, they would teach the head to be less sure
    in each step than in the one before, until no pixel is left.
    """
    return dataclasses.replace(
        recipe,
        sources=tuple(dataclasses.replace(source, void_ignored=True) for source in recipe.sources),
        pseudo_label_where="unlabelled_pixels",
        # Sigmoids of so short a run stay small: few reach one half.
        pseudo_label_threshold=0.4,
    )


def _self_training(inductive: Recipe) -> Recipe:
    return dataclasses.replace(
        inductive,
        setting="transductive",
        pseudo_label_where="unseen_pixels",
        # As published: every such pixel gets one, however unsure the head is.
        pseudo_label_threshold=0.0,
        # Published too: once unseen names are learnt, seen ones are not held back.
        seen_penalty=0.0,
    )
