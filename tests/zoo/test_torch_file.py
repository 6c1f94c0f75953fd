"""State dictionaries of PyTorch are read, and nothing in them is executed."""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile

import numpy as np
import pytest
from torch_writer import MAGIC, SYSTEM, VERSION, Tensor, state_dict, stream, zipped

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.zoo import state_pickle
from tf_image_segmentation.zoo.torch_file import read_state_dict

FORMATS = pytest.mark.parametrize("write", [stream, zipped])
RNG = np.random.default_rng(1)
ARRAYS = {
    "first.weight": RNG.normal(size=(4, 3, 2, 5)).astype("f4"),
    "first.transposed": RNG.normal(size=(6, 5)).astype("f4").T,
    "norm.num_batches_tracked": np.array(7, "i8"),
    "half": np.arange(9).astype("f2"),
}
NOT_READ = "is not read as a PyTorch file, because "


@pytest.fixture
def read(tmp_path):
    """read(bytes) -> the state dictionary of a file of these bytes."""

    def read(content: bytes):
        (tmp_path / "x.pth").write_bytes(content)
        return read_state_dict(tmp_path / "x.pth")

    return read


@FORMATS
def test_all_tensors_are_read_bit_for_bit(read, write):
    found = read(write(state_dict(ARRAYS)))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype and found[name].flags.c_contiguous
        np.testing.assert_array_equal(found[name], array, strict=True)


@FORMATS
def test_views_of_one_storage(read, write):
    storage = np.arange(12, dtype="f4")
    views = {"a": Tensor(storage, 2, (2, 3), (4, 1)), "b": Tensor(storage, 0, (12,), (1,))}
    found = read(write(views))
    np.testing.assert_array_equal(found["a"], [[2, 3, 4], [6, 7, 8]])
    np.testing.assert_array_equal(found["b"], storage)


def by_hand(key: bytes = b"'5'", size: int = 4) -> bytes:
    """What PyTorch 0.4 on Python 2 wrote, instruction by instruction: lists, hooks of None."""
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\n"
    tensor += b"U\x01" + key[1:-1] + b"U\x06cuda:0\x8a\x01" + bytes([size]) + b"NtQ"
    tensor += b"K\x00K\x02K\x02\x86K\x02K\x01\x86\x89NtR"
    state = b"\x80\x02ccollections\nOrderedDict\n](](U\x06weight" + tensor + b"ee\x85R"
    state += b"}U\x09_metadata}sb."
    parts = [pickle.dumps(part, 2) for part in (MAGIC, VERSION, SYSTEM)]
    keys = b"\x80\x02](U\x01" + key[1:-1] + b"e."
    return b"".join([*parts, state, keys, (4).to_bytes(8, "little"), np.arange(4.0, dtype="f4")])


def test_a_stream_of_python_2(read):
    np.testing.assert_array_equal(read(by_hand())["weight"], [[0, 1], [2, 3]])
    with pytest.raises(DataError, match=r"damaged .*a tensor reaches beyond its storage"):
        read(by_hand(size=3))
    with pytest.raises(DataError, match="not of the length described"):
        read(by_hand(size=5))


class Attack:
    """Creates a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def program(*instructions: bytes) -> bytes:
    return zipped({}, {"data.pkl": b"\x80\x02" + b"".join(instructions) + b"."})


@FORMATS
def test_nothing_is_executed(read, write, tmp_path):  # fault 53
    target = tmp_path / "attacked"
    with pytest.raises(
        DataError, match=r"because it names '(_?io|builtins)\.open'; nothing .*exec"
    ):
        read(write({"weight": Attack(target)}))
    assert not target.exists()


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (b"cos\nsystem\nU\x04true\x85R", r"it names 'os\.system'"),
        (b"ctorch\n_rebuild\n", r"it names 'torch\._rebuild'"),
        (b"U\x02osU\x06system\x93", "instruction STACK_GLOBAL"),
        (b"(U\x04trueios\nsystem\n", "instruction INST"),
        (b"ctorch\nFloatStorage\n)\x81", "instruction NEWOBJ"),
        (b"\x82\x01", "instruction EXT1"),
        (b"ctorch\nFloatStorage\n)R", "calls what is no function of a state dictionary"),
        (b"U\x01a)R", "calls what is no function of a state dictionary"),
        (b"]}b", "sets attributes of what is no dictionary"),
        (b"}))s", "keys are not texts"),
        (b"}K\x01K\x02s", "keys are not texts"),
        (b"(U\x06moduleU\x01atQ", "damaged"),
        (b"(U\x06moduleU\x01aU\x01bU\x01cK\x01tQ", "storage of an unknown form"),
        (b"}U\x05epochK\x03s", "'epoch' in it is no tensor"),
        (b"}U\x05state}s", "'state' in it is no tensor"),
        (b"}", "holds no dictionary of tensors"),
        (b"K\x01", "holds no dictionary of tensors"),
        (b"R", r"damaged \(too few values\)"),
        (b"h\x05", "damaged"),
        (b"t", "damaged"),
        (b"\x8b\xff\xff\xff\x7f", "damaged"),
    ],
)
def test_anything_but_a_state_dictionary_is_refused(read, instructions, message):
    with pytest.raises(DataError, match=f"{NOT_READ}.*{message}"):
        read(program(instructions))


def tensor_program(storage: bytes = b"K\x04", view: bytes = b"K\x00K\x04\x85K\x01\x85") -> bytes:
    """Holds one float32 tensor of 4 numbers, unless told otherwise."""
    pickled = b"}U\x01actorch._utils\n_rebuild_tensor\n(((U\x07storagectorch\nFloatStorage\n"
    pickled += b"U\x010U\x03cpu" + storage + b"tQ" + view + b"tR"
    # The two marks more are those of the arguments.
    pickled = b"\x80\x02" + pickled.replace(b"(((", b"((") + b"s."
    return zipped({}, {"data.pkl": pickled, "data/0": bytes(16)})


def test_a_tensor_by_hand(read):
    np.testing.assert_array_equal(read(tensor_program())["a"], np.zeros(4, "f4"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"view": b"K\x01K\x04\x85K\x01\x85"}, "reaches beyond its storage"),
        ({"view": b"K\x00K\x04\x85K\x02\x85"}, "reaches beyond its storage"),
        ({"view": b"K\x00J\xff\xff\xff\xff\x85K\x01\x85"}, "a tensor of an unknown form"),
        ({"view": b"K\x00K\x04\x85J\xff\xff\xff\xff\x85"}, "a tensor of an unknown form"),
        ({"view": b"K\x00K\x00\x85K\x01\x85"}, "tensor of 1 dimensions"),
        ({"view": b"K\x00K\x04\x85)"}, "tensor of 1 dimensions and 0 strides"),
        ({"view": b"K\x00J\x00\x00\x00\x7f\x85K\x00\x85"}, "tensors are larger than the file"),
        ({"storage": b"J\x00\x00\x00\x7f"}, "storages are larger than the file"),
        ({"storage": b"\x8a\x09" + b"\xff" * 8 + b"\x00"}, "without a name or a length"),
        ({"storage": b"K\x05"}, "not of the length described"),
        ({"storage": b"N"}, "without a name or a length"),
    ],
)
def test_tensors_that_lie_about_their_size_are_refused(read, change, message):
    with pytest.raises(DataError, match=message):
        read(tensor_program(**change))


def test_wrong_archives_are_refused(read, tmp_path):
    state = state_dict(ARRAYS)
    for content, message in (
        (zipped(state, {"data/1": None}), "lacks archive/data/1"),
        (zipped(state, {"data/1": b"short"}), "not of the length described"),
        (zipped(state, {"byteorder": b"big"}), "not little-endian"),
        (zipped(state, {"data.pkl": None}), r"it holds 0 data\.pkl"),
        (zipped(state, {"code/data.pkl": b""}), r"it holds 2 data\.pkl"),
        (zipped(state, compression=zipfile.ZIP_DEFLATED), "is compressed"),
        (stream(state, little_endian=False), "not little-endian"),
        (stream(state)[:-1], "not of the length described"),
        (b"", "does not begin as one"),
        (b"<html>not found</html>", "does not begin as one"),
        (pickle.dumps(len(state), 2), "does not begin as one"),
    ):
        with pytest.raises(DataError, match=f"{NOT_READ}.*{message}"):
            read(content)
    with pytest.raises(DataError, match="cannot be read"):
        read_state_dict(tmp_path / "gone.pth")
    with pytest.raises(DataError, match="cannot be read"):
        read_state_dict(tmp_path)


@pytest.mark.parametrize(
    ("place", "value", "message"), [(6, 255, "zip file version 25.5"), (8, 1, "is encrypted")]
)
def test_zips_that_python_does_not_read_are_refused(read, place, value, message):
    content = bytearray(zipped(state_dict(ARRAYS)))
    content[content.index(b"PK\x01\x02") + place] = value  # in the list at the end
    with pytest.raises(DataError, match=f"{NOT_READ}it is a damaged zip .*{message}"):
        read(bytes(content))


@FORMATS
def test_damaged_files_are_refused_or_read(read, write):
    content = write(state_dict({"a": np.arange(6, dtype="f4")}))
    rng = np.random.default_rng(3)
    for _ in range(300):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        with contextlib.suppress(DataError):  # anything else would be a traceback
            read(bytes(changed[: rng.integers(1, len(content) + 1)]))


def test_endless_pickles_end(monkeypatch):
    monkeypatch.setattr(state_pickle, "MAX_INSTRUCTIONS", 100)
    with pytest.raises(DataError, match="more than 100 instructions"):
        state_pickle.read_pickle(io.BytesIO(b"}" * 1000 + b"."))
