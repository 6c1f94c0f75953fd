"""Opens and reads records: a folder, a file, a pattern, or a mixture of folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords.framing import first_record
from tf_image_segmentation.tfrecords.record_files import find_files
from tf_image_segmentation.tfrecords.records import Records, read_shard
from tf_image_segmentation.tfrecords.schema import detect_schema


def open_records(path: str | os.PathLike[str], split: str | None = None) -> Records:
    """Opens a folder that a conversion made, one record file, or a glob pattern.

    Files that a manifest lists are compared with it by size; others (classic record files) are
    walked through to count their records.

    Args:
        path: folder, file or pattern.
        split: for a folder, one of its splits; None takes all. Not used for files and patterns.

    Raises:
        DataError: something is missing, truncated, empty, compressed, of another format, or lacks
            features; the message names it and the way out.
    """
    files, manifest = find_files(Path(path), split)
    # A manifest vouches for its files; of others each may have another schema.
    to_check = files if manifest is None else files[:1]
    schemas = {detect_schema(first_record(file.path), str(file.path)) for file in to_check}
    if len(schemas) > 1:
        raise DataError(
            f"{path}: files of different schemas {sorted(schemas)}; name them separately"
        )
    return Records(
        files=tuple(file.path for file in files),
        shard_examples=tuple(file.examples for file in files),
        schema=schemas.pop(),
        manifest=manifest,
        sha256=tuple(file.sha256 for file in files),
    )


def read_examples(
    path: str | os.PathLike[str], split: str | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Opens records (see `open_records`, which checks them at once) and yields their examples.

    Yields:
        image (uint8 [h, w, 3]), mask (uint8 [h, w]) and image id, as `Records.examples` does.
    """
    return open_records(path, split).examples()
