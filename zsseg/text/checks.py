"""Warnings about class names: likely typing mistakes, and names that may surprise. They never block an answer."""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zsseg.text.vocabulary import Vocabulary

Kind = Literal["near-duplicates", "too long", "one class", "unknown word"]

NEAR_DUPLICATE = 0.82
"""Text cosine from which two classes count as near-duplicates.

Measured with the embedded backbone and "a photo of a {}". Above: colour and color 0.97, tv and television 0.93, chair
and armchair 0.87, sofa and couch 0.85, motorbike and motorcycle 0.85, aeroplane and airplane 0.83. Below: man and woman
0.79, cup and mug 0.70, bus and train 0.63, cat and dog 0.63, cow and sheep 0.57. Of all pairs within VOC, COCO-Stuff,
CamVid and the garments two exceed it: sweater and sweatshirt, wall-wood and floor-wood. Another backbone may need
another value.
"""

# A word in at least 3 pieces of at most 2.5 letters each. Of the words of VOC, COCO-Stuff, CamVid and the garments this
# doubts none, of 93 rare nouns 6 (axolotl, quokka, ...); of words with one wrong key a quarter, of random letters 86 %.
_PIECES = 3
_LETTERS_PER_PIECE = 2.5
# Words, signs and numbers that stand between names or before them.
_LIST_MARK = re.compile(
    r"\s(and|or|und|oder|et|ou|y|o|e|и|или|و|と|和|或)\s|\w{3}\.(\s|\w{3})"
    r"|(^|\s)\(?\d+[.)](\s|[^\W\d])|(^|\s)\w{1,4}\)\s|(^|\s)\(\w\)\s|^(\w|[ivx]+)\.\s"
    r"|^(\d+|\.+)$|^(etc|usw)\.?$|^[-*]|(^|\w)[-*]\s|\s[-_*]\s|\)\s*\("
    # Chinese and Japanese write names without spaces; the other signs are their "and" and "or".
    r"|[\u3040-\u30ff\u3400-\u9fff][\s\u3068\u3084\u548c\u4e0e\u8207\u53ca\u6216][\u30a0-\u30ff\u3400-\u9fff]",
    re.IGNORECASE,
)
# Signs that a single name may well have; emoji are no signs.
_OF_NAMES = frozenset(
    "'\u2018\u2019\u02bc-\u2010\u2011.()_*!?%#@$\u20ac\u00a3\u00a5\u00a7\u00a9\u00ae\u2122\u2116\u00b0\u2032\u2033\"`\u00b4\u00bf\u00a1\ufffd"
)
_SHOWN = 60  # letters of a long name


@dataclass(frozen=True)
class VocabularyWarning:
    """One warning for the user.

    Attributes:
        kind: what it is about.
        names: the classes it concerns, by the names they go by.
        sentence: what to say, in plain text.
    """

    kind: Kind
    names: tuple[str, ...]
    sentence: str


def check_vocabulary(
    vocabulary: Vocabulary,
    vectors: NDArray[np.floating],
    token_counts: Sequence[int],
    context_length: int,
    pieces: Callable[[str], int],
    known_words: Collection[str] = (),
    near_duplicate: float = NEAR_DUPLICATE,
) -> list[VocabularyWarning]:
    """Check the names of a request.

    Args:
        vocabulary: K classes of S synonyms in all.
        vectors: (S, D) unit-norm text vectors, class after class; of a name that is too long, that of what was read.
        token_counts: S counts, each of a synonym in its longest template, with start and end marks.
        context_length: the text encoder's context length, in tokens.
        pieces: how many pieces the tokenizer breaks a word into.
        known_words: names or words that are never doubted, such as those of the checkpoint's training.
        near_duplicate: cosine from which two classes count as near-duplicates.

    Returns:
        Warnings: too long, several names read as one, unknown words, near-duplicates with the closest first.

    Raises:
        ValueError: `vectors` or `token_counts` do not have one entry per synonym.
    """
    synonyms = [synonym for group in vocabulary.synonyms for synonym in group]
    # A wrong length would blame the wrong names without any error.
    if len(token_counts) != len(synonyms) or len(vectors) != len(synonyms):
        raise ValueError(f"{len(synonyms)} synonyms need as many token counts and vectors")
    return [
        *_too_long(vocabulary, token_counts, context_length),
        *lists_read_as_one(vocabulary, known_words),
        *_unknown_words(vocabulary, pieces, known_words),
        *_near_duplicates(vocabulary, vectors, near_duplicate),
    ]


def about_truncated_names(warnings: Sequence[VocabularyWarning]) -> tuple[str, ...]:
    """Sentences for an answer: which names were truncated, and which names they now equal."""
    cut = {name for warning in warnings if warning.kind == "too long" for name in warning.names}
    # Two names that were cut may be one text by now, so their near-duplicate warning belongs here as well.
    return tuple(warning.sentence for warning in warnings if cut & set(warning.names))


def lists_read_as_one(vocabulary: Vocabulary, known_names: Collection[str]) -> list[VocabularyWarning]:
    """Warn of a class whose text looks like several names, which would share one mask.

    Args:
        vocabulary: the classes.
        known_names: names that are one class however they look, and whose words are classes.
    """
    known = {name.casefold() for name in known_names}
    pairs = zip(vocabulary.names, vocabulary.synonyms, strict=True)
    several = (_read_as_one(name, group, known) for name, group in pairs)
    return [
        VocabularyWarning(
            "one class",
            (name,),
            f"“{_shown(text)}” is read as one class: if it is several, separate them by commas.",
        )
        for name, text in zip(vocabulary.names, several, strict=True)
        if text
    ]


def _read_as_one(name: str, group: Sequence[str], known: Collection[str]) -> str:
    """The part of a class that looks like several names, as typed; empty if there is none."""
    # Two classes of the model's own lists as synonyms of one: perhaps the row of a table.
    if sum(synonym.casefold() in known for synonym in group) > 1:
        return " | ".join(group)
    return name if name.casefold() not in known and _looks_like_a_list(name, known) else ""


def _looks_like_a_list(name: str, known: Collection[str]) -> bool:
    words = name.casefold().split()
    # "cat dog" is two classes where both are known, "traffic light" is one however it looks.
    if len(words) > 1 and all(word in known for word in words):
        return True
    has_letters = any(unicodedata.category(c)[0] == "L" for c in name)
    return _LIST_MARK.search(name) is not None or any(_is_sign(c, has_letters) for c in name)


def _is_sign(character: str, has_letters: bool) -> bool:
    """Whether a character joins or separates words; an emoji does so only beside letters."""
    kind = unicodedata.category(character)
    return character not in _OF_NAMES and (
        kind[0] == "P" or kind in ("Sm", "Sk") or (kind in ("So", "No") and has_letters)
    )


def _owners(vocabulary: Vocabulary) -> list[int]:
    """The class of each synonym."""
    return [index for index, group in enumerate(vocabulary.synonyms) for _ in group]


def _too_long(vocabulary: Vocabulary, token_counts: Sequence[int], context_length: int) -> list[VocabularyWarning]:
    synonyms = (synonym for group in vocabulary.synonyms for synonym in group)
    return [
        VocabularyWarning(
            "too long",
            (vocabulary.names[owner],),
            f"The end of “{_shown(synonym)}” is not read: with its sentence it takes {count} tokens, and this model "
            f"reads {context_length}. Use fewer words.",
        )
        for synonym, count, owner in zip(synonyms, token_counts, _owners(vocabulary), strict=True)
        if count > context_length
    ]


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN].rstrip()}…"


def _unknown_words(
    vocabulary: Vocabulary, pieces: Callable[[str], int], known_words: Collection[str]
) -> list[VocabularyWarning]:
    known = {word.casefold() for name in known_words for word in _words(name)}
    doubted: dict[str, list[str]] = {}
    for name, group in zip(vocabulary.names, vocabulary.synonyms, strict=True):
        # A dict, so that a word in two synonyms counts once and the order stays.
        for word in dict.fromkeys(word for synonym in group for word in _words(synonym)):
            if word.casefold() not in known and _looks_unknown(word, pieces(word)):
                doubted.setdefault(word, []).append(name)
    return [
        VocabularyWarning(
            "unknown word", tuple(names), f"“{word}” does not look like a word this model knows: check its spelling."
        )
        for word, names in doubted.items()
    ]


def _words(name: str) -> list[str]:
    """Runs of letters, with the marks that belong to them."""
    return "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in name).split()


def _looks_unknown(word: str, pieces: int) -> bool:
    return pieces >= _PIECES and len(word) <= _LETTERS_PER_PIECE * pieces


def _near_duplicates(vocabulary: Vocabulary, vectors: NDArray[np.floating], limit: float) -> list[VocabularyWarning]:
    owners = np.array(_owners(vocabulary))
    cosines = np.asarray(vectors, np.float64) @ np.asarray(vectors, np.float64).T  # (S, S)
    closest: dict[tuple[int, int], float] = {}
    # Owners and not synonyms are compared: synonyms of one class may be as alike as they want.
    for i, j in np.argwhere((cosines >= limit) & (owners[:, None] < owners[None, :])):
        pair = (int(owners[i]), int(owners[j]))
        closest[pair] = max(closest.get(pair, -1.0), float(cosines[i, j]))
    return [
        _alike(vocabulary.names[one], vocabulary.names[other])
        for one, other in sorted(closest, key=lambda pair: -closest[pair])
    ]


def _alike(one: str, other: str) -> VocabularyWarning:
    return VocabularyWarning(
        "near-duplicates",
        (one, other),
        f"“{_shown(one)}” and “{_shown(other)}” mean nearly the same to this model, so either may get the other’s "
        f"pixels: ask for one of them, or join them as “{_shown(one)} | {_shown(other)}”.",
    )
