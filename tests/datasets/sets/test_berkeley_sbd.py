from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tf_image_segmentation.datasets import Sample, get_dataset
from tf_image_segmentation.datasets.decode.masks import read_class_ids
from tf_image_segmentation.datasets.sets.berkeley_sbd import INFO, read_sbd_mask, samples
from tf_image_segmentation.errors import DataError


def save_mat(path, segmentation, **options):
    """Writes what SBD's cls files hold: a struct with these three fields."""
    boundaries = np.empty((20, 1), object)
    for index in range(20):
        boundaries[index, 0] = np.zeros((2, 2), np.uint8)
    fields = {
        "Boundaries": boundaries,
        "Segmentation": segmentation,
        "CategoriesPresent": np.unique(segmentation)[:, None],
    }
    scipy.io.savemat(path, {"GTcls": fields}, **options)
    return path


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "benchmark_RELEASE/dataset"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("b\na\n")
    (folder / "val.txt").write_text("c\n")
    return folder


@pytest.mark.parametrize("compressed", [False, True])
def test_segmentation_is_read_back(tmp_path, compressed):
    ids = np.random.default_rng(0).integers(0, 21, (30, 41), np.uint8)
    path = save_mat(tmp_path / "ü 1.mat", ids, do_compression=compressed)
    mask = read_sbd_mask(path)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, ids)
    np.testing.assert_array_equal(
        read_class_ids(Sample("a", path, path, read_mask=read_sbd_mask), INFO), ids
    )


# fault 27
def test_half_written_mat_is_refused(tmp_path):
    whole = save_mat(tmp_path / "a.mat", np.eye(40, dtype=np.uint8), do_compression=True)
    data = whole.read_bytes()
    for length in [0, 1, 100, 128, 130, 136, 150, len(data) // 2, len(data) - 1]:
        whole.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"a\.mat: "):
            read_sbd_mask(whole)


# fault 27: this once ended the process, in scipy, without an exception
@pytest.mark.parametrize("written", [345, 352, 404, 1000, 2000])
def test_file_whose_end_was_never_written_is_refused(tmp_path, written):
    path = save_mat(tmp_path / "a.mat", np.eye(40, dtype=np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[:written] + bytes(len(data) - written))
    with pytest.raises(DataError, match=r"a\.mat: is not a readable MATLAB 5 file"):
        read_sbd_mask(path)


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = save_mat(tmp_path / "a.mat", np.zeros((200, 200), np.uint8), do_compression=True)
    assert read_sbd_mask(path).shape == (200, 200)
    monkeypatch.setattr("tf_image_segmentation.datasets.decode.matlab.MAX_BYTES", 40_000)
    with pytest.raises(DataError, match=r"a\.mat: .*larger than 40000 bytes"):
        read_sbd_mask(path)


# fault 27
@pytest.mark.parametrize("content", [b"<html>404</html>", b"\x80\x04pickle", bytes(500)])
def test_what_is_no_mat_is_refused(tmp_path, content):
    path = tmp_path / "a.mat"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mat: .*(extract it again|GTcls\.Segmentation)"):
        read_sbd_mask(path)


# fault 27
@pytest.mark.parametrize(
    "content",
    [
        {"GTinst": {"Segmentation": np.eye(3)}},
        {"GTcls": {"Boundaries": np.eye(3)}},
        {"GTcls": np.eye(3)},
        {"GTcls": np.zeros((2, 1), [("Segmentation", object)])},
    ],
)
def test_missing_field_is_named(tmp_path, content):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, content)
    with pytest.raises(DataError, match=r"a\.mat: has no GTcls\.Segmentation; .*cls folder"):
        read_sbd_mask(path)


# fault 27
def test_every_damage_is_a_data_error(tmp_path):
    path = save_mat(tmp_path / "a.mat", np.eye(40, dtype=np.uint8), do_compression=True)
    original, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        data = bytearray(original)
        for position in rng.integers(0, len(data), 20):
            data[position] = rng.integers(256)
        path.write_bytes(data)
        try:
            assert isinstance(read_sbd_mask(path), np.ndarray)
        except DataError as error:
            refused += 1
            assert "a.mat" in str(error)
    assert refused > 50


def test_missing_mat_and_bad_ids_name_the_file(tmp_path):
    with pytest.raises(DataError, match=r"absent\.mat: .*No such file"):
        read_sbd_mask(tmp_path / "absent.mat")
    path = save_mat(tmp_path / "a.mat", np.array([[0, 21]], np.uint8))
    with pytest.raises(DataError, match=r"a\.mat: holds ids .*21 \(1 pixel\)"):
        read_class_ids(Sample("a", path, path, read_mask=read_sbd_mask), INFO)


def test_samples_in_list_order_and_picklable(root):
    found = list(samples(root, "train"))
    assert [sample.image_id for sample in found] == ["b", "a"]
    assert found[0].image == root / "img/b.jpg"
    assert found[0].mask == root / "cls/b.mat"
    assert pickle.loads(pickle.dumps(found)) == found  # samples travel to worker processes
    assert list(samples(root.parent, "train")) == found
    assert list(samples(root.parent.parent, "train")) == found


# fault 22, 24 and 28
def test_bad_lists_are_refused(root):
    with pytest.raises(DataError, match=r"unknown split 'test'; choose from \['train', 'val'\]"):
        samples(root, "test")
    (root / "val.txt").write_text("../c\n")
    with pytest.raises(DataError, match="would leave the folder"):
        list(samples(root, "val"))
    (root / "val.txt").write_text("a\n")
    with pytest.raises(DataError, match=r"a \(in train and val\)"):
        samples(root, "val")


def test_real_lists(shared_data):
    assert get_dataset("berkeley_sbd").info is INFO
    root = shared_data / "pascal_voc/benchmark_RELEASE/dataset"
    for split, size in {"train": 8498, "val": 2857}.items():
        assert len(list(samples(root, split))) == size == INFO.splits[split]


def test_real_masks_survive_the_mat_format(shared_data, tmp_path):
    paths = sorted((shared_data / "pascal_voc/sbd_masks").glob("*.png"))
    assert len(paths) == 150
    for path in paths:
        expected = np.asarray(Image.open(path))  # palette indices
        from_png = read_class_ids(Sample(path.stem, path, path), INFO)
        mat = save_mat(tmp_path / "mask.mat", from_png, do_compression=True)
        from_mat = read_class_ids(Sample(path.stem, path, mat, read_mask=read_sbd_mask), INFO)
        np.testing.assert_array_equal(from_png, expected)
        np.testing.assert_array_equal(from_mat, expected)
        assert expected.max() <= 20  # SBD has no 255


def test_masks_beyond_the_limit_of_pixels_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"GTcls": {"Segmentation": np.zeros((2, 5), np.uint8)}})
    assert read_sbd_mask(path, max_pixels=10).shape == (2, 5)
    with pytest.raises(DataError, match=r"a\.mat: has 2 x 5 pixels .* limit of 9; raise"):
        read_sbd_mask(path, max_pixels=9)
