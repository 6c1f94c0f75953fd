"""Published checkpoints on disk, MobileNetV2 from PyTorch among them."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import pytest
from local_server import local_server
from torch_writer import state_dict, stream, zipped

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.zoo import obtaining
from tf_image_segmentation.zoo.obtaining import convert_mobilenet_v2, obtain_model
from tf_image_segmentation.zoo.published import published_model

ARRAYS = {
    "features.0.0.weight": np.arange(12, dtype="f4").reshape(2, 3, 2, 1),
    "features.0.1.num_batches_tracked": np.array(3),
    "conv.0.weight": np.ones((4, 2, 1, 1), "f4"),
    "conv.1.bias": np.zeros(4, "f4"),
    "classifier.weight": np.zeros((5, 4), "f4"),
}
NAMES = [*list(ARRAYS)[:2], "features.18.0.weight", "features.18.1.bias"]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with local_server() as running:
        running.files["x.pth"] = stream(state_dict(ARRAYS))
        yield running


@pytest.fixture
def model(server):
    """The published MobileNetV2, with the digits of what the server has."""
    digest = hashlib.sha256(server.files["x.pth"]).hexdigest()
    return msgspec.structs.replace(published_model("mobilenet_v2"), sha256=digest[:8])


def test_a_torch_file_becomes_an_npz(server, model, tmp_path, capsys):
    server.cuts = [100]
    path = obtain_model(model, tmp_path, server.url("x.pth"))
    assert server.requests[1][1]["Range"] == "bytes=100-"
    assert path == tmp_path / "mobilenetv2_1.0_torch.npz"
    assert sorted(file.name for file in tmp_path.iterdir()) == [model.archive.name, path.name]
    with np.load(path, allow_pickle=False) as found:
        assert found.files == NAMES
        for name, array in zip(NAMES, ARRAYS.values(), strict=False):
            np.testing.assert_array_equal(found[name], array, strict=True)
    assert "read mobilenetv2_1.0-0c6065bc.pth without unpickling" in capsys.readouterr().out
    requests = len(server.requests)
    assert obtain_model(model, tmp_path) == path and len(server.requests) == requests
    assert "is there already" in capsys.readouterr().out


def test_another_file_than_the_published_is_set_aside(server, tmp_path):
    with pytest.raises(DataError, match="wrong checksum, expected sha256 0c6065bc, got sha256 "):
        obtain_model(published_model("mobilenet_v2"), tmp_path, server.url("x.pth"))
    assert [file.suffix[:7] for file in tmp_path.iterdir()] == [".wrong-"]


def test_names_of_other_implementations_are_one(tmp_path):
    for names in (
        {f"module.{name}": array for name, array in ARRAYS.items()},
        {name.replace("conv.", "features.18."): array for name, array in ARRAYS.items()},
    ):
        (tmp_path / "x.pth").write_bytes(zipped(state_dict(names)))
        convert_mobilenet_v2(tmp_path / "x.pth", tmp_path / "x.npz")
        with np.load(tmp_path / "x.npz") as found:
            assert found.files == NAMES


def test_what_is_no_mobilenet_writes_nothing(tmp_path):
    (tmp_path / "x.pth").write_bytes(zipped(state_dict({"layer1.weight": np.ones(3, "f4")})))
    with pytest.raises(DataError, match=r"x\.pth: holds no MobileNetV2 \(no features\.0\.0"):
        convert_mobilenet_v2(tmp_path / "x.pth", tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_an_interrupted_conversion_leaves_no_file(model, server, tmp_path, monkeypatch):
    def write_half(path, arrays):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(obtaining, "write_npz", write_half)
    with pytest.raises(KeyboardInterrupt):
        obtain_model(model, tmp_path, server.url("x.pth"))
    assert [file.name for file in tmp_path.iterdir()] == [model.archive.name]


@pytest.mark.parametrize(
    ("name", "place", "is_folder"),
    [
        ("mobilenet_v2", "mobilenetv2_1.0_torch.npz", True),
        ("mobilenet_v2", "mobilenetv2_1.0-0c6065bc.pth", True),
        ("vgg_16", "vgg_16.ckpt", True),
        ("vgg_16", "vgg_16_2016_08_28.tar.gz", True),
        ("mobilenet_v2_tf", "mobilenet_v2_1.0_224", False),
        ("mobilenet_v2", ".", False),
        ("vgg_16", ".", False),
    ],
)
def test_a_folder_for_a_file_and_a_file_for_a_folder(tmp_path, name, place, is_folder):
    root = tmp_path / "data"
    if is_folder:
        (root / place).mkdir(parents=True)
    else:
        (root / place).parent.mkdir(exist_ok=True)
        (root / place).write_text("")
    kinds = "is a folder, but a file" if is_folder else "is a file, but a folder"
    with pytest.raises(DataError, match=f"{kinds} belongs there"):
        obtain_model(published_model(name), root)


@pytest.mark.parametrize("write", [stream, zipped])
def test_the_public_weights_come_through_bit_for_bit(shared_data, tmp_path, write):
    source = shared_data / "mobilenet_v2/mobilenetv2_1.0_torch.npz"
    with np.load(source) as file:
        arrays = {name.replace("features.18.", "conv."): file[name] for name in file.files}
    (tmp_path / "x.pth").write_bytes(write(state_dict(arrays)))
    convert_mobilenet_v2(tmp_path / "x.pth", tmp_path / "x.npz")
    assert (tmp_path / "x.npz").read_bytes() == source.read_bytes()
