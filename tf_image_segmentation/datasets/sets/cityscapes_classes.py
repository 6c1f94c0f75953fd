"""The 19 classes of the Cityscapes benchmark, which the KITTI semantics benchmark has as well."""

from __future__ import annotations

from tf_image_segmentation.datasets.class_table import class_table

# The classes that are evaluated, in the order of their train ids, with the authors' colors.
CLASS_NAMES, PALETTE = class_table(
    """\
road 128 64 128
sidewalk 244 35 232
building 70 70 70
wall 102 102 156
fence 190 153 153
pole 153 153 153
traffic light 250 170 30
traffic sign 220 220 0
vegetation 107 142 35
terrain 152 251 152
sky 70 130 180
person 220 20 60
rider 255 0 0
car 0 0 142
truck 0 0 70
bus 0 60 100
train 0 80 100
motorcycle 0 0 230
bicycle 119 11 32"""
)

IGNORE_LABEL = 255

# Their label ids, which the masks store.
_LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
# The other ids up to 33 are void (0 to 6) or too rare to be evaluated (parking, bridge, caravan
# ...). Number plates have the id -1, and the authors' program leaves those out of a mask, so that
# it holds what lies below; 255 is -1 in 8 bits, for masks that were drawn by other programs.
LABEL_MAP = {
    **dict.fromkeys((*range(34), 255), IGNORE_LABEL),
    **{label_id: index for index, label_id in enumerate(_LABEL_IDS)},
}
"""Class id or ignore label of each label id."""
