"""Input: augmentation and the tf.data pipeline."""

from tf_image_segmentation.input.operations import AUGMENTATIONS, register_augmentation
