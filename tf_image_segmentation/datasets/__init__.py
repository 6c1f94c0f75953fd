"""Datasets on disk: what exists."""

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.registry import (
    Dataset,
    OpenDataset,
    dataset_names,
    get_dataset,
    register_dataset,
    register_layout,
)
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.source import Source
