"""The contestants of the benchmark make the same batches: a comparison is fair only then."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from small_records import RED, example, write_classic_records, write_records

SIDE = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images and masks as each contestant wants to have them; some larger than 40, some smaller."""
    folder = tmp_path_factory.mktemp("contestants")
    pairs = [example(24 + 8 * number, 52 - 6 * number, number) for number in range(6)]
    write_records(folder, {"train": pairs}, num_shards=2)
    (folder / "classic").mkdir()
    write_classic_records(folder / "classic" / "train.tfrecords", pairs)
    (folder / "files").mkdir()
    return folder


@pytest.fixture
def benchmark_module(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "benchmarks")
    return importlib.import_module


def batches(benchmark_module, data, variant, colors):
    """Images [batch, height, width, 3] and masks [batch, height, width] of some batches."""
    # No workers for torch: TensorFlow's threads would not survive the fork of this process.
    cores = 0 if variant == "torch" else 1
    task = benchmark_module("input_pipeline_task").Task(
        data, 2, SIDE, scale_range=(1.0, 1.0), colors=colors, cores=cores
    )
    made = benchmark_module(f"input_pipeline_{variant}").make_batches(task)
    for _ in range(20):
        images, masks, *_ = (np.asarray(part) for part in next(made))
        assert images.dtype == np.float32
        if variant == "torch":
            images = images.transpose(0, 2, 3, 1)
        assert images.shape == (2, SIDE, SIDE, 3)
        yield images, masks.reshape(2, SIDE, SIDE)


def write_files(benchmark_module, data):
    from tf_image_segmentation.tfrecords import open_records

    for serialized, _ in open_records(data / "records", "train").dataset():
        benchmark_module("input_pipeline")._write_files(serialized.numpy(), data / "files")


@pytest.mark.parametrize("variant", ["ours", "classic", "torch"])
def test_a_contestant_keeps_image_and_mask_aligned_and_pads_as_the_others(
    benchmark_module, data, variant
):
    pytest.importorskip("torch" if variant == "torch" else "tensorflow")
    write_files(benchmark_module, data)
    mean = benchmark_module("input_pipeline_task").MEAN
    padded = set()
    for images, masks in batches(benchmark_module, data, variant, colors=False):
        for label, red in RED.items():
            shown = images[..., 0][masks == label]
            padding = np.abs(shown - mean[0]) < 0.5
            assert label == 255 or not padding.any()
            np.testing.assert_array_equal(shown[~padding], red)
            padded.add(padding.any())
    assert padded == {True, False}


@pytest.mark.parametrize("variant", ["ours", "classic", "torch"])
def test_a_contestant_changes_colors(benchmark_module, data, variant):
    pytest.importorskip("torch" if variant == "torch" else "tensorflow")
    write_files(benchmark_module, data)
    reds = set()
    for images, masks in batches(benchmark_module, data, variant, colors=True):
        assert images.min() >= 0.0
        assert images.max() <= 255.0
        reds |= set(images[..., 0][masks == 1].round().tolist())
    assert len(reds) > 20
