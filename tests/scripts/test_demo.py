"""The demo, from drawing to the table of three models, with a few steps of training."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
from PIL import Image


def test_demo_runs_the_whole_pipeline(repository, tmp_path):
    output = tmp_path / "with space"
    command = [sys.executable, str(repository / "scripts" / "demo.py"), "--output-dir", str(output)]
    command += ["--num-images", "30", "--steps", "2"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    for script in ("make_shapes", "convert_pascal_voc", "train_fcn8s", "evaluate", "predict"):
        assert f"$ python scripts/{script}.py" in result.stdout
    assert "left as initialized: fcn_8s/pool3_fc/weights" in result.stdout
    table = result.stdout[result.stdout.rindex("mean IoU ┃") :]
    ious = []
    for stage, model in (("fcn32s", "fcn_32s"), ("fcn16s", "fcn_16s"), ("fcn8s", "fcn_8s")):
        metrics = json.loads((output / stage / "evaluation" / "metrics.json").read_text())
        assert metrics["model"] == model
        ious.append(metrics["metrics"]["mean_iou"])
        row = next(line for line in table.splitlines() if f"│ {model}" in line)
        assert f"{100 * ious[-1]:.2f}" in row
        picture = Image.open(output / stage / "evaluation" / "confusion_matrix.png")
        assert min(picture.size) > 300
    assert f"mean IoU: FCN-32s {ious[0]:.4f}, FCN-8s {ious[-1]:.4f}" in result.stdout
    sheet = np.asarray(Image.open(output / "comparison.png"))
    # Five columns: image, truth and three predictions.
    assert sheet.shape[1] > 5 * 200
    assert len(list((output / "predictions").glob("*_overlay.jpg"))) == 3
    photographs = (output / "photographs" / "predictions").glob("*_overlay.jpg")
    assert sorted(path.name.split("_")[0] for path in photographs) == [
        "astronaut",
        "cat",
        "motorcycle",
    ]
    assert (output / "fcn8s" / "report.html").stat().st_size > 10_000
