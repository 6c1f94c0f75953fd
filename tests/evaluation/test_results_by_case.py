"""Dice and distances case by case against counts by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.cases import Cases
from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.evaluation.spread import Spread

INFO = DatasetInfo("scans", ("background", "organ", "tumor"), ((0,) * 3, (1,) * 3, (2,) * 3), 255)


def predictions(count=5):
    rng = np.random.default_rng(0)
    for number in range(count):
        mask = rng.choice(np.array([0, 1, 2, 255], np.uint8), (12, 13))
        labels = rng.integers(0, 3, (12, 13), np.uint8)
        if number == 0:
            mask[mask == 2] = 0
            labels[labels == 2] = 0
        if number == 1:
            labels[labels == 2] = 0
        image = np.zeros((12, 13, 3), np.uint8)
        yield Prediction(f"p{number // 2}_{number:04d}", image, mask, labels, labels)


def dice_by_hand(pairs, label):
    both = true = predicted = 0
    for mask, labels in pairs:
        for t, p in zip(mask.ravel(), labels.ravel(), strict=True):
            if t != 255:
                both += t == p == label
                true += t == label
                predicted += p == label
    return 2 * both / (true + predicted) if true + predicted else float("nan")


@pytest.mark.parametrize("pattern", [None, r"(.+)_\d+"])
def test_dice_of_each_case(pattern):
    cases = Cases(INFO, pattern=pattern)
    groups = {}
    for each in predictions():
        cases.observe(each)
        name = each.image_id.split("_")[0] if pattern else each.image_id
        groups.setdefault(name, []).append((each.mask, each.labels))
    expected = np.array([[dice_by_hand(g, label) for label in range(3)] for g in groups.values()])
    assert cases.count == len(groups)
    np.testing.assert_allclose(cases.dice(), expected)
    tumor = [value for value in expected[:, 2] if not np.isnan(value)]
    (_, _, spread) = cases.spreads()["dice"]
    assert spread.cases == len(tumor)
    assert spread.mean == pytest.approx(sum(tumor) / len(tumor))
    variance = sum((v - spread.mean) ** 2 for v in tumor) / (len(tumor) - 1)
    assert spread.deviation == pytest.approx(variance**0.5)
    overall = np.nanmean(expected[:, 1:], axis=1)  # without the background
    assert cases.overall().mean == pytest.approx(overall.mean())
    assert cases.distances() is None and "per_class_hausdorff_95" not in cases.to_json()


def test_distances_have_a_spacing_and_leave_out_what_is_missing():
    one, two = Cases(INFO, (1.0, 1.0)), Cases(INFO, (2.0, 2.0))
    for each in predictions():
        one.observe(each)
        two.observe(each)
    np.testing.assert_allclose(two.distances(), 2 * one.distances())
    assert np.isnan(one.distances()[:2, 2]).all() and np.isfinite(one.distances()[2:]).all()
    assert one.to_json()["per_class_hausdorff_95"][2]["cases"] == 3
    assert one.to_json()["spacing"] == [1.0, 1.0]


def test_the_table_has_a_line_for_each_image(tmp_path):
    cases = Cases(INFO, (1.0, 1.0), r"(.+)_\d+")
    for each in predictions():
        cases.observe(each)
    cases.write_csv(tmp_path / "per_image.csv")
    with (tmp_path / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, each in zip(rows, predictions(), strict=True):
        assert (row["image"], row["case"]) == (each.image_id, each.image_id.split("_")[0])
        assert int(row["labeled_pixels"]) == np.count_nonzero(each.mask != 255)
        value = dice_by_hand([(each.mask, each.labels)], 2)
        assert row["dice tumor"] == ("" if np.isnan(value) else f"{value:.6g}")
    assert rows[1]["hausdorff_95 tumor"] == "" and float(rows[2]["hausdorff_95 tumor"]) >= 0


def test_spread_of_few_values():
    assert Spread.of([0.5]).to_json() == {"mean": 0.5, "deviation": None, "cases": 1}
    assert Spread.of([float("nan")]).to_json() == {"mean": None, "deviation": None, "cases": 0}


def test_bad_patterns_and_spacings_are_refused():
    with pytest.raises(DataError, match="needs a group"):
        Cases(INFO, pattern="a+")
    with pytest.raises(DataError, match="is no regular expression"):
        Cases(INFO, pattern="(a")
    with pytest.raises(DataError, match="--spacing must be above 0"):
        Cases(INFO, (0.0, 1.0))
