"""The step in PyTorch as its own guides advise for CPUs: channels last, fused Adam, autocast."""

from __future__ import annotations

import os

import torch
from torch import nn
from torch.nn import functional
from training_step_problem import IGNORE_LABEL, RGB_MEAN, Problem, Step


class Network(nn.Module):
    """FCN-32s on VGG-16."""

    mean: torch.Tensor

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        self.convolutions: dict[str, nn.Conv2d] = {}
        stride = 1
        for layer in problem.layers():
            if layer.stride > stride:
                modules.append(nn.MaxPool2d(2))
                stride = layer.stride
            convolution = nn.Conv2d(
                layer.inputs, layer.outputs, layer.kernel, padding=layer.kernel // 2
            )
            self.convolutions[layer.name] = convolution
            modules.append(convolution)
            if layer.name != "fc8":
                modules.append(nn.ReLU(inplace=True))
            if layer.name in ("fc6", "fc7"):
                modules.append(nn.Dropout(1 - problem.keep_prob))
        self.layers = nn.Sequential(*modules)
        self.register_buffer("mean", torch.tensor(RGB_MEAN).reshape(1, 3, 1, 1))
        self._assign(problem)

    def _assign(self, problem: Problem) -> None:
        with torch.no_grad():
            for name, kernel, biases in problem.weights():
                convolution = self.convolutions[name]
                convolution.weight.copy_(torch.from_numpy(kernel).permute(3, 2, 0, 1))
                assert convolution.bias is not None
                convolution.bias.copy_(torch.from_numpy(biases))

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """Returns fc8 of ``images``, uint8 [batch, 3, height, width]."""
        return self.layers(images.float() - self.mean)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns float32 logits [batch, classes, height, width]; upsampled edges are repeated."""
        scores = self.scores(images).float()
        return functional.interpolate(scores, images.shape[2:], mode="bilinear")


def make_step(problem: Problem, dtype: str) -> Step:
    """Builds the network and returns what trains it once, in ``dtype`` "float32" or "bfloat16"."""
    torch.set_num_threads(os.cpu_count() or 1)
    torch.set_flush_denormal(True)  # as TensorFlow does; else vanishing moments slow Adam down
    network = Network(problem)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(
        network.parameters(), problem.learning_rate, eps=problem.epsilon, fused=True
    )
    images_batch, labels_batch = problem.batch()
    # The strides of channels last are what is left when the axes of [b, h, w, 3] change names.
    images = torch.from_numpy(images_batch).permute(0, 3, 1, 2)
    labels = torch.from_numpy(labels_batch).long()

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            logits = network(images)
        loss = functional.cross_entropy(logits, labels, ignore_index=IGNORE_LABEL)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
