"""Data sets on disk: what exists. Importing this package registers every data set."""

from tf_image_segmentation.datasets.dataset import (
    DataError,
    Dataset,
    DatasetInfo,
    Sample,
    dataset_names,
    get_dataset,
)
