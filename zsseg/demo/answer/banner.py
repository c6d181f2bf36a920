"""The banner that says which checkpoint cannot be used."""

from markupsafe import Markup

from zsseg.demo.catalog import Predictors, problems, shown, title_of
from zsseg.demo.html.templates import render


def banner(predictors: Predictors) -> Markup:
    """Say prominently which checkpoint cannot be used and why; empty when all can."""
    # Only the main methods raise an alarm; the tab Model lists the others.
    sentences = {title_of(method): sentence for method, sentence in problems(shown(predictors)).items()}
    return render("banner.html", problems=sentences) if sentences else Markup()
