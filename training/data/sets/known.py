"""The data sets that this project knows, as descriptions; the only home of their paths and class names.

Class names are ordinary English: "tv monitor" for the data set's own "tvmonitor". An id without a class (background,
garments without a labelled pixel) is None.
"""

from training.data.sets.description import DataSet, Files
from zsseg import synthetic
from zsseg.text.class_lists import CAMVID11, COCO80, COCO171, CONTEXT59, DATASETS, VOC20

_CCP = (
    "background accessories bag belt blazer blouse bodysuit boots bra bracelet cape cardigan clogs coat dress earrings "
    "flats glasses gloves hair hat heels hoodie intimate jacket jeans jumper leggings loafers necklace panties pants "
    "pumps purse ring romper sandals scarf shirt shoes shorts skin skirt sneakers socks stockings suit sunglasses "
    "sweater sweatshirt swimwear t-shirt tie tights top vest wallet watch wedges"
)
# The last four have no labelled pixel in any photo: a model could only learn that they are absent.
_CCP_NO_CLASS = {"background", "clogs", "intimate", "panties", "swimwear"}

_VOC_LISTS = "ImageSets/Segmentation"
_VOC_PHOTOS = ("JPEGImages/{id}.jpg",)
# SegmentationClassAug has VOC's masks and SBD's; without SBD only SegmentationClass exists.
_VOC_MASKS = ("SegmentationClassAug/{id}.png", "SegmentationClass/{id}.png")
_VOC = DataSet(
    name="voc2012",
    title="PASCAL VOC 2012",
    class_names=(None, *VOC20),
    # Ours differs from the papers' because the photos that the embedded heads are trained on show hardly a train.
    unseen={"embedded": DATASETS["voc20"][1], "papers": DATASETS["voc20-papers"][1]},
    # The official archive unpacks to VOCdevkit/VOC2012.
    folders=("voc2012/VOCdevkit/VOC2012", "VOCdevkit/VOC2012", "VOC2012", ""),
    proof="JPEGImages",
    splits={
        "train": Files(
            _VOC_PHOTOS,
            _VOC_MASKS,
            # VOC's 1,464 photos and SBD's 9,118; the joint list goes by two names.
            lists=(
                (f"{_VOC_LISTS}/trainaug.txt",),
                (f"{_VOC_LISTS}/train_aug.txt",),
                (f"{_VOC_LISTS}/train.txt", f"{_VOC_LISTS}/aug.txt"),
                (f"{_VOC_LISTS}/train.txt",),
            ),
            published=10_582,
        ),
        "val": Files(_VOC_PHOTOS, _VOC_MASKS, lists=((f"{_VOC_LISTS}/val.txt",),), published=1449),
    },
)
_CONTEXT_LISTS = "ImageSets/SegmentationContext"
_CONTEXT_MASKS = ("SegmentationClassContext/{id}.png",)
_CONTEXT = DataSet(
    name="pascal_context",
    title="PASCAL Context (59 classes)",
    class_names=(None, *CONTEXT59),
    unseen={
        # Two published lists of 10: valeoai/ZS3, pascal_context_unseen_classes.txt, which most papers use, and
        # HVision-NKU/Cascade-CLIP, configs/context_59 (ids 0, 2, 3, 7, 9, 13, 17, 19, 31, 37).
        "zs3": ("cow", "motorbike", "sofa", "cat", "boat", "fence", "bird", "tv monitor", "keyboard", "aeroplane"),
        "cascade-clip": tuple(CONTEXT59[i] for i in (0, 2, 3, 7, 9, 13, 17, 19, 31, 37)),
    },
    folders=("pascal_context/VOCdevkit/VOC2010", "VOCdevkit/VOC2010", "VOC2010", ""),
    proof="SegmentationClassContext",
    splits={
        "train": Files(_VOC_PHOTOS, _CONTEXT_MASKS, lists=((f"{_CONTEXT_LISTS}/train.txt",),), published=4998),
        "val": Files(_VOC_PHOTOS, _CONTEXT_MASKS, lists=((f"{_CONTEXT_LISTS}/val.txt",),), published=5105),
    },
)
_COCO_STUFF = DataSet(
    name="coco_stuff164k",
    title="COCO-Stuff 164k",
    class_names=COCO171,
    unseen={"papers": DATASETS["coco171"][1]},
    folders=("coco_stuff164k", ""),
    proof="annotations",
    splits={
        split: Files(
            photos=(f"images/{split}2017/{{id}}.jpg",),
            # Named as mmsegmentation's converter does.
            masks=(f"annotations/{split}2017/{{id}}_labelTrainIds.png",),
            published=photos,
        )
        for split, photos in (("train", 118_287), ("val", 5000))
    },
)
_CLOTHING = DataSet(
    name="ccp",
    title="Clothing Co-Parsing",
    class_names=tuple(None if name in _CCP_NO_CLASS else name for name in _CCP.split()),
    unseen={"embedded": ("dress", "jeans", "hat", "scarf", "shorts", "sunglasses")},
    folders=("ccp", ""),
    proof="SegmentationClass",
    splits={
        split: Files(("JPEGImages/{id}.jpg",), ("SegmentationClass/{id}.png",), lists=((f"{split}.txt",),))
        for split in ("train", "val")
    },
)
_CAMVID = DataSet(
    name="camvid",
    title="CamVid",
    class_names=CAMVID11,
    unseen={"embedded": DATASETS["camvid11"][1]},
    folders=("camvid", ""),
    proof="trainannot",
    splits={
        # JPEG here, PNG in the original distribution.
        split: Files((f"{split}/{{id}}.jpg", f"{split}/{{id}}.png"), (f"{split}annot/{{id}}.png",), published=photos)
        for split, photos in (("train", 367), ("val", 101), ("test", 233))
    },
)
_COCO_MINI = DataSet(
    name="coco_mini",
    title="the small COCO set",
    class_names=COCO80,
    unseen={"embedded": DATASETS["coco80"][1]},
    folders=("coco_mini", ""),
    proof="annotations",
    splits={"train": Files(("images/{id}.jpg",), ("annotations/{id}.png",))},
)
_SHAPES = DataSet(
    name="shapes",
    title="the shapes data set",
    class_names=synthetic.NAMES,
    unseen={"embedded": synthetic.held_out()},
    folders=("shapes", ""),
    proof="classes.txt",
    splits={
        # Scenes of both splits are numbered from 0.
        split: Files((f"images/{split}/{{id}}.png",), (f"masks/{split}/{{id}}.png",), prefix=f"{split}-")
        for split in ("train", "val")
    },
    names_file="classes.txt",
)

DATA_SETS: dict[str, DataSet] = {
    one.name: one for one in (_VOC, _CAMVID, _CLOTHING, _COCO_MINI, _COCO_STUFF, _CONTEXT, _SHAPES)
}
