"""Records, inspected after a conversion."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import accumulate, islice

from tqdm import tqdm

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inspection.measurement import Fault, Measurement, Position, measure
from tf_image_segmentation.inspection.source import Example
from tf_image_segmentation.tfrecords.reader import Records


class RecordSource:
    """A `Source` of records.

    Args:
        records: of each split, one or more.
        unopened: why other splits cannot be opened, by name.
        progress: whether a progress bar is shown.

    Attributes:
        unreadable: the splits that cannot be opened, which is known before anything is measured.
    """

    def __init__(
        self,
        records: Mapping[str, Records],
        unopened: Mapping[str, str] | None = None,
        progress: bool = False,
    ) -> None:
        self.info: DatasetInfo | None = next(iter(records.values())).info
        self.listed: Mapping[str, int] = {
            split: each.num_examples for split, each in records.items()
        }
        self.unreadable = [Fault("unlisted", *each) for each in (unopened or {}).items()]
        self._records, self._progress = records, progress

    def measure(self, observe: Callable[[Measurement], None]) -> list[Fault]:
        """Reads and checks every record and the files' SHA-256, see `Source.measure`.

        What comes after the first fault in a file is not read.
        """
        faults = list(self.unreadable)
        total = sum(self.listed.values())
        with tqdm(total=total, unit="record", disable=not self._progress) as bar:
            for split, records in self._records.items():
                for shard, first in enumerate(_starts(records)):
                    try:
                        examples = records.checked_examples(shard)
                        for number, (image, mask, image_id) in enumerate(examples, first):
                            observe(measure(Position(split, number), image_id, image, mask))
                            bar.update()
                    except DataError as error:
                        faults.append(Fault("broken", split, str(error)))
        return faults

    def selection(self, count: int) -> list[Position]:
        """Returns the first positions of every file, as many in each."""
        # Some of every file, because neighbors in a file may be frames of one video.
        files = [
            (split, first, shard.examples)
            for split, records in self._records.items()
            for first, shard in zip(_starts(records), records.shards, strict=True)
        ]
        share = -(-count // len(files))
        return [
            Position(split, first + number)
            for split, first, examples in files[:count]
            for number in range(min(share, examples))
        ][:count]

    def examples(self, wanted: Collection[Position]) -> dict[Position, Example]:
        """Reads records, see `Source.examples`; files of which none is wanted stay closed."""
        found: dict[Position, Example] = {}
        for split, records in self._records.items():
            numbers = {position.number for position in wanted if position.split == split}
            for number, (first, shard) in enumerate(
                zip(_starts(records), records.shards, strict=True)
            ):
                here = {n for n in numbers if first <= n < first + shard.examples}
                if here:
                    found.update(_read(records, split, number, first, here))
        return found


def _starts(records: Records) -> list[int]:
    """Returns the number that the first example of each file has in its split."""
    return [0, *accumulate(shard.examples for shard in records.shards)][:-1]


def _read(
    records: Records, split: str, shard: int, first: int, numbers: set[int]
) -> dict[Position, Example]:
    found = {}
    examples = islice(records.examples(shard), max(numbers) - first + 1)
    try:
        for number, example in enumerate(examples, first):
            if number in numbers:
                found[Position(split, number)] = Example(*example)
    except DataError:  # found and told of by `measure`
        pass
    return found
