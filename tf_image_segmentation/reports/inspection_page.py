"""An inspection as one HTML page that needs no other file, no script and no network.

The sections of the page are numbers as text, ready to be laid out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.source import Source as DatasetSource
from tf_image_segmentation.inference.visualization import class_name
from tf_image_segmentation.inspection.findings import ERROR
from tf_image_segmentation.inspection.inspection import Inspection
from tf_image_segmentation.inspection.labels import color_of, labels_to_show, palette_of
from tf_image_segmentation.inspection.measurement import Position
from tf_image_segmentation.inspection.source import Example, Source
from tf_image_segmentation.inspection.statistics import VGG_MEAN, SplitStatistics
from tf_image_segmentation.reports.page_file import render, write_page
from tf_image_segmentation.reports.pictures import HATCHING, css_color, overlaid, photo

Fields = dict[str, Any]

_PAIRS = 12
_TILE_SIDE = 320
_FREQUENT_SIZES = 5
_CURVE_HEIGHT = 100


def write_inspection_page(
    path: Path,
    inspection: Inspection,
    source: Source,
    shown: Mapping[Position, Example],
    dataset_source: DatasetSource | None,
    where: str,
) -> None:
    """Writes the page, in one step: until it is whole, an older one stays.

    Args:
        path: of the page, in a folder that there is.
        inspection: what was found.
        source: what was inspected; the images of pairs are read from it.
        shown: the examples that are shown.
        dataset_source: where the dataset comes from, None where it is not known.
        where: the folder or file that was inspected.

    Raises:
        OSError: the disk fails.
    """
    wanted = {place for pair in inspection.pairs[:_PAIRS] for place in (pair.first, pair.second)}
    info, findings = inspection.info, inspection.findings
    values = {
        "title": Path(where).name if info is None else info.name,
        "where": where,
        "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "findings": findings,
        "errors": sum(finding.level == ERROR for finding in findings),
        "splits": _splits(inspection),
        "split_names": list(inspection.statistics),
        "classes": _classes(inspection),
        "sizes": _sizes(inspection.statistics),
        "colors": _colors(inspection.statistics),
        "reference": [f"{mean:.2f}" for mean in VGG_MEAN],
        "num_pairs": len(inspection.pairs),
        "pairs": _pairs(inspection, source.examples(wanted)),
        "tiles": _tiles(shown, info),
        "dataset_source": dataset_source,
    }
    write_page(path, render("inspection.html", values))


def _splits(inspection: Inspection) -> list[Fields]:
    """Returns a row for each split that there is or should be."""
    published = {} if inspection.info is None else inspection.info.splits
    rows = []
    for name in dict.fromkeys((*inspection.listed, *published)):
        listed, found = inspection.listed.get(name), inspection.statistics.get(name)
        usable = None if found is None else len(found.images)
        rows.append(
            {
                "name": name,
                "listed": _count(listed),
                "published": _count(published.get(name)),
                "usable": _count(usable),
                "pixels": _count(None if found is None else int(found.label_pixels.sum())),
                "is_right": listed == usable and listed == published.get(name, listed),
                "is_there": listed is not None,
            }
        )
    return rows


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _classes(inspection: Inspection) -> list[Fields]:
    """Returns a row for each class and for whatever else occurs in masks."""
    info, statistics = inspection.info, inspection.statistics
    shares = {split: _shares(found) for split, found in statistics.items()}
    rows = []
    for label in labels_to_show(info, [found.label_pixels for found in statistics.values()]):
        cells = []
        for split, found in statistics.items():
            cells += [
                _bar(shares[split][label], max(shares[split]), f"{shares[split][label]:.2%}"),
                _bar(
                    found.label_images[label], len(found.images), f"{found.label_images[label]:,}"
                ),
            ]
        ignored = info is not None and label == info.ignore_label
        rows.append(
            {
                "label": label,
                "name": class_name(info, label),
                "background": HATCHING if ignored else css_color(color_of(info, label)),
                "cells": cells,
            }
        )
    return rows


def _shares(found: SplitStatistics) -> np.ndarray:
    return found.label_pixels / max(found.label_pixels.sum(), 1)


def _bar(value: float, full: float, text: str) -> Fields:
    return {"text": text, "length": f"{100 * value / full:.1f}%" if full else "0%"}


def _sizes(statistics: Mapping[str, SplitStatistics]) -> list[Fields]:
    """Returns the least, the median and the largest sides of each split, and frequent sizes."""
    rows = []
    for split, found in statistics.items():
        if not found.images:
            continue
        heights, widths = (_quantiles(found.sizes, axis) for axis in (0, 1))
        frequent = found.sizes.most_common(_FREQUENT_SIZES)
        rows.append(
            {
                "split": split,
                "height": heights,
                "width": widths,
                "frequent": [f"{h} x {w}: {count:,}" for (h, w), count in frequent],
                "others": len(found.sizes) - len(frequent),
            }
        )
    return rows


def _quantiles(sizes: Counter[tuple[int, int]], axis: int) -> list[str]:
    sides = np.repeat([size[axis] for size in sizes], list(sizes.values()))
    return [f"{value:g}" for value in (sides.min(), np.median(sides), sides.max())]


def _colors(statistics: Mapping[str, SplitStatistics]) -> list[Fields]:
    """Returns mean and standard deviation of each channel of each split, and its histograms."""
    rows = []
    for split, found in statistics.items():
        if not found.images:
            continue
        means, deviations = found.color_means(), found.color_deviations()
        rows.append(
            {
                "split": split,
                "swatch": css_color([round(mean) for mean in means]),
                "channels": [f"{m:.2f} ± {d:.2f}" for m, d in zip(means, deviations, strict=True)],
                "curves": _curves(found.color_pixels),
            }
        )
    return rows


def _curves(color_pixels: np.ndarray) -> list[str]:
    """Returns the points of an SVG line for each channel, 256 wide."""
    shares = color_pixels / color_pixels.sum(axis=1, keepdims=True)
    # A few values that very many pixels have, such as clipped ones, would flatten all the rest.
    full = max(np.percentile(shares, 99), shares.max() / 8)
    heights = _CURVE_HEIGHT * (1 - np.minimum(shares / full, 1))
    return [" ".join(f"{x},{y:.1f}" for x, y in enumerate(channel)) for channel in heights]


def _pairs(inspection: Inspection, examples: Mapping[Position, Example]) -> list[Fields]:
    """Returns the pictures of the first pairs of images that are in two splits."""
    shown = []
    for pair in inspection.pairs[:_PAIRS]:
        ends = ((pair.first, pair.first_id), (pair.second, pair.second_id))
        shown.append(
            {
                "title": "equal pixels" if pair.equal else f"{pair.distance} of 64 bits differ",
                "images": [
                    {
                        "picture": photo(examples[place].image, _TILE_SIDE),
                        "caption": f"{place.split}: {image_id}",
                    }
                    for place, image_id in ends
                    if place in examples
                ],
            }
        )
    return shown


def _tiles(examples: Mapping[Position, Example], info: DatasetInfo | None) -> list[Fields]:
    """Returns each example as an image and as one with its mask over it."""
    palette = palette_of(info)
    ignored = None if info is None else info.ignore_label
    return [
        {
            "split": place.split,
            "id": example.image_id,
            "image": photo(example.image, _TILE_SIDE),
            "overlay": overlaid(example.image, example.mask, palette, ignored, _TILE_SIDE),
        }
        for place, example in examples.items()
    ]
