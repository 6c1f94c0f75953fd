"""Makes files that stand in for PASCAL VOC 2012 and Berkeley SBD where only their lists are there.

Images are crops of scikit-image's sample pictures as JPEGs of VOC's usual sizes, with noise so that
they are about as large as VOC's. Masks are ellipses: palette PNGs with a border of 255 for VOC,
.mat files with GTcls.Segmentation and GTcls.Boundaries for SBD.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse
from PIL import Image, ImageDraw
from tqdm import tqdm

from tf_image_segmentation.datasets.sets import berkeley_sbd, pascal_voc

VOC, SBD = "VOCdevkit/VOC2012", "benchmark_RELEASE/dataset"
FOLDERS = (f"{VOC}/JPEGImages", f"{VOC}/SegmentationClass", f"{SBD}/img", f"{SBD}/cls")
LONG_SIDE = 500  # nearly every VOC image has one side of 500 pixels
FINISHED = "stand_in.json"


@dataclass(frozen=True)
class Job:
    """One image to make, and which masks it has."""

    image_id: str
    in_voc: bool
    in_sbd: bool


def make_stand_in(lists_root: Path, root: Path, count: int | None, workers: int) -> None:
    """Makes ``root``, or leaves it as it is if a call with the same arguments has finished.

    Args:
        lists_root: holds VOCdevkit/VOC2012 and benchmark_RELEASE/dataset with the real lists.
        root: what to make, with the same two folders.
        count: number of images, spread evenly over all ids; None makes all.
        workers: processes.
    """
    if (root / FINISHED).exists() and json.loads((root / FINISHED).read_text()) == {"count": count}:
        return
    for part in (VOC, SBD):
        shutil.rmtree(root / part, ignore_errors=True)
    jobs = _write_lists(lists_root, root, count)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        made = pool.map(functools.partial(_make, root), jobs, chunksize=16)
        for _ in tqdm(made, "stand-in", total=len(jobs), unit="image"):
            pass
    (root / FINISHED).write_text(json.dumps({"count": count}))


def _write_lists(lists_root: Path, root: Path, count: int | None) -> list[Job]:
    voc = pascal_voc.read_splits(lists_root / VOC)
    sbd = berkeley_sbd.read_splits(lists_root / SBD)
    voc_ids, sbd_ids = {*voc["train"], *voc["val"]}, {*sbd["train"], *sbd["val"]}
    everything = sorted(voc_ids | sbd_ids)
    number = len(everything) if count is None else min(count, len(everything))
    chosen = [everything[i * len(everything) // number] for i in range(number)]
    _write_splits(root / VOC / pascal_voc.LISTS, voc, set(chosen))
    _write_splits(root / SBD, sbd, set(chosen))
    return [Job(i, i in voc_ids, i in sbd_ids) for i in chosen]


def _write_splits(folder: Path, splits: Mapping[str, list[str]], chosen: set[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, ids in splits.items():
        lines = [f"{image_id}\n" for image_id in ids if image_id in chosen]
        (folder / f"{split}.txt").write_text("".join(lines))


def _make(root: Path, job: Job) -> None:
    rng = np.random.default_rng(int(hashlib.sha256(job.image_id.encode()).hexdigest()[:16], 16))
    short = int(np.clip(rng.normal(372, 35), 250, LONG_SIDE))
    size = (LONG_SIDE, short) if rng.random() < 0.75 else (short, LONG_SIDE)
    image_path = f"{FOLDERS[0 if job.in_voc else 2]}/{job.image_id}.jpg"
    photo(rng, size).save(root / image_path, quality=int(rng.integers(88, 97)))
    if job.in_voc:
        _save_voc_mask(_mask(rng, size, border=255), root / FOLDERS[1] / f"{job.image_id}.png")
    if job.in_sbd:
        _save_sbd_mask(_mask(rng, size, border=None), root / FOLDERS[3] / f"{job.image_id}.mat")


@functools.cache
def _pictures() -> tuple[Image.Image, ...]:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    names = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
    return tuple(Image.open(folder / name).convert("RGB") for name in names)


def photo(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Returns a crop of a picture, resized to (width, height), with noise."""
    picture = _pictures()[rng.integers(len(_pictures()))]
    width, height = (int(side * rng.uniform(0.6, 1.0)) for side in picture.size)
    left = int(rng.integers(picture.width - width + 1))
    top = int(rng.integers(picture.height - height + 1))
    crop = picture.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    noise = rng.normal(0, 4, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(crop) + noise, 0, 255).astype(np.uint8))


def _mask(rng: np.random.Generator, size: tuple[int, int], border: int | None) -> Image.Image:
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    for label in rng.integers(1, 21, rng.integers(1, 5)):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        a, b = rng.integers(15, 150, 2)
        outline, width = (int(label), 1) if border is None else (border, 5)
        draw.ellipse((x - a, y - b, x + a, y + b), int(label), outline, width)
    return mask


def _save_voc_mask(mask: Image.Image, path: Path) -> None:
    palette = np.full((256, 3), (224, 224, 192), np.uint8)
    palette[: len(pascal_voc.INFO.palette)] = pascal_voc.INFO.palette
    indexed = Image.fromarray(np.asarray(mask)).convert("P")
    indexed.putdata(mask.tobytes())
    indexed.putpalette(palette.ravel().tolist())
    indexed.save(path)


def _save_sbd_mask(mask: Image.Image, path: Path) -> None:
    labels = np.asarray(mask)
    edges = np.zeros(labels.shape, bool)
    edges[:-1] = labels[:-1] != labels[1:]
    boundaries = np.empty((20, 1), object)
    for label in range(20):
        boundaries[label, 0] = scipy.sparse.csc_array(edges & (labels == label + 1))
    fields = {
        "Boundaries": boundaries,
        "Segmentation": labels,
        "CategoriesPresent": np.setdiff1d(np.unique(labels), [0]),
    }
    scipy.io.savemat(path, {"GTcls": fields}, do_compression=True)
