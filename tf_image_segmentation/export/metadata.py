"""What travels with an exported network: what its classes are, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tf_image_segmentation import __version__
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.models.description import read_description
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.structs import Range

Metadata = dict[str, Any]


def describe_export(
    network: Network, checkpoint: str | Path | None = None, dataset: DatasetInfo | None = None
) -> Metadata:
    """Returns the metadata of an export as JSON types.

    Args:
        network: the network to export.
        checkpoint: where its weights come from; its ignore label is found beside it.
        dataset: the dataset that it was trained on, for checkpoints that do not tell.

    Returns:
        ``model``, ``num_classes``, ``class_names``, ``palette`` (RGB, 0..255), ``ignore_label``
        (of the masks that it was trained with; never predicted), ``threshold`` (which the labels
        follow, see `Threshold`), ``checkpoint``, ``intensity_range`` (values of 16-bit images that
        were 0 and 255 in training), ``input`` (what is to be fed, in words), and
        ``tf_image_segmentation``, the version. What is not known is None.

    Raises:
        DataError: ``dataset`` has other classes than the network.
    """
    if dataset is not None:
        dataset.check_model(network.num_classes, network.class_names)
    names = network.class_names or (dataset and dataset.class_names)
    palette = network.palette or (dataset and dataset.palette)
    return {
        "model": network.model_name,
        "num_classes": network.num_classes,
        "class_names": names and list(names),
        "palette": palette and [list(color) for color in palette],
        "ignore_label": _ignore_label(checkpoint, dataset),
        "threshold": msgspec.to_builtins(network.threshold),
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "intensity_range": network.intensity_range and list(network.intensity_range),
        "input": _input(network.intensity_range),
        "tf_image_segmentation": __version__,
    }


def _input(intensity_range: Range | None) -> str:
    """Says what pictures the exported function expects."""
    images = "uint8 [batch, height, width, 3], RGB, any size"
    if intensity_range is None:
        return images
    low, high = intensity_range
    return (
        f"{images}; trained on images of more than 8 bits, whose values v are fed as "
        f"round(255 * (v - {low:g}) / ({high:g} - {low:g})), clipped to 0..255"
    )


def _ignore_label(checkpoint: str | Path | None, dataset: DatasetInfo | None) -> int | None:
    if dataset is not None:
        return dataset.ignore_label
    if checkpoint is None:
        return None
    saved = read_description(Path(checkpoint))
    return None if saved is None else saved.dataset.ignore_label
