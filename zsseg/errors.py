"""The one error whose message is for the user."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from types import UnionType


class UserError(ValueError):
    """A sentence for the user: what is wrong, and what to do about it.

    The page, the shell and the HTTP endpoint show it as it is; anything else that is raised is a defect.
    """


def check_type(value: object, kinds: type | UnionType | tuple[type, ...], what: str) -> None:
    """Refuse an argument of another type, before work begins that would fail half way.

    Args:
        value: the argument.
        kinds: what it may be, as `isinstance` takes it.
        what: the sentence up to its end, such as "report must be a function".

    Raises:
        UserError: it is something else, whose type the sentence names.
    """
    if not isinstance(value, kinds):
        raise UserError(f"{what}, not {type(value).__name__}.")


_REASON = 300  # letters


def reason_of(error: Exception) -> str:
    """The first line of a library's error message, to be quoted in brackets; the error's type if it has none.

    Of a pickle that was refused it is our own: torch advises to read the file again without the protection.
    """
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
        return "it is damaged, or holds more than tensors"
    line = next(iter(str(error).splitlines()), "")
    line = line if len(line) <= _REASON else f"{line[:_REASON]}…"  # some quote all of the file
    # A KeyError's message is its key alone, such as "105", so its type is added.
    return line if " " in line else " ".join(filter(None, (type(error).__name__, line)))


# What torch, CUDA and OpenCV say; Python and numpy have a kind of their own, MemoryError.
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "outofmemory", "insufficient memory")


@contextmanager
def explain_memory_errors() -> Iterator[None]:
    """Turn running out of memory, in a block or a decorated function, into a `UserError`.

    Raises:
        UserError: it did.
    """
    try:
        yield
    # A sentence already, and it may hold one of the words looked for below.
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or any(text in str(error).casefold() for text in _OUT_OF_MEMORY):
            raise UserError(
                "There is too little free memory for this photo and these names: shrink the photo or ask for fewer "
                "classes, or try again later."
            ) from error
        raise
