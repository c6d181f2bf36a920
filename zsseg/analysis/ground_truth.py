"""A ground-truth mask that a person brings along, and the scores of an answer against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from zsseg.analysis.confusion import class_iou, confusion, harmonic_mean
from zsseg.analysis.label_table import EXAMPLES, KNOWN_LISTS, Synonyms, parse_table
from zsseg.errors import UserError, check_type
from zsseg.files import read_bytes
from zsseg.image.load import check_pixels, open_guarded
from zsseg.image.pages import select_page, stored_turn
from zsseg.segmentation import Segmentation, cells_of_pixels

NO_CLASS = -1
"""Label of a pixel without a true class: it is not scored."""

MAX_UNMATCHED = 20  # a photo given as a mask has thousands of colours

_LOSSLESS = ("PNG", "GIF", "BMP", "TIFF", "PPM", "TGA")
# Opened all the same, so that the sentence can say what is wrong with such a mask.
_LOSSY = ("JPEG", "WEBP", "AVIF", "JPEG2000")
_ID_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
_UNKNOWN_NAMES = {"void", "ignore", "unlabeled", "unlabelled"}
_NO_CLASS_NAMES = _UNKNOWN_NAMES | {"none", "background"}
_VOID = (255, 65535)  # in 8 and in 16 bits
_READINGS = 8  # of a black and white mask
_SHOWN = 3  # classes that the label of a data set names
_CLEAR = -1  # value of a transparent pixel
_UNMATCHED = -2  # mark of an id or a colour that is none of the K classes

Values = npt.NDArray[np.int64]


class AmbiguousMask(UserError):
    """A mask that can be read in several ways: its sentence asks which one is meant.

    Attributes:
        readings: what the mask may mean, in a few words: the table that says so to `read_truth`, the likeliest first.
            It may be empty.
    """

    def __init__(self, sentence: str, readings: Mapping[str, str]) -> None:
        super().__init__(sentence)
        self.readings = readings


@dataclass(frozen=True, eq=False)
class Truth:
    """The true classes of a photo.

    Attributes:
        names: the K classes.
        labels: (H,W) index of the class of each pixel, `NO_CLASS` where it is unknown or none of the K.
        unmatched: ids or colours of none of the classes, such as "7", "7 (sheep)" or "#ff0000", and the share of the
            photo that each covers, in 0..1; the largest first, at most `MAX_UNMATCHED`. Pixels that say themselves that
            they have no class (id 255, or 65535 in 16 bits, unless a table names it; transparent ones; names such as
            "background" or "void") are left out in silence.
        others: (H,W) where the table names another class than the K, so that each of the K is wrong; None if it never
            does.
        background: (H,W) where the table names the background, so that its own classes are wrong; None if it never
            does.
        listed: K flags, True for a class that the table names; of the others the background says nothing.
    """

    names: tuple[str, ...]
    labels: npt.NDArray[np.int16]
    unmatched: Mapping[str, float]
    others: npt.NDArray[np.bool_] | None = None
    background: npt.NDArray[np.bool_] | None = None
    listed: tuple[bool, ...] = ()

    def none_is_right(self, labels: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
        """Where "none of these" is the right answer, as far as these (H,W) labels can be judged: (H,W)."""
        judged = np.zeros(labels.shape, dtype=np.bool_) if self.others is None else self.others
        if self.background is None:
            return judged
        # "None of these", -1, takes the last flag.
        return np.asarray(judged | (self.background & np.array([*self.listed, True])[labels]))

    @property
    def named(self) -> Mapping[str, float]:
        """The part of `unmatched` that has a name: its pixels are among the `others`."""
        return {text: share for text, share in self.unmatched.items() if _has_name(text)}

    @property
    def unknown(self) -> Mapping[str, float]:
        """The part of `unmatched` that no table names: its pixels may show any class and are not scored."""
        return {text: share for text, share in self.unmatched.items() if not _has_name(text)}


@dataclass(frozen=True)
class TruthScores:
    """The scores of an answer on one photo.

    Pixels without a true class are ignored. "None of these" is right where the mask's table names another class than
    the K, and wrong where one of the K is. On the background only the classes of the table are scored.

    Attributes:
        iou: K, intersection over union in 0..1; None for a class that neither occurs nor is answered.
        accuracy: pAcc, the share of scored pixels that are right, in 0..1; None where no pixel is scored.
        miou_seen, miou_unseen: mean IoU over the seen or unseen classes that occur in the truth; None if none does.
        hiou: harmonic mean of the two; None where one is missing.
    """

    iou: tuple[float | None, ...]
    accuracy: float | None
    miou_seen: float | None
    miou_unseen: float | None
    hiou: float | None


def read_truth(source: object, names: Sequence[str], table: str | None = None, *, size: tuple[int, int]) -> Truth:
    """Read a ground-truth mask.

    Args:
        source: a path, the bytes of a file or a PIL image, of a lossless kind. Grey and palette pictures hold ids, 8 or
            16 bits (a palette's colours are never looked at), others hold colours.
        names: the K classes, all different.
        table: which class an id or a colour means, see `zsseg.analysis.label_table.parse_table`. Without one, ids count
            through the names, from 0, as in our own labels.png; a colour picture needs one.
        size: height and width of the photo in pixels; a mask of the same shape but another size is resampled, nearest.

    Raises:
        UserError: the mask or the table cannot be read, the shape is not the photo's, no pixel has a class.
        AmbiguousMask: without a table the ids do not fit the names.
    """
    _check_question(names, table, size)
    image = _open(source)
    values, is_color = _values(image, size)
    if not (table and table.strip() or is_color):
        _check_plain_ids(np.unique(values).tolist(), image, names)
    lookup = _lookup(names, table, is_color)
    # Each value that occurs is looked up once, however many pixels have it.
    found, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    index = {name.casefold(): place for place, name in enumerate(names)}
    classes = [_class_of_value(value, lookup, index) for value in found.tolist()]
    # `_UNMATCHED` is below `NO_CLASS` and becomes it: neither is scored.
    labels = np.maximum(np.array(classes, dtype=np.int16), NO_CLASS)[places].reshape(size)  # (H, W)
    rows = zip(found.tolist(), classes, counts.tolist(), strict=True)
    lost = [(_text(value, lookup, is_color), count / values.size) for value, one, count in rows if one == _UNMATCHED]
    unmatched = dict(sorted(lost, key=lambda item: -item[1])[:MAX_UNMATCHED])
    other = [one == _UNMATCHED and value in lookup for value, one in zip(found.tolist(), classes, strict=True)]
    ground = [
        one == NO_CLASS and _is_background(value, lookup) for value, one in zip(found.tolist(), classes, strict=True)
    ]
    others, background = (np.array(f)[places].reshape(size) if any(f) else None for f in (other, ground))  # (H, W)
    known = {name.casefold() for synonyms in lookup.values() for name in synonyms}
    listed = tuple(name.casefold() in known for name in names)
    if not (labels != NO_CLASS).any():
        raise UserError(_no_match(list(unmatched), names[0]))
    labels.setflags(write=False)
    return Truth(tuple(names), labels, unmatched, others, background, listed)


def _check_question(names: object, table: object, size: object) -> None:
    """Refuse arguments that only a program can give.

    Raises:
        UserError: they are of another type.
    """
    check_type(table, str | None, f"A colour table is a text, with lines such as {EXAMPLES}")
    is_list = isinstance(names, Sequence) and not isinstance(names, str) and all(isinstance(n, str) for n in names)
    if not is_list or not names:
        raise UserError("names must be a list of class names, such as those of an answer.")
    sides = size if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, int | np.integer) and side > 0 for side in sides):
        raise UserError("size must be the height and the width of the photo in pixels.")


def _check_plain_ids(values: Sequence[int], image: Image.Image, names: Sequence[str]) -> None:
    """Ask about a mask without a table whose ids are not those of our own labels.png.

    Raises:
        AmbiguousMask: it is black and white, so that 0 may be a class or the ground; its id 0 is painted black, as the
            ground is in many data sets; or it holds ids beyond the names.
        UserError: its palette gives its ids new numbers, or some are below 0.
    """
    ids = [value for value in values if value != _CLEAR]
    if min(ids, default=0) < 0:  # of 32 bits; -1 says "no class" in many programs, as `_CLEAR` does here
        raise UserError(f"This mask holds ids below 0, such as {min(ids)}: save class ids in it, counted from 0.")
    tones = {value: _tone(image, value) for value in ids}
    other = names[-1] if len(names) > 1 else "background"
    if image.mode == "1" or sorted(tones.values()) in ([0, 255], [0, 65535]):
        white, black = (1, 0) if image.mode == "1" else sorted(ids, key=tones.__getitem__, reverse=True)
        raise AmbiguousMask(
            f"This mask is black and white, and does not say what white is: write “{white}: {names[0]}” into the table "
            f"if white is that class, and “{black}: {other}” for black.",
            _white(names, white, black),
        )
    renumbered = [value for value, tone in tones.items() if tone != value]
    if renumbered and min(tones.values()) >= 0:  # grey tones, and not those of a list from black to white
        raise UserError(
            f"The palette of this mask shows its id {renumbered[0]} as the grey tone {tones[renumbered[0]]}, as a GIF "
            f"does: save it as a grey PNG, or write a line such as “{renumbered[0]}: {names[0]}” for every id."
        )
    foreign = [value for value in ids if len(names) <= value and value not in _VOID]
    if foreign:
        listed = ", ".join(map(str, foreign[:5])) + (", …" if len(foreign) > 5 else "")
        raise AmbiguousMask(
            f"This mask holds ids that the {len(names)} names do not have ({listed}), so it counts in another way: say "
            f"in the table what they mean, such as “{foreign[0]}: {names[0]}”, or name its data set: voc20, coco80, "
            "coco171 or camvid11.",
            _data_sets(ids, names),
        )
    if len(ids) > 1 and _has_colors(image) and tones.get(0) == 0:
        raise AmbiguousMask(
            f"This mask paints id 0 black, as many data sets do with the background: write “0: {names[0]}” into the "
            f"table if it is that class, or “0: background”, and a line such as “{ids[1]}: {other}” for every other "
            "id.",
            _counted(names),
        )


def _tone(image: Image.Image, value: int) -> int:
    """The grey tone that an id is shown by; -1 for a colour."""
    if image.mode != "P":
        return value
    red, green, blue = (image.getpalette() or [])[3 * value : 3 * value + 3] or (value, value, value)
    return red if red == green == blue else -1


def _white(names: Sequence[str], white: int, black: int) -> dict[str, str]:
    """Readings of a mask of one class."""
    return {f"white is {name}": f"{white}: {name}\n{black}: background" for name in names[:_READINGS]}


def _counted(names: Sequence[str]) -> dict[str, str]:
    """Readings of ids that count through the names, with the background before them or without it."""
    readings = {"0 is the background": ["background", *names], f"0 is {names[0]}": names}
    return {
        label: "\n".join(f"{index}: {name}" for index, name in enumerate(listed)) for label, listed in readings.items()
    }


def _data_sets(ids: Sequence[int], names: Sequence[str]) -> dict[str, str]:
    """The data sets whose ids a mask may hold, those with most of the classes that were asked first."""
    asked = {name.casefold() for name in names}
    fits: list[tuple[int, str, str]] = []
    for table, listed in KNOWN_LISTS.items():
        inside = [number for number in ids if number not in _VOID]
        if max(inside) < len(listed):
            known = [f"{number} is {listed[number]}" for number in inside if listed[number].casefold() in asked]
            what = ", ".join(known[:_SHOWN]) + (", …" if len(known) > _SHOWN else "") or "none of the classes asked"
            fits.append((-len(known), f"{table}: {what}", table))
    return {label: table for _, label, table in sorted(fits, key=lambda fit: fit[0])}


def _has_colors(image: Image.Image) -> bool:
    """Whether a picture has a palette that is more than a list of grey tones."""
    return image.palette is not None and any(len(set(color)) > 1 for color in image.palette.colors)


def _lookup(names: Sequence[str], table: str | None, is_color: bool) -> Mapping[int, Synonyms]:
    """Synonyms of the class of every known id or colour, those without a class among them."""
    known: Mapping[int, Synonyms]
    if table and table.strip():
        parsed = parse_table(table)
        known = parsed.colors if is_color else parsed.ids
    elif is_color:
        raise UserError("This mask is a colour picture: give a table with a line per class, such as “#ff0000: dog”.")
    else:
        known = {index: (name,) for index, name in enumerate(names)}
    none = {_CLEAR: ("void",)} if is_color else {_CLEAR: ("void",), 255: ("void",), 65535: ("void",)}
    return {**none, **known}


def _class_of_value(value: int, lookup: Mapping[int, Synonyms], index: Mapping[str, int]) -> int:
    """The class of an id or colour, `NO_CLASS` where it says that it has none, or `_UNMATCHED`."""
    synonyms = [name.casefold() for name in lookup.get(value, ())]
    asked = [index[name] for name in synonyms if name in index]
    if asked:
        return asked[0]
    return NO_CLASS if _NO_CLASS_NAMES.intersection(synonyms) else _UNMATCHED


def _is_background(value: int, lookup: Mapping[int, Synonyms]) -> bool:
    """Whether an id or a colour is none of the classes of its table, which is more than unknown."""
    return not _UNKNOWN_NAMES.intersection(name.casefold() for name in lookup[value])


def _text(value: int, lookup: Mapping[int, Synonyms], is_color: bool) -> str:
    name = f" ({lookup[value][0]})" if value in lookup else ""
    return (f"#{value:06x}" if is_color else str(value)) + name


def _has_name(text: str) -> bool:
    """Whether `_text` knew what an id or a colour means."""
    return text.endswith(")")


def _no_match(unmatched: Sequence[str], name: str) -> str:
    if not unmatched:
        return "No pixel of the mask has a class, all are void or background: choose another mask."
    listed = ", ".join(unmatched[:5]) + (", …" if len(unmatched) > 5 else "")
    example = f"“{unmatched[0].split(' (')[0]}: {name}”"
    return (
        f"No pixel of the mask has a class that was asked; it holds {listed}: add lines such as {example} to the table."
    )


def _values(image: Image.Image, size: tuple[int, int]) -> tuple[Values, bool]:
    """Ids or colours 0xRRGGBB, (H,W), `_CLEAR` where transparent, and whether they are colours."""
    # Sizes are compared before the pixels are decoded.
    rows, cols = _nearest((image.height, image.width), size)
    try:
        pixels = np.asarray(image)
    except Exception as error:  # a damaged body can raise anything
        raise UserError("The mask is damaged or cut short: save it again as PNG.") from error
    pixels = pixels[np.ix_(rows, cols)].astype(np.int64)
    if image.mode in _ID_MODES:
        return pixels, False
    # A colour becomes one number, so that ids and colours are looked up alike.
    is_color = image.mode in ("RGB", "RGBA")
    values = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2] if is_color else pixels[..., 0]
    if image.mode in ("RGBA", "LA"):
        values[pixels[..., -1] == 0] = _CLEAR
    return values, is_color


def _nearest(mask: tuple[int, int], photo: tuple[int, int]) -> tuple[Values, Values]:
    """Rows and columns of the mask to read for each row and column of the photo."""
    (h, w), (height, width) = mask, photo
    # The smaller one, each side rounded to whole pixels, is off by at most one pixel if the shapes are the same.
    if abs(h * width - w * height) > max(h, w, height, width):
        raise UserError(
            f"The mask has {w}x{h} pixels, which is another shape than the photo's {width}x{height}: "
            "give the mask of the whole photo."
        )
    return cells_of_pixels(height, h), cells_of_pixels(width, w)


def _open(source: object) -> Image.Image:
    """A lossless picture of an acceptable size, not decoded yet."""
    if isinstance(source, Image.Image):
        image = source
    elif isinstance(source, bytes | bytearray):
        image = _open_bytes(bytes(source))
    elif isinstance(source, str | Path):
        image = _open_bytes(_read(Path(source)))
    else:
        raise UserError(f"A mask is a path, bytes or a PIL image, not {type(source).__name__}: choose a file.")
    if image.format in (*_LOSSY, "MPO") or image.info.get("compression") == "jpeg":
        raise UserError("The mask is a JPEG or of another kind that alters ids and colours: save it as PNG.")
    if image.mode not in (*_ID_MODES, "LA", "RGB", "RGBA"):
        raise UserError(f"The mask has colours of a rare kind ({image.mode}): save it as PNG.")
    _select(image)
    check_pixels(image.height, image.width, "The mask")
    return image


def _select(image: Image.Image) -> None:
    """Go to the page that is meant, and refuse one that a tag turns."""
    try:
        select_page(image, "The mask")
    except UserError:
        raise
    except Exception as error:  # a damaged page can raise anything
        raise UserError("The mask is damaged or cut short: save it again as PNG.") from error
    # Programs that write masks ignore the tag or copy the photo's, and those that show them turn them by it.
    if (turn := stored_turn(image)) != 1:
        raise UserError(
            f"The mask is turned by a tag of its own (orientation {turn}), and nothing shows whether its ids lie as "
            "stored or as shown: save it upright without the tag."
        )


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"The mask {path.name} cannot be opened ({reason}): choose it again.") from error


def _open_bytes(data: bytes) -> Image.Image:
    try:
        return open_guarded(data, (*_LOSSLESS, *_LOSSY), "The mask")
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError("The mask is not a picture this program can read: save it as PNG.") from None
    except Exception as error:  # a damaged header can raise anything
        raise UserError("The mask is damaged or cut short: save it again as PNG.") from error


def score(truth: Truth, seg: Segmentation) -> TruthScores:
    """Score an answer against the ground truth, with its present penalty and threshold.

    Raises:
        UserError: they are about different classes, or photos of different size.
    """
    if truth.names != seg.names or truth.labels.shape != seg.labels.shape:
        raise UserError("The mask was read for other classes or another photo: give it again.")
    counts = confusion(truth.labels, seg.labels, len(seg.names))
    # Row 0 only: in column 0 stay the pixels of a class that were answered "none of these", which are wrong.
    counts[0] = 0  # no true class
    # A class that is wrong there makes the union of its IoU larger.
    counts[0] = np.bincount(seg.labels[truth.none_is_right(seg.labels)] + 1, minlength=len(counts))
    total, iou = int(counts.sum()), class_iou(counts)
    occurs = counts.sum(1)[1:] > 0
    seen, unseen = (
        # Classes that the truth lacks are left out, as a single photo shows few of those that were asked.
        _mean([value for value, flag, there in zip(iou, seg.seen, occurs, strict=True) if flag == kind and there])
        for kind in (True, False)
    )
    return TruthScores(iou, int(np.trace(counts)) / total if total else None, seen, unseen, _harmonic(seen, unseen))


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def _harmonic(seen: float | None, unseen: float | None) -> float | None:
    if seen is None or unseen is None:
        return None
    return harmonic_mean(seen, unseen)
