"""Turns an inductive recipe into a transductive one, as in the papers or stricter. Holds no recipe itself."""

import dataclasses

from training.recipes.base import Recipe


def second_stage(inductive: Recipe, name: str, start_from: str) -> Recipe:
    """The papers' second stage on its own: starts from a trained inductive head, at half its learning rate.

    Args:
        inductive: recipe of that head.
        name: of the new recipe.
        start_from: checkpoint of that head.
    """
    return dataclasses.replace(
        _self_training(inductive),
        name=name,
        start_from=start_from,
        # From the first step: `start_from` is the first stage.
        self_training_from=0.0,
        iters=600,
        # So short a run sees each photo about twice: one view will do, at a quarter of the frozen networks' time. It
        # needs a cache of its own.
        views=None if inductive.views is None else dataclasses.replace(inductive.views, views=1),
        # Half: the start is a finished head, where the papers start half way (see `zegclip_mini_transductive`).
        lr=inductive.lr / 2,
        warmup=30,
        ema=0.99,
        eval_every=200,
    )


def second_stage_of_drawn(inductive: Recipe, name: str, start_from: str) -> Recipe:
    """A second stage for data in which every pixel has a class, so that unlabelled pixels are of unseen classes.

    Half as long as the first stage, at half its learning rate. Arguments as in `second_stage`.
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
    """The papers' schedule in one run: the first half of the iterations inductive, the second half self-training."""
    # Published as two runs of equal length.
    return dataclasses.replace(_self_training(inductive), self_training_from=0.5)


def without_masks(recipe: Recipe) -> Recipe:
    """Remove the oracle that tells at which pixels the true class is unseen.

    Every unlabelled pixel, background included, gets the best unseen class if its sigmoid exceeds the threshold. Other
    unlabelled pixels are left out of the loss. If they were negatives of every class, as published, the sigmoids would
    fall at each step until no pixel exceeded the threshold.
    """
    return dataclasses.replace(
        recipe,
        sources=tuple(dataclasses.replace(source, void_ignored=True) for source in recipe.sources),
        pseudo_label_where="unlabelled_pixels",
        # The sigmoids stay small in a short run: few exceed 0.5.
        pseudo_label_threshold=0.4,
    )


def _self_training(inductive: Recipe) -> Recipe:
    return dataclasses.replace(
        inductive,
        setting="transductive",
        pseudo_label_where="unseen_pixels",
        # As published: every such pixel gets a pseudo-label, whatever its sigmoid is.
        pseudo_label_threshold=0.0,
        # As published: no penalty on seen classes once the unseen ones are trained.
        seen_penalty=0.0,
    )
