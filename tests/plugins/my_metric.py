import numpy as np

from tf_image_segmentation.evaluation import register_metric


@register_metric
def worst_iou(confusion, ignore_class=None):
    iou = confusion.metrics().per_class_iou
    return float(np.nanmin(np.delete(iou, [] if ignore_class is None else ignore_class)))
