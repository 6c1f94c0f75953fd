"""A dataset may use all 256 values of a mask for classes; padding is ignored all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.tfrecords import convert
from tf_image_segmentation.training.data import TrainingData

INFO = DatasetInfo("all", tuple(map(str, range(256))), ((0, 0, 0),) * 256, ignore_label=None)


def test_class_255_is_learned_and_padding_is_not(tmp_path, make_config):
    # fault 65
    mask = np.resize(np.arange(256, dtype=np.uint8), (16, 20))
    Image.fromarray(mask).save(tmp_path / "m.png")
    Image.fromarray(np.zeros((16, 20, 3), np.uint8)).save(tmp_path / "i.png")
    splits = {
        split: [Sample(f"{split}{n}", tmp_path / "i.png", tmp_path / "m.png") for n in range(2)]
        for split in ("train", "val")
    }
    convert(INFO, splits, tmp_path / "all", num_shards=1, workers=1, progress=False)
    config = make_config(crop_size=(32, 32), batch_size=2, augmentations=[])
    config = replace(config, tfrecords=str(tmp_path / "all"))
    data = TrainingData.open(config, replicas=1)
    batch = next(iter(data.batches(config, 0, tf.distribute.InputContext())))
    labels = batch[1].numpy()
    assert data.ignore_label == -1 and set(np.unique(labels)) == {-1, *range(256)}
    assert np.count_nonzero(labels >= 0) == 2 * mask.size
    assert np.count_nonzero(labels == 255) == 2 * np.count_nonzero(mask == 255)
