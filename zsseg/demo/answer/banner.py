"""The banner that says which checkpoint cannot be used."""

from markupsafe import Markup

from zsseg.demo.catalog import TITLES, Predictors, problems
from zsseg.demo.html.templates import render


def banner(predictors: Predictors) -> Markup:
    """Say prominently which checkpoint cannot be used and why; empty when all can."""
    sentences = {TITLES[method]: sentence for method, sentence in problems(predictors).items()}
    return render("banner.html", problems=sentences) if sentences else Markup()
