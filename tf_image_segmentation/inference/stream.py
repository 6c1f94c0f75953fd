"""Prediction for many images, one after the other, with the dense CRF in worker processes."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference import crf as dense_crf
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import Block, predict_blocks
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.workers import map_in_order

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Item(Generic[T]):
    """An image on its way through `predict_each`, with whatever belongs to it.

    Attributes:
        name: for messages.
        image: uint8 [height, width, 3], RGB.
        data: what comes out beside the prediction, such as a mask or where results go.
    """

    name: str
    image: np.ndarray
    data: T


def predict_each(
    network: Network, items: Iterable[Item[T]], options: PredictionOptions | None = None
) -> Iterator[tuple[Item[T], Iterator[Block]]]:
    """Yields each item with its prediction, in order.

    While worker processes refine, this one predicts what comes next, at most a few images ahead.
    Images that are predicted in windows are refined in this process, window by window.

    Args:
        network: any `Network` of at most 256 classes.
        items: the images; taken one by one.
        options: how they are predicted; None for the defaults.

    Raises:
        DataError: memory runs out, or a CRF is asked for, and pydensecrf is not installed or a
            worker died.
        ValueError: as `predict_blocks`.
    """
    options = (options or PredictionOptions()).for_model(network.spec.size_divisor)
    if options.crf is None:
        for item in items:
            yield item, _predicted(network, item, options)
    else:
        yield from _refined_by_workers(network, items, options, options.crf)


def _refined_by_workers(
    network: Network,
    items: Iterable[Item[T]],
    options: PredictionOptions,
    parameters: dense_crf.CrfParameters,
) -> Iterator[tuple[Item[T], Iterator[Block]]]:
    dense_crf.check_installed()
    unrefined = replace(options, crf=None, probabilities=True)
    under_way: deque[tuple[Item[T], Block | None]] = deque()

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray] | None]:
        for item in items:
            if not options.whole(item.image):
                under_way.append((item, None))
                yield None
                continue
            (block,) = _predicted(network, item, unrefined)
            under_way.append((item, block))
            assert block.probabilities is not None
            yield item.image, block.probabilities

    refine = partial(dense_crf.refine_pair, parameters=parameters)
    with contextlib.closing(map_in_order(pairs(), refine, options.crf_workers)) as results:
        for result in results:
            if isinstance(result, DataError):
                raise result
            item, block = under_way.popleft()
            if block is None:
                yield item, _predicted(network, item, options)
            else:
                yield item, iter([replace(block, refined=result)])


def _predicted(network: Network, item: Item[T], options: PredictionOptions) -> Iterator[Block]:
    """`predict_blocks`, with an error that names the image where memory runs out."""
    try:
        yield from predict_blocks(network, item.image, options)
    except tf.errors.ResourceExhaustedError as error:
        height, width = item.image.shape[:2]
        raise DataError(
            f"image {item.name}: out of memory at {height} x {width} pixels (height x width); use "
            "a smaller --window, smaller images or a machine with more memory"
        ) from error
