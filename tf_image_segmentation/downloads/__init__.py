"""Fetching datasets and checkpoints: checked, resumable, safely unpacked."""

from tf_image_segmentation.downloads.archives import Limits, extract_archive
from tf_image_segmentation.downloads.fetching import (
    VGG_16,
    fetch,
    mirror_url,
    obtain,
    product_path,
)
