"""Lossless files of one answer, the same from the page, the shell and Python."""

from zsseg.export.coco import coco, rle
from zsseg.export.encode import NONE_LABEL, WIDE_NONE_LABEL, label_image, summary
from zsseg.export.labelme import labelme
from zsseg.export.write import answer_files, write_answer, write_outputs, write_zip
from zsseg.files import slug

__all__ = [
    "NONE_LABEL",
    "WIDE_NONE_LABEL",
    "answer_files",
    "coco",
    "label_image",
    "labelme",
    "rle",
    "slug",
    "summary",
    "write_answer",
    "write_outputs",
    "write_zip",
]
