"""Presets: lists of class names to start from, each with a title. The checkpoint says which names are seen."""

from collections.abc import Mapping

from zsseg.synthetic import NAMES
from zsseg.text.class_lists import CAMVID11, COCO80, COCO171, VOC20
from zsseg.text.vocabulary import parse_names


def _listed(text: str) -> tuple[str, ...]:
    return tuple(group[0] for group in parse_names(text))


PRESETS: Mapping[str, tuple[str, ...]] = {
    "VOC-20": VOC20,
    "COCO-80": COCO80,
    "COCO-Stuff-171": COCO171,
    "CamVid": CAMVID11,
    # Clothing Co-Parsing without its background.
    "Garments": _listed(
        "accessories, bag, belt, blazer, blouse, bodysuit, boots, bra, bracelet, cape, cardigan, clogs, coat, dress,"
        "earrings, flats, glasses, gloves, hair, hat, heels, hoodie, intimate, jacket, jeans, jumper, leggings,"
        "loafers, necklace, panties, pants, pumps, purse, ring, romper, sandals, scarf, shirt, shoes, shorts, skin,"
        "skirt, sneakers, socks, stockings, suit, sunglasses, sweater, sweatshirt, swimwear, t-shirt, tie, tights, top,"
        "vest, wallet, watch, wedges"
    ),
    "Street": _listed(
        "road, sidewalk, building, sky, tree, car, bus, bicycle, person, traffic light, traffic sign, pole"
    ),
    "Drawn shapes": NAMES,
    "Pets": _listed("cat, dog, rabbit, hamster, horse, bird, fish, person, sofa, carpet, grass"),
}
"""Title of a list: its class names, in the data set's order and spelling where it is a data set's."""
