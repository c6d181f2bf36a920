"""The released weights of both papers and of CLIP: where they are published, and how a file is verified.

Source of the addresses: the readmes of ZiqinZhou66/ZegCLIP, uyzhang/CLIP-RC (at 68927c1) and Jittor/JSeg (at c14696d,
project/clip_rc), and open_clip 3.3's table of pretrained models. A sha256 stands here only where the publisher states
one, which is OpenAI alone: it is part of the address. No publisher states a size.
"""

from dataclasses import dataclass, field
from typing import Literal

from zsseg.errors import UserError
from zsseg.weights.metadata import Setting
from zsseg.weights.released.published_scores import PUBLISHED

PlaceKind = Literal["http", "hub", "page"]


@dataclass(frozen=True)
class Place:
    """One place where weights are published.

    Attributes:
        kind: "http", a file that can be downloaded; "hub", a repository of the Hugging Face hub; "page", a page that
            only a person can download from, such as Google Drive.
        address: URL or repository.
        file: name under which the page offers the file, or the file is saved; empty where it does not say.
        sha256: of the file where the publisher states it.
    """

    kind: PlaceKind
    address: str
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Released:
    """One set of released weights.

    Attributes:
        name: of the checkpoint that it becomes.
        title: for people.
        places: where it is published; those that can be downloaded are tried in this order.
        method: key of the method; empty for a backbone.
        setting: what training knew of the unseen classes.
        vocabulary: key of `zsseg.text.class_lists.DATASETS`.
        prompts: prompts per layer, which tells files of VOC from those of COCO-Stuff.
        scores: published pAcc, mIoU of seen and unseen classes and hIoU, 0..1.
        open_clip: "MODEL/TAG", as open_clip calls a backbone; empty for a head.
    """

    name: str
    title: str
    places: tuple[Place, ...]
    method: str = ""
    setting: Setting = "training-free"
    vocabulary: str = ""
    prompts: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    open_clip: str = ""


CLIP_VIT_B16 = Released(
    "clip-vit-b16",
    "OpenAI's CLIP ViT-B/16",
    (
        Place("hub", "timm/vit_base_patch16_clip_224.openai"),
        Place(
            "http",
            "https://openaipublic.azureedge.net/clip/models/"
            "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f/ViT-B-16.pt",
            file="ViT-B-16.pt",
            sha256="5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
        ),
    ),
    open_clip="ViT-B-16/openai",
)

CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "ViT-B-16.pt")
"""Files that hold OpenAI's ViT-B/16, open_clip's two and OpenAI's own; the best first, one is enough."""

VALUES_SUFFIX = "-values"
"""Ends the name of the model over a backbone whose last layer is MaskCLIP's."""

_DRIVE = "https://drive.google.com/file/d/{}/view"
_BEIHANG = "https://bhpan.buaa.edu.cn/link/{}"  # the Jittor models of CLIP-RC
_TITLES = {"zegclip": "ZegCLIP", "clip_rc": "CLIP-RC"}
# Name for people, vocabulary, prompts per layer.
_DATA = {"voc": ("PASCAL VOC 2012", "voc20-papers", 10), "coco": ("COCO-Stuff 164k", "coco171", 100)}

# Method, data, setting, file on Google Drive, page of the Jittor model.
_ROWS: tuple[tuple[str, str, Setting, str, str], ...] = (
    ("zegclip", "voc", "inductive", "1MqIFntWtTQk3HPiZp8hysI7CQIDTXteS", ""),
    ("zegclip", "voc", "transductive", "1PsXOd_A9Pww3ftclTDVWKcAvNIOAn6E-", ""),
    ("zegclip", "voc", "fully-supervised", "1oBj2FRV17TAKKrSexg4SUKa4I0egEwaj", ""),
    ("zegclip", "coco", "inductive", "12M6T97o9wyxbJKrR7zLfFMDsGVTiq4WY", ""),
    ("zegclip", "coco", "transductive", "1S8ia0-0oAUELxQXWqz0OlKoEv68gUuMp", ""),
    ("zegclip", "coco", "fully-supervised", "1DvUpYZa0rtPUBOjsYWwt-TEs6YdvUG0C", ""),
    ("clip_rc", "voc", "inductive", "177NlvVKd8XBDPgORPlyW1Bhs4cX_xD7i", "AA10306CBF37904DDCB835F3BE2D7B1C15"),
    ("clip_rc", "voc", "transductive", "1e42PVaURY1Ub0MRtiutnymcsL-PASfjk", "AAE085202961AF45CD957E9F98BB7449FB"),
    ("clip_rc", "voc", "fully-supervised", "1nK7K_R5t3mbaWaamxUBNO5wYGdSbSW_i", "AAA98108D9C3DD408C82B42EC206DD95DD"),
    ("clip_rc", "coco", "inductive", "1wFntgORB1q_H0WGU1JIAKOOsgXoE94Pe", "AA12C2F1BBA0804EC6820A8CB160062091"),
    ("clip_rc", "coco", "transductive", "1dD4wJNdLGJD-l-AdEYQ1dY9xousnbQLJ", "AA492DE7FE832E43D299C221931127CB1D"),
    ("clip_rc", "coco", "fully-supervised", "1-I859mSX9MblCXACcCc-2QlqmJHU7Jh1", "AACE6B7E6F7DED41FDA09AF4CB308F4E2A"),
)


def _row(method: str, data: str, setting: Setting, drive: str, jittor: str) -> Released:
    photos, vocabulary, prompts = _DATA[data]
    places = (Place("page", _DRIVE.format(drive)), *([Place("page", _BEIHANG.format(jittor))] if jittor else []))
    # Rounded, since some quotients, such as 92.3 / 100, are off in the last bit.
    scores = {name: round(value / 100, 4) for name, value in PUBLISHED[method, data, setting]._asdict().items()}
    title = f"{_TITLES[method]}, {photos}, {setting}"
    return Released(f"{method}-{data}-{setting}", title, places, method, setting, vocabulary, prompts, scores)


RELEASED: dict[str, Released] = {row.name: row for row in (CLIP_VIT_B16, *(_row(*row) for row in _ROWS))}
"""All released weights by name."""


def released(name: str) -> Released:
    """The released weights of this name; a backbone may also be named as open_clip does.

    Raises:
        UserError: there are none.
    """
    # As the recipes are called: "-" and "_" are alike.
    wanted = name.replace("_", "-")
    found = next(
        (row for row in RELEASED.values() if wanted == row.name.replace("_", "-") or name == row.open_clip), None
    )
    if not name or found is None:
        raise UserError(f"There are no released weights {name}: choose one of {', '.join(RELEASED)}.")
    return found


def released_backbone(name: str) -> Released:
    """The released backbone of this name, ours or open_clip's, such as "ViT-B-16/openai".

    Raises:
        UserError: there is none.
    """
    backbones = [row for row in RELEASED.values() if not row.method]
    found = next((row for row in backbones if name in (row.name, row.open_clip)), None)
    if found is None:
        raise UserError(
            f"{name} is no backbone that can be downloaded: choose {', '.join(row.open_clip for row in backbones)}."
        )
    return found


def released_title(name: str, method: str) -> str:
    """Title shared by the papers' heads of one data set and setting; empty for any other checkpoint.

    Both methods stand on OpenAI's ViT-B/16, though each released file holds a copy of its own.

    Args:
        name: of the checkpoint.
        method: its key.
    """
    row = RELEASED.get(name)
    if row is None or not method or row.method != method:
        return ""
    return f"{CLIP_VIT_B16.open_clip.partition('/')[0]}, {row.title.partition(', ')[2]}"
