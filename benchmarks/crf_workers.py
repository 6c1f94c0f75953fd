"""Times the dense CRF in several worker processes against one.

Each variant refines the same images, by the way that evaluation takes: images and probabilities go
to the workers, refined probabilities come back, in order. The time includes starting the
processes. One worker is this process. The results must be equal to the last bit for any number of
workers. Variants take turns.

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
import time
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from itertools import islice

import numpy as np
from turns import Turn, print_table, take_turns

from tf_image_segmentation.commands import command_line
from tf_image_segmentation.crf import CrfParameters, check_installed, refine_pair
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.parallel import map_in_order

CLASSES, HEIGHT, WIDTH = 21, 375, 500
CELLS = 6, 8  # of scores, which are enlarged to an image

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
    from tf_image_segmentation.inference import predict_probabilities
    from tf_image_segmentation.models.network import Network
    from tf_image_segmentation.tfrecords.reader import read_examples

    network = Network.from_checkpoint(checkpoint)
    images = [image for image, _, _ in islice(read_examples(tfrecords, split), count)]
    return [(image, predict_probabilities(network, image)) for image in images]


def refine_all(pairs: Sequence[Pair], workers: int) -> tuple[str, Turn]:
    """Returns a checksum of all refined probabilities, and what refining them took."""
    digest, start, cpu_start = hashlib.sha256(), time.perf_counter(), _cpu_seconds()
    refine = partial(refine_pair, parameters=CrfParameters())
    with contextlib.closing(map_in_order(pairs, refine, workers)) as results:
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


def name_of(workers: int) -> str:
    """Returns what the table calls a number of workers."""
    return f"{workers} worker{'s' if workers > 1 else ''}"


def main() -> None:
    """Makes the images, lets all numbers of workers refine them, compares and prints a table."""
    args = parse_arguments()
    check_installed()
    if args.checkpoint is not None:
        pairs = predicted_pairs(args.checkpoint, args.tfrecords, args.split, args.count)
    else:
        rng = np.random.default_rng(args.seed)
        pairs = [make_pair(rng) for _ in range(args.count)]
    numbers = list(dict.fromkeys([1, *args.workers]))
    checksums: dict[int, set[str]] = {workers: set() for workers in numbers}

    def refine(workers: int) -> Turn:
        checksum, turn = refine_all(pairs, workers)
        checksums[workers].add(checksum)
        return turn

    turns = take_turns({name_of(n): partial(refine, n) for n in numbers}, args.rounds)
    if len(set().union(*checksums.values())) > 1:
        sys.exit(f"error: results differ between numbers of workers: {checksums}")
    height, width, classes = pairs[0][1].shape
    title = f"dense CRF of {len(pairs)} images, the first of {height} x {width}, {classes} classes"
    print_table(title, turns, len(pairs), name_of(1))
    load = os.getloadavg()[0]
    print(f"all results are equal; {os.cpu_count()} cores, load {load:.1f} in the last minute")


if __name__ == "__main__":
    command_line.run(main)
