"""How sure a network is: maps, and images with the least certain first.

Source: Settles, "Active Learning Literature Survey", 2009, section 3.1, "least confident": the
images that a network is least sure of are those that labels of teach it most.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image

from tf_image_segmentation.atomic import write_text
from tf_image_segmentation.inference.jobs import Job

RANKING_FILE = "least_certain.csv"
_ENDING = "_confidence.png"


def confidence_path(job: Job) -> Path:
    """Returns where the map of a picture lies."""
    return job.path(_ENDING)


def confidence_map(probabilities: np.ndarray) -> np.ndarray:
    """Returns the probability of the most probable class, 0 to 255 for 0 to 1.

    Args:
        probabilities: [height, width, classes], 0..1.

    Returns:
        uint8 [height, width].
    """
    highest = probabilities.max(axis=-1).astype(np.float32)
    return np.rint(255 * highest).clip(0, 255).astype(np.uint8)


def write_ranking(folder: Path) -> Path:
    """Writes ``least_certain.csv``: all pictures of a folder of results that have a map.

    The columns are ``image``, the name of its results, and ``confidence``, the mean of its map, 0
    to 1; the least certain comes first.
    """
    rows = []
    for path in folder.rglob(f"*{_ENDING}"):
        with Image.open(path, formats=["PNG"]) as image:
            mean = float(np.asarray(image).mean()) / 255
        name = path.relative_to(folder).as_posix().removesuffix(_ENDING)
        rows.append((round(mean, 4), name))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "confidence"])
    writer.writerows([name, f"{mean:.4f}"] for mean, name in sorted(rows))
    write_text(folder / RANKING_FILE, text.getvalue())
    return folder / RANKING_FILE
