"""Exported files appear together at the end, and nothing is lost on the way."""

from __future__ import annotations

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.export.output import staged_outputs

NAMES = ["saved_model", "model.tflite"]


def write(folder, text):
    (folder / "saved_model").mkdir(parents=True)
    (folder / "saved_model" / "saved_model.pb").write_text(text)
    (folder / "model.tflite").write_text(text)


def content(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def everything(text):
    return {"model.tflite": text, "saved_model/saved_model.pb": text}


def test_files_appear_at_the_end_beside_what_is_there(tmp_path):
    out = tmp_path / "new" / "out"
    with staged_outputs(out, NAMES, overwrite=False) as folder:
        write(folder, "new")
        assert [path for path in out.iterdir() if not path.name.startswith(".")] == []
    assert content(out) == everything("new")
    with staged_outputs(out, ["model.onnx"], overwrite=False) as folder:
        (folder / "model.onnx").write_text("new")
    assert content(out) == {**everything("new"), "model.onnx": "new"}


@pytest.mark.parametrize("error", [DataError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_when_it_fails(tmp_path, error):
    with pytest.raises(error), staged_outputs(tmp_path / "out", NAMES, overwrite=False) as folder:
        write(folder, "half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_older_export_stays_until_the_new_one_is_done(tmp_path):
    write(tmp_path, "old")
    with pytest.raises(DataError, match=r"saved_model: exists already.*--overwrite"):
        staged_outputs(tmp_path, NAMES, overwrite=False).__enter__()
    with pytest.raises(OSError), staged_outputs(tmp_path, NAMES, overwrite=True) as folder:
        write(folder, "half")
        raise OSError
    assert content(tmp_path) == everything("old")
    with staged_outputs(tmp_path, NAMES, overwrite=True) as folder:
        write(folder, "new")
    assert content(tmp_path) == everything("new")


def test_an_export_that_finished_meanwhile_is_not_replaced(tmp_path):
    with (
        pytest.raises(DataError, match="exists already"),
        staged_outputs(tmp_path / "out", NAMES, overwrite=False) as folder,
    ):
        write(folder, "slow")
        write(tmp_path / "out", "fast")
    assert content(tmp_path / "out") == everything("fast")


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "thesis.tex").write_text("precious")
    with pytest.raises(DataError, match="is a folder and no SavedModel"):
        staged_outputs(tmp_path, NAMES, overwrite=True).__enter__()
    assert content(tmp_path) == {"saved_model/thesis.tex": "precious"}


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("precious")
    with pytest.raises(DataError, match="is a file; name a folder with --output-dir"):
        staged_outputs(tmp_path / "out", NAMES, overwrite=True).__enter__()
