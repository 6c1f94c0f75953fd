"""Datasets on disk: what exists."""

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.registry import Dataset, dataset_names, get_dataset
from tf_image_segmentation.datasets.sample import Sample
