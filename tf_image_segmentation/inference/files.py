"""Prediction from image files to files of labels, overlays, probabilities and confidence."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from PIL import Image
from tqdm import tqdm

from tf_image_segmentation.atomic import place, staging_folder
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.images import decode_image
from tf_image_segmentation.datasets.registry import get_dataset
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.confidence import (
    confidence_map,
    confidence_path,
    write_ranking,
)
from tf_image_segmentation.inference.formats import Classes, Labeled, LabelFormat, make_format
from tf_image_segmentation.inference.jobs import Job, list_jobs
from tf_image_segmentation.inference.options import PredictionOptions
from tf_image_segmentation.inference.predict import Block
from tf_image_segmentation.inference.regions import keep_largest
from tf_image_segmentation.inference.stream import Item, predict_each
from tf_image_segmentation.inference.visualization import (
    Palette,
    background_of,
    captioned_overlay,
    generic_palette,
    visible_palette,
)
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.structs import Range

_OVERLAY_SIDE = 2048  # an overlay is for looking at; labels and probabilities keep their size
_OUTLINE_WIDTH = 2


def find_jobs(
    paths: Sequence[Path],
    output_dir: Path,
    resume: bool = False,
    overwrite: bool = False,
    *,
    recursive: bool = False,
    all_pages: bool = False,
    label_format: LabelFormat | None = None,
) -> list[Job]:
    """Returns what is to be done for files and folders of images, see `list_jobs`.

    Args:
        paths: files and folders.
        output_dir: where results go.
        resume: whether images that have results are left out.
        overwrite: whether results may be replaced.
        recursive: whether folders are read with their subfolders.
        all_pages: whether each picture of a stack is predicted.
        label_format: what is written; None for "auto".

    Raises:
        DataError: as `list_jobs`, or results are there already.
    """
    jobs = list_jobs(paths, output_dir, recursive, all_pages)
    target = (label_format or make_format("auto", output_dir)).target
    done = [job for job in jobs if target(job).exists()]
    if done and not (resume or overwrite):
        raise DataError(
            f"{output_dir}: has results for {len(done)} of {len(jobs)} images, such as "
            f"{target(done[0]).name}; add --resume to leave these out or --overwrite to replace "
            "them"
        )
    return jobs if overwrite else [job for job in jobs if not target(job).exists()]


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


def classes_of(network: Network, dataset: str | None = None) -> Classes:
    """Returns what is known of a network's classes; see `class_names_and_palette`."""
    names, palette = class_names_and_palette(network, dataset)
    background = background_of(names, network.num_classes)
    return Classes(tuple(names), visible_palette(palette, background), background)


def chosen_range(trained: Range | None, asked: Range | None, allow_other: bool) -> Range | None:
    """Returns the values of 16-bit images that become 0 and 255.

    Args:
        trained: those that the checkpoint was trained with, None where it does not tell.
        asked: those that the user gave, if any.
        allow_other: whether these may be others than the trained ones.

    Raises:
        DataError: they are others and may not be.
    """
    if asked is None or trained is None or tuple(asked) == tuple(trained) or allow_other:
        return trained if asked is None else asked
    raise DataError(
        "the checkpoint was trained with --intensity-range "
        f"{trained[0]:g} {trained[1]:g}, and {asked[0]:g} {asked[1]:g} would show it other images; "
        "leave the option out, or add --allow-other-range"
    )


@dataclass(frozen=True)
class Predictor:
    """Predicts image files and writes the results; a kill loses the file that is under way.

    Attributes:
        network: any `Network` of at most 256 classes.
        options: how images are predicted. Probabilities are written as float16 [height, width,
            classes] under "probabilities" in an .npz, with "class_names".
        dataset: see `class_names_and_palette`.
        max_pixels: see `decode_image`.
        intensity_range: see `decode_image`; None takes what the network was trained with.
        allow_other_range: whether it may be another than that.
        label_format: what labels are written as; None for "auto" beside the overlays.
        outlines: whether overlays show outlines in place of areas.
        confidence: whether maps of confidence are written, and ``least_certain.csv``.
        keep_largest: classes, by id or name, of which only the largest region stays; what else they
            had becomes background. Empty for none, ``("all",)`` for all but the background.

    Raises:
        DataError: the side of the windows does not fit the model, the range is another, there is no
            such class or no background, or as `class_names_and_palette`.
    """

    network: Network
    options: PredictionOptions = field(default_factory=PredictionOptions)
    dataset: str | None = None
    max_pixels: int = MAX_PIXELS
    intensity_range: Range | None = None
    allow_other_range: bool = False
    label_format: LabelFormat | None = None
    outlines: bool = False
    confidence: bool = False
    keep_largest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.options.for_model(self.network.spec.size_divisor)
        if self.confidence:
            replace(self.options, probabilities=True)  # raises where there are none
        _class_ids(self.keep_largest, classes_of(self.network, self.dataset))
        self._range()

    def _range(self) -> Range | None:
        trained = self.network.intensity_range
        return chosen_range(trained, self.intensity_range, self.allow_other_range)

    def run(self, jobs: Sequence[Job], skip_bad: bool = False, progress: bool = True) -> list[str]:
        """Predicts all jobs in order and returns why images were skipped.

        Args:
            jobs: what to do, see `find_jobs`.
            skip_bad: whether to go on after an image that cannot be read.
            progress: whether a progress bar is shown.

        Raises:
            DataError: an image cannot be read, the format does not fit, or memory runs out.
            OSError: the results cannot be written.
        """
        if not jobs:
            return []
        labels_to = self.label_format or make_format("auto", _common_folder(jobs))
        classes = classes_of(self.network, self.dataset)
        labels_to.check(jobs, classes)
        options = replace(self.options, probabilities=self.options.probabilities or self.confidence)
        skipped: list[str] = []
        with (
            tqdm(total=len(jobs), desc="predict", unit="image", disable=not progress) as bar,
            staging_folder(labels_to.folder) as staging,
        ):
            images = self._images(jobs, skipped if skip_bad else None)
            for item, blocks in predict_each(self.network, images, options):
                if progress and not options.whole(item.image):
                    blocks = _with_progress(blocks, item.image)
                item.data.output.parent.mkdir(parents=True, exist_ok=True)
                labels = self._write_beside(item, blocks, classes, staging)
                labels_to.write(Labeled(item.data, item.image, labels, classes), staging)
                bar.update()
            bar.update(len(skipped))
        labels_to.finish(classes)
        if self.confidence:
            write_ranking(labels_to.folder)
        return skipped

    def _images(self, jobs: Iterable[Job], skipped: list[str] | None) -> Iterator[Item[Job]]:
        for job in jobs:
            try:
                image = decode_image(
                    job.image,
                    max_pixels=self.max_pixels,
                    intensity_range=self._range(),
                    page=job.page,
                )
            except DataError as error:
                if skipped is None:
                    raise DataError(f"{error}; --skip-bad goes on after such images") from error
                skipped.append(str(error))
                continue
            yield Item(str(job.image), image, job)

    def _write_beside(
        self, item: Item[Job], blocks: Iterable[Block], classes: Classes, staging: Path
    ) -> np.ndarray:
        """Writes all but the labels, and returns these."""
        job, image = item.data, item.image
        labels = np.empty(image.shape[:2], np.uint8)
        certain = np.empty_like(labels)
        stored = None
        if self.options.probabilities:
            shape = (*image.shape[:2], self.network.num_classes)
            # On disk, because that of a large image may not fit into memory.
            stored = open_memmap(staging / "probabilities.npy", "w+", np.float16, shape)
        for block in blocks:
            part, refined = (block.rows, block.columns), block.refined
            labels[part] = block.labels if refined is None else refined.argmax(axis=-1)
            likely = block.probabilities if refined is None else refined
            if stored is not None:
                stored[part] = likely
            if self.confidence and likely is not None:
                certain[part] = confidence_map(likely)
        if self.keep_largest and classes.background is not None:
            kept = _class_ids(self.keep_largest, classes)
            labels = keep_largest(labels, kept, classes.background)
        if stored is not None:
            stored.flush()
            del stored
            place(_finish_npz(staging, classes.names), job.path("_probabilities.npz"))
        if self.confidence:
            Image.fromarray(certain).save(staging / "confidence.png")
            place(staging / "confidence.png", confidence_path(job))
        overlay = captioned_overlay(
            image,
            labels,
            classes.names,
            classes.palette,
            _OVERLAY_SIDE,
            classes.background,
            _OUTLINE_WIDTH if self.outlines else 0,
        )
        Image.fromarray(overlay).save(staging / "overlay.jpg", quality=90)
        place(staging / "overlay.jpg", job.path("_overlay.jpg"))
        return labels


def _common_folder(jobs: Sequence[Job]) -> Path:
    """Returns the folder that all results lie in or below."""
    return Path(os.path.commonpath([job.output.parent for job in jobs]))


def _class_ids(chosen: Sequence[str], classes: Classes) -> tuple[int, ...]:
    """Returns the ids of classes that are named, or given as ids."""
    if not chosen:
        return ()
    if classes.background is None:
        raise DataError(
            f"--keep-largest: none of the classes {', '.join(classes.names)} is called background, "
            "which smaller regions could become"
        )
    everything = [label for label in range(len(classes.palette)) if label != classes.background]
    if tuple(chosen) == ("all",):
        return tuple(everything)
    known = {str(label): label for label in everything}
    known |= {classes.labels[label]: label for label in everything}
    if unknown := [name for name in chosen if name not in known]:
        raise DataError(
            f"--keep-largest {' '.join(unknown)}: no such class; choose from "
            f"{', '.join(classes.labels[label] for label in everything)}, or all"
        )
    return tuple(known[name] for name in chosen)


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
