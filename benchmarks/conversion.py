"""Times the conversion of PASCAL VOC 2012 with Berkeley SBD against the classic way.

The classic way decodes each image with Pillow and writes the raw bytes of image and mask into one
record file a split, in one process. Both read the same stand-in files, which are made first (see
voc_stand_in.py) and kept for the next run. The variants take turns, so that a change in the
machine's load hits them alike; outputs are removed after they have been measured.

    python benchmarks/conversion.py --lists-root DIR --work-dir DIR --count 200
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from voc_stand_in import SBD, VOC, make_stand_in

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.datasets.decode.decoding import MAX_PIXELS
from tf_image_segmentation.datasets.decode.masks import read_mask
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.datasets.sets import pascal_voc_sbd

Splits = Mapping[str, Sequence[Sample]]


def parse_arguments() -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--lists-root", type=Path, required=True, help="holds VOCdevkit and benchmark_RELEASE")
    add("--work-dir", type=Path, required=True, help="for the stand-in and the outputs")
    add("--count", type=int, help="images; None makes all 12031")
    add("--modes", type=int, nargs="+", choices=(1, 2, 3), default=[2], help="modes to convert in")
    add("--repeats", type=int, default=2, help="runs of each variant; the median is shown")
    add("--skip-classic", action="store_true", help="time only this package")
    return parser.parse_args()


def convert_classic(samples_by_split: Splits, out: Path) -> None:
    """Converts as the classic system did: raw pixels, one file a split, one process."""
    import tensorflow as tf

    def feature(value: int | bytes) -> tf.train.Feature:
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    out.mkdir()
    for split, samples in samples_by_split.items():
        with tf.io.TFRecordWriter(str(out / f"{split}.tfrecords")) as writer:
            for sample in samples:
                image = np.array(Image.open(sample.image))
                read = sample.read_mask or read_mask
                mask = read(sample.mask, max_pixels=MAX_PIXELS)
                fields = {
                    "height": feature(image.shape[0]),
                    "width": feature(image.shape[1]),
                    "image_raw": feature(image.tobytes()),
                    "mask_raw": feature(mask.tobytes()),
                }
                example = tf.train.Example(features=tf.train.Features(feature=fields))
                writer.write(example.SerializeToString())


def convert_ours(samples_by_split: Splits, out: Path, workers: int) -> None:
    """Converts with this package."""
    from tf_image_segmentation.tfrecords import convert

    convert(pascal_voc_sbd.INFO, samples_by_split, out, workers=workers, progress=False)


def measure(
    convert: Callable[[Splits, Path], None], splits: Splits, out: Path
) -> tuple[float, int]:
    """Returns seconds and bytes of one conversion, and removes what it wrote."""
    shutil.rmtree(out, ignore_errors=True)
    # What the run before has left to write to the disk is not to be paid for by this one.
    os.sync()
    start = time.perf_counter()
    convert(splits, out)
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in out.iterdir())
    shutil.rmtree(out)
    return seconds, size


def main() -> None:
    """Makes the stand-in, measures all variants in all modes, and prints a table."""
    arguments = parse_arguments()
    name = "all" if arguments.count is None else str(arguments.count)
    root = arguments.work_dir / f"stand_in_{name}"
    make_stand_in(arguments.lists_root, root, arguments.count, os.cpu_count() or 1)
    # Loading TensorFlow takes seconds and is no part of what is compared.
    import tensorflow  # noqa: F401

    variants: dict[str, Callable[[Splits, Path], None]] = {
        "ours, 1 worker": partial(convert_ours, workers=1),
        "ours, 2 workers": partial(convert_ours, workers=2),
    }
    if not arguments.skip_classic:
        variants["classic"] = convert_classic
    print(f"{'mode':<5}{'variant':<17}{'seconds':>9}{'images/s':>10}{'bytes/sample':>14}  all runs")
    for mode in arguments.modes:
        splits = pascal_voc_sbd.union_samples(root / VOC, root / SBD, mode)
        runs: dict[str, list[tuple[float, int]]] = {variant: [] for variant in variants}
        for _ in range(arguments.repeats):
            for variant, convert in variants.items():
                runs[variant].append(measure(convert, splits, arguments.work_dir / "out"))
        examples = sum(map(len, splits.values()))
        for variant, measured in runs.items():
            _print_row(mode, variant, examples, measured)


def _print_row(mode: int, variant: str, examples: int, runs: list[tuple[float, int]]) -> None:
    seconds = statistics.median(run[0] for run in runs)
    all_runs = " ".join(f"{run[0]:.1f}" for run in runs)
    print(
        f"{mode:<5}{variant:<17}{seconds:>9.1f}{examples / seconds:>10.1f}"
        f"{runs[0][1] / examples:>14.0f}  {all_runs}"
    )


if __name__ == "__main__":
    command_line.run(main)
