"""Trains FCN-8s on records that convert_pascal_voc.py or convert_dataset.py wrote."""

from __future__ import annotations

from tf_image_segmentation.cli import train


def main() -> int:
    """Trains fcn_8s."""
    return train.main("fcn_8s", __doc__)
