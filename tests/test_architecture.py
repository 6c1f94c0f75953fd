"""Imports point one way: a module imports from its own package or from lower floors only."""

from __future__ import annotations

import subprocess
import sys

import package_imports
import pytest
from package_imports import FLOORS, MODULES, PACKAGE, imports, part_of

FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    part = part_of(module)
    others = {part_of(name) for name in imports(module)} - {part, ""}
    if not part:
        assert others == set()
        return
    assert {name for name in others if FLOOR_OF[name] >= FLOOR_OF[part]} == set()


def test_no_modules_import_each_other_in_a_circle():
    assert package_imports.cycle() == []


def test_a_circle_is_found(tmp_path, monkeypatch):
    for name, other in [("a", "b"), ("b", "c"), ("c", "a")]:
        (tmp_path / f"{name}.py").write_text(f"from tf_image_segmentation.{other} import x\n")
    (tmp_path / "d.py").write_text("def f():\n    import tf_image_segmentation.a\n")
    files = {f"tf_image_segmentation.{name}": tmp_path / f"{name}.py" for name in "dabc"}
    monkeypatch.setattr(package_imports, "MODULES", files)
    assert [name[-1] for name in package_imports.cycle()] == ["a", "b", "c", "a"]


def test_the_drawing_names_every_part():
    drawn = {line.split()[0] for line in package_imports.drawing().splitlines() if line}
    assert drawn == {part_of(module) for module in MODULES} - {""}


def run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout + result.stderr


def test_importing_the_package_prints_nothing_and_loads_no_tensorflow():
    code = "import sys, tf_image_segmentation; assert 'tensorflow' not in sys.modules"
    assert run_python(code) == ""


def test_names_of_the_package_are_loaded_on_first_use():
    code = (
        "import sys, tf_image_segmentation as tfs\n"
        "tfs.datasets, tfs.training.recipe\n"
        "assert 'tensorflow' not in sys.modules and 'Network' in dir(tfs)\n"
        "assert not hasattr(tfs, 'nothing') and not hasattr(tfs, 'no.thing')\n"
        "from tf_image_segmentation import Network, evaluate, predict_labels, train\n"
        "assert callable(train) and callable(evaluate) and callable(predict_labels)\n"
        "assert Network is tfs.models.Network\n"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_data_sets_command_lines_and_recipes_load_no_tensorflow():
    code = (
        "import sys, tf_image_segmentation.datasets, tf_image_segmentation.training\n"
        "from tf_image_segmentation.cli import conversion, inspection, train\n"
        "import tf_image_segmentation.download\n"
        "from tf_image_segmentation.inspection import sample_source, tables\n"
        "import tf_image_segmentation.reports.inspection_page\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    assert run_python(code) == ""


@pytest.mark.parametrize(
    "script", sorted((PACKAGE.parent / "scripts").glob("*.py")), ids=lambda path: path.name
)
def test_every_script_explains_itself(script):
    command = [sys.executable, str(script), "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "(default:" in result.stdout and len(result.stdout.split("\n\n")[1]) > 40
    assert result.stderr == ""
