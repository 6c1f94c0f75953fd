"""What the scripts that convert a dataset share: their options, and what they print at the end."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import add_image_options, chosen_intensity_range
from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.single_class import single_class

if TYPE_CHECKING:
    from tf_image_segmentation.tfrecords.manifest import Manifest

_MAX_SHOWN = 10  # classes that a line names


def add_conversion_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `run_conversion` reads."""
    add = parser.add_argument
    add("--output-dir", type=Path, required=True, help="folder to make")
    add("--num-shards", type=int, default=8, help="record files for each split")
    add("--workers", type=int, default=os.cpu_count(), help="processes that read and check samples")
    add("--skip-bad", action="store_true", help="leave bad samples out, listed in the manifest")
    add("--overwrite", action="store_true", help="replace records in --output-dir once all is done")
    add("--shuffle-seed", type=int, default=0, help="decides the order of the training records")
    add_image_options(parser)
    parser.set_defaults(progress=True)


def run_conversion(
    arguments: argparse.Namespace,
    info: DatasetInfo,
    samples_by_split: Mapping[str, Sequence[Sample]],
    source: Mapping[str, Any],
) -> None:
    """Converts with the options of `add_conversion_arguments` and prints what was written.

    Args:
        arguments: the parsed command line.
        info: the dataset's description.
        samples_by_split: samples of each split.
        source: facts for the manifest.

    Raises:
        DataError: the input cannot be used.
        OSError: the output cannot be written.
    """
    intensity_range = chosen_intensity_range(arguments)
    command_line.load_tensorflow()
    from tf_image_segmentation.tfrecords.writer import convert

    start = time.perf_counter()
    manifest = convert(
        info,
        samples_by_split,
        arguments.output_dir,
        num_shards=arguments.num_shards,
        workers=arguments.workers,
        skip_bad=arguments.skip_bad,
        overwrite=arguments.overwrite,
        shuffle_seed=arguments.shuffle_seed,
        source=source,
        max_pixels=arguments.max_pixels,
        intensity_range=intensity_range,
        progress=arguments.progress,
    )
    print(_report(manifest, arguments.output_dir, time.perf_counter() - start))


def _report(manifest: Manifest, folder: Path, seconds: float) -> str:
    lines = [_split_line(manifest, name) for name in manifest.splits]
    examples = sum(split.examples for split in manifest.splits.values())
    size = sum(shard.bytes for split in manifest.splits.values() for shard in split.shards)
    lines += [
        f"{examples} images in {seconds:.1f} s ({examples / seconds:.0f} images/s), "
        f"{size / 1e6:.1f} MB ({size / examples / 1e3:.1f} kB an image)",
        f"wrote {folder}",
        _class_line(manifest),
        f"next: {command_line.typed('inspect_tfrecords')} {folder} --verify "
        f"--contact-sheet {folder}.png",
    ]
    if found := single_class(manifest.info, _label_pixels(manifest)):
        lines.insert(-1, f"warning: {found}")
    absent = [name for name in ("train", "val") if name not in manifest.splits]
    if absent and not {*manifest.splits} <= {"val", "test"}:  # which are for evaluation alone
        lines.insert(
            -1,
            "training looks for the splits train and val, and there is no "
            f"{' and no '.join(absent)} (only {', '.join(manifest.splits)}); without val it does "
            "not validate, unless --val-tfrecords names other records; --split 80/20 divides train",
        )
    return "\n".join(lines)


def _label_pixels(manifest: Manifest) -> list[int]:
    """Returns the pixels of each mask value."""
    pixels = [0] * 256
    for split in manifest.splits.values():
        for label, count in enumerate(split.class_pixels):
            pixels[label] += count
        if manifest.info.ignore_label is not None:
            pixels[manifest.info.ignore_label] += split.ignored_pixels
    return pixels


def _class_line(manifest: Manifest) -> str:
    """Says how the pixels are divided, which shows a class too many and a wrong mask encoding."""
    info, splits = manifest.info, manifest.splits.values()
    pixels = [sum(counts) for counts in zip(*(s.class_pixels for s in splits), strict=True)]
    pixels.append(sum(split.ignored_pixels for split in splits))
    named = list(zip((*info.class_names, "ignored"), pixels, strict=True))
    present = [f"{name} {count / sum(pixels):.1%}" for name, count in named if count]
    absent = [name for name, count in named[:-1] if not count]
    nowhere = f"; nowhere: {_some(absent)}" if absent else ""
    return f"dataset {info.name!r}, {info.num_classes} classes: {_some(present)}{nowhere}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_SHOWN} more" if names[_MAX_SHOWN:] else ""
    return ", ".join(names[:_MAX_SHOWN]) + more


def _split_line(manifest: Manifest, name: str) -> str:
    split, published = manifest.splits[name], manifest.info.splits.get(name)
    if published is None:
        comparison = ""
    elif published == split.examples:
        comparison = " (as published)"
    else:
        comparison = f" (published: {published})"
    skipped = f", {len(split.skipped)} skipped, see the manifest" if split.skipped else ""
    return f"{name}: {split.examples} images{comparison} in {len(split.shards)} files{skipped}"
