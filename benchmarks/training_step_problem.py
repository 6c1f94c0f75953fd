"""The training step that all contestants take: FCN-32s on VGG-16, its batch, weights and FLOP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Takes one step and returns its loss, which is there only when the forward pass is done.
Step = Callable[[], float]

IGNORE_LABEL = 255
RGB_MEAN = (123.68, 116.78, 103.94)
STRIDE = 32  # of fc6 to fc8
# (layers, channels) of conv1 to conv5; a 2x2 max pooling follows each.
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


class Layer(NamedTuple):
    """A convolution of stride 1 with SAME padding.

    Where the ``stride`` of the feature map, relative to the image, is twice that of the layer
    before, a 2x2 max pooling stands between the two.
    """

    name: str
    kernel: int
    inputs: int
    outputs: int
    stride: int


@dataclass(frozen=True)
class Problem:
    """One step of training, the same for every contestant.

    Attributes:
        batch_size: images in a step.
        size: side of the square images, a multiple of 32.
        width: factor on the channels of all layers but the last, for runs that test the benchmark.
        classes: channels of the last layer.
        keep_prob: probability that dropout after fc6 and fc7 keeps an activation.
        learning_rate: of Adam.
        epsilon: of Adam.
    """

    batch_size: int = 1
    size: int = 384
    width: float = 1.0
    classes: int = 21
    keep_prob: float = 0.5
    learning_rate: float = 1e-5
    epsilon: float = 1e-8

    def layers(self) -> list[Layer]:
        """Returns the convolutions from conv1_1 to fc8."""
        shapes = [
            (f"conv{block}/conv{block}_{number}", 3, channels, 2 ** (block - 1))
            for block, (count, channels) in enumerate(_BLOCKS, start=1)
            for number in range(1, count + 1)
        ]
        shapes += [("fc6", 7, 4096, STRIDE), ("fc7", 1, 4096, STRIDE)]
        layers, inputs = [], 3
        for name, kernel, channels, stride in shapes:
            outputs = max(1, round(channels * self.width))
            layers.append(Layer(name, kernel, inputs, outputs, stride))
            inputs = outputs
        return [*layers, Layer("fc8", 1, inputs, self.classes, STRIDE)]

    def flop(self) -> float:
        """Returns the floating point operations that a step needs.

        A convolution of kernel k from c to d channels takes 2 k^2 c d h w operations for an output
        of h x w. Backward takes the same for the gradient of the input and again for that of the
        weights, so a step is three times the forward pass; the image needs no gradient, which saves
        one of conv1_1's three. Pooling, upsampling, loss and optimizer are not counted: they move
        memory and hardly compute. At full width, 384x384 and batch 1 that makes 373e9.
        """
        forward = [
            2.0 * layer.kernel**2 * layer.inputs * layer.outputs * (self.size // layer.stride) ** 2
            for layer in self.layers()
        ]
        return self.batch_size * (3 * sum(forward) - forward[0])

    def batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns images [batch, size, size, 3] and labels [batch, size, size], both uint8."""
        rng = np.random.default_rng(0)
        shape = (self.batch_size, self.size, self.size)
        images = rng.integers(0, 256, (*shape, 3), np.uint8)
        labels = rng.integers(0, self.classes, shape, np.uint8)
        labels[rng.random(shape) < 0.05] = IGNORE_LABEL
        return images, labels

    def weights(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yields name, kernel [k, k, inputs, outputs] and biases [outputs] of each layer, float32.

        Kernels have the scale of He's initialization; one layer at a time, as fc6 alone has 411 MB.
        """
        rng = np.random.default_rng(1)
        for layer in self.layers():
            shape = (layer.kernel, layer.kernel, layer.inputs, layer.outputs)
            kernel = rng.standard_normal(shape, np.float32)
            kernel *= np.float32(np.sqrt(2 / (layer.kernel**2 * layer.inputs)))
            yield layer.name, kernel, np.zeros(layer.outputs, np.float32)
