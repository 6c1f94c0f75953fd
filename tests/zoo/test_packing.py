"""Packing a checkpoint, and what is refused."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from small_records import INFO

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference import predict_labels
from tf_image_segmentation.models import Network, deeplab_v3_mobilenet_v2
from tf_image_segmentation.zoo.loading import load_model
from tf_image_segmentation.zoo.packing import pack, percent_equal
from tf_image_segmentation.zoo.shipped import DEFAULT_MODEL, card_path, shipped_model


def test_a_packed_model_predicts_what_the_checkpoint_does(zoo, network, images):
    packed = load_model(DEFAULT_MODEL, zoo)
    assert packed.model_options == network.model_options
    assert packed.class_names == INFO.class_names and packed.palette == INFO.palette
    labels = [predict_labels(packed, image) for image in images]
    same = [np.mean(a == predict_labels(network, i)) for a, i in zip(labels, images, strict=True)]
    assert min(same) > 0.97
    assert len(np.unique(np.concatenate([part.ravel() for part in labels]))) > 1
    card = shipped_model(DEFAULT_MODEL, zoo).card
    assert card.equal_labels == pytest.approx(percent_equal(network, packed, images), abs=1e-3)
    assert (card.check_images, card.license, card.accuracy) == (3, "MIT", {"val": 12.5})


def test_kernels_are_halved_vectors_are_not_and_nothing_is_pickled(zoo, network):
    with np.load(zoo / f"{DEFAULT_MODEL}.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert arrays.keys() == network.variables_by_name.keys()
    for name, array in arrays.items():
        assert array.dtype == (np.float16 if array.ndim > 1 else np.float32), name
        expected = network.variables_by_name[name].numpy()
        np.testing.assert_array_equal(array, expected.astype(array.dtype))


def test_same_weights_same_bytes_and_the_options_of_computing_stay(
    zoo, tmp_path, network, checkpoint, images
):
    again = pack(checkpoint, "again", tmp_path, images, min_equal=95)
    assert again.path.read_bytes() == (zoo / f"{DEFAULT_MODEL}.npz").read_bytes()
    half = Network(
        deeplab_v3_mobilenet_v2,
        network.num_classes,
        compute_dtype="bfloat16",
        **network.model_options,
    )
    half.save(tmp_path / "half")
    pack(tmp_path / "half", "half_size", tmp_path, images, min_equal=0)
    assert load_model("half_size", tmp_path).compute_dtype == "bfloat16"


def test_a_packed_model_can_be_packed_again(zoo, tmp_path, images):
    model = pack(zoo / f"{DEFAULT_MODEL}.npz", "again", tmp_path, images)
    assert model.card.equal_labels == 100
    assert model.path.read_bytes() == (zoo / f"{DEFAULT_MODEL}.npz").read_bytes()


def test_what_cannot_be_packed_leaves_nothing(tmp_path, network, checkpoint, images):
    folder = tmp_path / "out"
    bare = tmp_path / "bare"
    network.save(bare)
    (tmp_path / "bare.json").unlink()
    for arguments, options, message in (
        ((bare, "a"), {}, "bare: has no description beside it; give what training wrote to model/"),
        ((checkpoint, "a"), {"max_bytes": 1000}, "more than 1000; train a thinner model"),
        ((checkpoint, "a"), {"min_equal": 101}, r"of the labels stay equal, at least 101% must"),
        ((checkpoint, "A-b"), {}, "lower-case letters, digits and underscores"),
        ((checkpoint, "vgg_16"), {}, "is the name of a published model"),
    ):
        with pytest.raises(DataError, match=message):
            pack(*arguments, folder, images, **options)
        assert not folder.exists() or not list(folder.iterdir())
    with pytest.raises(DataError, match="at least one image"):
        pack(checkpoint, "a", folder, [])


def test_a_weight_beyond_half_precision_is_refused(tmp_path, network, images):
    name = "deeplab_v3_mobilenet_v2/aspp0/weights"
    large = Network(deeplab_v3_mobilenet_v2, network.num_classes, **network.model_options)
    large.variables_by_name[name].assign_add(
        np.full(large.variables_by_name[name].shape, 1e5, np.float32)
    )
    large.save(tmp_path / "large")
    with pytest.raises(DataError, match=f"{name}: holds a weight beyond"):
        pack(tmp_path / "large", "a", tmp_path, images)


def test_a_model_of_a_plugin_is_refused(tmp_path, network, checkpoint, images):
    network.save(tmp_path / "own")
    description = json.loads((tmp_path / "own.json").read_text())
    plugin = {"file": "mine.py", "sha256": "0" * 64}
    (tmp_path / "own.json").write_text(json.dumps({**description, "plugin": plugin}))
    with pytest.raises(DataError, match=r"needs mine\.py, and a packed model must do without"):
        pack(tmp_path / "own", "a", tmp_path, images)


def test_files_that_are_there_stay_unless_told_otherwise(checkpoint, images, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"older")
    with pytest.raises(DataError, match=r"a\.npz: is there already; replace it with --overwrite"):
        pack(checkpoint, "a", tmp_path, images)
    assert (tmp_path / "a.npz").read_bytes() == b"older"
    pack(checkpoint, "a", tmp_path, images, min_equal=95, overwrite=True)
    assert load_model("a", tmp_path).num_classes == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "a.npz.json"]


@pytest.mark.parametrize("change", ["missing", "shape", "object", "name"])
def test_other_names_shapes_and_types_are_refused(zoo, tmp_path, change):
    source = zoo / f"{DEFAULT_MODEL}.npz"
    with np.load(source, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    name = "deeplab_v3_mobilenet_v2/aspp0/weights"
    value = arrays.pop(name)
    if change == "shape":
        arrays[name] = value[..., :-1]
    elif change == "object":
        arrays[name] = np.array([{"a": 1}], dtype=object)
    elif change == "name":
        arrays["deeplab_v3_mobilenet_v2/aspp7/weights"] = value
    np.savez(tmp_path / "changed.npz", **arrays)
    card_path(tmp_path / "changed.npz").write_bytes(card_path(source).read_bytes())
    with pytest.raises(DataError, match=r"not a readable|aspp0/weights is"):
        Network.from_checkpoint(tmp_path / "changed.npz")
    with pytest.raises(DataError, match=r"not the file that changed\.npz\.json describes"):
        load_model("changed", tmp_path)


def test_the_file_holds_arrays_alone(zoo):
    with zipfile.ZipFile(zoo / f"{DEFAULT_MODEL}.npz") as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())
        stored = sum(member.file_size for member in archive.infolist())
    assert stored < (zoo / f"{DEFAULT_MODEL}.npz").stat().st_size  # nothing expands on reading
