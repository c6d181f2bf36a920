"""The parts of the page that are text: legend, banner, provenance. Plain functions from data to HTML."""

import html
from collections.abc import Mapping

from zsseg.checkpoint import Metadata
from zsseg.demo.callbacks import TITLES, Predictors, problems
from zsseg.errors import UserError
from zsseg.segmentation import Segmentation
from zsseg.visualize import LegendRow
from zsseg.visualize import legend as legend_rows

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

UNSURE = """
<p class="zs-help">It is not sure of any of these names. Lower “None of these below” to see its best guesses.</p>
"""

SCORE_HELP = """
<p class="zs-help">Each class gets its own sigmoid, so the maps are not exclusive: two classes can both be sure of one
pixel, or none. All maps share one scale, and show the scores before the seen penalty.</p>
"""

RECOVERY_HELP = """
<p class="zs-help">CLIP-RC is trained with a recovery decoder that must rebuild CLIP's own patch features from the
decoder's, so that learning the seen classes does not wash out what CLIP knew. Here it is run on your photo. The four
pictures share one colour basis (three principal components): similar colours mean similar features.</p>
"""


def escape(text: object) -> str:
    """Make any text harmless inside HTML, and inside the page's templates, which give ``{`` and ``$`` a meaning."""
    safe = html.escape(str(text))
    return safe.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;").replace("`", "&#96;")


def banner(predictors: Predictors) -> str:
    """Say loudly which checkpoint cannot be used and why; empty when all can."""
    lines = [
        f"<p><b>{escape(TITLES[method])} cannot answer.</b> {escape(sentence)}</p>"
        for method, sentence in problems(predictors).items()
    ]
    return f'<div class="zs-banner" role="alert">{"".join(lines)}</div>' if lines else ""


def card_title(method: str, predictors: Predictors) -> str:
    """Name the method and its checkpoint, above its picture."""
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        return f'<div class="zs-card-title"><h2>{escape(TITLES[method])}</h2><span>not available</span></div>'
    setting = escape(predictor.metadata.setting)
    return f'<div class="zs-card-title"><h2>{escape(TITLES[method])}</h2><span>{setting}</span></div>'


def waiting() -> str:
    """Stand in for the legend before the first answer."""
    return '<p class="zs-help zs-waiting">Press Run: the painted photo and its legend appear here.</p>'


def legend(segmentation: Segmentation) -> str:
    """List the classes in the order asked: colour, name, seen or unseen, share of the photo.

    Args:
        segmentation: with the settings that the picture beside it shows.
    """
    rows = [_legend_row(row) for row in legend_rows(segmentation)]
    left_over = max(0.0, 1.0 - sum(segmentation.area))
    rows.append(
        '<li class="zs-row zs-none"><span class="zs-chip"></span><span class="zs-name">none of these</span>'
        f"{_share(left_over)}</li>"
    )
    seconds = f"{segmentation.seconds:.1f} s" if segmentation.seconds >= 0.05 else "under 0.1 s"
    label = escape(f"Legend of {TITLES.get(segmentation.method, segmentation.method)}")
    hint = UNSURE if left_over > 0.95 and segmentation.threshold > 0 else ""
    return (
        f'<ul class="zs-legend" aria-label="{label}">{"".join(rows)}</ul>{hint}'
        f'<p class="zs-time">answered in {seconds}</p>'
    )


def _legend_row(row: LegendRow) -> str:
    kind = "seen" if row.seen else "unseen"
    empty = " zs-absent" if row.area == 0 else ""
    return (
        f'<li class="zs-row{empty}" style="--c: {row.hex}">'
        f'<span class="zs-chip zs-{kind}"></span><span class="zs-name">{escape(row.name)}</span>'
        f'<span class="zs-badge zs-{kind}">{kind}</span>{_share(row.area)}</li>'
    )


def _share(share: float) -> str:
    percent = 100 * share
    text = "0 %" if share == 0 else "&lt; 0.1 %" if percent < 0.1 else f"{percent:.1f} %"
    return f'<span class="zs-area">{text}</span><span class="zs-bar"><i style="width: {percent:.2f}%"></i></span>'


def models(predictors: Predictors) -> str:
    """Show where each method's weights come from, one card per method."""
    cards = []
    for method, predictor in predictors.items():
        if isinstance(predictor, UserError):
            body = f'<p class="zs-help">{escape(predictor)}</p>'
        else:
            body = _table(_provenance(predictor.metadata, predictor.sha256))
        cards.append(f'<section class="zs-panel"><h3>{escape(TITLES[method])}</h3>{body}</section>')
    return f'<div class="zs-panels">{"".join(cards)}</div>'


def _provenance(metadata: Metadata, sha256: str) -> dict[str, str]:
    scores = ", ".join(f"{name} {value:.3f}" for name, value in metadata.scores.items())
    facts = {
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
        "templates": "; ".join(metadata.templates),
        "recovery target": metadata.recovery_target or "",
        "seen classes": ", ".join(metadata.seen),
        "unseen classes": ", ".join(metadata.unseen),
    }
    return {name: value for name, value in facts.items() if value}


def _table(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f'<table class="zs-facts">{rows}</table>'
