"""The text encoder: class names in, unit vectors out, each cached; and warnings about the names."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from zsseg.cache import LRU
from zsseg.errors import check_type
from zsseg.models import Backbone
from zsseg.text.checks import VocabularyWarning, about_truncated_names, check_vocabulary, lists_read_as_one
from zsseg.text.vocabulary import Vocabulary, with_templates

# As many as the backbone keeps vectors of names.
_COUNTS_KEPT = 4096
_NAMES_TO_A_REPORT = 16  # names between two calls of `report`


class TextEncoder:
    """Encodes class names, each in every template; may be shared by threads.

    Args:
        backbone: whose text encoder is run.
        templates: texts with one ``{}`` for the class name; their vectors are averaged.
        known_names: names that are never doubted, such as those of the checkpoint's training.
    """

    def __init__(self, backbone: Backbone, templates: Sequence[str], known_names: Collection[str] = ()) -> None:
        self.backbone = backbone
        self.templates = templates
        self.known_names = known_names
        self._counts: LRU[int] = LRU(_COUNTS_KEPT)

    def encode(self, vocabulary: Vocabulary, report: Callable[[float], object] = lambda _share: None) -> Tensor:
        """Encode every synonym, class after class, or return the cached vectors: (synonyms, D) unit norm.

        A name longer than the context length is truncated; `name_warnings` reports it.

        Args:
            vocabulary: the names.
            report: called now and then with the share of the names that are done, 0..1.

        Raises:
            UserError: `vocabulary` is something else, such as a list of names.
        """
        vectors, synonyms = [], _synonyms(vocabulary)
        for index, name in enumerate(synonyms):
            if index % _NAMES_TO_A_REPORT == 0:
                report(index / len(synonyms))
            # One by one: in a batch, a name's vector would depend on its neighbours in the last bit.
            vectors.append(name_embedding(self.backbone, name, self.templates))
        return torch.stack(vectors)  # (S, D)

    def token_counts(self, vocabulary: Vocabulary) -> list[int]:
        """Tokens of every synonym in its longest template, class after class."""

        def count(synonym: str) -> int:
            # In the longest template: there a name is cut first.
            return max(map(self.backbone.token_count, with_templates(synonym, self.templates)))

        return [self._counts.get(synonym, partial(count, synonym)) for synonym in _synonyms(vocabulary)]

    def name_warnings(self, vocabulary: Vocabulary) -> list[VocabularyWarning]:
        """Warnings about likely typing mistakes and surprises in these names; none blocks an answer."""
        vectors, backbone = self.encode(vocabulary).cpu().numpy(), self.backbone
        counts = self.token_counts(vocabulary)
        return check_vocabulary(
            vocabulary, vectors, counts, backbone.context_length, backbone.piece_count, self.known_names
        )

    def answer_warnings(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Sentences about names that may be misread: truncated names, and several names in one; usually none."""
        as_one = tuple(warning.sentence for warning in lists_read_as_one(vocabulary, self.known_names))
        if max(self.token_counts(vocabulary)) <= self.backbone.context_length:
            return as_one
        return about_truncated_names(self.name_warnings(vocabulary)) + as_one


def name_embedding(backbone: Backbone, name: str, templates: Sequence[str]) -> Tensor:
    """The vector (D,) of one class name: the mean of its unit vectors in all templates, of unit norm again.

    The backbone keeps it for all heads that stand on it.

    Args:
        backbone: whose text encoder is run.
        name: without a template.
        templates: texts with one ``{}`` for the name.
    """

    # Not in inference mode, whatever the caller's is: training may take the same tensor into a graph.
    @torch.inference_mode(mode=False)
    def encode() -> Tensor:
        # Normalised before and after the mean, as in ZegCLIP's notebook `get_embedding.ipynb`: templates count alike.
        return F.normalize(backbone.encode_text(with_templates(name, templates)).mean(0), dim=0)

    return backbone.name_cache.get((tuple(templates), name), encode)


def _synonyms(vocabulary: Vocabulary) -> list[str]:
    check_type(vocabulary, Vocabulary, "vocabulary must be what build_vocabulary returns")
    return [synonym for group in vocabulary.synonyms for synonym in group]
