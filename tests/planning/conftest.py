"""A thin model in the place of the one that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

OPTIONS = {"width_multiplier": 0.05, "fc_channels": 16, "fc6_kernel": 1}


@pytest.fixture(scope="session")
def thin_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a packed voc_mobilenet_v2 with few channels."""
    from tf_image_segmentation.datasets import get_dataset
    from tf_image_segmentation.models import Network, fcn_32s
    from tf_image_segmentation.zoo.packing import pack
    from tf_image_segmentation.zoo.shipped import DEFAULT_MODEL

    folder = tmp_path_factory.mktemp("zoo")
    network = Network(fcn_32s, 21, **OPTIONS)
    network.save(folder / "model/model", {"dataset": get_dataset("pascal_voc").info.to_json()})
    image = np.zeros((32, 32, 3), np.uint8)
    pack(folder / "model/model", DEFAULT_MODEL, folder, [image], min_equal=0)
    return folder
