"""Trains FCN-16s on records that convert_pascal_voc.py or convert_dataset.py wrote."""

from __future__ import annotations

from tf_image_segmentation.cli import train


def main() -> int:
    """Trains fcn_16s."""
    return train.main("fcn_16s", __doc__)
