"""Everyday names of ImageNet classes.

ImageNet has 120 breeds of dogs and calls a horse "sorrel". People type "dog" and "horse"; so the classes below get
their everyday name in addition. Numbers are indices in the ILSVRC order (sorted WordNet ids), in which related
animals are adjacent.
"""

from collections.abc import Iterable, Mapping

Places = Iterable[int]

_ANIMALS: Mapping[str, Places] = {
    "fish": (*range(7), *range(389, 398)),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "frog": range(30, 33),
    "turtle": range(33, 38),
    "lizard": range(38, 49),
    "snake": range(52, 69),
    "spider": range(72, 78),
    "crab": (*range(118, 122), 125),
    "dog": range(151, 269),  # Chihuahua to Mexican hairless; wild dogs follow
    "wolf": range(269, 273),
    "fox": range(277, 281),
    "cat": range(281, 286),  # domestic breeds; cougar to cheetah keep their names
    "bear": range(294, 298),
    "beetle": range(300, 308),
    "butterfly": range(321, 327),
    "rabbit": range(330, 333),
    "horse": (339,),  # sorrel
    "pig": range(341, 344),
    "cow": (345,),  # ox
    "sheep": (348, 349),
    "goat": (350,),
    "antelope": range(351, 354),
    "ape": range(365, 370),
    "monkey": range(370, 383),
    "elephant": (101, 385, 386),  # tusker, Indian and African elephant
}

_THINGS: Mapping[str, Places] = {
    "airplane": (404, 895),
    "bicycle": (444, 671),
    "boat": (472, 554, 576, 625, 814, 914),
    "book": (917, 921),
    "bottle": (440, 720, 737, 898, 907),
    "bus": (654, 779, 874),
    "car": (407, 436, 468, 511, 609, 627, 656, 661, 734, 751, 817),
    "chair": (423, 559, 765),
    "clock": (409, 530, 892),
    "cup": (504, 968),
    "hat": (439, 452, 515, 808),
    "motorcycle": (665, 670),
    "potted plant": (738,),  # flowerpot
    "ship": (510, 628, 780),
    "shoe": (514, 630, 770, 774),
    "sofa": (831,),  # studio couch
    "telephone": (487, 528, 707),
    "television": (664, 851),
    "train": (466, 547, 705, 820),
    "truck": (555, 569, 675, 717, 864, 867),
}


def everyday_names() -> dict[int, str]:
    """Return index in the ILSVRC order -> everyday name, for the classes that have one."""
    return {place: name for table in (_ANIMALS, _THINGS) for name, places in table.items() for place in places}
