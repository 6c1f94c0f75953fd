"""Checkpoints and models that come with the package, as networks."""

from __future__ import annotations

import os
from pathlib import Path

from tf_image_segmentation.models.network import Network
from tf_image_segmentation.zoo.published import is_on_disk
from tf_image_segmentation.zoo.shipped import find_checkpoint, shipped_model


def load_model(
    name: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None
) -> Network:
    """Returns a trained model, ready to predict.

    Example::

        network = load_model("voc_mobilenet_v2")  # or "runs/rooms/model/last"
        labels = predict_labels(network, "photo.jpg")  # uint8 [height, width]

    Args:
        name: a checkpoint, a folder of a run such as ``model/last``, or an ``.npz``; or a name that
            ``list_models.py`` lists, of a model that ships or was downloaded.
        folder: of packed models; None takes that of the package.

    Raises:
        DataError: there is no such checkpoint or model, or its file is damaged.
    """
    zoo = None if folder is None else Path(folder)
    checkpoint = find_checkpoint(os.fspath(name), zoo)
    if checkpoint == name and _is_name(checkpoint):
        checkpoint = str(shipped_model(checkpoint, zoo).checked_path())
    return Network.from_checkpoint(checkpoint)


def _is_name(checkpoint: str) -> bool:
    """Returns whether what was not found as a path or a model is meant as the name of a model."""
    path = Path(checkpoint)
    return path.name == checkpoint and not path.suffix and not is_on_disk(path)
