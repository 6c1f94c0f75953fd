"""The range of 16-bit images goes from the records to the model that predicts."""

from __future__ import annotations

import json

import pytest
from small_records import INFO, examples, write_records
from thin_networks import thin_network

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.export.metadata import describe_export
from tf_image_segmentation.models import Network
from tf_image_segmentation.tfrecords.manifest import Manifest
from tf_image_segmentation.tfrecords.mixture import make_mixture
from tf_image_segmentation.training import Recipe, TrainingConfig
from tf_image_segmentation.training.checkpoints import save_model
from tf_image_segmentation.training.loop import train
from tf_image_segmentation.training.run_files import read_config


def records_with(folder, intensity_range):
    records = write_records(folder, {"train": examples(2)}, 1)
    path = records / "manifest.json"
    fields = json.loads(path.read_text())
    fields["source"]["intensity_range"] = intensity_range
    path.write_text(json.dumps(fields))
    return records


def test_a_model_keeps_the_range_of_its_records(tmp_path):
    network = thin_network(num_classes=3, side=32)
    found = Manifest.read(records_with(tmp_path / "a", [100, 4000])).intensity_range
    assert found == (100.0, 4000.0)
    save_model(tmp_path / "best", network, INFO, 7, found)
    assert Network.from_checkpoint(tmp_path / "best").intensity_range == (100.0, 4000.0)
    (description,) = (tmp_path / "best").glob("*.json")
    fields = json.loads(description.read_text())
    del fields["intensity_range"]  # as an earlier version wrote it
    description.write_text(json.dumps(fields))
    assert Network.from_checkpoint(tmp_path / "best").intensity_range is None
    description.write_text(json.dumps({**fields, "intensity_range": [5, 5]}))
    with pytest.raises(DataError, match="is not in order"):
        Network.from_checkpoint(tmp_path / "best")


def test_a_mixture_has_a_range_where_its_parts_have_one(tmp_path):
    plain, deep, same, other = (
        records_with(tmp_path / name, found)
        for name, found in (("p", None), ("d", [0, 9]), ("s", [0, 9]), ("o", [1, 9]))
    )
    assert make_mixture([plain, deep, same]).intensity_range == (0.0, 9.0)
    assert make_mixture([deep, other]).intensity_range is None
    assert make_mixture([plain]).intensity_range is None


def test_a_run_tells_its_range(tmp_path):
    records = records_with(tmp_path, [100, 4000])
    options = {"width_multiplier": 0.05, "fc_channels": 64, "fc6_kernel": 1}
    recipe = Recipe(steps=1, batch_size=1, crop_size=(32, 32), model_options=options)
    config = TrainingConfig("fcn_32s", recipe, records, tmp_path / "run")
    train(config, progress=False)
    assert read_config(tmp_path / "run")["intensity_range"] == [100.0, 4000.0]
    network = Network.from_checkpoint(tmp_path / "run" / "model" / "last")
    assert describe_export(network)["intensity_range"] == [100.0, 4000.0]
    path = tmp_path / "run" / "config.json"
    fields = json.loads(path.read_text())
    del fields["intensity_range"]  # as an earlier version wrote it
    path.write_text(json.dumps(fields))
    assert train(config, resume=True, progress=False).step == 1
