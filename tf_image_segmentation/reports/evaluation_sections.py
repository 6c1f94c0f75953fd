"""What the sections of the report show: numbers as text, ready to be laid out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.confusion_matrix import ConfusionMatrix, Metrics
from tf_image_segmentation.evaluation.metrics import Results, by_class, scalars
from tf_image_segmentation.evaluation.published import published, why_not_published
from tf_image_segmentation.evaluation.summary import percent, title
from tf_image_segmentation.reports import evaluation_figures as figures
from tf_image_segmentation.reports.image_scores import ImageScores, ScoredImage
from tf_image_segmentation.reports.pictures import Picture, css_color
from tf_image_segmentation.training.run_files import flatten

Fields = dict[str, Any]

# What each page shows, before further metrics.
_SINGLE = ("mean_iou", "mean_pixel_accuracy", "pixel_accuracy", "frequency_weighted_iou")
_BY_CLASS = ("iou", "accuracy")
_NEAR_BOUNDARIES = ("pixel_accuracy", "mean_iou")
_NUM_CONFUSIONS = 5


def environment(facts: Mapping[str, Any]) -> str:
    """Returns versions and git commit in a line, without what is not known."""
    known = {name: value for name, value in facts.items() if value is not None}
    changes = known.pop("git_changes", False)
    if changes and "git_commit" in known:
        known["git_commit"] += " with changes"
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in known.items())


def _change(before: float, after: float) -> str:
    """Returns a difference in percentage points with its sign, "-" for NaN."""
    return "-" if np.isnan(after - before) else f"{100 * (after - before):+.2f}"


def _all_scalars(matrix: ConfusionMatrix, results: Results) -> dict[str, float]:
    metrics = matrix.metrics()
    return {**{name: metrics[name] for name in _SINGLE}, **scalars(results)}


def summary(
    matrix: ConfusionMatrix,
    results: Results,
    before: ConfusionMatrix | None = None,
    results_before: Results | None = None,
) -> Fields:
    """Returns the metrics over all pixels, and what they were counted over."""
    after, values = matrix.metrics(), _all_scalars(matrix, results)
    old = None if before is None else _all_scalars(before, results_before or {})
    metrics = [
        {
            "title": title(name),
            "value": percent(value),
            "before": old and percent(old[name]),
            "change": old and _change(old[name], value),
        }
        for name, value in values.items()
    ]
    return {
        "metrics": metrics,
        "classes_in_mean": after.classes_in_mean_iou,
        "pixels": after.pixels,
        "ignored_pixels": after.ignored_pixels,
        "ignored_percent": percent(after.ignored_pixels / (after.pixels + after.ignored_pixels)),
    }


def comparison(dataset: str, split: str | None, images: int, results: Results) -> Fields:
    """Returns the published results for the same images, or why there are none."""
    names = dict.fromkeys([*_SINGLE, *scalars(results)])
    known = published(dataset, split, images)
    if known is None:
        return {"rows": [], "reason": why_not_published(dataset, split, images)}
    rows = [
        {
            "model": row.model,
            "source": row.source,
            "values": [getattr(row, name, "-") for name in names],
        }
        for row in known.rows
    ]
    return {"rows": rows, "set": known.name, "images": known.images}


def classes(
    matrix: ConfusionMatrix, results: Results, before: ConfusionMatrix | None, info: DatasetInfo
) -> list[Fields]:
    """Returns a row for each class; ``others`` are metrics beside IoU and accuracy."""
    metrics = matrix.metrics()
    old = None if before is None else before.metrics().per_class_iou
    shares = matrix.matrix.sum(axis=1) / metrics.pixels
    others = {name: v for name, v in by_class(results).items() if name not in _BY_CLASS}
    rows = []
    for label, name in enumerate(info.class_names):
        iou, accuracy = metrics.per_class_iou[label], metrics.per_class_accuracy[label]
        absent = np.isnan(iou)
        rows.append(
            {
                "name": name,
                "color": css_color(info.palette[label]),
                "share": "-" if absent else percent(shares[label]),
                "iou": percent(iou),
                "accuracy": percent(accuracy),
                "bars": {"iou": _bar(iou), "accuracy": _bar(accuracy)},
                "others": {title(key): percent(values[label]) for key, values in others.items()},
                "before": None if old is None else percent(old[label]),
                "change": None if old is None else _change(old[label], iou),
            }
        )
    return rows


def _bar(fraction: float) -> str:
    return "0%" if np.isnan(fraction) else f"{100 * fraction:.1f}%"


def confusions(matrix: ConfusionMatrix, class_names: tuple[str, ...]) -> Fields:
    """Returns the picture of the matrix, and the confusions of most pixels."""
    counts = matrix.matrix
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    largest = np.argsort(-wrong, axis=None, kind="stable")[:_NUM_CONFUSIONS]
    rows = []
    for true, predicted in zip(*np.unravel_index(largest, counts.shape), strict=True):
        pixels = counts[true, predicted]
        if wrong[true, predicted]:
            rows.append(
                {
                    "true": class_names[true],
                    "predicted": class_names[predicted],
                    "of_class": percent(pixels / counts[true].sum()),
                    "of_all": percent(pixels / counts.sum()),
                }
            )
    return {"picture": figures.confusions(matrix, class_names), "largest": rows}


def distribution(scores: ImageScores) -> Fields:
    """Returns how the IoU of single images is distributed."""
    least, lower, median, upper, most = np.percentile(scores.ious, (0, 25, 50, 75, 100))
    changes = np.subtract(scores.ious, scores.ious_before) if scores.ious_before else np.empty(0)
    return {
        "histogram": figures.histogram(scores.ious),
        "images": len(scores.ious),
        "unlabeled": scores.unlabeled,
        "quantiles": {
            "lowest": percent(least),
            "lower quartile": percent(lower),
            "median": percent(median),
            "upper quartile": percent(upper),
            "highest": percent(most),
        },
        "mean": percent(float(np.mean(scores.ious))),
        "raised": int(np.count_nonzero(changes > 0)),
        "lowered": int(np.count_nonzero(changes < 0)),
    }


def boundaries(
    matrix: ConfusionMatrix,
    bands: Mapping[int, ConfusionMatrix],
    before: ConfusionMatrix | None,
    bands_before: Mapping[int, ConfusionMatrix],
) -> Fields | None:
    """Returns the accuracy near boundaries, or None where the truth has no boundaries."""
    if not any(band.matrix.any() for band in bands.values()):
        return None
    counts = {"prediction": (bands, matrix)}
    if before is not None:
        counts = {"before the CRF": (bands_before, before), "after the CRF": (bands, matrix)}
    near = {
        name: {width: band.metrics() for width, band in by_width.items()}
        for name, (by_width, _) in counts.items()
    }
    overall = {name: whole.metrics() for name, (_, whole) in counts.items()}
    return {
        "pictures": [_curves(key, near, overall) for key in _NEAR_BOUNDARIES],
        "columns": list(counts),
        "titles": [
            title(key) if before is None else f"{title(key)} {name}"
            for key in _NEAR_BOUNDARIES
            for name in counts
        ],
        "rows": [
            _band(width, {name: near[name][width] for name in near}, matrix) for width in bands
        ]
        + [_band("all", overall, matrix)],
    }


def _curves(
    key: str, near: Mapping[str, Mapping[int, Metrics]], overall: Mapping[str, Metrics]
) -> Picture:
    values = {name: {r: m[key] for r, m in by_width.items()} for name, by_width in near.items()}
    return figures.curves(title(key), values, {name: m[key] for name, m in overall.items()})


def _band(width: int | str, metrics: Mapping[str, Metrics], whole: ConfusionMatrix) -> Fields:
    (pixels,) = {each.pixels for each in metrics.values()}
    return {
        "width": width,
        "share": percent(pixels / whole.matrix.sum()),
        "values": [percent(each[key]) for key in _NEAR_BOUNDARIES for each in metrics.values()],
    }


def shown_image(image: ScoredImage, info: DatasetInfo) -> Fields:
    """Returns the pictures of an image and the legend of the classes in them."""
    legend = [
        {
            "name": info.class_names[label],
            "color": css_color(info.palette[label]),
            "iou": percent(iou),
        }
        for label, iou in image.class_ious.items()
    ]
    return {
        "id": image.image_id,
        "iou": percent(image.iou),
        "pictures": image.pictures,
        "legend": legend,
        "has_ignored": image.has_ignored,
    }


def tables(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Returns the tables of facts with nested names joined by dots and values as JSON."""
    return {
        title: {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in flatten(fields).items()
        }
        for title, fields in facts.items()
    }
