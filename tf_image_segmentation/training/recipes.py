"""Training routines for a dataset and a model, with what they reach.

Each dataset has one `Recipe` for each model; FCN-16s starts from FCN-32s, and FCN-8s from FCN-16s,
unless the recipe says otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from tf_image_segmentation.training.config import Recipe

# PASCAL VOC 2012 with Berkeley SBD, mode 2 (11127 images): the classic system's recipe, ten epochs
# a stage. It published a mean IoU of 62.70 / 63.52 / 63.65 percent on RV-VOC12.
_VOC_FCN_32S = Recipe(steps=111_270, learning_rate=1e-6)

# CamVid, 11 classes, from the VGG-16 ImageNet convolutions. There are no pretrained weights for the
# head here, so it is a smaller one. A little balancing lifts the thin classes (poles, signs) that
# the mean IoU counts as much as the road. Most steps go to the last stage, which learns faster
# than the coarser ones. On the 101 validation images it reached a mean IoU of 49.17 / 66.26 / 72.54
# percent in 12, 8 and 29 minutes on two CPU cores; docs/camvid.md has what was tried.
_CAMVID_FCN_32S = Recipe(
    steps=1200,
    learning_rate=2e-4,
    batch_size=2,
    crop_size=(256, 384),
    schedule="poly",
    warmup_steps=100,
    class_balancing=0.15,
    scale_range=(0.7, 1.5),
    model_options={"fc_channels": 1024, "fc6_kernel": 3},
    new_layers=("fc6", "fc7"),
    compute_dtype="bfloat16",
    validation_interval=1000,
)

# ISBI 2012 EM: cell membranes, each model at once from the VGG-16 ImageNet convolutions. Membranes
# are thinner than the 8 pixels that FCN-8s sees as one, so that the network learns to read enlarged
# images, and is to be given such (--scales 1.5 2 2.5): on the last 6 of the 30 slices FCN-8s
# reached a mean IoU of 72.13 percent at the images' own size and of 78.90 percent so, in 29 minutes
# on two busy CPU cores. Scales of 0.8 to 1.25 in training gave 72.50, and 76.83 at 1, 1.5 and 2.
_ISBI_EM = Recipe(
    steps=1600,
    learning_rate=2e-4,
    batch_size=2,
    crop_size=(256, 256),
    schedule="poly",
    warmup_steps=100,
    scale_range=(1.0, 2.0),
    color_distortion="fast",
    model_options={"fc_channels": 256, "fc6_kernel": 3},
    new_layers=("fc6", "fc7"),
    compute_dtype="bfloat16",
    validation_interval=400,
)

# The embedded dataset with a thin network and random initial weights, without dropout, which a
# network of this size does not need. Skips are fused so that each stage starts exactly where the
# one before ended. On its 60 validation images it reached a mean IoU of 58.90 / 81.77 / 92.51
# percent in 33, 17 and 23 seconds on two CPU cores.
_SHAPES_FCN_32S = Recipe(
    steps=300,
    learning_rate=1e-3,
    batch_size=8,
    crop_size=(160, 160),
    schedule="poly",
    warmup_steps=20,
    scale_range=(0.8, 1.25),
    model_options={
        "width_multiplier": 0.25,
        "fc_channels": 1024,
        "fc6_kernel": 3,
        "dropout_keep_prob": 1.0,
        "skip_fusion": "direct",
    },
    validation_interval=1000,
)

RECIPES: dict[str, dict[str, Recipe]] = {
    "pascal_voc": {
        "fcn_32s": _VOC_FCN_32S,
        "fcn_16s": replace(_VOC_FCN_32S, learning_rate=1e-8),
        "fcn_8s": replace(_VOC_FCN_32S, learning_rate=1e-9),
    },
    "camvid": {
        "fcn_32s": _CAMVID_FCN_32S,
        "fcn_16s": replace(_CAMVID_FCN_32S, steps=800, learning_rate=1.5e-4, new_layers=()),
        "fcn_8s": replace(_CAMVID_FCN_32S, steps=3000, learning_rate=1.5e-4, new_layers=()),
    },
    "isbi_em": dict.fromkeys(("fcn_32s", "fcn_16s", "fcn_8s"), _ISBI_EM),
    "shapes": {
        "fcn_32s": _SHAPES_FCN_32S,
        "fcn_16s": replace(_SHAPES_FCN_32S, steps=150),
        "fcn_8s": replace(_SHAPES_FCN_32S, steps=200),
    },
}
