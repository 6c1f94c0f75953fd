"""Prediction from image files to files of labels, overlays and probabilities."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from PIL import Image
from tqdm import tqdm

from tf_image_segmentation.atomic import place, staging_folder
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.datasets.lists import list_images
from tf_image_segmentation.datasets.registry import get_dataset
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import Block
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.inference.visualization import (
    Palette,
    captioned_overlay,
    generic_palette,
    palette_image,
)
from tf_image_segmentation.models.network import Network

_OVERLAY_SIDE = 2048  # an overlay is for looking at; labels and probabilities keep their size


@dataclass(frozen=True)
class Job:
    """An image file and where its results go: ``output`` with ``_labels.png`` and so on added."""

    image: Path
    output: Path

    def path(self, ending: str) -> Path:
        """Returns the file with this ending."""
        return self.output.with_name(self.output.name + ending)

    @property
    def labels(self) -> Path:
        """The file that is written last: where it is, the image is done."""
        return self.path("_labels.png")


def find_jobs(
    paths: Sequence[Path], output_dir: Path, resume: bool = False, overwrite: bool = False
) -> list[Job]:
    """Returns what is to be done for files and for the JPEG and PNG files of folders.

    Args:
        paths: files and folders.
        output_dir: where results go.
        resume: whether images that have results are left out.
        overwrite: whether results may be replaced.

    Raises:
        DataError: a file is missing, a folder is empty, two images have one name, results would lie
            between the images, or are there already; all such files are listed.
    """
    images = [image for path in paths for image in _images_of(path, output_dir)]
    if missing := [str(image) for image in images if not image.is_file()]:
        raise DataError(f"missing: {', '.join(missing)}; check the paths")
    jobs = [Job(image, output_dir / image.stem) for image in dict.fromkeys(images)]
    by_output: dict[Path, list[str]] = {}
    for job in jobs:
        by_output.setdefault(job.output, []).append(str(job.image))
    if clashes := [" and ".join(names) for names in by_output.values() if len(names) > 1]:
        raise DataError(
            f"{output_dir}: one name for several images: {'; '.join(clashes)}; predict them into "
            "different folders"
        )
    done = [job for job in jobs if job.labels.exists()]
    if done and not (resume or overwrite):
        raise DataError(
            f"{output_dir}: has results for {len(done)} of {len(jobs)} images, such as "
            f"{done[0].labels.name}; add --resume to leave these out or --overwrite to replace them"
        )
    return [job for job in jobs if overwrite or not job.labels.exists()]


def _images_of(path: Path, output_dir: Path) -> list[Path]:
    if path.is_dir() and output_dir.resolve() == path.resolve():
        raise DataError(f"{path}: results would be taken for images; use another --output-dir")
    images = list_images(path)
    if not images:
        raise DataError(f"{path}: holds no JPEG or PNG files (.jpg, .jpeg, .png)")
    return images


def class_names_and_palette(
    network: Network, dataset: str | None = None
) -> tuple[tuple[str, ...], Palette]:
    """Returns what the network's classes are called and painted with.

    Args:
        network: brings them along where it was trained with this package.
        dataset: registered dataset that has them otherwise; None leaves the names empty.

    Raises:
        DataError: the dataset is unknown, or its classes are not the network's.
    """
    names, palette = network.class_names or (), network.palette
    if dataset is not None:
        info = get_dataset(dataset).info
        info.check_model(network.num_classes, network.class_names)
        names, palette = info.class_names, info.palette
    return names, palette or generic_palette(network.num_classes)


@dataclass(frozen=True)
class Predictor:
    """Predicts image files and writes the results; a kill loses the image that is under way.

    Attributes:
        network: any `Network` of at most 256 classes.
        options: how images are predicted. Probabilities are written as float16 [height, width,
            classes] under "probabilities" in an .npz, with "class_names".
        dataset: see `class_names_and_palette`.
        max_pixels: see `decode_image`.
        intensity_range: see `decode_image`.

    Raises:
        DataError: the side of the windows does not fit the model, or as `class_names_and_palette`.
    """

    network: Network
    options: PredictionOptions = field(default_factory=PredictionOptions)
    dataset: str | None = None
    max_pixels: int = MAX_PIXELS
    intensity_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        class_names_and_palette(self.network, self.dataset)
        self.options.for_model(self.network.spec.size_divisor)

    def run(self, jobs: Sequence[Job], skip_bad: bool = False, progress: bool = True) -> list[str]:
        """Predicts all jobs in order and returns why images were skipped.

        Args:
            jobs: what to do, see `find_jobs`.
            skip_bad: whether to go on after an image that cannot be read.
            progress: whether a progress bar is shown.

        Raises:
            DataError: an image cannot be read, or memory runs out.
            OSError: the results cannot be written.
        """
        if not jobs:
            return []
        skipped: list[str] = []
        folder = jobs[0].output.parent
        with (
            tqdm(total=len(jobs), desc="predict", unit="image", disable=not progress) as bar,
            staging_folder(folder) as staging,
        ):
            images = self._images(jobs, skipped if skip_bad else None)
            for item, blocks in predict_each(self.network, images, self.options):
                if progress and not self.options.whole(item.image):
                    blocks = _with_progress(blocks, item.image)
                self._write(item.data, item.image, blocks, staging)
                bar.update()
            bar.update(len(skipped))
        return skipped

    def _images(self, jobs: Iterable[Job], skipped: list[str] | None) -> Iterator[Item[Job]]:
        for job in jobs:
            try:
                image = decode_image(
                    job.image, max_pixels=self.max_pixels, intensity_range=self.intensity_range
                )
            except DataError as error:
                if skipped is None:
                    raise DataError(f"{error}; --skip-bad goes on after such images") from error
                skipped.append(str(error))
                continue
            yield Item(str(job.image), image, job)

    def _write(self, job: Job, image: np.ndarray, blocks: Iterable[Block], staging: Path) -> None:
        labels = np.empty(image.shape[:2], np.uint8)
        stored = None
        if self.options.probabilities:
            shape = (*image.shape[:2], self.network.num_classes)
            # On disk, because that of a large image may not fit into memory.
            stored = open_memmap(staging / "probabilities.npy", "w+", np.float16, shape)
        for block in blocks:
            part, refined = (block.rows, block.columns), block.refined
            labels[part] = block.labels if refined is None else refined.argmax(axis=-1)
            if stored is not None:
                stored[part] = block.probabilities if refined is None else refined
        names, palette = class_names_and_palette(self.network, self.dataset)
        if stored is not None:
            stored.flush()
            del stored
            place(_finish_npz(staging, names), job.path("_probabilities.npz"))
        overlay = captioned_overlay(image, labels, names, palette, _OVERLAY_SIDE)
        Image.fromarray(overlay).save(staging / "overlay.jpg", quality=90)
        place(staging / "overlay.jpg", job.path("_overlay.jpg"))
        palette_image(labels, palette).save(staging / "labels.png")
        place(staging / "labels.png", job.labels)


def _with_progress(blocks: Iterable[Block], image: np.ndarray) -> Iterator[Block]:
    """Shows how much of a large image is done."""
    pixels = image.shape[0] * image.shape[1]
    with tqdm(total=pixels, desc="windows", unit="pixel", unit_scale=True, leave=False) as bar:
        for block in blocks:
            yield block
            bar.update(block.labels.size)


def _finish_npz(staging: Path, class_names: Sequence[str]) -> Path:
    """Packs probabilities.npy and the names as `numpy.savez_compressed` would."""
    np.save(staging / "class_names.npy", np.array(class_names, dtype=np.str_))
    path = staging / "probabilities.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("probabilities.npy", "class_names.npy"):
            archive.write(staging / name, name)
            (staging / name).unlink()
    return path
