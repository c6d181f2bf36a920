"""The texts that class names are put into before the text encoder reads them, as both papers use them."""

SINGLE_TEMPLATE: tuple[str, ...] = ("a photo of a {}",)
"""For PASCAL VOC, and the default."""

_SIZES = ("", "small ", "medium ", "large ")
# ZegCLIP's notebook `get_embedding.ipynb` and, identical, that of uyzhang/CLIP-RC; every text ends with a full stop.
_SCENES = ("a", "a photo of a", "There is a", "There is the", "This is a", "This is the", "This is one")
SCENE_TEMPLATES: tuple[str, ...] = (
    *(f"a photo of a {size}{{}}." for size in _SIZES),
    *(f"This is a photo of a {size}{{}}." for size in _SIZES),
    *(f"{lead} {{}} in the scene." for lead in _SCENES),
)
"""The 15 templates for COCO-Stuff; the unit vectors of a name in all of them are averaged."""
