"""Models that ship, and what a checkpoint on the command line means."""

from __future__ import annotations

import json
import shutil

import pytest

import tf_image_segmentation as tfs
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.zoo.shipped import (
    DEFAULT_MODEL,
    FOLDER,
    MAX_BYTES,
    find_checkpoint,
    shipped_models,
)


@pytest.fixture
def copied_zoo(zoo, tmp_path):
    return shutil.copytree(zoo, tmp_path / "zoo")


def test_every_file_of_the_package_is_whole():
    models = shipped_models()
    assert {path.stem for path in FOLDER.glob("*.npz")} == models.keys()
    for model in models.values():
        assert model.checked_path().stat().st_size <= MAX_BYTES
        assert tfs.load_model(model.name).num_classes == model.num_classes


def test_names_and_paths(zoo):
    weights = str(zoo / f"{DEFAULT_MODEL}.npz")
    assert find_checkpoint(None, zoo) == find_checkpoint(DEFAULT_MODEL, zoo) == weights
    assert find_checkpoint(weights, zoo) == weights
    assert find_checkpoint("runs/other", zoo) == "runs/other"  # whose error Network knows best


def test_a_path_wins_over_a_name(zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT_MODEL).mkdir()
    assert find_checkpoint(DEFAULT_MODEL, zoo) == DEFAULT_MODEL


def test_what_is_not_there_names_the_way_out(tmp_path, zoo):
    with pytest.raises(DataError, match=r"name a checkpoint with --checkpoint, or fetch one"):
        find_checkpoint(None, tmp_path)
    with pytest.raises(DataError, match=r"download_weights\.py vgg_16 fetches it"):
        find_checkpoint("vgg_16", tmp_path)
    with pytest.raises(DataError, match="'x' ships with the package: no model ships"):
        tfs.load_model("x", tmp_path)
    with pytest.raises(DataError, match=f"there are {DEFAULT_MODEL}"):
        tfs.load_model("x", zoo)


def test_another_file_than_the_card_describes_is_refused(copied_zoo):
    weights = copied_zoo / f"{DEFAULT_MODEL}.npz"
    content = bytearray(weights.read_bytes())
    content[500] ^= 1
    weights.write_bytes(content)
    with pytest.raises(DataError, match=r"is not the file that .* describes .*install"):
        find_checkpoint(None, copied_zoo)
    weights.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        find_checkpoint(None, copied_zoo)


def test_a_file_above_the_limit_is_not_even_read(copied_zoo):
    weights, card = copied_zoo / f"{DEFAULT_MODEL}.npz", copied_zoo / f"{DEFAULT_MODEL}.npz.json"
    with weights.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    described = json.loads(card.read_text())
    described["card"]["bytes"] = MAX_BYTES + 1
    card.write_text(json.dumps(described))
    with pytest.raises(DataError, match="is not the file"):
        tfs.load_model(DEFAULT_MODEL, copied_zoo)


def test_a_damaged_card_is_named(copied_zoo):
    card = copied_zoo / f"{DEFAULT_MODEL}.npz.json"
    card.write_text('{"model": "fcn_8s", "num_classes": 3}')
    with pytest.raises(DataError, match=r"voc_mobilenet_v2\.npz\.json.*card"):
        shipped_models(copied_zoo)
