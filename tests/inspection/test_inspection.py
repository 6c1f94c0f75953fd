"""What an inspection of samples finds: nothing in what is right, all at once in what is not."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from measured import INFO, blocks, smooth, write_samples
from PIL import Image

from tf_image_segmentation.datasets.registry import get_dataset
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.inspection.findings import RULES
from tf_image_segmentation.inspection.inspection import inspect
from tf_image_segmentation.inspection.measurement import Position
from tf_image_segmentation.inspection.sample_source import ImageOptions, SampleSource, list_samples

COUNTS = {"train": 4, "val": 2}


@pytest.fixture
def samples(tmp_path):
    return write_samples(tmp_path, COUNTS)


def found(samples, info=INFO, **options):
    return inspect(SampleSource(info, samples), **options)


def levels(inspection):
    return [(finding.level, finding.rule) for finding in inspection.findings]


def text_of(inspection, rule):
    (finding,) = (finding for finding in inspection.findings if finding.rule == rule)
    return str(finding)


def overwrite(path, values):
    Image.fromarray(values).save(path)


def test_in_a_right_data_set_nothing_is_found(samples):
    inspection = found(samples)
    assert inspection.findings == [] and inspection.pairs == []
    assert inspection.is_whole and inspection.listed == COUNTS
    masks = [np.asarray(Image.open(sample.mask)) for sample in samples["train"]]
    expected = [sum(np.sum(mask == label) for mask in masks) for label in (0, 1, 2, 255)]
    statistics = inspection.statistics["train"]
    assert statistics.label_pixels[[0, 1, 2, 255]].tolist() == expected
    assert sum(expected) == statistics.label_pixels.sum() == 4 * 48 * 64


def test_several_workers_find_the_same(samples):
    alone, together = (
        inspect(SampleSource(INFO, samples, workers=workers)).statistics for workers in (1, 2)
    )
    for split in COUNTS:
        ids = [[image.image_id for image in each[split].images] for each in (alone, together)]
        assert ids[0] == ids[1] == [f"{split}{number}" for number in range(COUNTS[split])]
        np.testing.assert_array_equal(*(each[split].color_pixels for each in (alone, together)))
        np.testing.assert_array_equal(*(each[split].label_images for each in (alone, together)))


def test_missing_and_broken_files_are_all_named_at_once(samples):  # faults 1, 9, 16, 20
    train, val = samples["train"], samples["val"]
    train[0].image.unlink()
    train[1].image.write_bytes(train[1].image.read_bytes()[:400])
    overwrite(train[2].mask, np.full((48, 64), 7, np.uint8))
    val[0].mask.unlink()
    overwrite(val[1].mask, blocks(0, (24, 32)))
    inspection = found(samples)
    assert levels(inspection) == [("error", "missing"), ("error", "broken")]
    missing, broken = text_of(inspection, "missing"), text_of(inspection, "broken")
    assert missing.startswith("missing: 2 samples with missing files")
    assert f"train: {train[0].image}: missing" in missing
    assert f"val: {val[0].mask}: missing" in missing
    assert f"train: {train[1].image}: is a truncated" in broken
    assert f"train: {train[2].mask}: holds ids" in broken and "7 (3072 pixels)" in broken
    assert f"val: {val[1].image}: the image has 48 x 64 pixels" in broken
    assert not inspection.is_whole
    # The others were measured all the same.
    assert [image.image_id for image in inspection.statistics["train"].images] == ["train3"]


def test_sizes_are_compared_with_the_published_ones(samples):
    info = replace(INFO, splits={"train": 5, "val": 2, "test": 9})
    inspection = found(samples, info)
    assert levels(inspection) == [("error", "sizes"), ("warning", "absent-splits")]
    assert "train: 4, published 5" in text_of(inspection, "sizes")
    assert "test: 9 published" in text_of(inspection, "absent-splits")
    # What a conversion left out on demand is not missing.
    inspection = found(samples, info, skipped={"train": 1, "val": 0})
    assert levels(inspection) == [("warning", "absent-splits"), ("warning", "skipped")]


def test_splits_that_cannot_be_listed_do_not_stop_the_others(tmp_path):
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    overwrite(tmp_path / "train" / "a.png", smooth(0))
    overwrite(tmp_path / "trainannot" / "a.png", blocks(0) % 11)
    dataset = get_dataset("camvid")
    splits = dataset.open(tmp_path).splits
    samples, unlisted = list_samples(splits, ("train", "val", "nonsense"))
    assert list(samples) == ["train"] and len(samples["train"]) == 1
    info = replace(dataset.info, splits={"train": 1, "val": 101})
    inspection = inspect(SampleSource(info, samples, unlisted))
    assert levels(inspection)[0] == ("error", "unlisted")
    text = text_of(inspection, "unlisted")
    assert "val: " in text and "has neither val.txt nor a folder val" in text
    assert "nonsense: unknown split 'nonsense'" in text
    assert not [rule for _, rule in levels(inspection) if rule == "absent-splits"]


def test_ids_that_occur_twice(samples):  # fault 22
    first = samples["train"][0]
    samples["val"][1] = replace(samples["val"][1], image_id="train0")
    samples["train"][3] = Sample("train1", samples["train"][3].image, samples["train"][3].mask)
    inspection = found(samples)
    assert levels(inspection) == [("error", "repeated-ids")]
    text = text_of(inspection, "repeated-ids")
    assert f"{first.image_id}: in train, val" in text and "train1: in train, train" in text


def test_images_that_are_in_two_splits(samples):
    (val,) = samples["val"][:1]
    overwrite(val.image, smooth(sum(map(ord, "train")) + 2))
    brighter = np.minimum(smooth(sum(map(ord, "train"))).astype(int) + 9, 255).astype(np.uint8)
    overwrite(samples["val"][1].image, brighter)
    inspection = found(samples)
    assert levels(inspection) == [("error", "duplicates"), ("error", "near-duplicates")]
    assert "val val0 = train train2" in text_of(inspection, "duplicates")
    assert "val val1 ~ train train0, " in text_of(inspection, "near-duplicates")
    allowed = found(samples, allowed=("near-duplicates",))
    assert levels(allowed) == [("error", "duplicates"), ("warning", "near-duplicates")]
    assert levels(found(samples, max_distance=-1)) == [("error", "duplicates")]


def test_what_stands_out_is_a_warning(samples):  # faults 8, 19
    train = samples["train"]
    overwrite(train[0].mask, np.full((48, 64), 255, np.uint8))
    overwrite(train[1].image, np.full((48, 64, 3), 9, np.uint8))
    overwrite(train[2].image, smooth(1, (31, 90)))
    overwrite(train[2].mask, blocks(1, (31, 90)))
    train[3].image.write_bytes(train[0].image.read_bytes())
    inspection = found(samples)
    rules = ("unlabeled", "small", "featureless", "repeated-images")
    assert levels(inspection) == [("warning", rule) for rule in rules]
    for rule, image_id in zip(
        rules, ("train0", "train2", "train1", "train3 (as train0)"), strict=True
    ):
        assert f"train: 1 of 4: {image_id}" in text_of(inspection, rule)


def test_a_class_that_no_training_image_shows(samples):
    info = replace(INFO, class_names=(*INFO.class_names, "sky"), palette=(*INFO.palette, (9, 9, 9)))
    inspection = found(samples, info)
    assert levels(inspection) == [("warning", "absent-classes")]
    assert "no training image shows sky" in text_of(inspection, "absent-classes")
    # Not said of a set whose training images are not looked at.
    assert not [r for _, r in levels(found({"val": samples["val"]}, info)) if r == "absent-classes"]


def test_every_rule_of_an_error_can_be_allowed(samples):
    samples["train"][0].image.unlink()
    overwrite(samples["val"][0].image, smooth(sum(map(ord, "train")) + 2))
    info = replace(INFO, splits={"train": 40})
    assert {level for level, _ in levels(found(samples, info))} == {"error"}
    assert {level for level, _ in levels(found(samples, info, allowed=RULES))} == {"warning"}


def test_options_reach_the_reading(tmp_path):  # fault 4
    samples = write_samples(tmp_path, {"train": 1})
    values = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    overwrite(samples["train"][0].image, values)
    source = functools.partial(SampleSource, replace(INFO, splits={}), samples)
    assert "--intensity-range 3 3068" in text_of(inspect(source()), "intensity-range")
    options = ImageOptions(intensity_range=(0, 48 * 64 - 1))
    statistics = inspect(source(options=options)).statistics["train"]
    assert statistics.color_means() == pytest.approx([127.5] * 3, abs=0.1)


def test_examples_are_chosen_all_over_each_split(samples):
    source = SampleSource(INFO, samples)
    assert source.selection(5) == [
        *(Position("train", number) for number in (0, 2, 3)),
        *(Position("val", number) for number in (0, 1)),
    ]
    samples["train"][2].image.unlink()
    examples = source.examples(source.selection(5))
    assert [place.number for place in examples] == [0, 3, 0, 1]
    image, mask, image_id = examples[Position("train", 3)]
    np.testing.assert_array_equal(image, smooth(sum(map(ord, "train")) + 3))
    np.testing.assert_array_equal(mask, blocks(sum(map(ord, "train")) + 3))
    assert image_id == "train3"
