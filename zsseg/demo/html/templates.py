"""The page's HTML templates, in `zsseg/demo/templates`; every value is escaped unless it is `Markup` already."""

import html
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parents[1] / "templates"


def escape(text: object) -> Markup:
    """Make any text harmless inside HTML, and inside Gradio's HTML component, which gives ``{`` and ``$`` a meaning."""
    safe = html.escape(str(text))
    # Gradio's HTML component evaluates `${...}` and `{{...}}`: a class name must not become code.
    for character in "{}$`":
        safe = safe.replace(character, f"&#{ord(character)};")
    return Markup(safe)


def render(name: str, /, **values: object) -> Markup:
    """Fill a template.

    Args:
        name: file in the folder of templates, such as "tabs/scores.html".
        **values: what it shows.

    Raises:
        jinja2.UndefinedError: the template uses a value that was not given.
    """
    return Markup(_environment().get_template(name).render(values))


def macro(name: str, *values: object, file: str = "macros.html") -> Markup:
    """Call one macro of a template.

    Args:
        name: of the macro.
        *values: its arguments.
        file: the template that defines it.
    """
    function = getattr(_environment().get_template(file).module, name)
    return Markup(function(*values))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        finalize=_finalize,
        # A misspelt name in a template fails in the tests instead of leaving a gap on the page.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: object) -> object:
    """Jinja escapes only what HTML needs; Gradio needs more, so values are escaped here before Jinja sees them."""
    # `__html__` marks what is safe already; escaping it again would show its tags.
    return value if hasattr(value, "__html__") else escape(value)
