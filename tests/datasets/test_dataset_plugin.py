"""A dataset in a file of one's own, converted by its name."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.datasets.registry import DATASETS
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.plugins import load_plugins, loaded_plugins
from tf_image_segmentation.tfrecords.reader import read_examples
from tf_image_segmentation.tfrecords.writer import convert

PLUGIN = """\
import numpy as np

from tf_image_segmentation.datasets import DatasetInfo, Sample, Source, register_dataset

INFO = DatasetInfo(
    name="moles",
    class_names=("skin", "mole"),
    palette=((0, 0, 0), (200, 80, 40)),
    splits={"train": 2, "val": 1},
)

def read_mask(path, *, max_pixels):
    return np.load(path, allow_pickle=False)

@register_dataset(INFO, Source(license="CC0"))
def samples(root, split):
    for image in sorted((root / split).glob("*.png")):
        yield Sample(image.stem, image, image.with_suffix(".npy"), read_mask=read_mask)
"""


@pytest.fixture(autouse=True)
def forgotten_afterwards():
    yield
    for module in loaded_plugins():
        DATASETS.remove_from(module)


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(("train/a", "train/b", "val/c")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 5, 3), number, np.uint8)).save(path.with_suffix(".png"))
        np.save(path.with_suffix(".npy"), np.full((4, 5), number % 2))
    return tmp_path


@pytest.mark.parametrize("workers", [1, 2])
def test_its_readers_work_in_worker_processes(root, tmp_path, workers):
    (tmp_path / "my_parts.py").write_text(PLUGIN)
    load_plugins([tmp_path / "my_parts.py"])
    info, splits = get_dataset("moles").open(root)
    convert(info, splits, tmp_path / "records", num_shards=1, workers=workers, progress=False)
    found = {
        image_id: int(mask.max())
        for split in splits
        for _, mask, image_id in read_examples(tmp_path / "records", split)
    }
    assert found == {"a": 0, "b": 1, "c": 0}


def test_a_name_that_exists_is_refused(tmp_path):
    (tmp_path / "my_parts.py").write_text(PLUGIN.replace("moles", "camvid"))
    with pytest.raises(DataError, match=r"my_parts\.py: a dataset named 'camvid' exists already"):
        load_plugins([tmp_path / "my_parts.py"])


def test_a_layout_is_described_by_its_files(tmp_path, root):
    layout = PLUGIN.replace('@register_dataset(INFO, Source(license="CC0"))\n', "")
    layout = layout.replace("register_dataset", "register_layout") + (
        '@register_layout("mole_folders", Source())\n'
        "def open_folders(root):\n"
        '    return INFO, {n: list(samples(root, n)) for n in ("train", "val")}\n'
    )
    (tmp_path / "my_layout.py").write_text(layout)
    load_plugins([tmp_path / "my_layout.py"])
    dataset = get_dataset("mole_folders")
    _, splits = dataset.open(str(root))
    assert {split: len(samples) for split, samples in splits.items()} == {"train": 2, "val": 1}
    with pytest.raises(DataError, match=r"unknown split 'test'; choose from \['train', 'val'\]"):
        splits["test"]
    with pytest.raises(DataError, match="are those of the folder that it describes"):
        assert dataset.info
