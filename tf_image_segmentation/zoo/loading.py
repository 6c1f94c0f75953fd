"""Models that come with the package, as networks."""

from __future__ import annotations

from pathlib import Path

from tf_image_segmentation.models.network import Network
from tf_image_segmentation.zoo.shipped import shipped_model


def load_model(name: str, folder: str | Path | None = None) -> Network:
    """Returns a model that comes with the package, ready to predict.

    Example::

        network = load_model("voc_mobilenet_v2")
        labels = predict_labels(network, image)  # uint8 [height, width]

    Args:
        name: what ``list_models.py`` lists as in the package.
        folder: of packed models; None takes that of the package.

    Raises:
        DataError: there is no such model, or its file is damaged.
    """
    model = shipped_model(name, None if folder is None else Path(folder))
    return Network.from_checkpoint(model.checked_path())
