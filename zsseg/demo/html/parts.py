"""The parts that several views share: a line of help, a warning, a figure, a table."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from zsseg.demo.html.pictures import Picture, jpeg_uri, png_uri, shrink
from zsseg.demo.html.templates import macro


def text(name: str) -> Markup:
    """One of the page's fixed texts, by the name of its macro in ``templates/texts.html``."""
    return macro(name, file="texts.html")


def help_text(sentence: str) -> Markup:
    """A line of explanation."""
    return macro("help", sentence)


def warning(sentence: str) -> Markup:
    """Something to look at; it may quote what a visitor typed."""
    return macro("warning", sentence)


def figure(picture: Picture, alt: str, caption: str, photo: bool = False) -> Markup:
    """A picture (H, W, 3) with its caption; `photo` packs it as a photo."""
    # Pictures travel inside the page, so they are sent in the size in which they are shown.
    small = shrink(picture)
    return macro("figure", jpeg_uri(small) if photo else png_uri(small), alt, caption)


def picture(source: Markup) -> Markup:
    """A small picture inside a table, which its row describes."""
    return macro("picture", source)


def scale(ramp: Picture, alt: str, low: str = "0", high: str = "1") -> Markup:
    """A colour scale (h, w, 3) with its two ends."""
    return macro("scale", png_uri(ramp), alt, low, high)


def facts(rows: Mapping[str, str]) -> Markup:
    """Names and values, one pair a row."""
    return macro("facts", rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table whose first column names the row."""
    return macro("table", head, rows)


def class_table(head: tuple[str, str], names: Sequence[str], values: Sequence[float | None]) -> Markup:
    """A table of the classes that have a value; the other classes, which would bury them, are only counted."""
    return class_columns(head, names, [values])


def class_columns(head: Sequence[str], names: Sequence[str], columns: Sequence[Sequence[float | None]]) -> Markup:
    """A table like `class_table` with several columns of values."""
    rows = [
        (name, *map(number, values))
        for name, *values in zip(names, *columns, strict=True)
        # A class counts as soon as one column has a value for it.
        if any(value is not None for value in values)
    ]
    return macro("class_table", head, rows, len(names) - len(rows))


def number(value: float | None, digits: int = 2) -> str:
    """A score as text; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"
