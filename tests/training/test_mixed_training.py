"""Runs on several datasets at once: what they record, how they resume, and what they refuse."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny_runs import StopAfter, losses, run_quietly

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords import Manifest, convert, open_records
from tf_image_segmentation.training.data import TrainingData
from tf_image_segmentation.training.loop import Trainer
from tf_image_segmentation.training.run_folder import RunFolder

BARN = DatasetInfo("barn", ("dog", "cow"), ((0, 0, 255), (0, 255, 0)), ignore_label=255)
CLASS_MAP = {
    "name": "animals",
    "classes": {"animal": [255, 0, 0], "ground": [0, 0, 0]},
    "data_sets": {
        "tiny": {"background": "ground", "cat": "animal", "dog": "animal"},
        "barn": {"dog": "animal", "cow": "animal"},
    },
}


@pytest.fixture
def mixed(make_config, tmp_path):
    """mixed(run, **changes) -> a run on two datasets, as "tiny" (5 + 2) and "barn" (3, no val)."""
    images = tmp_path / "barn_images"
    images.mkdir()
    samples = []
    for number in range(3):
        image, mask = images / f"{number}.jpg", images / f"{number}.png"
        Image.fromarray(np.full((40, 40, 3), 80 * number, np.uint8)).save(image)
        Image.fromarray(np.full((40, 40), number % 2, np.uint8)).save(mask)
        samples.append(Sample(f"barn{number}", image, mask))
    convert(BARN, {"train": samples}, tmp_path / "barn", num_shards=1, workers=1, progress=False)
    class_map = tmp_path / "map.json"
    class_map.write_text(json.dumps(CLASS_MAP))
    plain = make_config()

    def make(run="run", weights=(1.0, 2.0), **changes):
        config = replace(
            make_config(run, steps=4, validation_interval=4, augmentations=["flip"], **changes),
            tfrecords=(plain.tfrecords, str(tmp_path / "barn")),
            class_map=str(class_map),
            sampling_weights=weights,
        )
        return config

    return make


def test_a_killed_run_resumes_with_the_same_losses(mixed, monkeypatch, tmp_path):  # fault 51
    whole, killed = mixed("whole"), mixed("killed")
    monkeypatch.setattr(Trainer, "_validate", lambda trainer, step, told: None)
    run_quietly(whole)

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    with monkeypatch.context() as patch:
        StopAfter(patch, 3, die)  # the last checkpoint is of step 2
        with pytest.raises(Killed):
            run_quietly(killed)
    assert run_quietly(killed, resume=True).step == 4
    assert losses(killed) == losses(whole) and len(losses(whole)) == 4

    manifest = Manifest.read(whole.run_dir / "data")
    assert [part.weight for part in manifest.parts] == [1.0, 2.0]
    assert [part.data_set for part in manifest.parts] == ["tiny", "barn"]
    config = json.loads((whole.run_dir / "config.json").read_text())
    assert config["mixture"]["class_map"] == CLASS_MAP["data_sets"]
    assert config["mixture"]["sampling_weights"] == [1.0, 2.0]

    # The mixture that the run left is the same to another run as the folders and the map are.
    again = replace(
        killed,
        run_dir=tmp_path / "again",
        tfrecords=os.path.relpath(whole.run_dir / "data"),
        class_map=None,
        sampling_weights=None,
    )
    identity = TrainingData.open(again, 1).identity()
    assert identity == TrainingData.open(whole, 1).identity()


def described(config):
    return {**config.to_json(), **TrainingData.open(config, 1).identity()}


def test_a_resume_with_another_mixture_is_refused(mixed, tmp_path):  # fault 50
    config = mixed()
    folder = RunFolder(config.run_dir, described(config), resume=False)
    folder.begin()
    folder.close()
    other_map = json.loads(json.dumps(CLASS_MAP))
    other_map["data_sets"]["tiny"]["background"] = None
    (tmp_path / "other.json").write_text(json.dumps(other_map))
    for other, difference in [
        (mixed(weights=(1.0, 3.0)), r"mixture.sampling_weights: \[1.0, 2.0\] before, \[1.0, 3.0\]"),
        (
            replace(config, class_map=str(tmp_path / "other.json")),
            "mixture.class_map.tiny.background: ground before, None now",
        ),
        (replace(config, tfrecords=config.tfrecords[::-1]), "mixture.data_sets: .*'tiny .* before"),
    ]:
        with pytest.raises(DataError, match=rf"cannot resume(.|\n)*{difference}"):
            RunFolder(config.run_dir, described(other), resume=True)
    with pytest.raises(DataError, match="cannot resume"):
        run_quietly(other, resume=True)
    assert not (config.run_dir / "data").exists()


def test_classes_validation_and_balancing_are_those_of_the_mixture(mixed):
    data = TrainingData.open(mixed(class_balancing=1.0), 1)
    assert data.info.class_names == ("animal", "ground")
    # Masks of 40 x 48 without the first row; of five with background, cat, dog, background, cat.
    ground, animal = 2 * 39 * 48, 3 * 39 * 48 + 3 * 40 * 40
    median = (ground + animal) / 2
    assert data.class_weights == pytest.approx((median / animal, median / ground))
    masks = [mask for _, mask, _ in data.validation.examples()]
    assert [sorted(np.unique(mask)) for mask in masks] == [[1, 255], [0, 255]]


def test_a_run_on_a_wrong_mixture_writes_nothing(mixed):
    config = mixed(weights=(1.0,))
    with pytest.raises(DataError, match="1 sampling weights for 2 record folders"):
        run_quietly(config)
    assert not config.run_dir.exists()


def test_one_folder_with_fewer_classes(mixed, tmp_path):
    class_map = {**CLASS_MAP, "data_sets": {"tiny": CLASS_MAP["data_sets"]["tiny"]}}
    (tmp_path / "one.json").write_text(json.dumps(class_map))
    config = mixed()
    config = replace(
        config,
        tfrecords=config.tfrecords[0],
        class_map=str(tmp_path / "one.json"),
        sampling_weights=None,
    )
    data = TrainingData.open(config, 1)
    assert (data.info.name, data.records.num_examples) == ("animals", 5)


def test_folders_of_one_data_set_with_other_classes(mixed, tmp_path):  # fault 50
    config = mixed()
    shutil.copytree(config.tfrecords[0], tmp_path / "wild")
    manifest = tmp_path / "wild" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"cat"', '"lynx"'))
    places = {**CLASS_MAP["data_sets"]["tiny"], "lynx": None}
    (tmp_path / "map.json").write_text(
        json.dumps({**CLASS_MAP, "data_sets": {"tiny": places}}),
    )
    config = replace(config, tfrecords=(config.tfrecords[0], str(tmp_path / "wild")))
    # A change of any class's place is seen at a resume, whichever folder has the class.
    assert TrainingData.open(config, 1).identity()["mixture"]["class_map"] == {"tiny": places}


def test_records_in_the_run_folder_are_not_lost(mixed):
    config = mixed()
    records = config.run_dir.parent / "records"
    data = records.rename(config.run_dir.parent / "data")
    config = replace(
        config, tfrecords=(str(data), config.tfrecords[1]), run_dir=config.run_dir.parent
    )
    with pytest.raises(DataError, match="data: holds records; a mixture needs another folder"):
        run_quietly(config)
    assert open_records(data, "train").num_examples == 5
