"""Every training photo with its image-level labels: the names of what it shows, never where.

Three sources: the named shards of `DATA/pretrain`, the training photos of the pixel-labelled sets, and a folder of
more photos (`--photos DIR`) whose `labels.jsonl` has one line for each:

    {"file": "images/a.jpg", "set": "voc2012", "names": ["dog", "person"]}

"set" says which names are known to be absent where they are not listed: all others of that labelled set, or with "any"
nothing is known of others.
"""

import json
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.datasets import open_set, read_mask
from training.data.splits import SETS, class_names
from training.data.views import PhotoFile
from training.pretraining.hypernyms import everyday_names
from zsseg.errors import UserError

ANY = "any"
LABELLED_SETS = ("voc2012", "ccp", "camvid", "coco_mini")
LABELS_FILE = "labels.jsonl"
_MIN_SHARE = 0.01  # of a photo that a name must cover to be one of its labels


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo and the names it shows.

    Attributes:
        key: unique.
        photo: where its bytes lie.
        names: the names it shows, at least one.
        vocabulary: the labelled set whose other names it does not show, or `ANY`.
    """

    key: str
    photo: PhotoFile
    names: tuple[str, ...]
    vocabulary: str


def list_photos(root: Path, more: Path | None = None) -> list[LabelledPhoto]:
    """List all photos that the backbone may be trained on.

    Photos of the development split are left out, those of validation and test are never opened.

    Args:
        root: the folder with the data sets.
        more: a folder of more photos with its `labels.jsonl`.

    Raises:
        UserError: a set, a photo or a line of the labels is missing or wrong.
    """
    known = _everyday_names(root)
    # Sorted: the order of photos decides what every step of the training draws.
    photos = [photo for shard in sorted((root / "pretrain").glob("*.tar")) for photo in _shard(shard, known)]
    for name in LABELLED_SETS:
        photos += _labelled(name, root)
    if more is not None:
        photos += _more(more)
    # A photo of background alone has nothing to teach.
    return [photo for photo in photos if photo.names]


def vocabulary_of(photos: list[LabelledPhoto], hidden: Collection[str] = ()) -> tuple[str, ...]:
    """All names that some photo shows, and all names of the labelled sets but `hidden`, sorted."""
    closed = {name for one in LABELLED_SETS for name in class_names(one) if name is not None}
    # A photo is compared with every other name of its set. One that no photo shows would only be learnt as absent.
    return tuple(sorted(closed.difference(hidden).union(*(photo.names for photo in photos))))


def without_names(photos: list[LabelledPhoto], names: Collection[str]) -> list[LabelledPhoto]:
    """The strict variant: photos that show any of `names` are left out, whatever else they show."""
    # Kept with their other labels, their salient patches would be taken for one of those.
    return [photo for photo in photos if not set(names).intersection(photo.names)]


def _shard(path: Path, known: Mapping[str, str]) -> Iterator[LabelledPhoto]:
    """Photos of a tar archive; the text beside a photo has its names, the most specific first."""
    with tarfile.open(path) as shard:
        members = {member.name: member for member in shard}
        for name, member in members.items():
            if not name.endswith(".jpg"):
                continue
            text = shard.extractfile(members[name.removesuffix(".jpg") + ".txt"])
            names = [] if text is None else [line for line in text.read().decode().split("\n") if line]
            # Tags of clothes name several things. Lemmas of a class all name the same one, which also has a word that
            # people use for it: a photo of a "sorrel" shows a horse.
            chosen = names if "ccp" in path.name else [*names[:1], *_everyday(names, known)]
            # The place of the bytes: views read them without going through the archive.
            place = PhotoFile(str(path), member.offset_data, member.size)
            yield LabelledPhoto(f"{path.name}|{name}", place, tuple(chosen), ANY)


def _everyday_names(root: Path) -> dict[str, str]:
    """ImageNet's name of a class: the everyday name, for classes that have another one."""
    listing = root / "text_embeddings/imagenet1k_names.txt"
    words = [line.strip().lower() for line in listing.read_text(encoding="utf-8").strip().split("\n")]
    return {words[place]: name for place, name in everyday_names().items()}


def _everyday(names: list[str], known: Mapping[str, str]) -> list[str]:
    """The everyday name of a class with these lemmas, if it has one that is not its first lemma."""
    found = next((known[name.lower()] for name in names if name.lower() in known), None)
    return [] if found is None or found == names[0] else [found]


def _labelled(name: str, root: Path) -> Iterator[LabelledPhoto]:
    """Photos of a pixel-labelled set. Only the names that occur in its masks are read, never their places."""
    photos = open_set(name, root, "train")
    for item in photos.items:
        mask = read_mask(item)
        ids, counts = np.unique(mask, return_counts=True)
        # The second condition leaves out 255, void.
        shown = ids[(counts > _MIN_SHARE * mask.size) & (ids < len(photos.raw_names))]
        names = (photos.raw_names[i] for i in shown)
        yield LabelledPhoto(item.key, PhotoFile(str(item.photo)), tuple(n for n in names if n is not None), name)


def _more(folder: Path) -> Iterator[LabelledPhoto]:
    listing = folder / LABELS_FILE
    if not listing.is_file():
        raise UserError(f"{folder} has no {LABELS_FILE}: write one line for each photo, see training/README.md.")
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            file, vocabulary, names = str(row["file"]), str(row["set"]), tuple(str(n) for n in row["names"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f'{listing}:{number} needs "file", "set" and "names".') from error
        _check_names(f"{listing}:{number}", vocabulary, names)
        yield LabelledPhoto(file, PhotoFile(str(folder / file)), names, vocabulary)


def _check_names(where: str, vocabulary: str, names: tuple[str, ...]) -> None:
    if vocabulary == ANY:
        return
    if vocabulary not in SETS:
        raise UserError(f'{where}: there is no set {vocabulary!r}. Choose one of {", ".join(SETS)}, or "{ANY}".')
    if strange := sorted(set(names).difference(n for n in class_names(vocabulary) if n is not None)):
        raise UserError(f"{where}: {vocabulary} has no name {', '.join(strange)}.")
