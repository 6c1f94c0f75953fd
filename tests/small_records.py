"""Records of a few small images, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample

INFO = DatasetInfo(
    name="small",
    class_names=("background", "cat", "dog [black]"),
    palette=((0, 0, 0), (255, 0, 0), (0, 0, 255)),
    ignore_label=255,
)

# Red of a pixel, by its label: tells whether image and mask are still aligned.
RED = {0: 0, 1: 100, 2: 200, 255: 250}

ImageAndMask = tuple[np.ndarray, np.ndarray]


def example(height: int, width: int, seed: int) -> ImageAndMask:
    """Returns a random mask of ids 0, 1, 2 and 255, and an image whose red channel shows it."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice(np.array([0, 1, 2, 255], np.uint8), (-(-height // 4), -(-width // 4)))
    mask = np.kron(blocks, np.ones((4, 4), np.uint8))[:height, :width]
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    for label, red in RED.items():
        image[mask == label, 0] = red
    return image, mask


def examples(count: int) -> list[ImageAndMask]:
    """Returns examples of different sizes."""
    return [example(20 + 3 * number, 40 - 2 * number, seed=number) for number in range(count)]


def write_records(
    folder: Path,
    splits: Mapping[str, Sequence[ImageAndMask]],
    num_shards: int,
    info: DatasetInfo = INFO,
) -> Path:
    """Converts examples; those of split "val" are called "val0", "val1" and so on."""
    from tf_image_segmentation.tfrecords import convert

    source = folder / "source"
    source.mkdir(parents=True)
    samples: dict[str, list[Sample]] = {}
    for split, split_examples in splits.items():
        samples[split] = []
        for number, (image, mask) in enumerate(split_examples):
            image_path = source / f"{split}{number}.png"
            mask_path = source / f"{split}{number}_mask.png"
            Image.fromarray(image).save(image_path)
            Image.fromarray(mask).save(mask_path)
            samples[split].append(Sample(f"{split}{number}", image_path, mask_path))
    records = folder / "records"
    convert(info, samples, records, num_shards=num_shards, workers=1, progress=False)
    return records


def raw_record(height: int, width: int, image: bytes, mask: bytes) -> bytes:
    """Returns a record of raw pixels, as the classic system stored them."""
    import tensorflow as tf

    def ints(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def raw(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    feature = {
        "height": ints(height),
        "width": ints(width),
        "image_raw": raw(image),
        "mask_raw": raw(mask),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def write_classic_records(path: Path, pairs: Sequence[ImageAndMask]) -> Path:
    """Writes one file of raw pixels, as the classic system did."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, mask in pairs:
            writer.write(raw_record(*mask.shape, image.tobytes(), mask.tobytes()))
    return path
