"""Models: what is computed."""

from tf_image_segmentation.models.deeplab import (
    deeplab_v3_mobilenet_v2,
    deeplab_v3_plus_mobilenet_v2,
    deeplab_v3_plus_resnet_v1_50,
    deeplab_v3_plus_resnet_v1_101,
)
from tf_image_segmentation.models.fcn import fcn_8s, fcn_16s, fcn_32s
from tf_image_segmentation.models.layers import batch_norm, upsample_bilinear
from tf_image_segmentation.models.mobilenet_v2 import mobilenet_v2, mobilenet_v2_fcn_16s
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.models.registry import MODELS, ModelSpec, register_model
from tf_image_segmentation.models.resnet_v1 import (
    resnet_v1_50_8s,
    resnet_v1_50_16s,
    resnet_v1_101_8s,
    resnet_v1_101_16s,
)
from tf_image_segmentation.models.restoring import RestoreReport
from tf_image_segmentation.models.unet import unet_vgg_16
from tf_image_segmentation.models.vgg import RGB_MEAN, vgg_16
