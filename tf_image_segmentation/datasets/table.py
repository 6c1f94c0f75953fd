"""All registered datasets in one Markdown table."""

from __future__ import annotations

from tf_image_segmentation.datasets.registry import Dataset, dataset_names, get_dataset

_COLUMNS = ("name", "classes", "splits", "masks", "license", "download")


def markdown_table() -> str:
    """Returns a row for each dataset: what it holds, its terms, and how to get it."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *map(_row, map(get_dataset, dataset_names()))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(dataset: Dataset) -> tuple[str, ...]:
    source = dataset.source
    published = source.home_page.startswith("http")
    name = f"[`{dataset.name}`]({source.home_page})" if published else f"`{dataset.name}`"
    return (name, *_content(dataset), source.license, _download(dataset))


def _download(dataset: Dataset) -> str:
    if dataset.source.archives:
        return "script"
    of_ones_own = dataset.fixed_info is None or not dataset.source.home_page
    return "-" if of_ones_own else "by hand"


def _content(dataset: Dataset) -> tuple[str, str, str]:
    """Returns number of classes, sizes of the splits and mask encoding."""
    info = dataset.fixed_info
    if info is None:
        return ("as found",) * 3
    splits = ", ".join(f"{split} {size}" for split, size in info.splits.items())
    return str(info.num_classes), splits, f"`{info.mask_encoding}`"
