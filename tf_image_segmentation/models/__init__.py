"""Models: what is computed."""

from tf_image_segmentation.models.fcn import fcn_8s, fcn_16s, fcn_32s
from tf_image_segmentation.models.layers import batch_norm, upsample_bilinear
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.registry import MODELS, ModelSpec, register_model
from tf_image_segmentation.models.restoring import RestoreReport
from tf_image_segmentation.models.vgg import RGB_MEAN, vgg_16
