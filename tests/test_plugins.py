"""Plugin files."""

from __future__ import annotations

import hashlib

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.plugins import load_plugins, plugin_hash
from tf_image_segmentation.registry import Registry

PLUGIN = """
from tf_image_segmentation.registry import Registry
Registry.all["spice"].add("{name}", {value}, __name__)
"""


@pytest.fixture
def spices():
    registry = Registry("spice")
    yield registry
    del Registry.all["spice"]


def write(path, name="mint", value=1):
    path.parent.mkdir(exist_ok=True)
    path.write_text(PLUGIN.format(name=name, value=value))
    return path


def test_a_plugin_registers_its_parts(tmp_path, spices):
    load_plugins([write(tmp_path / "mine.py")])
    assert spices["mint"] == 1
    digest = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    assert plugin_hash(spices.module_of("mint")) == digest


def test_a_plugin_that_changed_replaces_its_parts(tmp_path, spices):
    load_plugins([write(tmp_path / "mine.py", "mint", 1)])
    load_plugins([write(tmp_path / "mine.py", "sage", 2)])
    assert dict.fromkeys(spices) == {"sage": None}


def test_plugins_of_one_file_name_are_two_plugins(tmp_path, spices):
    load_plugins([write(tmp_path / "a" / "mine.py"), write(tmp_path / "b" / "mine.py", "sage")])
    assert list(spices) == ["mint", "sage"]
    with pytest.raises(DataError, match=r"c/mine.py: a spice named 'mint' exists already"):
        load_plugins([write(tmp_path / "c" / "mine.py", "mint")])


# fault 66
def test_a_missing_plugin(tmp_path):
    with pytest.raises(DataError, match=r"none.py: there is no such plugin file"):
        load_plugins([tmp_path / "none.py"])


# fault 66
@pytest.mark.parametrize("code", ["1 / 0", "def broken(:", "import no_such_module", "exit(3)"])
def test_a_plugin_that_raises(tmp_path, code):
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(DataError, match=r"mine.py: raised \w+ while it was loaded as a plugin"):
        load_plugins([path])


# fault 66
def test_a_plugin_that_registers_nothing(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n")
    with pytest.raises(DataError, match=r"mine\.py: registers nothing; decorate its functions"):
        load_plugins([path])


def test_a_file_that_is_no_python_file(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("x = 1\n")
    with pytest.raises(DataError, match=r"mine.txt: is not a Python file"):
        load_plugins([path])


def test_built_in_modules_have_no_hash():
    assert plugin_hash("tf_image_segmentation.errors") is None
    assert plugin_hash("__main__no_such") is None
