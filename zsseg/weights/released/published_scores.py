"""The scores that the authors of both papers publish for their released weights, the only copy of these numbers here.

Source: the readmes of ZiqinZhou66/ZegCLIP (averages over several runs) and of CLIP-RC (uyzhang/CLIP-RC, Jittor/JSeg),
for ViT-B/16 at 512 pixels. ZegCLIP's readme prints 40.8 as the hIoU of 40.2 and 41.1; the formula gives 40.6.
"""

from collections.abc import Mapping
from typing import NamedTuple

from zsseg.weights.metadata import Setting


class PublishedScores(NamedTuple):
    """One published row, in percent."""

    pAcc: float
    mIoU_seen: float
    mIoU_unseen: float
    hIoU: float


PUBLISHED: Mapping[tuple[str, str, Setting], PublishedScores] = {
    ("zegclip", "voc", "inductive"): PublishedScores(94.6, 91.9, 77.8, 84.3),
    ("zegclip", "voc", "transductive"): PublishedScores(96.2, 92.3, 89.9, 91.1),
    ("zegclip", "voc", "fully-supervised"): PublishedScores(96.3, 92.4, 90.9, 91.6),
    ("zegclip", "coco", "inductive"): PublishedScores(62.0, 40.2, 41.1, 40.8),
    ("zegclip", "coco", "transductive"): PublishedScores(69.2, 40.7, 59.9, 48.5),
    ("zegclip", "coco", "fully-supervised"): PublishedScores(69.9, 40.7, 63.2, 49.6),
    ("clip_rc", "voc", "inductive"): PublishedScores(95.8, 92.8, 84.4, 88.4),
    ("clip_rc", "voc", "transductive"): PublishedScores(97.0, 93.9, 92.2, 93.0),
    ("clip_rc", "voc", "fully-supervised"): PublishedScores(97.1, 94.1, 93.4, 93.7),
    ("clip_rc", "coco", "inductive"): PublishedScores(63.1, 40.9, 41.6, 41.2),
    ("clip_rc", "coco", "transductive"): PublishedScores(69.9, 42.0, 60.8, 49.7),
    ("clip_rc", "coco", "fully-supervised"): PublishedScores(70.8, 42.9, 64.1, 51.4),
}
"""Scores by method, data set ("voc": PASCAL VOC 2012, "coco": COCO-Stuff 164k) and setting."""
