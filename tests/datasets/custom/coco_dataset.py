"""Writes small datasets in the format of COCO, and reads a mask of them."""

from __future__ import annotations

import json

from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.decode.images import read_sample

COCO = get_dataset("coco")
HEIGHT, WIDTH = 5, 6
CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
SQUARE = [[1, 1, 4, 1, 4, 3, 1, 3]]
"""Columns 1 to 3 of rows 1 and 2: coordinates are edges of pixels."""
ENTRY = {"id": 1, "file_name": "photo.jpg", "height": HEIGHT, "width": WIDTH}
"""The image that `write` lists, if it has no other name."""


def annotation(number, segmentation, category=3, image=1, **more):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        **more,
    }


def runs(*counts, size=(HEIGHT, WIDTH)):
    return {"size": list(size), "counts": list(counts)}


def write(root, annotations, split="instances_train2017", image="photo.jpg", folder="train2017"):
    (root / "annotations").mkdir(exist_ok=True)
    (root / folder).mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / folder / image)
    content = {
        "images": [{"id": 1, "file_name": image, "height": HEIGHT, "width": WIDTH}],
        "categories": CATEGORIES,
        "annotations": annotations,
    }
    path = root / "annotations" / f"{split}.json"
    path.write_text(json.dumps(content))
    return path


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def mask(root):
    (sample,) = COCO.open(root).splits["train"]
    return read_sample(sample, COCO.open(root).info).mask
