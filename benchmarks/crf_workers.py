"""Times the dense CRF in several worker processes against one.

Each variant refines the same images, in two ways:

    passed  as evaluation does it: images and probabilities go to the workers through pipes, and
            refined probabilities come back
    files   as the search for parameters does it: workers read files, and labels come back

The time includes starting the processes; one worker is this process. Within a way, the results
must be equal to the last bit for any number of workers. Variants take turns.

Images are crops of scikit-image's sample pictures at a usual size of PASCAL VOC, with probabilities
of 21 classes that are made from a seed; or those of records, with the probabilities of a network.

    python benchmarks/crf_workers.py --workers 1 2
    python benchmarks/crf_workers.py --checkpoint runs/fcn_8s/model/best --tfrecords data/records
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from turns import Turn, Turns, print_table, take_turns

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.crf import CrfParameters, check_installed, refine_pair
from tf_image_segmentation.tuning.predictions import Task, prediction_file, refine_stored, store
from tf_image_segmentation.workers import map_in_order

CLASSES, HEIGHT, WIDTH = 21, 375, 500
CELLS = 6, 8  # of scores, which are enlarged to an image

Item = TypeVar("Item")
# Image, uint8 [height, width, 3], and probabilities, float32 [height, width, classes].
Pair = tuple[np.ndarray, np.ndarray]


def parse_arguments() -> Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    numbers = sorted({1, os.cpu_count() or 1})
    add("--workers", type=int, nargs="+", default=numbers, help="numbers of workers, next to 1")
    add("--count", type=int, default=24, help="images")
    add("--rounds", type=int, default=5, help="how often each number has its turn")
    add("--checkpoint", help="predicts the probabilities; None makes them from the seed")
    add("--tfrecords", help="records of images, with --checkpoint")
    add("--split", default="val", help="split of a folder of records")
    add("--seed", type=int, default=0, help="of the images that are made")
    args = parser.parse_args()
    if min(args.count, args.rounds, *args.workers) < 1:
        parser.error("--count, --rounds and --workers must be at least 1")
    if (args.checkpoint is None) != (args.tfrecords is None):
        parser.error("--checkpoint and --tfrecords go together")
    return args


def make_pair(rng: np.random.Generator) -> Pair:
    """Returns a crop of a picture, and probabilities that fade from one class into another."""
    from voc_stand_in import photo  # which workers need not import

    image = np.asarray(photo(rng, (WIDTH, HEIGHT)))
    coarse = rng.normal(0, 6, (CLASSES, *CELLS)).astype(np.float32)
    logits = np.stack([_enlarged(plane) for plane in coarse], axis=-1)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return image, exponentials / exponentials.sum(axis=-1, keepdims=True)


def _enlarged(plane: np.ndarray) -> np.ndarray:
    from PIL import Image

    size = (WIDTH, HEIGHT)
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))


def predicted_pairs(checkpoint: str, tfrecords: str, split: str, count: int) -> list[Pair]:
    """Returns the first images of records and what a network predicts for them."""
    command_line.load_tensorflow()
    from tf_image_segmentation.inference.predict import predict_probabilities
    from tf_image_segmentation.models.network import Network
    from tf_image_segmentation.tfrecords.reader import read_examples

    network = Network.from_checkpoint(checkpoint)
    images = [image for image, _, _ in islice(read_examples(tfrecords, split), count)]
    return [(image, predict_probabilities(network, image)) for image in images]


def store_pairs(pairs: Sequence[Pair], folder: Path) -> list[Task]:
    """Writes a file for each image, and returns what workers do with them."""
    tasks = []
    for number, (image, probabilities) in enumerate(pairs):
        file = prediction_file(folder, number)
        labels = probabilities.argmax(axis=-1).astype(np.uint8)
        store(file, image, labels, labels, probabilities)
        tasks.append(Task(file, CrfParameters()))
    return tasks


def refine_file(task: Task) -> np.ndarray:
    """Returns the refined labels of an image in a file."""
    return refine_stored(task).labels


def refine_all(
    items: Iterable[Item], refine: Callable[[Item], np.ndarray | None], workers: int
) -> tuple[str, Turn]:
    """Returns a checksum of all that ``refine`` returns, and what it took."""
    digest, start, cpu_start = hashlib.sha256(), time.perf_counter(), _cpu_seconds()
    with contextlib.closing(map_in_order(items, refine, workers)) as results:
        for refined in results:
            if isinstance(refined, DataError):
                raise refined
            assert refined is not None
            digest.update(refined.tobytes())
    # The processes have ended, so that their time is known.
    turn = Turn(time.perf_counter() - start, _cpu_seconds() - cpu_start)
    return digest.hexdigest(), turn


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def run(pairs: Sequence[Pair], numbers: Sequence[int], rounds: int, folder: Path) -> Turns:
    """Lets all variants take turns, and ends the program where results differ."""
    ways: dict[str, Callable[[int], tuple[str, Turn]]] = {
        "passed": partial(refine_all, pairs, partial(refine_pair, parameters=CrfParameters())),
        "files": partial(refine_all, store_pairs(pairs, folder), refine_file),
    }
    checksums: dict[str, set[str]] = {way: set() for way in ways}

    def turn(way: str, workers: int) -> Turn:
        checksum, taken = ways[way](workers)
        checksums[way].add(checksum)
        return taken

    variants = {f"{way}, {n}": partial(turn, way, n) for way in ways for n in numbers}
    turns = take_turns(variants, rounds)
    for way, found in checksums.items():
        if len(found) > 1:
            sys.exit(f"error: {way}: results differ between numbers of workers")
    return turns


def main() -> None:
    """Makes the images, lets all variants refine them, compares and prints a table."""
    args = parse_arguments()
    check_installed()
    if args.checkpoint is not None:
        pairs = predicted_pairs(args.checkpoint, args.tfrecords, args.split, args.count)
    else:
        rng = np.random.default_rng(args.seed)
        pairs = [make_pair(rng) for _ in range(args.count)]
    numbers = list(dict.fromkeys([1, *args.workers]))
    with tempfile.TemporaryDirectory() as folder:
        turns = run(pairs, numbers, args.rounds, Path(folder))
    height, width, classes = pairs[0][1].shape
    title = f"dense CRF of {len(pairs)} images, the first of {height} x {width}, {classes} classes"
    print_table(f"{title}; way and workers", turns, len(pairs), "passed, 1")
    load = os.getloadavg()[0]
    print(f"all results are equal; {os.cpu_count()} cores, load {load:.1f} in the last minute")


if __name__ == "__main__":
    command_line.run(main)
