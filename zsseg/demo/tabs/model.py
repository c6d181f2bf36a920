"""The tab of the models: where the weights of each method come from."""

from markupsafe import Markup

from zsseg.demo.catalog import Predictors, title_of
from zsseg.demo.html.templates import render
from zsseg.errors import UserError
from zsseg.predictor import Predictor
from zsseg.weights.metadata import Metadata
from zsseg.weights.search import checkpoint_folders

_CODE = (
    "The code is under the MIT licence. What runs here is the Python package `zsseg`; its folder holds all of it, and "
    "the same models answer in Python, in the shell, over HTTP and as a tool of the Model Context Protocol."
)


def models(predictors: Predictors) -> Markup:
    """Show where each method's weights come from, one card per method."""
    return render("tabs/models.html", models=[_model(method, each) for method, each in predictors.items()])


def _model(method: str, predictor: Predictor | UserError) -> dict[str, object]:
    if isinstance(predictor, UserError):
        return {"title": title_of(method), "problem": str(predictor)}
    head, backbone = predictor.parameters
    metadata = predictor.metadata
    sizes = {"parameters": f"{head:,} trained, {backbone:,} in the frozen backbone"}
    return {
        "title": title_of(method),
        "problem": "",
        "facts": {**_provenance(metadata, predictor.sha256), **sizes},
        "names": {"seen": metadata.seen, "unseen": metadata.unseen},
    }


def documents() -> list[tuple[str, str]]:
    """Title and Markdown of the two texts that come with the weights: model card and licence."""
    found = []
    for title, name in (("Model card", "README.md"), ("Licence of the weights", "LICENSE.md")):
        path = next((folder / name for folder in checkpoint_folders() if (folder / name).is_file()), None)
        if path is not None:
            found.append((title, path.read_text(encoding="utf-8")))
    return [*found, ("Licence and code", _CODE)]


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
        "photos are resized": "with area averaging" if metadata.antialias else "with bilinear sampling, as published",
        "templates": "; ".join(metadata.templates),
        "recovery target": metadata.recovery_target or "",
        "pseudo-labels": (metadata.pseudo_label_where or "").replace("_", " "),
    }
    return {name: value for name, value in every.items() if value}
