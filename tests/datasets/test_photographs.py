"""The photographs to try a model on are there without a download."""

from __future__ import annotations

import socket

import numpy as np
import skimage.data
from PIL import Image

from tf_image_segmentation.datasets.toy.photographs import write_photographs


def test_photographs_are_written_without_a_download(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    paths = write_photographs(tmp_path / "photographs")
    assert [path.name for path in paths] == ["astronaut.png", "cat.png", "motorcycle.png"]
    sides = [Image.open(path).size for path in paths]
    assert sides == [(512, 512), (451, 300), (741, 500)]
    np.testing.assert_array_equal(np.asarray(Image.open(paths[1])), skimage.data.cat())
