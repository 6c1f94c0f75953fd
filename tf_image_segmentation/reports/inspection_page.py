"""An inspection as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tf_image_segmentation.datasets.source import Source as DatasetSource
from tf_image_segmentation.inspection.findings import ERROR
from tf_image_segmentation.inspection.inspection import Inspection
from tf_image_segmentation.inspection.measurement import Position
from tf_image_segmentation.inspection.source import Example, Source
from tf_image_segmentation.inspection.statistics import VGG_MEAN
from tf_image_segmentation.reports import inspection_sections as sections
from tf_image_segmentation.reports.page_file import render, write_page

_PAIRS = 12


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
        "splits": sections.splits(inspection),
        "split_names": list(inspection.statistics),
        "classes": sections.classes(inspection),
        "sizes": sections.sizes(inspection.statistics),
        "colors": sections.colors(inspection.statistics),
        "reference": [f"{mean:.2f}" for mean in VGG_MEAN],
        "num_pairs": len(inspection.pairs),
        "pairs": sections.pairs(inspection, source.examples(wanted), _PAIRS),
        "tiles": sections.tiles(shown, info),
        "dataset_source": dataset_source,
    }
    write_page(path, render("inspection.html", values))
