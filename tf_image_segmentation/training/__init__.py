"""Training: what is learned.

Import `trainer` for the loop; this package alone loads no TensorFlow, so that scripts answer
--help at once.
"""

from tf_image_segmentation.training.config import TrainingConfig
from tf_image_segmentation.training.recipe import Recipe, load_recipe
