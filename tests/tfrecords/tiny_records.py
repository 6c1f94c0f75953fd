"""Bytes that tests put into files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def jpeg_bytes(height: int, width: int, seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 4, 3), np.uint8)
    buffer = io.BytesIO()
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def raw_record(height: int, width: int, image: bytes, mask: bytes) -> bytes:
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
