"""Writes the `shapes` dataset to disk in the layouts of VOC 2012 and of Berkeley SBD."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io  # type: ignore[import-untyped]
from PIL import Image
from tqdm import tqdm

from tf_image_segmentation.atomic import place, staging_folder
from tf_image_segmentation.datasets.toy.scene import Scene, draw_scene
from tf_image_segmentation.datasets.voc_color_map import voc_color_map
from tf_image_segmentation.errors import DataError

VOC_FOLDER = Path("VOCdevkit", "VOC2012")
SBD_FOLDER = Path("benchmark_RELEASE", "dataset")
# Says how the folder was made, and that it may be overwritten.
MARKER_FILE = "shapes.json"
IGNORE_LABEL = 255
MIN_IMAGES, MIN_IMAGE_SIZE = 16, 32


@dataclass(frozen=True)
class Membership:
    """Which lists name an image: "train", "val" or None, of VOC and of SBD."""

    voc: str | None
    sbd: str | None


# Images of each kind in 480. Every overlap that the real lists have is here. VOC has a larger share
# than in the real ones, so that the validation set of mode 2 (VOC val less SBD train) is an eighth.
_KINDS_IN_480 = {
    Membership("val", None): 23,
    Membership("val", "val"): 37,
    Membership("val", "train"): 36,
    Membership("train", None): 22,
    Membership("train", "val"): 22,
    Membership("train", "train"): 52,
    Membership(None, "val"): 72,
}
_REST = Membership(None, "train")


def write_shapes(
    root: str | Path,
    num_images: int = 480,
    image_size: int = 160,
    seed: int = 0,
    *,
    overwrite: bool = False,
    progress: bool = False,
) -> None:
    """Draws the dataset and writes it; the same arguments write the same bytes.

    Args:
        root: folder to make; gets ``VOCdevkit/VOC2012`` and ``benchmark_RELEASE/dataset``.
        num_images: images in all, at least 16.
        image_size: mean height and width in pixels, at least 32; each varies by an eighth.
        seed: decides every picture and every list.
        overwrite: replace ``root`` if this function wrote it.
        progress: show a progress bar.

    Raises:
        DataError: a number is too small, or ``root`` may not be (over)written.
    """
    root = Path(root).resolve()
    _check_arguments(num_images, image_size, seed)
    _check_root(root, overwrite)
    with staging_folder(root.parent) as staging:
        _write_pictures(staging / "new", num_images, image_size, seed, progress)
        marker = {"num_images": num_images, "image_size": image_size, "seed": seed}
        (staging / "new" / MARKER_FILE).write_text(json.dumps(marker) + "\n")
        # Again: somebody else may have written to it meanwhile.
        _check_root(root, overwrite)
        place(staging / "new", root)


def _check_arguments(num_images: int, image_size: int, seed: int) -> None:
    limits = {"num_images": (num_images, MIN_IMAGES), "image_size": (image_size, MIN_IMAGE_SIZE)}
    for name, (value, least) in {**limits, "seed": (seed, 0)}.items():
        if value < least:
            raise DataError(f"shapes: {name} is {value}, but must be at least {least}")


def _check_root(root: Path, overwrite: bool) -> None:
    if not root.exists():
        return
    if not root.is_dir():
        raise DataError(f"{root}: is a file; name a folder to write the shapes dataset to")
    names = {path.name for path in root.iterdir()}
    if not names:
        return
    if not overwrite:
        raise DataError(f"{root}: exists and is not empty; name another folder or pass --overwrite")
    # The same folder names hold a real VOC after a download: never delete that.
    own = {MARKER_FILE, VOC_FOLDER.parts[0], SBD_FOLDER.parts[0]}
    if MARKER_FILE not in names or names - own:
        raise DataError(
            f"{root}: holds files that are not of a shapes dataset "
            f"({', '.join(sorted(names - own)) or f'no {MARKER_FILE}'}), so that it is not "
            "overwritten; name another folder"
        )


def assign_lists(num_images: int, rng: np.random.Generator) -> list[Membership]:
    """Deals ``num_images`` images to the lists of VOC and SBD, in random order."""
    counts = {kind: max(1, n * num_images // 480) for kind, n in _KINDS_IN_480.items()}
    counts[_REST] = num_images - sum(counts.values())
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    return [kinds[index] for index in rng.permutation(num_images)]


def _image_ids(num_images: int, rng: np.random.Generator) -> list[str]:
    """Returns sorted ids like VOC's ``2007_000032``: a year and a number, with gaps."""
    numbers = np.cumsum(rng.integers(1, 12, num_images)) + 31
    years = 2007 + np.arange(num_images) * 5 // num_images
    return [f"{year}_{number:06d}" for year, number in zip(years, numbers, strict=True)]


def _write_pictures(root: Path, num_images: int, size: int, seed: int, progress: bool) -> None:
    rng = np.random.default_rng(seed)
    image_ids = _image_ids(num_images, rng)
    memberships = dict(zip(image_ids, assign_lists(num_images, rng), strict=True))
    _make_folders(root)
    bar = tqdm(memberships.items(), desc="drawing", unit="image", disable=not progress)
    for index, (image_id, membership) in enumerate(bar):
        # A generator for each picture: none depends on what was drawn before it.
        own_rng = np.random.default_rng([seed, index])
        height, width = size + own_rng.integers(-size // 8, size // 8 + 1, 2)
        _write_scene(root, image_id, membership, draw_scene(own_rng, int(height), int(width)))
    _write_lists(root, memberships)


def _make_folders(root: Path) -> None:
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / VOC_FOLDER / name).mkdir(parents=True)
    for name in ("img", "cls"):
        (root / SBD_FOLDER / name).mkdir(parents=True)


def _write_scene(root: Path, image_id: str, membership: Membership, scene: Scene) -> None:
    jpeg = _jpeg_bytes(scene.image)
    # The real VOC folder has the images of SBD, too.
    (root / VOC_FOLDER / "JPEGImages" / f"{image_id}.jpg").write_bytes(jpeg)
    if membership.voc:
        mask = np.where(scene.border, np.uint8(IGNORE_LABEL), scene.classes)
        _write_voc_mask(root / VOC_FOLDER / "SegmentationClass" / f"{image_id}.png", mask)
    if membership.sbd:
        (root / SBD_FOLDER / "img" / f"{image_id}.jpg").write_bytes(jpeg)
        _write_sbd_mask(root / SBD_FOLDER / "cls" / f"{image_id}.mat", scene.classes)


def _jpeg_bytes(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _write_voc_mask(path: Path, mask: np.ndarray) -> None:
    image = Image.fromarray(mask)
    image.putpalette([value for color in voc_color_map() for value in color])
    image.save(path, "PNG")


def _write_sbd_mask(path: Path, classes: np.ndarray) -> None:
    present = np.unique(classes[classes > 0]).reshape(-1, 1)
    buffer = io.BytesIO()
    contents = {"GTcls": {"Segmentation": classes, "CategoriesPresent": present}}
    scipy.io.savemat(buffer, contents, do_compression=True)
    # The first 116 bytes of a .mat file are free text, in which scipy puts the time of day.
    header = b"MATLAB 5.0 MAT-file, shapes dataset".ljust(116)
    path.write_bytes(header + buffer.getvalue()[len(header) :])


def _write_lists(root: Path, memberships: Mapping[str, Membership]) -> None:
    voc_lists = root / VOC_FOLDER / "ImageSets" / "Segmentation"
    for split in ("train", "val"):
        _write_list(voc_lists, split, [i for i, m in memberships.items() if m.voc == split])
        _write_list(root / SBD_FOLDER, split, [i for i, m in memberships.items() if m.sbd == split])
    _write_list(voc_lists, "trainval", [i for i, m in memberships.items() if m.voc])


def _write_list(folder: Path, split: str, image_ids: list[str]) -> None:
    text = "".join(f"{image_id}\n" for image_id in image_ids)
    (folder / f"{split}.txt").write_text(text, newline="\n")
