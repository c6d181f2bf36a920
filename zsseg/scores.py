"""Score maps of many classes without holding them all: a small source, planes on demand, and one budget for arrays.

An answer holds what its scores are computed from, a few kilobytes per class. Full arrays are computed when they are
wanted, to the same last bit every time, and all answers of the process share `SHARED_BYTES` for those kept.
"""

import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from zsseg.errors import UserError, explain_memory_errors

FloatArray = npt.NDArray[np.float32]

MAX_SCORES = 2**28
"""Values of one array of score maps, K*H*W, at most: 1 GiB."""

SHARED_BYTES = 2**30
"""Of all arrays that are kept, in the whole process."""

# Maps in memory at a time where they are read one after the other.
_PLANES_AT_ONCE = 16


class ScoreMaps(ABC):
    """(K,H,W) scores in 0..1, float32, computed when they are asked for.

    Attributes:
        shape: K classes, H rows, W columns.
    """

    shape: tuple[int, int, int]

    @abstractmethod
    def planes(self, start: int, stop: int) -> FloatArray:
        """The maps of the classes from `start` to before `stop`, (stop-start,H,W); the same bits every time."""

    def key(self, index: int) -> Hashable:
        """What the map of a class is computed from: maps with equal keys have equal values; None where unknown."""
        return None

    @property
    def size(self) -> int:
        """Number of values."""
        count, height, width = self.shape
        return count * height * width

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[FloatArray]:
        """One (H,W) map after the other; a few are in memory at a time."""
        kept = score_memory().found(self)
        if kept is not None:
            yield from kept
            return
        for start in range(0, len(self), _PLANES_AT_ONCE):
            yield from self.planes(start, min(start + _PLANES_AT_ONCE, len(self)))

    @explain_memory_errors()
    def array(self) -> FloatArray:
        """All maps as one array, (K,H,W), which the process keeps while it fits into the budget.

        Raises:
            UserError: there are more than `MAX_SCORES` values, or too little memory is free for them.
        """
        # Before the array is made: a request for gigabytes gets a sentence, and the process goes on.
        check_size(*self.shape)
        return score_memory().get(self)


class GatedMaps(ScoreMaps):
    """Score maps whose logits are lowered by a number for each class.

    Args:
        maps: the maps before.
        factors: K values in 0..1, exp of the numbers.
    """

    def __init__(self, maps: ScoreMaps | FloatArray, factors: FloatArray) -> None:
        count, height, width = maps.shape
        self.shape = (count, height, width)
        self._maps, self._factors = maps, factors

    def planes(self, start: int, stop: int) -> FloatArray:
        """As `ScoreMaps.planes`."""
        before = self._maps
        scores = before.planes(start, stop) if isinstance(before, ScoreMaps) else before[start:stop]
        # sigmoid(logit(s) + log(f)) = s * f / (1 - s * (1 - f)), which needs no logarithm in any pixel.
        factors = self._factors[start:stop, None, None]
        gated: FloatArray = scores * factors / np.maximum(1 - scores * (1 - factors), np.finfo(np.float32).tiny)
        return np.minimum(gated, 1, out=gated)


class ScoreMemory:
    """The arrays of score maps that are kept; evicts the least recently used; shared by threads.

    An array also leaves with the last answer that refers to its maps.

    Args:
        limit: bytes of all arrays together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrays: OrderedDict[int, FloatArray] = OrderedDict()  # by id of the maps
        self._planes: dict[Hashable, FloatArray] = {}  # (H,W) parts of those arrays, by key
        self._keys: dict[int, list[Hashable]] = {}  # of the maps, by their id
        self._lock = threading.RLock()  # the garbage collector may call `_forget` while this thread holds it

    @property
    def held(self) -> int:
        """Bytes of the arrays that are kept now."""
        with self._lock:
            return sum(array.nbytes for array in self._arrays.values())

    def found(self, maps: ScoreMaps) -> FloatArray | None:
        """The array of these maps if it is kept."""
        with self._lock:
            if id(maps) in self._arrays:
                self._arrays.move_to_end(id(maps))
            return self._arrays.get(id(maps))

    def get(self, maps: ScoreMaps) -> FloatArray:
        """The array of these maps, (K,H,W), read-only, computed first if need be.

        The map of a class that a kept array has already is copied from there.
        """
        kept = self.found(maps)
        if kept is not None:
            return kept
        keys = [maps.key(index) for index in range(len(maps))]
        with self._lock:
            # Parts of arrays hold their arrays, should those leave meanwhile.
            known = {key: self._planes[key] for key in keys if key in self._planes}
        array: FloatArray = np.empty(maps.shape, dtype=np.float32)
        for index, key in enumerate(keys):
            array[index] = known[key] if key in known else maps.planes(index, index + 1)[0]
        # Several answers share the array: a write through one would change the others.
        array.setflags(write=False)
        with self._lock:
            self._arrays[id(maps)] = array
            self._keys[id(maps)] = keys
            self._planes |= {key: plane for key, plane in zip(keys, array, strict=True) if key is not None}
            # An id may be given to another object once this one is gone, so the entry must leave with it.
            weakref.finalize(maps, self._forget, id(maps))
            while self.held > self._limit and self._arrays:
                # An array above the whole budget leaves at once and belongs to its caller alone.
                self._forget(next(iter(self._arrays)))
        return array

    def _forget(self, maps: int) -> None:
        with self._lock:
            array = self._arrays.pop(maps, None)
            for key in self._keys.pop(maps, ()):
                # A later array may have a map of the same key, which stays.
                if key in self._planes and self._planes[key].base is array:
                    del self._planes[key]


@cache
def score_memory() -> ScoreMemory:
    """The one budget of the process."""
    return ScoreMemory(SHARED_BYTES)


def check_size(count: int, height: int, width: int) -> None:
    """Refuse an array of score maps (count, height, width) beyond `MAX_SCORES`, before it is made.

    Raises:
        UserError: it would be larger.
    """
    if count * height * width > MAX_SCORES:
        raise UserError(
            f"The scores of {count} classes on a photo of {width}x{height} pixels do not fit into one array: ask for "
            "fewer classes, shrink the photo, or read them one class at a time from `Segmentation.maps`."
        )
