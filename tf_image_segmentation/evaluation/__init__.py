"""Confusion matrix, metrics and evaluation of a network."""

from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix, Metrics
from tf_image_segmentation.evaluation.metrics import METRICS, ImageMetric, register_metric
