"""Feeds as the classic system did: raw pixels in one record file, queues, a v1 session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from input_pipeline_task import MEAN, VOID, Task

v1 = tf.compat.v1

# Decoded and enlarged images wait here to be shuffled. The classic 1000 of them take 1.8 GB.
_SHUFFLED = 64


def make_batches(task: Task) -> Iterator[Any]:
    """Yields the batches as arrays, as a session returns them."""
    tf.get_logger().setLevel("ERROR")  # warns of the queues, which are asked for here
    with tf.Graph().as_default():
        batch = v1.train.shuffle_batch(
            _augmented(*_read(str(task.data / "classic" / "train.tfrecords")), task),
            task.batch_size,
            capacity=_SHUFFLED + 3 * task.batch_size,
            min_after_dequeue=_SHUFFLED,
            num_threads=task.cores,
        )
        with v1.Session() as session:
            coordinator = v1.train.Coordinator()
            v1.train.start_queue_runners(session, coordinator)
            while True:
                yield session.run(batch)


def _read(file: str) -> tuple[tf.Tensor, tf.Tensor]:
    names = v1.train.string_input_producer([file])
    _, serialized = v1.TFRecordReader().read(names)
    types = {"height": tf.int64, "width": tf.int64, "image_raw": tf.string, "mask_raw": tf.string}
    features = v1.parse_single_example(
        serialized, {name: tf.io.FixedLenFeature([], dtype) for name, dtype in types.items()}
    )
    size = tf.stack([features["height"], features["width"]])
    image = tf.reshape(tf.io.decode_raw(features["image_raw"], tf.uint8), [*tf.unstack(size), 3])
    mask = tf.reshape(tf.io.decode_raw(features["mask_raw"], tf.uint8), [*tf.unstack(size), 1])
    return tf.cast(image, tf.float32), mask


def _augmented(image: tf.Tensor, mask: tf.Tensor, task: Task) -> tuple[tf.Tensor, tf.Tensor]:
    image, mask = tf.cond(
        tf.random.uniform([]) < 0.5,
        lambda: (tf.reverse(image, [1]), tf.reverse(mask, [1])),
        lambda: (image, mask),
    )
    if task.colors:
        image = _distorted(image)
    sides = tf.cast(tf.shape(mask)[:2], tf.float32) * tf.random.uniform([], *task.scale_range)
    size = tf.cast(tf.round(sides), tf.int32)
    image = v1.image.resize_bilinear(image[tf.newaxis], size, half_pixel_centers=True)[0]
    mask = v1.image.resize_nearest_neighbor(mask[tf.newaxis], size, half_pixel_centers=True)[0]
    return _cropped_or_padded(image, mask, size, task.crop)


def _distorted(image: tf.Tensor) -> tf.Tensor:
    image = tf.image.random_brightness(image / 255.0, 32.0 / 255.0)
    image = tf.image.random_saturation(image, 0.5, 1.5)
    image = tf.image.random_hue(image, 0.2)
    return tf.clip_by_value(tf.image.random_contrast(image, 0.5, 1.5), 0.0, 1.0) * 255.0


def _cropped_or_padded(
    image: tf.Tensor, mask: tf.Tensor, size: tf.Tensor, crop: int
) -> tuple[tf.Tensor, tf.Tensor]:
    missing = tf.maximum(crop - size, 0)
    before = _offset(missing)
    paddings = tf.concat([tf.stack([before, missing - before], axis=1), [[0, 0]]], axis=0)
    image = tf.pad(image - MEAN, paddings) + MEAN
    mask = tf.pad(mask, paddings, constant_values=VOID)
    begin = tf.concat([_offset(size + missing - crop), [0]], axis=0)
    image, mask = tf.slice(image, begin, [crop, crop, 3]), tf.slice(mask, begin, [crop, crop, 1])
    return tf.ensure_shape(image, [crop, crop, 3]), tf.ensure_shape(mask, [crop, crop, 1])


def _offset(room: tf.Tensor) -> tf.Tensor:
    share = tf.random.uniform([2])
    return tf.minimum(tf.cast(share * tf.cast(room + 1, tf.float32), tf.int32), room)
