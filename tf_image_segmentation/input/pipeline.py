"""Feeds training: records to batches of augmented crops, in an order that follows from the seed.

The examples of a run are numbered 0, 1, 2, ... across epochs. The seed and the number of an epoch
decide the order within it; the seed and the number of an example decide its augmentation. So a run
that resumes at step s starts with example s * batch_size and sees what an uninterrupted run would
have seen.

Of a mixture, the seed and the number of an example also decide which part it comes from. Each part
has epochs of its own, and goes on in them by one example whenever it is its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.input.augmentation import Augmentation
from tf_image_segmentation.input.part_sampling import PartSampling
from tf_image_segmentation.input.repeats import Repeats
from tf_image_segmentation.tfrecords.files import count_records, read_shard
from tf_image_segmentation.tfrecords.reader import Part, Records, numbered

# Raw records that wait in memory to be shuffled: enough to mix, bounded whatever their size.
_SHUFFLE_BYTES = 256 * 2**20

# Files read at once: a set of many shards must not use up the file handles of the process.
_OPEN_SHARDS = 16

# Seeds of a part's epochs are this far apart from those of the next part.
_PART_EPOCHS = 2**40


class Batch(NamedTuple):
    """What one training step is fed.

    Attributes:
        images: float32 [batch_size, height, width, 3], RGB, 0..255.
        masks: uint8 [batch_size, height, width], class ids and the ignore label.
        image_ids: string [batch_size].
    """

    images: tf.Tensor
    masks: tf.Tensor
    image_ids: tf.Tensor


def _shuffle_buffer(part: Part, parts: int = 1) -> int:
    total = sum(shard.path.stat().st_size for shard in part.shards)
    fitting = _SHUFFLE_BYTES // parts * part.num_examples // total
    return max(1, min(part.num_examples, fitting))


def _repeated(examples: tf.data.Dataset, repeats: Repeats) -> tf.data.Dataset:
    """Returns each of the ``(serialized, record_name)`` as often as ``repeats`` says."""
    names, counts = list(repeats), tf.constant(list(repeats.values()), tf.int64)
    initializer = tf.lookup.KeyValueTensorInitializer(names, counts)
    table = tf.lookup.StaticHashTable(initializer, default_value=1)
    return examples.flat_map(
        lambda *example: tf.data.Dataset.from_tensors(example).repeat(table.lookup(example[1]))
    )


def _epoch(
    part: Part,
    repeats: Repeats | None,
    buffer: int,
    open_shards: int,
    seed: int,
    epoch: tf.Tensor,
) -> tf.data.Dataset:
    """Returns the serialized examples of one epoch in the order that (seed, epoch) gives."""
    # The shuffle below mixes a graph-level seed into its own; pinned, only ours decides.
    tf.compat.v1.get_default_graph().seed = 1
    epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
    files = [str(shard.path) for shard in part.shards]
    files = tf.random.experimental.stateless_shuffle(files, epoch_seed)
    examples = tf.data.Dataset.from_tensor_slices(files).interleave(
        read_shard,
        cycle_length=min(len(part.shards), open_shards),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    if repeats is not None:
        examples = _repeated(examples, repeats)
    buffer_seed = tf.random.stateless_uniform([], epoch_seed, 0, 2**31 - 1, tf.int64)
    return examples.shuffle(buffer, seed=buffer_seed, reshuffle_each_iteration=False)


def _epochs(
    part: Part,
    seed: int,
    first: int,
    number: int = 0,
    parts: int = 1,
    repeats: Repeats | None = None,
) -> tf.data.Dataset:
    """Returns the serialized examples of one epoch after the other, without the ``first`` ones."""
    length = part.num_examples if repeats is None else sum(repeats.values())
    first_epoch, offset = divmod(first, length)
    buffer = _shuffle_buffer(part, parts)
    open_shards = max(1, _OPEN_SHARDS // parts)
    shift = number * _PART_EPOCHS
    return (
        tf.data.Dataset.range(shift + first_epoch, tf.int64.max)
        .flat_map(lambda epoch: _epoch(part, repeats, buffer, open_shards, seed, epoch))
        .skip(offset)
    )


def _mixed_epochs(
    parts: Sequence[Part], seed: int, first: int, repeats: Sequence[Repeats | None]
) -> tf.data.Dataset:
    """Returns the serialized examples of a mixture from number ``first`` on."""
    sampling = PartSampling([part.weight for part in parts], seed)
    examples = [
        numbered(_epochs(part, seed, int(done), number, len(parts), repeats[number]), number)
        for number, (part, done) in enumerate(zip(parts, sampling.counts(first), strict=True))
    ]
    return tf.data.Dataset.choose_from_datasets(examples, sampling.dataset(first))


def check_batch_size(records: Records, batch_size: int, replicas: int = 1) -> None:
    """Raises a DataError unless batches have examples, the dataset enough, and replicas alike."""
    if not 1 <= batch_size <= records.num_examples:
        folders = ", ".join(dict.fromkeys(str(file.parent) for file in records.files))
        raise DataError(
            f"{folders}: batch size {batch_size} must be at least 1 and not larger "
            f"than the dataset of {records.num_examples} examples; choose another --batch-size"
        )
    if batch_size % replicas:
        raise DataError(
            f"batch size {batch_size} cannot be shared evenly by {replicas} replicas; choose a "
            "--batch-size that is a multiple of their number"
        )


def training_batches(
    records: Records,
    augmentation: Augmentation,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    context: tf.distribute.InputContext | None = None,
    repeats: Sequence[Repeats] | None = None,
) -> tf.data.Dataset:
    """Returns an endless dataset of `Batch`.

    Of several workers (input pipelines), each decodes its own part of every global batch, and all
    of them together see what one alone would see; each reads the compressed bytes of all examples.

    Args:
        records: what to read.
        augmentation: what happens to each example.
        batch_size: examples in a global batch; batches run across the ends of epochs.
        seed: decides order and augmentation; same seed, same batches.
        start_step: first batch; equal to skipping that many batches, without decoding them.
        context: which worker this is and how many replicas there are, as
            ``tf.distribute.Strategy.distribute_datasets_from_function`` says it; None for one.
            Each replica gets a batch of ``batch_size / num_replicas_in_sync`` examples.
        repeats: how often each example of each part is seen in an epoch; None for once.

    Raises:
        DataError: the batch is empty, larger than the dataset, or not divisible by the replicas,
            or a file is not a whole number of records.
    """
    context = context or tf.distribute.InputContext()
    replicas = context.num_replicas_in_sync
    check_batch_size(records, batch_size, replicas)
    for file in records.files:
        # A record that claims to be longer than memory would end the process inside TensorFlow.
        count_records(file)
    worker_batch = batch_size // context.num_input_pipelines
    first = start_step * batch_size
    of_parts = [None] * len(records.parts) if repeats is None else repeats
    if records.is_mixture:
        examples = _mixed_epochs(records.parts, seed, first, of_parts)
    else:
        examples = _epochs(records.parts[0], seed, first, repeats=of_parts[0])

    def is_mine(number: tf.Tensor, example: tuple[tf.Tensor, ...]) -> tf.Tensor:
        return number % batch_size // worker_batch == context.input_pipeline_id

    def prepare(number: tf.Tensor, example: tuple[tf.Tensor, ...]) -> Batch:
        image, mask, image_id = records.parse(*example)
        example_seed = tf.cast(tf.stack([tf.constant(seed, tf.int64), number]), tf.int32)
        return Batch(*augmentation(image, mask, example_seed), image_id)

    examples = examples.enumerate(start=first)
    if context.num_input_pipelines > 1:
        examples = examples.filter(is_mine)
    return (
        examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size // replicas, drop_remainder=True)
        # Where the end is not known, workers would ask each other in each step whether it came.
        .apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        .prefetch(2)
    )
