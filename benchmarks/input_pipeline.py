"""Times the input pipeline against the classic one and against a PyTorch DataLoader.

All make the same batches of the same images, in random order: mirrored, scaled by 0.5 to 2, cropped
or padded to 384x384, float32; and once more with brightness, saturation, hue and contrast changed.
The contestants:

    ours     records of JPEG and PNG, tf.data, as the trainer reads them
    classic  records of raw pixels, v1 queues and session, the usual v1 operations
    torch    JPEG and PNG files, Pillow, DataLoader with a worker for each core

Each runs in a process of its own, and they take turns. "images/s a core" divides by the seconds of
all cores that were used, which other load on the machine disturbs less. The images are stand-ins
(see voc_stand_in.py), made first and kept for the next run. PyTorch is optional:
pip install -r benchmarks/requirements.txt

    python benchmarks/input_pipeline.py --lists-root DIR --work-dir DIR
"""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from functools import partial
from pathlib import Path

from conversion import convert_classic
from turns import Turn, installed, print_table, run_process, take_turns
from voc_stand_in import SBD, VOC, make_stand_in

from tf_image_segmentation.cli import command_line


def parse_arguments() -> Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--lists-root", type=Path, required=True, help="holds VOCdevkit and benchmark_RELEASE")
    add("--work-dir", type=Path, required=True, help="for the stand-in and its records")
    add("--count", type=int, default=200, help="images of the stand-in")
    add("--images", type=int, default=400, help="images that a turn measures")
    add("--warmup", type=int, default=100, help="images before those")
    add("--batch-size", type=int, default=4, help="images in a batch")
    add("--cores", type=int, default=os.cpu_count() or 1, help="workers of the two others")
    add("--rounds", type=int, default=3, help="how often each contestant has its turn")
    args = parser.parse_args()
    if args.images < args.batch_size or args.rounds < 1:
        parser.error("--rounds must be at least 1 and --images at least --batch-size")
    return args


def prepare(args: Namespace) -> Path:
    """Returns the folder of the data, which is made unless it is there."""
    data = args.work_dir / f"pipeline_{args.count}"
    if (data / "files").exists():
        return data
    stand_in = args.work_dir / f"stand_in_{args.count}"
    make_stand_in(args.lists_root, stand_in, args.count, args.cores)
    from tf_image_segmentation.datasets.sets import pascal_voc_sbd
    from tf_image_segmentation.tfrecords import convert, open_records

    splits = pascal_voc_sbd.union_samples(stand_in / VOC, stand_in / SBD, mode=2)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    convert(pascal_voc_sbd.INFO, splits, data / "records", workers=args.cores, progress=False)
    convert_classic(splits, data / "classic")
    # What the records hold, as files; renamed at the end, so that all of them are there or none.
    unfinished = data / "unfinished"
    unfinished.mkdir()
    for serialized, _ in open_records(data / "records", "train").dataset():
        _write_files(serialized.numpy(), unfinished)
    unfinished.rename(data / "files")
    return data


def _write_files(record: bytes, folder: Path) -> None:
    import tensorflow as tf

    from tf_image_segmentation.tfrecords import schema

    features = tf.train.Example.FromString(record).features.feature
    image, mask, name = (
        features[key].bytes_list.value[0]
        for key in (schema.IMAGE_ENCODED, schema.MASK_ENCODED, schema.IMAGE_FILENAME)
    )
    (folder / f"{name.decode()}.jpg").write_bytes(image)
    (folder / f"{name.decode()}.png").write_bytes(mask)


def run_turn(variant: str, colors: bool, data: Path, args: Namespace) -> Turn:
    """Runs one contestant."""
    options = {name: getattr(args, name) for name in ("batch_size", "images", "warmup", "cores")}
    program = "input_pipeline_process.py"
    return Turn(*run_process(program, variant=variant, data=data, colors=colors, **options))


def main() -> None:
    """Makes the data, lets all contestants take turns, and prints a table for each task."""
    args = parse_arguments()
    command_line.load_tensorflow()
    data = prepare(args)
    variants = ["ours", "classic"] + (["torch"] if installed("torch", "torch") else [])
    images = args.images // args.batch_size * args.batch_size
    for colors, title in ((False, "flip, scale, crop"), (True, "flip, scale, crop, colors")):
        runs = {name: partial(run_turn, name, colors, data, args) for name in variants}
        print_table(title, take_turns(runs, args.rounds), images, "ours")


if __name__ == "__main__":
    command_line.run(main)
