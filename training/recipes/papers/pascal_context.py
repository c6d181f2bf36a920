"""ZegCLIP and CLIP-RC on PASCAL Context (4,998 photos), 49 seen and 10 unseen classes, without background.

    torchrun --nproc-per-node 4 -m training.train --recipe zegclip_context_inductive --data-root DATA --workers 4

Neither paper released a configuration for this data set. Prompts, templates and iterations are those of
HVision-NKU/Cascade-CLIP, configs/context_59, which builds on ZegCLIP; the unseen classes are ZS3Net's list. Both papers
count background as a 50th seen class, so their scores are not comparable with these recipes'.
"""

import dataclasses

from training.data.sets.known import DATA_SETS
from training.recipes.base import Recipe, Source
from training.recipes.papers.settings import PaperMethod, fully_supervised, inductive, transductive
from zsseg.text.templates import SCENE_TEMPLATES


def _on_context(method: PaperMethod) -> Recipe:
    source = Source("pascal_context", unseen=DATA_SETS["pascal_context"].unseen["zs3"])
    base = inductive(method, "context", source, prompts=35, iters=40_000)
    return dataclasses.replace(base, templates=SCENE_TEMPLATES)


_ZEGCLIP = _on_context("zegclip")
# No weight is published for this set; this is the one of VOC.
_CLIP_RC = dataclasses.replace(_on_context("clip_rc"), recovery=2.0)

RECIPES = (
    _ZEGCLIP,
    transductive(_ZEGCLIP),
    fully_supervised(_ZEGCLIP),
    _CLIP_RC,
    transductive(_CLIP_RC),
    fully_supervised(_CLIP_RC),
)
