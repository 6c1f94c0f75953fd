"""Finds out which layout a folder has, or which dataset it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tf_image_segmentation.datasets.registry import DATASETS
from tf_image_segmentation.errors import DataError

AUTO = "auto"
_MOST_SUBFOLDERS = 50

# Files that no layout reads, though their tool has an export that one does.
_OTHER_EXPORTS = {
    "annotations.xml": "CVAT: export as 'Segmentation mask 1.1' or 'COCO 1.0' instead",
    "via_region_data.json": "VIA: export annotations as COCO instead",
    "via_export_json.json": "VIA: export annotations as COCO instead",
    "via_export_csv.csv": "VIA: export annotations as COCO instead",
    "meta.json": "Supervisely: export as COCO or as masks instead",
}


class Detection(NamedTuple):
    """A dataset that a folder may be.

    Attributes:
        name: of the dataset.
        root: the folder, or one in it.
        reason: by what it is known.
    """

    name: str
    root: Path
    reason: str


def detect(root: str | Path) -> list[Detection]:
    """Returns every dataset that a folder may be; those of its subfolders if it is none itself."""
    root = Path(root)
    found = _here(root)
    if not found and root.is_dir():
        subfolders = [path for path in sorted(root.iterdir()) if path.is_dir()]
        found = [each for path in subfolders[:_MOST_SUBFOLDERS] for each in _here(path)]
    return found


def detect_one(root: str | Path) -> Detection:
    """Returns the only dataset that a folder may be.

    Raises:
        DataError: it may be none, or several, which are listed with their reasons.
    """
    root = Path(root)
    found = detect(root)
    if len(found) == 1:
        return found[0]
    if found:
        listed = "\n  ".join(f"{name} --root {place}: {why}" for name, place, why in found)
        raise DataError(f"{root}: may be several datasets; name one instead of {AUTO}:\n  {listed}")
    raise DataError(_nothing(root))


def _here(root: Path) -> list[Detection]:
    known = ((name, DATASETS[name].detect) for name in DATASETS)
    found = [(name, detect(root)) for name, detect in known if detect is not None]
    return [Detection(name, root, reason) for name, reason in found if reason]


def _nothing(root: Path) -> str:
    if root.suffix.lower() in (".zip", ".tar", ".gz", ".tgz"):
        return f"{root}: is an archive; unpack it, and give the folder as --root"
    if not root.exists():
        return f"{root}: there is no such folder; check --root"
    names = {path.name for path in (root.iterdir() if root.is_dir() else [])}
    hints = [f"{name} is of {hint}" for name, hint in _OTHER_EXPORTS.items() if name in names]
    listed = ", ".join(name for name in DATASETS if DATASETS[name].detect)
    return f"{root}: has none of the layouts that are known ({listed}); " + (
        "; ".join(hints) or "docs/reference/layouts.md shows what each looks like"
    )
