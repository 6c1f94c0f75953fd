"""Prediction for many images, one after the other, with the dense CRF in worker processes."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference import crf as dense_crf
from tf_image_segmentation.inference.crf import CrfParameters
from tf_image_segmentation.inference.options import Views
from tf_image_segmentation.inference.predict import Block, predict_blocks
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.workers import map_in_order

Pair = tuple[np.ndarray, np.ndarray]


class CrfWork(NamedTuple):
    """What the dense CRF does, and in how many processes."""

    parameters: CrfParameters = CrfParameters()
    workers: int = 1


def predict_each(
    network: Network,
    images: Iterable[tuple[str, np.ndarray]],
    views: Views | None = None,
    crf: CrfWork | None = None,
    probabilities: bool = False,
) -> Iterator[tuple[str, np.ndarray, Iterator[Block]]]:
    """Yields name, image and prediction of each image in order.

    While worker processes refine, this one predicts what comes next, at most a few images ahead.
    Images that are predicted in windows are refined in this process, window by window.

    Args:
        network: any `Network` of at most 256 classes.
        images: names, for the order of things and for messages, and uint8 [height, width, 3].
        views: how they are looked at; None for the defaults.
        crf: refines the probabilities.
        probabilities: whether the blocks shall have them.

    Raises:
        DataError: memory runs out, or ``crf`` is asked for, and pydensecrf is not installed or a
            worker died.
        ValueError: as `predict_blocks`.
    """
    views = views or Views()
    if crf is None:
        for name, image in images:
            blocks = predict_blocks(network, image, views, None, probabilities)
            yield name, image, _naming_want_of_memory(name, image, blocks)
        return
    dense_crf.check_installed()
    waiting: deque[tuple[str, np.ndarray, Block | None]] = deque()

    def pairs() -> Iterator[Pair | None]:
        for name, image in images:
            if not views.whole(image):
                waiting.append((name, image, None))
                yield None
                continue
            blocks = predict_blocks(network, image, views, None, probabilities=True)
            (block,) = _naming_want_of_memory(name, image, blocks)
            waiting.append((name, image, block))
            assert block.probabilities is not None
            yield image, block.probabilities

    refine = partial(dense_crf.refine_pair, parameters=crf.parameters)
    with contextlib.closing(map_in_order(pairs(), refine, crf.workers)) as results:
        for result in results:
            if isinstance(result, DataError):
                raise result
            name, image, block = waiting.popleft()
            if block is None:
                blocks = predict_blocks(network, image, views, crf.parameters)
                yield name, image, _naming_want_of_memory(name, image, blocks)
            else:
                yield name, image, iter([replace(block, refined=result)])


def _naming_want_of_memory(
    name: str, image: np.ndarray, blocks: Iterator[Block]
) -> Iterator[Block]:
    try:
        yield from blocks
    except tf.errors.ResourceExhaustedError as error:
        raise DataError(
            f"image {name}: out of memory at {image.shape[0]} x {image.shape[1]} pixels (height x "
            "width); use a smaller --window, smaller images or a machine with more memory"
        ) from error
