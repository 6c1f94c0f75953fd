"""Feeds as PyTorch programs do: JPEG and PNG files, Pillow, a DataLoader with workers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from input_pipeline_task import MEAN, VOID, Task
from PIL import Image, ImageEnhance
from torch.utils.data import DataLoader, Dataset, RandomSampler

_FILL = tuple(round(color) for color in MEAN)  # Pillow's images are of 8 bits
_EXAMPLES = 2**31  # as good as without end


class Files(Dataset):
    """Images and masks of a folder."""

    def __init__(self, folder: Path, task: Task) -> None:
        self.images = sorted(folder.glob("*.jpg"))
        self.task = task

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        path = self.images[number]
        with Image.open(path) as opened_image, Image.open(path.with_suffix(".png")) as opened_mask:
            image, mask = _augmented(opened_image.convert("RGB"), opened_mask.copy(), self.task)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        return pixels.to(torch.float32), torch.from_numpy(np.array(mask))


def _augmented(
    image: Image.Image, mask: Image.Image, task: Task
) -> tuple[Image.Image, Image.Image]:
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mask = mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if task.colors:
        image = _distorted(image)
    scale = random.uniform(*task.scale_range)
    size = (round(image.width * scale), round(image.height * scale))
    image = image.resize(size, Image.Resampling.BILINEAR)
    mask = mask.resize(size, Image.Resampling.NEAREST)
    # An offset below zero crops, one above zero pads.
    room = (task.crop - image.width, task.crop - image.height)
    at = (_between_zero_and(room[0]), _between_zero_and(room[1]))
    return _placed(image, at, task.crop, _FILL), _placed(mask, at, task.crop, VOID)


def _between_zero_and(room: int) -> int:
    return random.randint(min(room, 0), max(room, 0))


def _placed(
    image: Image.Image, at: tuple[int, int], crop: int, fill: int | tuple[int, ...]
) -> Image.Image:
    canvas = Image.new(image.mode, (crop, crop), fill)
    canvas.paste(image, at)
    return canvas


def _distorted(image: Image.Image) -> Image.Image:
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.875, 1.125))
    image = ImageEnhance.Color(image).enhance(random.uniform(0.5, 1.5))
    hue, saturation, value = image.convert("HSV").split()
    turn = random.randint(-25, 25)  # of 256, a tenth of the circle
    turned = Image.fromarray(np.asarray(hue) + np.array(turn).astype(np.uint8))
    image = Image.merge("HSV", (turned, saturation, value)).convert("RGB")
    return ImageEnhance.Contrast(image).enhance(random.uniform(0.5, 1.5))


def make_batches(task: Task) -> Iterator[Any]:
    """Returns the batches, tensors in shared memory."""
    files = Files(task.data / "files", task)
    sampler = RandomSampler(files, num_samples=_EXAMPLES)
    return iter(DataLoader(files, task.batch_size, sampler=sampler, num_workers=task.cores))
