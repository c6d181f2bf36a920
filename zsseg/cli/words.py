"""The words of a command: what a shell can hand over and no command can use."""

import argparse
import re
import sys
from pathlib import Path

from zsseg.errors import UserError
from zsseg.files import shortened


def class_names(text: str | None, option: str) -> str:
    """The class names behind an option; none are "".

    Args:
        text: as the shell gave it, None if it did not.
        option: for the sentence, such as "--seen".

    Raises:
        UserError: they hold bytes that are no text.
    """
    # Python keeps such a byte as half a letter, which would be dropped from the name without a word.
    if text and re.search("[\ud800-\udfff]", text):
        shown = shortened(re.sub("[\ud800-\udfff]", "?", text))
        encoding = sys.getfilesystemencoding().upper()
        raise UserError(
            f"The names of {option} are not readable as {encoding} text (“{shown}”): type them in UTF-8, in a terminal "
            "whose LC_ALL is C.UTF-8 or another UTF-8 one."
        )
    return text or ""


def named_path(text: str) -> Path:
    """The path of an option, for `argparse`; an empty one, as an unset variable gives, would mean this folder.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("The name is empty: give one; this folder is called “.”.")
    return Path(text)
