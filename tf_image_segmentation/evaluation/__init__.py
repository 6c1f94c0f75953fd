"""Evaluation: what is claimed."""

from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix, Metrics
from tf_image_segmentation.evaluation.evaluator import evaluate, predictions
