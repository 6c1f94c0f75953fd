"""What the report shows case by case."""

from __future__ import annotations

from typing import Any

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.evaluation.case_table import case_rows, overall_line
from tf_image_segmentation.evaluation.cases import Cases
from tf_image_segmentation.reports.pictures import css_color


def case_section(cases: Cases, info: DatasetInfo) -> dict[str, Any]:
    """Returns a row for each class, and the mean over the classes but the background."""
    rows = case_rows(cases, info.class_names)
    return {
        "count": cases.count,
        "overall": overall_line(cases.overall()).replace("+-", "±"),
        "spacing": cases.spacing,
        "rows": [
            {"name": row.pop("class"), "color": css_color(color), "values": row}
            for row, color in zip(rows, info.palette, strict=True)
        ],
    }
