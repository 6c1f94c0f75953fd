"""train_my_data.py --folds: a model for each fold and their summary; steps are only noted."""

from __future__ import annotations

import json
import sys

import pytest

from tf_image_segmentation.cli import own_data, train_my_data


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """Records each step, and writes what the conversion and the evaluations leave."""
    taken: list[list[str]] = []
    folds = [f"fold_{number}" for number in (1, 2, 10)]

    def run_command(name: str, *arguments: object) -> None:
        words = [name, *map(str, arguments)]
        taken.append(words)
        if name == "convert_dataset":
            for fold in folds:
                (tmp_path / "out/records" / fold).mkdir(parents=True)
                (tmp_path / "out/records" / fold / "manifest.json").touch()
            (tmp_path / "out/records/folds.json").touch()
        if name == "evaluate":
            folder = tmp_path / "out" / folds[sum(w[0] == "evaluate" for w in taken) - 1]
            (folder / "evaluation").mkdir(parents=True)
            iou = 0.4 + 0.1 * folds.index(folder.name)
            metrics = {"mean_iou": iou, "per_class_iou": [iou]}
            content = {"metrics": metrics, "class_names": ["cat"]}
            (folder / "evaluation/metrics.json").write_text(json.dumps(content))

    for module in (own_data, train_my_data):
        monkeypatch.setattr(module, "run_command", run_command)
    return taken


def run(monkeypatch, tmp_path):
    (tmp_path / "export/images").mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(own_data.OwnData, "_splits", {"train": []})
    words = ["auto", str(tmp_path / "export"), "--output-dir", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", [*words, "--folds", "3", "--minutes", "31"])
    train_my_data.main()


def test_each_fold_is_trained_and_all_are_summed_up(monkeypatch, tmp_path, steps, capsys):
    run(monkeypatch, tmp_path)
    names = [words[0] for words in steps]
    assert names == ["inspect_dataset", "convert_dataset", *["plan", "train", "evaluate"] * 3]
    convert = steps[1]
    assert convert[convert.index("--folds") + 1] == "3" and "--split" not in convert
    assert "--folds" not in steps[0]
    plan = steps[2]
    # A third of what is left beside the other steps.
    assert float(plan[plan.index("--minutes") + 1]) == pytest.approx((31 - 3.5) / 3, abs=0.1)
    trained = [words[words.index("--tfrecords") + 1] for words in steps if words[0] == "train"]
    assert [path.rpartition("/")[2] for path in trained] == ["fold_1", "fold_2", "fold_10"]
    text = (tmp_path / "out/folds.md").read_text()
    assert "| mean IoU | 40.00 | 50.00 | 60.00 | 50.00 ± 10.00 |" in text
    assert text in capsys.readouterr().out


def test_a_conversion_that_was_stopped_between_folds_begins_anew(monkeypatch, tmp_path, steps):
    run(monkeypatch, tmp_path)
    (tmp_path / "out/records/folds.json").unlink()
    monkeypatch.setattr(own_data, "run_command", lambda name, *w: steps.append([name, *w]))
    monkeypatch.setattr(train_my_data, "run_command", lambda name, *w: steps.append([name, *w]))
    steps.clear()
    run(monkeypatch, tmp_path)
    names = [words[0] for words in steps]
    assert names == ["inspect_dataset", "convert_dataset", *["plan", "train"] * 3]
    assert "--overwrite" in steps[1]
