"""What an experiment consists of. A recipe file holds one frozen instance called `RECIPE`."""

from dataclasses import dataclass
from typing import Literal

from training.data.views import ViewPlan
from training.runtime.devices import Precision
from zsseg.image import Layout
from zsseg.models import ModelConfig

Init = Literal["default", "cosine"]
Setting = Literal["inductive", "transductive"]
MaskLoss = Literal["nel", "softmax"]
RecoveryTarget = Literal["clip", "prompted"]
PseudoLabelWhere = Literal["unseen_pixels", "unlabelled_pixels"]

# The 15 sentences that the papers average over for COCO-Stuff.
CLIP_TEMPLATES: tuple[str, ...] = (
    *(
        f"{start} {size}{{}}."
        for start in ("a photo of a", "This is a photo of a")
        for size in ("", "small ", "medium ", "large ")
    ),
    *(
        f"{start} {{}} in the scene."
        for start in ("a", "a photo of a", "There is a", "There is the", "This is a", "This is the", "This is one")
    ),
)


@dataclass(frozen=True)
class Source:
    """One data set of a recipe.

    Attributes:
        name: one of `training.data.splits.SETS`.
        weight: how often a batch comes from this set, relative to the others.
        unseen: names to hide instead of the set's default; see `training.data.splits.UNSEEN`.
        void_ignored: leave pixels without a label out of the loss. The papers make them negatives of every name,
            which is untrue where whole kinds of things are not annotated.
        repeat_rare: share of the set's photos, 0..1; photos of seen names that fewer show come more than once an epoch,
            see `training.data.balance`. 0, the papers': each once.
    """

    name: str
    weight: float = 1.0
    unseen: tuple[str, ...] | None = None
    void_ignored: bool = False
    repeat_rare: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, beside the photos and the machine.

    Attributes:
        name: of the run and of the shipped checkpoint, with "-" for "_".
        model: sizes of the head.
        backbone: name of a folder under `checkpoints/`, or the path of a backbone folder.
        sources: the data sets.
        size: side of the training crops and of the windows at test time, in px.
        stride: step of the windows at test time, in px.
        layout: how windows lie at test time; the papers': "sliding".
        views: train on cached views instead of new crops at every step; only over a backbone of frozen networks, which
            then run once for each view. `scale`, `photometric` and `antialias` mean nothing in such a run.
        antialias: photos are shrunk by means over areas, in training and at test time; the papers': no.
        iters: batches.
        batch: photos per batch, over all devices together.
        setting: "transductive" adds self-training on the names of unseen classes.
        self_training_from: share of `iters` after which self-training begins, with a fresh optimizer and warm-up;
            0 where `start_from` already holds the first half.
        pseudo_label_where: pixels that get pseudo-labels: the released code's (those whose true name is unseen: it
            looks at the truth to know where) or every pixel without a label.
        pseudo_label_threshold: sigmoid under which a pixel gets none; needed with "unlabelled_pixels", where background
            is among them.
        start_from: checkpoint (name or path) whose head is the start; same model and backbone.
        init: "cosine" makes the first forward the training-free cosine of patch and text: logit = `init_scale` x
            cosine + `init_bias`.
        held_out: seen names to treat as unseen, so that choices can be made without any look at an unseen label.
        templates: sentences that a name is put into; their unit vectors are averaged.
        normalisation: mean and std of the photos, RGB, 0..255; by default the backbone's own.
        mask_loss: "nel", as published, is focal and dice on a sigmoid for each name. "softmax", which it is compared
            with, is one cross-entropy over the names, of weight 1, without unlabelled pixels. Evaluation takes the best
            name either way; such a head's sigmoids mean nothing by themselves, nor do its threshold and penalty.
        focal, dice, recovery: weights of the losses.
        recovery_target: patch features that the recovery decoder is to lead back to: the untouched CLIP's, or the
            prompted encoder's as in the released code.
        loss_stride: the loss sees every n-th pixel of the labels; 1 is the papers', 4 is 16 times cheaper.
        lr: peak learning rate of the head.
        prompt_lr_scale: that of the prompts, relative to `lr`.
        weight_decay, decay_all: AdamW's decay, and whether biases, norms and prompts decay too (the papers': yes).
        warmup: iterations of linear warm-up; min_lr: absolute floor; power: of the polynomial decay.
        clip_norm: largest norm of the gradient, None for no limit.
        ema: decay of the moving average of the weights, which is then what is judged and shipped; 0 for none.
        precision: "auto" is bf16 autocast where the device has it.
        scale: range of the short side of a photo before the crop, in crops.
        photometric: distort colours.
        eval_every: iterations between looks at the development split, whose `eval_photos` first photos are used.
        ship: the weights after the last iteration, or those that were best on the development split.
        seen_penalty, threshold: defaults that the checkpoint carries.
        seed: of everything random.

    Raises:
        ValueError: pseudo-labels are to be chosen by a sigmoid that the loss does not train.
    """

    name: str
    model: ModelConfig
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
    templates: tuple[str, ...] = ("a photo of a {}",)
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
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mask_loss == "softmax" and self.setting == "transductive" and self.pseudo_label_threshold > 0:
            raise ValueError("with mask_loss softmax, pseudo_label_threshold must be 0: its sigmoids mean nothing")
