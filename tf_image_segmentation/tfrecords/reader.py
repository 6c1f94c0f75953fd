"""Opens and reads records: a folder, a file, a pattern, or a mixture of folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tf_image_segmentation.tfrecords.mixed_records import open_mixture
from tf_image_segmentation.tfrecords.record_files import find_files
from tf_image_segmentation.tfrecords.records import Records, make_records


def open_records(path: str | os.PathLike[str], split: str | None = None) -> Records:
    """Opens a folder that a conversion made, a mixture, one record file, or a glob pattern.

    The masks of a mixture come out in its own classes; see `mixture.write_mixture`.

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
    if manifest is not None and manifest.parts:
        return open_mixture(manifest, split)
    return make_records(path, files, manifest)


def read_examples(
    path: str | os.PathLike[str], split: str | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Opens records (see `open_records`, which checks them at once) and yields their examples.

    Yields:
        image (uint8 [h, w, 3]), mask (uint8 [h, w]) and image id, as `Records.examples` does.
    """
    return open_records(path, split).examples()
