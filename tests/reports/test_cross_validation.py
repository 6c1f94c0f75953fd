"""The summary of a cross-validation."""

from __future__ import annotations

import json

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.reports.cross_validation import fold_summary


def evaluation(folder, name, mean_iou, ious):
    path = folder / f"{name}.json"
    metrics = {"mean_iou": mean_iou, "pixel_accuracy": 0.5, "per_class_iou": ious}
    path.write_text(json.dumps({"metrics": metrics, "class_names": ["a|b", "cat"]}))
    return path


def test_mean_and_deviation_over_the_folds_that_have_a_class(tmp_path):
    files = {
        "fold1": evaluation(tmp_path, "fold1", 0.5, [0.4, 0.6]),
        "fold2": evaluation(tmp_path, "fold2", 0.7, [0.7, None]),
        "fold3": evaluation(tmp_path, "fold3", 0.6, [0.4, 0.8]),
    }
    lines = fold_summary(files).splitlines()
    assert lines[0] == "| percent | fold1 | fold2 | fold3 | mean ± deviation |"
    # The sample deviation of 50, 70 and 60 is 10, of 40, 70 and 40 it is 17.32.
    assert lines[2] == "| mean IoU | 50.00 | 70.00 | 60.00 | 60.00 ± 10.00 |"
    assert lines[3] == "| mean pixel accuracy | - | - | - | - |"
    assert lines[6] == "| IoU of a\\|b | 40.00 | 70.00 | 40.00 | 50.00 ± 17.32 |"
    assert lines[7] == "| IoU of cat | 60.00 | - | 80.00 | 70.00 ± 14.14 |"


def test_one_fold_has_no_deviation_and_a_missing_file_is_named(tmp_path):
    only = {"fold1": evaluation(tmp_path, "fold1", 0.5, [0.4, 0.6])}
    assert "| mean IoU | 50.00 | 50.00 |" in fold_summary(only)
    with pytest.raises(DataError, match=r"fold2\.json: cannot be read"):
        fold_summary({"fold2": tmp_path / "fold2.json"})
