"""The class names of the data sets, and which of them the papers hold out as unseen."""

from collections.abc import Mapping, Sequence


def _listed(text: str) -> tuple[str, ...]:
    # Most commas below have a space behind them, which is no part of a name.
    return tuple(" ".join(name.split()) for name in text.split(","))


def _split(names: Sequence[str], unseen: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(seen, unseen), both in the order of the data set."""
    return tuple(n for n in names if n not in unseen), tuple(n for n in names if n in unseen)


VOC20 = _listed(
    "aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, dining table, dog, horse, motorbike, person,"
    "potted plant, sheep, sofa, train, tv monitor"
)
"""PASCAL VOC 2012 in the order of its ids 1..20, in natural spelling."""

COCO80 = _listed(
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,"
    "parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,"
    "handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,"
    "surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,"
    "broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,"
    "mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors,"
    "teddy bear, hair drier, toothbrush"
)
"""The things of COCO."""

COCO171 = COCO80 + _listed(
    "banner, blanket, branch, bridge, building-other, bush, cabinet, cage, cardboard, carpet, ceiling-other,"
    "ceiling-tile, cloth, clothes, clouds, counter, cupboard, curtain, desk-stuff, dirt, door-stuff, fence,"
    "floor-marble, floor-other, floor-stone, floor-tile, floor-wood, flower, fog, food-other, fruit, furniture-other,"
    "grass, gravel, ground-other, hill, house, leaves, light, mat, metal, mirror-stuff, moss, mountain, mud, napkin,"
    "net, paper, pavement, pillow, plant-other, plastic, platform, playingfield, railing, railroad, river, road, rock,"
    "roof, rug, salad, sand, sea, shelf, sky-other, skyscraper, snow, solid-other, stairs, stone, straw,"
    "structural-other, table, tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete, wall-other,"
    "wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind, window-other, wood"
)
"""COCO-Stuff 164k in the order of its train ids, in the data set's spelling, which the published heads were fed."""

CONTEXT59 = _listed(
    "aeroplane, bag, bed, bedclothes, bench, bicycle, bird, boat, book, bottle, building, bus, cabinet, car, cat,"
    "ceiling, chair, cloth, computer, cow, cup, curtain, dog, door, fence, floor, flower, food, grass, ground, horse,"
    "keyboard, light, motorbike, mountain, mouse, person, plate, platform, potted plant, road, rock, sheep, shelves,"
    "sidewalk, sign, sky, snow, sofa, table, track, train, tree, truck, tv monitor, wall, water, window, wood"
)
"""PASCAL Context in the order of its ids 1..59, in natural spelling; id 0 is background."""

CAMVID11 = _listed("sky, building, pole, road, sidewalk, tree, sign, fence, car, pedestrian, bicyclist")
"""CamVid in the order of its ids."""

DATASETS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # Not the papers' split: cow stands among the unseen here, and train among the seen.
    "voc20": _split(VOC20, ("cow", "sheep", "sofa", "potted plant", "tv monitor")),
    # The split of both papers: the last five names.
    "voc20-papers": _split(VOC20, ("potted plant", "sheep", "sofa", "train", "tv monitor")),
    "coco171": _split(
        COCO171,
        _listed(
            "cow, giraffe, suitcase, frisbee, skateboard, carrot, scissors, cardboard, clouds, grass, playingfield,"
            "river, road, tree, wall-concrete"
        ),
    ),
    "coco80": _split(
        COCO80,
        _listed(
            "giraffe, zebra, skateboard, pizza, laptop, suitcase, carrot, scissors, frisbee, cow, sheep, couch,"
            "potted plant, tv"
        ),
    ),
    "camvid11": _split(CAMVID11, ("bicyclist", "tree")),
}
"""Name of a vocabulary: (seen names, unseen names)."""
