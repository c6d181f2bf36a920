"""The fields of a training recipe. A recipe file holds one frozen instance called `RECIPE`."""

from dataclasses import dataclass
from typing import Literal

from training.data.views import ViewPlan
from training.runtime.devices import Precision
from zsseg.image import Layout
from zsseg.models import MethodConfig
from zsseg.text.templates import SINGLE_TEMPLATE

Init = Literal["default", "cosine"]
Setting = Literal["inductive", "transductive", "fully-supervised"]
MaskLoss = Literal["nel", "softmax"]
RecoveryTarget = Literal["clip", "prompted"]
PseudoLabelWhere = Literal["unseen_pixels", "unlabelled_pixels"]


@dataclass(frozen=True)
class Source:
    """One data set of a recipe.

    Attributes:
        name: one of `training.data.splits.SETS`.
        weight: sampling weight of the set relative to the others.
        unseen: unseen class names; default: the set's own, `training.data.splits.UNSEEN`.
        void_ignored: leave unlabelled pixels out of the loss. The papers make them negatives of every class, which is
            wrong for a set that annotates only some of what a photo shows.
        repeat_rare: repeat factor sampling: classes in a smaller share of the photos, 0..1, are repeated; see
            `training.data.balance`. 0 as in the papers: no repetition.
    """

    name: str
    weight: float = 1.0
    unseen: tuple[str, ...] | None = None
    void_ignored: bool = False
    repeat_rare: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run except the photos and the machine.

    Attributes:
        name: of the run, and of the checkpoint with "-" instead of "_".
        model: architecture of the head, of any registered method.
        backbone: name of a folder under `checkpoints/`, or path of a backbone folder.
        sources: data sets.
        size: side in pixels of training crops and of inference windows.
        stride: of the inference windows in pixels.
        layout: of the inference windows; papers: "sliding".
        views: train on cached views instead of new crops at every iteration. Only for a backbone of frozen networks,
            which then run once per view; `scale`, `photometric` and `antialias` have no effect in such a run.
        antialias: downscale photos with area averaging in training and inference; papers: no.
        iters: iterations, one batch each.
        batch: photos per batch, summed over all devices.
        setting: "transductive" adds self-training on the unseen classes; "fully-supervised" has no unseen classes.
        self_training_from: share of `iters` after which self-training begins, with a new optimizer and warm-up; 0 if
            `start_from` is the result of the first half.
        pseudo_label_where: pixels that get pseudo-labels. "unseen_pixels" as in the released code: pixels whose true
            class is unseen (read from the ground truth). "unlabelled_pixels": every pixel without a label.
        pseudo_label_threshold: sigmoid, 0..1, below which a pixel gets no pseudo-label; needed with
            "unlabelled_pixels", which include background.
        start_from: checkpoint (name or path) that initialises the head; same architecture and backbone.
        init: "cosine" makes the first forward training-free: logit = `init_scale` * cosine + `init_bias`.
        init_scale: see `init`.
        init_bias: see `init`.
        held_out: seen class names to treat as unseen, so that choices can be made without unseen labels.
        templates: prompt templates with one {} for the class name; their unit embeddings are averaged.
        normalisation: mean and std of the photos, RGB, 0..255; default: the backbone's own.
        mask_loss: "nel" as published (focal and dice on one sigmoid per class), or "softmax": one cross-entropy of
            weight 1 without unlabelled pixels. Inference takes the arg max in both cases. The sigmoids of a softmax
            head are not calibrated, so its threshold and seen penalty have no meaning.
        focal: weight of the focal loss.
        dice: weight of the dice loss.
        recovery: weight of the recovery loss.
        recovery_target: target of the recovery decoder: patch features of the frozen CLIP ("clip", as in the paper) or
            of the prompted encoder ("prompted", as in the released code).
        loss_stride: the loss uses every n-th pixel per axis of the labels; papers: 1; 4 is 16 times cheaper.
        lr: peak learning rate of the head.
        prompt_lr_scale: learning rate of the prompts relative to `lr`.
        weight_decay: of AdamW.
        decay_all: decay biases, norms and prompts too; papers: yes.
        warmup: iterations of linear warm-up.
        min_lr: learning rate at the end.
        power: of the polynomial decay.
        clip_norm: largest gradient norm, None for no limit.
        ema: decay of the exponential moving average, which is then evaluated and exported; 0 for none.
        precision: "auto" is bf16 autocast if the device supports it well.
        scale: range of a photo's short side before cropping, as a multiple of `size`.
        photometric: distort colours.
        eval_every: iterations between evaluations on the development split.
        eval_photos: the first `eval_photos` photos of the development split are used.
        ship: export the weights of the last iteration, or the best on the development split.
        seen_penalty: default of the checkpoint.
        threshold: default of the checkpoint.
        pack: store large matrices of the shipped checkpoint in 8 bits.
        seed: of all random choices.

    Raises:
        ValueError: pseudo-labels would be chosen by sigmoids that the loss does not train.
    """

    name: str
    model: MethodConfig
    backbone: str
    sources: tuple[Source, ...]
    size: int = 512
    stride: int = 426
    antialias: bool = False
    layout: Layout = "sliding"
    views: ViewPlan | None = None
    iters: int = 20_000
    batch: int = 16
    setting: Setting = "inductive"
    self_training_from: float = 0.5
    pseudo_label_where: PseudoLabelWhere = "unlabelled_pixels"
    pseudo_label_threshold: float = 0.5
    start_from: str | None = None
    init: Init = "default"
    init_scale: float = 10.0
    init_bias: float = 0.0
    held_out: tuple[str, ...] = ()
    templates: tuple[str, ...] = SINGLE_TEMPLATE
    normalisation: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    mask_loss: MaskLoss = "nel"
    focal: float = 100.0
    dice: float = 1.0
    recovery: float = 0.0
    recovery_target: RecoveryTarget = "clip"
    loss_stride: int = 1
    lr: float = 2e-4
    prompt_lr_scale: float = 1.0
    weight_decay: float = 0.01
    decay_all: bool = True
    warmup: int = 1500
    min_lr: float = 1e-6
    power: float = 0.9
    clip_norm: float | None = None
    ema: float = 0.0
    precision: Precision = "auto"
    scale: tuple[float, float] = (0.5, 2.0)
    photometric: bool = True
    eval_every: int = 2000
    eval_photos: int = 100
    ship: Literal["last", "best"] = "last"
    seen_penalty: float = 0.1
    threshold: float = 0.0
    pack: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mask_loss == "softmax" and self.setting == "transductive" and self.pseudo_label_threshold > 0:
            raise ValueError("with mask_loss softmax, pseudo_label_threshold must be 0: its sigmoids are not trained")
