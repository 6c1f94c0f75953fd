"""Published checkpoints on disk: fetched, and turned into what this package reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tf_image_segmentation.atomic import replacing
from tf_image_segmentation.download.fetching import obtain, require_file
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.zoo.npz import write_npz
from tf_image_segmentation.zoo.published import DOWNLOADS, PublishedModel
from tf_image_segmentation.zoo.torch_file import read_state_dict


def obtain_model(model: PublishedModel, root: Path = DOWNLOADS, url: str | None = None) -> Path:
    """Makes sure that a published checkpoint lies below ``root``; prints what it does.

    Args:
        model: what to get.
        root: folder of downloads; made where missing.
        url: other address of the file.

    Returns:
        What --init-checkpoint or --checkpoint takes.

    Raises:
        DataError: it cannot be fetched, is not what was published or cannot be read.
    """
    checkpoint = root / model.checkpoint
    if checkpoint.suffix:
        require_file(checkpoint)
    if not model.is_torch:
        obtain(model.archive, root, url)
        return checkpoint
    if checkpoint.exists():
        print(f"{checkpoint} is there already")
        return checkpoint
    file = obtain(model.archive, root, url)
    convert_mobilenet_v2(file, checkpoint)
    print(f"read {file.name} without unpickling and wrote {checkpoint}; {file} is not needed now")
    return checkpoint


def convert_mobilenet_v2(source: Path, target: Path) -> None:
    """Writes the features of a MobileNetV2 from PyTorch as an ``.npz``, by PyTorch's names.

    Raises:
        DataError: the file cannot be read, or holds no MobileNetV2.
    """
    features = mobilenet_v2_features(read_state_dict(source))
    if "features.0.0.weight" not in features:
        raise DataError(f"{source}: holds no MobileNetV2 (no features.0.0.weight)")
    with replacing(target) as temporary:
        write_npz(temporary, features)


def mobilenet_v2_features(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns what precedes the classifier, by one set of names.

    The last convolution, 1280 channels, is ``conv.0`` and ``conv.1`` in some implementations and
    ``features.18.0`` and ``features.18.1`` in others; the latter are returned. ``module.``, which
    training on several GPUs puts in front, is taken off.
    """
    found = {}
    for name, array in arrays.items():
        name = re.sub(r"^conv\.(?=[01]\.)", "features.18.", name.removeprefix("module."))
        if name.startswith("features."):
            found[name] = array
    return found
