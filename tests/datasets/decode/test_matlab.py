"""The reader of .mat files gives what SciPy gives, and no damage ends the process."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from tf_image_segmentation.datasets.decode import matlab
from tf_image_segmentation.datasets.decode.matlab import load_mat
from tf_image_segmentation.errors import DataError

CELLS = np.empty((2, 3), object)
for position, value in enumerate([1.5, "cat", np.eye(2), np.zeros((0, 0)), "", [[1, 2, 3]]]):
    CELLS.flat[position] = value

VALUES = {
    **{f"matrix_{kind}": np.arange(-3, 9).reshape(3, 4).astype(kind) for kind in "bhilqfd"},
    **{f"unsigned_{kind}": np.arange(12).reshape(4, 3).astype(kind) for kind in "BHILQ"},
    "logical": np.array([[True, False, True]]),
    "complex": np.array([[1 + 2j, 3 - 4j]]),
    "four_sides": np.arange(120, dtype=np.uint16).reshape(2, 3, 4, 5),
    "scalar": 7.0,
    "empty": np.zeros((0, 3)),
    "text": "bäckground",
    "rows": np.array(["one", "three"]),
    "cells": CELLS,
    "record": {"Segmentation": np.eye(3, dtype=np.uint8), "deeper": {"name": "cat", "n": CELLS}},
    "records": np.array([(1, "a"), (2, "b")], [("x", object), ("y", object)]),
}


def assert_equal(found, expected):
    assert isinstance(found, np.ndarray)
    assert found.shape == expected.shape
    if expected.dtype.names:
        assert found.dtype.names == expected.dtype.names
        for name in expected.dtype.names:
            assert_equal(found[name], expected[name])
    elif expected.dtype == object:
        for one, other in zip(found.flat, expected.flat, strict=True):
            assert_equal(one, other)
    else:
        assert found.dtype == expected.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("compressed", [False, True])
def test_values_are_those_that_scipy_reads(tmp_path, compressed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, VALUES, do_compression=compressed)
    expected = scipy.io.loadmat(path)
    for name in VALUES:
        assert_equal(load_mat(path, name), expected[name])
    assert load_mat(path, "absent") is None


def element(order, data_type, data):
    """An element by the format's description, in the tag where it is short enough."""
    if 0 < len(data) <= 4:
        return struct.pack(order + "I", len(data) << 16 | data_type) + data.ljust(4, b"\0")
    tag = struct.pack(order + "II", data_type, len(data))
    return tag + data + bytes(-len(data) % 8)


def variable(order, name, kind, sides, *contents):
    parts = [
        element(order, 6, struct.pack(order + "II", kind, 0)),
        element(order, 5, struct.pack(f"{order}{len(sides)}i", *sides)),
        element(order, 1, name),
        *(element(order, *content) for content in contents),
    ]
    return element(order, 14, b"".join(parts))


def mat_file(order, *variables):
    mark = b"IM" if order == "<" else b"MI"
    return b"MATLAB".ljust(124) + struct.pack(order + "H", 0x0100) + mark + b"".join(variables)


STORED = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("data_type", STORED)
@pytest.mark.parametrize("count", [2, 6])
def test_every_storage_type_in_both_byte_orders(tmp_path, order, data_type, count):
    # MATLAB stores a matrix of class double (6) in the smallest type that holds its values.
    path = tmp_path / "a.mat"
    numbers = struct.pack(f"{order}{count}{STORED[data_type]}", *range(1, count + 1))
    content = variable(order, b"LabelMap", 6, (2, count // 2), (data_type, numbers))
    path.write_bytes(mat_file(order, content))
    expected = np.arange(1, count + 1).reshape(count // 2, 2).T
    found = load_mat(path, "LabelMap")
    np.testing.assert_array_equal(found, expected)
    assert_equal(found, scipy.io.loadmat(path)["LabelMap"])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("data_type", "encoding"), [(4, "utf-16"), (16, "utf-8"), (17, "utf-16")])
def test_text_in_every_storage_type(tmp_path, order, data_type, encoding):
    path = tmp_path / "a.mat"
    if encoding == "utf-16":
        encoding += "-le" if order == "<" else "-be"
    content = variable(order, b"name", 4, (1, 7), (data_type, "dog cat".encode(encoding)))
    path.write_bytes(mat_file(order, content))
    assert load_mat(path, "name").tolist() == ["dog cat"]
    assert scipy.io.loadmat(path)["name"].tolist() == ["dog cat"]


def test_what_is_not_read_is_none_and_the_rest_is_read(tmp_path):
    # SBD's own files keep boundaries as sparse arrays beside the mask.
    boundaries = np.empty((2, 1), object)
    boundaries[:, 0] = [scipy.sparse.csc_array(np.eye(4) > 0), scipy.sparse.csc_array((4, 4))]
    fields = {"Boundaries": boundaries, "Segmentation": np.eye(4, dtype=np.uint8)}
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"GTcls": fields, "alone": boundaries[0, 0]}, do_compression=True)
    found = load_mat(path, "GTcls")[0, 0]
    np.testing.assert_array_equal(found["Segmentation"], np.eye(4))
    assert found["Boundaries"].tolist() == [[None], [None]]
    assert load_mat(path, "alone") is None


def refused(path, data, words):
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"a\.mat: is not a readable MATLAB 5 file .*{words}"):
        load_mat(path, "x")


# fault 27
@pytest.mark.parametrize(
    ("kind", "sides", "content", "words"),
    [
        (9, (2, 3), (2, bytes(5)), "cannot reshape"),
        (9, (2**31 - 1, 2**31 - 1), (2, bytes(6)), "cannot reshape"),
        (9, (-2, -3), (2, bytes(6)), r"an array of shape \(-2, -3\)"),
        (9, (6,), (2, bytes(6)), r"an array of shape \(6,\)"),
        (9, (2, 3), (99, bytes(6)), "data type 99 where"),
        (9, (2, 3), (9, bytes(6)), "buffer size must be a multiple"),
        (1, (2**31 - 1, 2**31 - 1), (14, b""), "ends too early"),
        (2, (1, 1), (5, b"\0\0\0\0"), "ends too early"),
        (4, (1, 3), (16, b"\xff\xff\xff"), "UnicodeDecodeError"),
        (4, (1, 2**21), (16, b"x" * 2**21), "a text of more than"),
    ],
)
def test_content_that_contradicts_its_description(tmp_path, kind, sides, content, words):
    refused(tmp_path / "a.mat", mat_file("<", variable("<", b"x", kind, sides, content)), words)


# fault 27
def test_tags_that_lie(tmp_path):
    path = tmp_path / "a.mat"
    refused(path, mat_file("<", element("<", 9, bytes(8))), "a variable of data type 9")
    refused(path, mat_file("<", struct.pack("<II", 14, 2**32 - 1)), "the file ends too early")
    refused(path, mat_file("<", struct.pack("<I", 5 << 16 | 1) + bytes(9)), "5 bytes of data in a")
    good = variable("<", b"x", 9, (1, 1), (2, b"1"))
    refused(path, mat_file("<", good, b"\0\0\0"), "the file ends too early")
    more = variable("<", b"x", 9, (1, 1), (2, b"1"), (2, b"2"))
    refused(path, mat_file("<", more), "more content than its shape")
    refused(path, b"MATLAB 7.3".ljust(124) + b"\0\2IM", "it is of MATLAB 7.3; save it again")


# fault 27
def test_small_files_that_unpack_to_much(tmp_path, monkeypatch):
    path = tmp_path / "a.mat"
    nested = variable("<", b"", 9, (1, 1), (2, b"1"))
    for _ in range(20):
        nested = variable("<", b"x", 1, (1, 1), (14, nested[8:]))
    refused(path, mat_file("<", nested), "16 deep in each other")
    cells = struct.pack("<II", 14, 0) * 101
    parts = variable("<", b"x", 1, (101, 1))[8:] + cells
    monkeypatch.setattr(matlab, "_MOST_ARRAYS", 100)
    refused(path, mat_file("<", element("<", 14, parts)), "more than 100 arrays")
    monkeypatch.setattr(matlab, "MAX_BYTES", 3000)
    packed = zlib.compress(variable("<", b"y", 9, (1, 2000), (2, bytes(2000))))
    bomb = struct.pack("<II", 15, len(packed)) + packed
    path.write_bytes(mat_file("<", bomb))
    assert load_mat(path, "y").shape == (1, 2000)
    refused(path, mat_file("<", bomb, bomb), "larger than 3000 bytes in all")


# fault 27: SciPy's reader ends the process on some of these
def test_every_damaged_byte_of_an_uncompressed_file(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"x": {"Segmentation": np.eye(5, dtype=np.uint8), "n": CELLS}})
    original, outcomes = path.read_bytes(), {"read": 0, "refused": 0}
    for offset in range(128, len(original)):
        for flip in (0x01, 0x10, 0x80, 0xFF):
            data = bytearray(original)
            data[offset] ^= flip
            path.write_bytes(data)
            try:
                found = load_mat(path, "x")
                assert found is None or isinstance(found, np.ndarray)
                outcomes["read"] += 1
            except DataError as error:
                assert "a.mat" in str(error)
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 500
