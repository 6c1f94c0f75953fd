"""Export: trained networks as files that run without this package."""

from tf_image_segmentation.export.checking import Check, Limits
from tf_image_segmentation.export.exporter import export_checked
from tf_image_segmentation.export.formats import FORMATS
from tf_image_segmentation.export.metadata import describe_export
from tf_image_segmentation.export.onnx import export_onnx
from tf_image_segmentation.export.saved_model import export_saved_model
from tf_image_segmentation.export.serving import float32_network, serving_function
from tf_image_segmentation.export.tflite import export_tflite
