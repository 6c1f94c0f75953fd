"""The picture of the curves of runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from run_examples import make_run

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.reports.run_curves import save_curves, smooth
from tf_image_segmentation.training.run_files import Run

NEW = Run("new", {}, [])
BLUE, ORANGE, GREEN = (31, 119, 180), (255, 127, 14), (44, 160, 44)  # matplotlib's first three


def colors(path) -> set[tuple[int, ...]]:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return {color for color in (BLUE, ORANGE, GREEN) if (pixels == color).all(axis=-1).any()}


def test_smooth_equals_a_slow_mean_of_the_window():
    values = np.random.default_rng(0).normal(size=23).tolist()
    for steps in (1, 2, 5, 6, 23, 100):
        slow = [
            np.mean(values[max(0, n - (steps - 1) // 2) : n + steps // 2 + 1])
            for n in range(len(values))
        ]
        np.testing.assert_allclose(smooth(values, steps), slow, atol=1e-12)
    assert len(smooth([], 5)) == 0


def test_picture_has_the_curves_of_all_runs(tmp_path):
    path = tmp_path / "runs.png"
    save_curves({"a": [make_run("a")], "b": [make_run("b")]}, path, smoothing=5)
    assert colors(path) == {BLUE, ORANGE}
    with Image.open(path) as picture:
        assert picture.size[0] > picture.size[1] > 600


def test_the_range_of_several_runs_is_shaded(tmp_path):
    path, light_blue = tmp_path / "runs.png", np.subtract(255, np.multiply(0.2, (224, 136, 75)))
    low = make_run("low")
    high = Run("high", {}, [{**line, "loss": line.get("loss", 0) + 9} for line in low.metrics])
    shaded = []
    for runs in ([low, low], [low, high]):
        save_curves({"both": runs}, path)
        distance = np.abs(np.asarray(Image.open(path).convert("RGB")) - light_blue)
        shaded.append(np.count_nonzero((distance < 2).all(axis=-1)))
    assert shaded[0] < 2000 < 20000 < shaded[1]


def test_legend_takes_names_as_they_are(tmp_path):
    path = tmp_path / "runs.png"
    # What matplotlib leaves out of legends by itself, and what it takes for wrong mathematics.
    save_curves({"_hidden": [NEW], r"$\wrong$": [NEW]}, path, smoothing=5)
    assert colors(path) == {BLUE, ORANGE}


@pytest.mark.parametrize(
    "runs",
    [
        [NEW],
        [make_run("going", 5, validate=False), NEW],
        [Run("void", {}, [{"step": 1, "loss": 0.0, "learning_rate": 0.0}])],
        [Run("nan", {}, [{"step": 1, "val_mean_iou": math.nan, "val_pixel_accuracy": 0.5}])],
        [make_run(f"run {number}", 5) for number in range(12)],
    ],
    ids=["new", "going", "zeros", "nan", "many"],
)
def test_picture_of_unusual_runs(tmp_path, runs, recwarn):
    path = tmp_path / "runs.png"
    for groups in ({run.name: [run] for run in runs}, {"all": runs}):
        save_curves(groups, path, smoothing=5)
    assert path.stat().st_size > 5000
    assert [str(warning.message) for warning in recwarn] == []


def test_picture_of_an_unknown_kind(tmp_path):
    for name in ("runs", "runs.doc"):
        with pytest.raises(DataError, match=rf"{name}: the suffix must be one of .*png"):
            save_curves({"a": [make_run("a")]}, tmp_path / name)
