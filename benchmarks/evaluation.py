"""Times the counting of a confusion matrix against other ways to count it.

Each counts the same label maps, which are made from a seed and lie in memory, image by image, and
leaves out the pixels of label 255. The contestants:

    ours          ConfusionMatrix.update, which also refuses ids that are no class
    bincount      NumPy, as the evaluation of FCN has it; checks nothing
    slim          slim.metrics.streaming_mean_iou in a session of TensorFlow 1, weight 0 for 255
    torchmetrics  MulticlassConfusionMatrix, as it comes and with validate_args=False

They take turns, and all must arrive at the same matrix. torchmetrics is optional:
pip install -r benchmarks/requirements.txt

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --count 100 --rounds 3
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
from turns import Turn, installed, print_table, take_turns

from tf_image_segmentation.cli import command_line

CLASSES, VOID = 21, 255
RIGHT = 0.9  # share of the predictions
CELL = 8  # side of the patches that are predicted wrongly

PEERS = ("bincount", "slim", "torchmetrics")

LabelMap = tuple[np.ndarray, np.ndarray]
# Returns the matrix of label maps, int64 [true, predicted], and what counting took.
Count = Callable[[Iterable[LabelMap]], tuple[np.ndarray, Turn]]


def parse_arguments() -> Namespace:
    """Returns the command line's arguments."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--count", type=int, default=904, help="label maps; RV-VOC12 has 904")
    add("--rounds", type=int, default=5, help="how often each contestant has its turn")
    add("--skip", nargs="+", choices=PEERS, default=[], help="peers to leave out")
    # More threads wait for each other, which takes a hundred times as long on a busy machine.
    add("--torch-threads", type=int, default=1, help="threads of torchmetrics")
    add("--seed", type=int, default=0, help="of the label maps")
    args = parser.parse_args()
    if min(args.count, args.rounds) < 1:
        parser.error("--count and --rounds must be at least 1")
    return args


def make_label_map(rng: np.random.Generator) -> LabelMap:
    """Returns labels and predictions of an image, uint8, of a size that VOC's images have.

    Labels are ellipses with a border of 255, and predictions right but for patches of 8x8.
    """
    shape = (int(np.clip(rng.normal(372, 35), 250, 500)), 500)
    y, x = np.ogrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.uint8)
    for label in rng.integers(1, CLASSES, rng.integers(1, 5)):
        center, radii = rng.integers(0, shape), rng.integers(15, 150, 2)
        distance = np.hypot((y - center[0]) / radii[0], (x - center[1]) / radii[1])
        labels[distance < 1.05] = VOID
        labels[distance < 1] = label
    cells = [-(-side // CELL) for side in shape]
    wrong = rng.random(cells) >= RIGHT
    guesses = rng.integers(0, CLASSES, cells, np.uint8)
    wrong, guesses = (_enlarged(array)[: shape[0], : shape[1]] for array in (wrong, guesses))
    return labels, np.where(wrong, guesses, labels % VOID).astype(np.uint8)


def _enlarged(cells: np.ndarray) -> np.ndarray:
    return cells.repeat(CELL, axis=0).repeat(CELL, axis=1)


def count_ours(label_maps: Iterable[LabelMap]) -> tuple[np.ndarray, Turn]:
    """Counts with this package."""
    from tf_image_segmentation.evaluation import ConfusionMatrix

    matrix = ConfusionMatrix(CLASSES, VOID)
    turn = _timed(matrix.update, label_maps)
    return matrix.matrix, turn


def count_bincount(label_maps: Iterable[LabelMap]) -> tuple[np.ndarray, Turn]:
    """Counts pairs as one number each, after the pixels without a class are picked out."""
    matrix = np.zeros((CLASSES, CLASSES), np.int64)

    def update(labels: np.ndarray, predictions: np.ndarray) -> None:
        true, predicted = labels.ravel(), predictions.ravel()
        known = (true >= 0) & (true < CLASSES)
        pairs = CLASSES * true[known].astype(int) + predicted[known]
        matrix[:] += np.bincount(pairs, minlength=CLASSES**2).reshape(matrix.shape)

    return matrix, _timed(update, label_maps)


def count_slim(label_maps: Iterable[LabelMap]) -> tuple[np.ndarray, Turn]:
    """Counts in a graph of TensorFlow 1, which is fed with arrays."""
    import tensorflow as tf
    import tf_slim as slim

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        labels, predictions = (v1.placeholder(tf.uint8, [None, None]) for _ in range(2))
        known = tf.not_equal(labels, VOID)
        # A label of weight 0 must be a class all the same.
        _, update_op = slim.metrics.streaming_mean_iou(
            predictions,
            tf.where(known, labels, tf.zeros_like(labels)),
            CLASSES,
            weights=tf.cast(known, tf.float32),
        )
        (total,) = v1.local_variables()
        session.run(v1.local_variables_initializer())
        update = session.make_callable(update_op.op, [labels, predictions])
        turn = _timed(update, label_maps)
        return session.run(total).astype(np.int64), turn


def count_torchmetrics(
    label_maps: Iterable[LabelMap], validate_args: bool, threads: int
) -> tuple[np.ndarray, Turn]:
    """Counts with torchmetrics."""
    import torch
    from torchmetrics.classification import MulticlassConfusionMatrix

    torch.set_num_threads(threads)

    metric = MulticlassConfusionMatrix(CLASSES, ignore_index=VOID, validate_args=validate_args)

    def update(labels: np.ndarray, predictions: np.ndarray) -> None:
        metric.update(torch.from_numpy(predictions), torch.from_numpy(labels))

    turn = _timed(update, label_maps)
    return metric.compute().numpy(), turn


def _timed(
    update: Callable[[np.ndarray, np.ndarray], object], label_maps: Iterable[LabelMap]
) -> Turn:
    start, cpu_start = time.perf_counter(), time.process_time()
    for labels, predictions in label_maps:
        update(labels, predictions)
    return Turn(time.perf_counter() - start, time.process_time() - cpu_start)


def choose_variants(skip: Sequence[str], torch_threads: int) -> dict[str, Count]:
    """Returns ours and the peers that are installed and not to be skipped."""
    variants: dict[str, Count] = {"ours": count_ours}
    if "bincount" not in skip:
        variants["bincount"] = count_bincount
    if "slim" not in skip:
        variants["slim"] = count_slim
    if "torchmetrics" not in skip and installed("torchmetrics", "torchmetrics"):
        for name, validate_args in (("torchmetrics", True), ("torchmetrics, unchecked", False)):
            variants[name] = partial(
                count_torchmetrics, validate_args=validate_args, threads=torch_threads
            )
    return variants


def main() -> None:
    """Makes the label maps, lets all count them, compares the matrices and prints a table."""
    args = parse_arguments()
    command_line.load_tensorflow()
    rng = np.random.default_rng(args.seed)
    label_maps = [make_label_map(rng) for _ in range(args.count)]
    variants = choose_variants(args.skip, args.torch_threads)
    # This also loads what is slow to load, before anything is timed.
    matrices = {name: variant(label_maps[:1])[0] for name, variant in variants.items()}

    def count(name: str) -> Turn:
        matrices[name], turn = variants[name](label_maps)
        return turn

    turns = take_turns({name: partial(count, name) for name in variants}, args.rounds)
    differing = [name for name, m in matrices.items() if not np.array_equal(m, matrices["ours"])]
    if differing:
        sys.exit(f"error: the matrices of {', '.join(differing)} differ from ours")
    print_table(f"confusion matrix of {args.count} label maps", turns, args.count, "ours")
    right = np.trace(matrices["ours"]) / matrices["ours"].sum()
    print(f"all matrices are equal; {right:.1%} of the predictions are right")


if __name__ == "__main__":
    command_line.run(main)
