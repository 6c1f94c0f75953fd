"""Restoring and saving: every name and shape is compared before anything changes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network, fcn_8s, fcn_16s, fcn_32s
from tf_image_segmentation.models.description import describe

THIN = {"width_multiplier": 0.05, "fc6_kernel": 3}


def network_of(model=fcn_32s, classes=5, seed=0, **options) -> Network:
    network = Network(model, classes, **{**THIN, **options})
    rng = np.random.default_rng(seed)
    for variable in network.variables_by_name.values():
        variable.assign(rng.normal(size=variable.shape))
    return network


def arrays(network: Network) -> dict[str, np.ndarray]:
    return {name: v.numpy() for name, v in network.variables_by_name.items()}


def vgg_arrays(network: Network) -> dict[str, np.ndarray]:
    """The weights as a slim VGG-16 of 1000 classes would hold them."""
    found = {name.split("/", 1)[1]: value for name, value in arrays(network).items()}
    channels = found["vgg_16/fc7/biases"].size
    found["vgg_16/fc8/weights"] = np.zeros((1, 1, channels, 1000), np.float32)
    found["vgg_16/fc8/biases"] = np.zeros(1000, np.float32)
    return found


def assert_equal_weights(found: Network, expected: dict[str, np.ndarray], names) -> None:
    for name in names:
        value = found.variables_by_name[name].numpy()
        np.testing.assert_array_equal(value, expected[name.split("/", 1)[1]])


def write_v1(path, values: dict[str, np.ndarray]) -> None:
    """Writes the old single-file format, which is what vgg_16.ckpt is."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [tf.compat.v1.Variable(value, name=name) for name, value in values.items()]
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(variables, write_version=tf.compat.v1.train.SaverDef.V1)
        saver.save(session, str(path), write_meta_graph=False, write_state=False)


def test_old_single_file_vgg_16_checkpoint(tmp_path):
    source = vgg_arrays(network_of(seed=1))
    extra = {"vgg_16/mean_rgb": np.zeros(3, np.float32), "global_step": np.array(7)}
    write_v1(tmp_path / "vgg_16.ckpt", source | extra)
    assert (tmp_path / "vgg_16.ckpt").is_file()
    network = network_of()
    before = arrays(network)
    report = network.restore(tmp_path / "vgg_16.ckpt")
    assert_equal_weights(network, source, report.restored)
    assert len(report.restored) == 30
    assert set(report.initialized) == {"fcn_32s/vgg_16/fc8/weights", "fcn_32s/vgg_16/fc8/biases"}
    for name in report.initialized:
        np.testing.assert_array_equal(network.variables_by_name[name].numpy(), before[name])
    # fault 49: what the file holds besides is listed
    assert {"global_step", "vgg_16/mean_rgb", "vgg_16/fc8/weights"} <= set(report.unused)
    assert "left as initialized: fcn_32s/vgg_16/fc8" in str(report)


def test_vgg_16_with_our_number_of_classes_fills_fc8_too(tmp_path):
    source = {name.split("/", 1)[1]: value for name, value in arrays(network_of(seed=1)).items()}
    np.savez(tmp_path / "vgg.npz", **source)
    report = network_of().restore(tmp_path / "vgg.npz")
    assert report.initialized == ()


def test_npz_of_convolutions_wants_new_layers_declared(tmp_path):
    source = vgg_arrays(network_of(seed=1))
    convolutions = {name: value for name, value in source.items() if "/conv" in name}
    np.savez(tmp_path / "conv.npz", **convolutions)
    network = network_of()
    before = arrays(network)
    # fault 49: all that is missing is listed, and nothing is assigned
    with pytest.raises(DataError) as error:
        network.restore(tmp_path / "conv.npz")
    for name in ("fc6/weights", "fc6/biases", "fc7/weights", "fc7/biases"):
        assert f"vgg_16/{name}: missing" in str(error.value)
    assert "fc8" not in str(error.value)
    for name, value in arrays(network).items():
        np.testing.assert_array_equal(value, before[name])
    report = network.restore(tmp_path / "conv.npz", new_layers=("fc6", "fc7"))
    assert_equal_weights(network, source, report.restored)
    assert {name.split("/")[-2] for name in report.initialized} == {"fc6", "fc7", "fc8"}


@pytest.mark.parametrize(
    ("coarse", "fine", "new"),
    [
        (fcn_32s, fcn_16s, {"pool4_fc"}),
        (fcn_16s, fcn_8s, {"pool3_fc"}),
        (fcn_32s, fcn_8s, {"pool4_fc", "pool3_fc"}),
        (fcn_8s, fcn_8s, set()),
    ],
)
def test_a_finer_network_starts_from_a_coarser_one(tmp_path, coarse, fine, new):
    source = network_of(coarse, seed=1)
    source.save(tmp_path / "coarse")
    network = network_of(fine)
    report = network.restore(tmp_path / "coarse")
    expected = {name.split("/", 1)[1]: value for name, value in arrays(source).items()}
    assert_equal_weights(network, expected, report.restored)
    assert len(report.restored) == len(expected)
    assert {name.split("/")[-2] for name in report.initialized} == new


def test_a_coarser_network_does_not_start_from_a_finer_one(tmp_path):
    network_of(fcn_8s).save(tmp_path / "fine")
    with pytest.raises(
        DataError, match=r"holds fcn_8s, not fcn_32s, which starts from .* fcn_32s or vgg_16"
    ):
        network_of(fcn_32s).restore(tmp_path / "fine")


def test_every_wrong_shape_is_listed(tmp_path):
    # fault 48
    network_of(classes=7, fc6_kernel=1).save(tmp_path / "other")
    network = network_of()
    before = arrays(network)
    with pytest.raises(DataError) as error:
        network.restore(tmp_path / "other")
    message = str(error.value)
    assert "fc6/weights: [1, 1, 26, 205] in the file, [3, 3, 26, 205] wanted" in message
    assert "fc8/weights: [1, 1, 205, 7] in the file, [1, 1, 205, 5] wanted" in message
    assert "fc8/biases: [7] in the file, [5] wanted" in message
    assert "conv1" not in message and "--new-layers" in message
    for name, value in arrays(network).items():
        np.testing.assert_array_equal(value, before[name])


def test_other_classes_are_a_declared_new_layer(tmp_path):
    network_of(classes=7).save(tmp_path / "other")
    report = network_of().restore(tmp_path / "other", new_layers=("fc8",))
    assert {name.split("/")[-2] for name in report.initialized} == {"fc8"}


def test_unknown_new_layer_lists_the_layers(tmp_path):
    network_of().save(tmp_path / "model")
    with pytest.raises(DataError, match=r"unknown new layers \['fc9'\].*'fc8'"):
        network_of().restore(tmp_path / "model", new_layers=("fc9",))


@pytest.mark.parametrize("model", (fcn_32s, fcn_16s, fcn_8s))
def test_saved_names_are_read_by_tensorflow(tmp_path, model):
    network = network_of(model)
    network.save(tmp_path / "model")
    reader = tf.train.load_checkpoint(str(tmp_path / "model"))
    expected = arrays(network)
    assert set(reader.get_variable_to_shape_map()) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(reader.get_tensor(name), value)


def test_checkpoint_of_tensorflow_1_with_optimizer_slots(tmp_path):
    source = arrays(network_of(seed=1))
    slots = {f"{name}/Adam": value for name, value in source.items()}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in (source | slots).items():
            tf.compat.v1.Variable(value, name=name)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "model_fcn32s_final.ckpt"))
    network = network_of()
    report = network.restore(tmp_path / "model_fcn32s_final.ckpt")
    assert report.initialized == () and set(report.unused) == set(slots)
    for name, value in arrays(network).items():
        np.testing.assert_array_equal(value, source[name])


def test_folder_means_its_newest_checkpoint(tmp_path):
    for step in (9, 10):
        network_of(seed=step).save(tmp_path / f"model-{step}")
    network = network_of()
    network.restore(tmp_path)
    np.testing.assert_array_equal(
        arrays(network)["fcn_32s/vgg_16/fc8/biases"],
        arrays(network_of(seed=10))["fcn_32s/vgg_16/fc8/biases"],
    )


@pytest.mark.parametrize("name", ["weights.h5", "weights.pkl", "weights.npy"])
def test_files_that_can_carry_code_are_not_loaded(tmp_path, name):
    # fault 53
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(DataError, match="are not loaded, because they can carry code"):
        network_of().restore(tmp_path / name)


def test_pickled_npz_and_saved_model_are_not_loaded(tmp_path):
    # fault 53
    array = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "pickled.npz", **{"vgg_16/conv1/conv1_1/weights": array})
    with pytest.raises(DataError, match=r"pickled.npz: not a readable .npz of plain arrays"):
        network_of().restore(tmp_path / "pickled.npz")
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(DataError, match="a SavedModel is a program"):
        network_of().restore(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no checkpoint there"),
        (b"", "not a readable TensorFlow checkpoint"),
        (b"<html>not found</html>", "not a readable TensorFlow checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_said_so(tmp_path, content, message):
    # fault 59
    if content is not None:
        (tmp_path / "vgg_16.ckpt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        network_of().restore(tmp_path / "vgg_16.ckpt")


def test_truncated_checkpoint(tmp_path):
    network_of().save(tmp_path / "model")
    data = next(tmp_path.glob("model.data*"))
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"model: .* cannot be read"):
        network_of().restore(tmp_path / "model")


def test_weights_that_are_not_finite(tmp_path):
    network = network_of()
    network.variables_by_name["fcn_32s/vgg_16/fc7/biases"].assign_add([np.nan] * 205)
    network.save(tmp_path / "model")
    with pytest.raises(DataError, match="fc7/biases holds NaN or infinite values"):
        network_of().restore(tmp_path / "model")


def test_other_weights_are_named(tmp_path):
    np.savez(tmp_path / "resnet.npz", **{"resnet_v1_50/conv1/weights": np.zeros(3)})
    with pytest.raises(
        DataError, match=r"holds no weights of fcn_32s or vgg_16.*resnet_v1_50/conv1"
    ):
        network_of().restore(tmp_path / "resnet.npz")


def test_description_travels_with_the_model(tmp_path):
    network = network_of(fcn_16s, skip_fusion="direct")
    network.save(tmp_path / "model", {"step": 3})
    assert json.loads((tmp_path / "model.json").read_text())["step"] == 3
    rebuilt = Network.from_checkpoint(tmp_path / "model")
    assert rebuilt.model_options == {**THIN, "skip_fusion": "direct"}
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 64, 3)).astype(np.uint8)
    np.testing.assert_array_equal(rebuilt(images), network(images))


def test_classes_and_their_colors_travel_with_the_model(tmp_path):
    dataset = {"class_names": list("abcde"), "palette": [[n, 0, 9] for n in range(5)]}
    network_of(fcn_32s).save(tmp_path / "model", {"dataset": dataset})
    rebuilt = Network.from_checkpoint(tmp_path / "model")
    assert rebuilt.class_names == ("a", "b", "c", "d", "e")
    assert rebuilt.palette == ((0, 0, 9), (1, 0, 9), (2, 0, 9), (3, 0, 9), (4, 0, 9))
    network_of(fcn_32s).save(tmp_path / "model", {"dataset": {**dataset, "palette": [[1, 2]]}})
    with pytest.raises(DataError, match=r"dataset.palette\[0\].*correct this description"):
        Network.from_checkpoint(tmp_path / "model")


def test_checkpoint_without_description_is_known_by_its_shapes(tmp_path):
    network = network_of(fcn_8s, width_multiplier=0.125)
    network.save(tmp_path / "model")
    (tmp_path / "model.json").unlink()
    found = describe(tmp_path / "model")
    assert (found.model, found.num_classes) == ("fcn_8s", 5)
    assert found.model_options == {"width_multiplier": 0.125, "fc_channels": 4096, "fc6_kernel": 3}
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 64, 3)).astype(np.uint8)
    rebuilt = Network.from_checkpoint(tmp_path / "model", "fcn_8s")
    np.testing.assert_array_equal(rebuilt(images), network(images))


def test_random_weights_never_predict(tmp_path):
    # fault 59
    np.savez(tmp_path / "vgg.npz", **vgg_arrays(network_of()))
    with pytest.raises(DataError, match=r"holds vgg_16, not one of .*, or train one from it first"):
        Network.from_checkpoint(tmp_path / "vgg.npz")
    network_of(fcn_32s).save(tmp_path / "fcn_32s")
    with pytest.raises(DataError, match="holds fcn_32s, not fcn_8s"):
        Network.from_checkpoint(tmp_path / "fcn_32s", "fcn_8s")


def test_imagenet_convolutions_recognize_texture(shared_data):
    """The real weights fit the real names; a flat image excites conv5 less than a photograph."""
    network = Network(fcn_32s, 21, fc_channels=64, fc6_kernel=1)
    report = network.restore(shared_data / "vgg_16/vgg_16_imagenet_conv.npz", ("fc6", "fc7"))
    assert len(report.restored) == 26
    from skimage.data import astronaut

    photograph = astronaut()[np.newaxis, :128, :128]
    flat = np.full_like(photograph, 128)
    name = "fcn_32s/vgg_16/conv5/conv5_3"
    excited = network.end_points(photograph)[name].numpy().mean()
    assert excited > 2 * network.end_points(flat)[name].numpy().mean()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        "[" * 100_000,
        '{"model": "resnet", "num_classes": 5, "model_options": {}}',
        '{"model": 5, "num_classes": 5}',
        '{"model": "fcn_32s", "num_classes": "5"}',
        '{"model": "fcn_32s", "num_classes": 1}',
        '{"model": "fcn_32s", "num_classes": 5, "compute_dtype": "float8"}',
        '{"model": "fcn_32s", "num_classes": 5, "model_options": [1]}',
        '{"model": "fcn_32s", "num_classes": 5, "model_options": {"width_multiplier": Infinity}}',
        '{"model": "fcn_32s", "num_classes": 5, "dataset": {"class_names": ["a", "b"]}}',
        '{"model": "fcn_32s", "num_classes": 2, "dataset": {"palette": [[0, 0, 0], [0, 0, 256]]}}',
    ],
)
def test_a_garbled_description_says_so(tmp_path, content):
    # fault 64
    network_of().save(tmp_path / "model")
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(
        DataError, match=r"delete (it|the description) to go by the checkpoint's shapes"
    ):
        Network.from_checkpoint(tmp_path / "model")


def test_a_declared_new_layer_is_taken_where_it_fits(tmp_path):
    source = network_of(seed=1)
    source.save(tmp_path / "model")
    report = network_of().restore(tmp_path / "model", new_layers=("fc6", "fc7"))
    assert report.initialized == ()


@pytest.mark.parametrize(
    ("num_classes", "options", "message"),
    [
        (10**9, THIN, r"fc8/weights is \[1, 1, 205, 5\] in the file, \[1, 1, 205, 1000000000\]"),
        (5, {**THIN, "fc6_kernel": 10**6}, r"fc6/weights is .* wanted"),
        (5, {**THIN, "width_multiplier": 1e6}, r"conv1_1/weights is .* wanted"),
        (5, {**THIN, "width_multiplier": "wide"}, "does not fit it"),
        (5, {**THIN, "width_multiplier": 1e999}, "does not fit it|description"),
        (5, {**THIN, "height": 3}, "'height'"),
    ],
)
def test_a_description_that_does_not_fit_allocates_nothing(tmp_path, num_classes, options, message):
    # fault 64
    network_of().save(tmp_path / "model")
    description = {"model": "fcn_32s", "num_classes": num_classes, "model_options": options}
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(DataError, match=message):
        Network.from_checkpoint(tmp_path / "model")


def test_a_description_of_version_0_1_is_read(tmp_path):
    network_of().save(tmp_path / "model")
    dataset = {
        "name": "mine",
        "class_names": list("abcde"),
        "palette": [[0, 0, n] for n in range(5)],
    }
    fields = {"model": "fcn_32s", "num_classes": 5, "compute_dtype": "bfloat16"}
    fields |= {"model_options": THIN, "dataset": {**dataset, "ignore_label": 255}, "step": 7}
    (tmp_path / "model.json").write_text(json.dumps(fields))
    network = Network.from_checkpoint(tmp_path / "model")
    assert network.compute_dtype == "bfloat16" and network.class_names == tuple("abcde")
