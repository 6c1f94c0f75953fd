"""Input: augmentation and the tf.data pipeline."""

from tf_image_segmentation.input.augmentations import AUGMENTATIONS, register_augmentation
