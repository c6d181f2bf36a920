"""The parts of the page that are text: header, banner, provenance. Plain functions from data to HTML."""

import html
from collections.abc import Mapping, Sequence

from zsseg.demo.catalog import TITLES, Predictors, problems
from zsseg.errors import UserError
from zsseg.weights.metadata import Metadata

HEADER = """
<header class="zs-header">
  <h1>Name it, and it is painted</h1>
  <p><b>ZegCLIP</b> and <b>CLIP-RC</b> look at your photo for any class you can name: <b>seen</b> ones, which they
  were trained on, and <b>unseen</b> ones, which they know only as words.</p>
</header>
"""

FOOTER = """
<footer class="zs-footer">Your photo never leaves the machine this page runs on. It is kept only to answer you, and
temporary files are deleted within an hour.</footer>
"""


def escape(text: object) -> str:
    """Make any text harmless inside HTML, and inside the page's templates, which give ``{`` and ``$`` a meaning."""
    safe = html.escape(str(text))
    return safe.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;").replace("`", "&#96;")


def help_text(text: str) -> str:
    """A line of explanation; `text` may hold HTML of our own."""
    return f'<p class="zs-help">{text}</p>'


def warning(sentence: str) -> str:
    """Something to look at, in plain text that may quote what a visitor typed."""
    return f'<p class="zs-warning">{escape(sentence)}</p>'


def banner(predictors: Predictors) -> str:
    """Say loudly which checkpoint cannot be used and why; empty when all can."""
    lines = [
        f"<p><b>{escape(TITLES[method])} cannot answer.</b> {escape(sentence)}</p>"
        for method, sentence in problems(predictors).items()
    ]
    return f'<div class="zs-banner" role="alert">{"".join(lines)}</div>' if lines else ""


def models(predictors: Predictors) -> str:
    """Show where each method's weights come from, one card per method."""
    cards = []
    for method, predictor in predictors.items():
        if isinstance(predictor, UserError):
            body = help_text(escape(predictor))
        else:
            head, backbone = predictor.parameters
            sizes = {"parameters": f"{head:,} trained, {backbone:,} in the frozen backbone"}
            body = facts({**_provenance(predictor.metadata, predictor.sha256), **sizes})
            body += _names("seen", predictor.metadata.seen) + _names("unseen", predictor.metadata.unseen)
        cards.append(f'<section class="zs-panel"><h3>{escape(TITLES[method])}</h3>{body}</section>')
    return f'<div class="zs-panels">{"".join(cards)}</div>'


def _provenance(metadata: Metadata, sha256: str) -> dict[str, str]:
    scores = ", ".join(f"{name} {value:.3f}" for name, value in metadata.scores.items())
    every = {
        "checkpoint": metadata.name,
        "sha256": sha256,
        "setting": metadata.setting,
        "backbone": metadata.backbone,
        "backbone sha256": metadata.backbone_sha256,
        "trained on": ", ".join(metadata.data),
        "recipe": metadata.recipe,
        "commit": metadata.commit,
        "created": metadata.created,
        "scores": scores,
        "window": f"{metadata.size} px, stride {metadata.stride} px",
        "photos are shrunk": "by means over areas" if metadata.antialias else "by bilinear samples, as published",
        "templates": "; ".join(metadata.templates),
        "recovery target": metadata.recovery_target or "",
        "pseudo-labels": (metadata.pseudo_label_where or "").replace("_", " "),
    }
    return {name: value for name, value in every.items() if value}


def _names(kind: str, names: Sequence[str]) -> str:
    summary = f"{len(names)} {kind} classes"
    return f'<details class="zs-list"><summary>{summary}</summary><p>{escape(", ".join(names))}</p></details>'


def facts(rows: Mapping[str, str]) -> str:
    """Names and values, one pair a row."""
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f'<table class="zs-facts">{body}</table>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column names the row."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return f'<table class="zs-table"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def class_table(head: tuple[str, str], names: Sequence[str], values: Sequence[float | None]) -> str:
    """A table of the classes that have a value; the others, which would bury them, are only counted."""
    rows = [(name, number(value)) for name, value in zip(names, values, strict=True) if value is not None]
    rest = len(names) - len(rows)
    rest_text = help_text(f"{rest} {'class' if rest == 1 else 'classes'} without a pixel.") if rest else ""
    return (table(head, rows) if rows else "") + rest_text


def number(value: float | None, digits: int = 2) -> str:
    """A score as text; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"
