"""Imports point one way: a module imports from its own package or from lower floors only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tf_image_segmentation"
FLOORS = [
    {"errors"},
    {"atomic", "registry", "structs"},
    {"plugins"},
    {"workers"},
    {"download"},
    {"datasets"},
    {"tfrecords", "models"},
    {"input", "inference"},
    {"evaluation"},
    {"training", "export", "inspection"},
    {"tuning"},
    {"reports"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The parts of this package that a file imports, wherever in the file it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
            if node.module == "tf_image_segmentation":
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {module for module in modules if module.startswith("tf_image_segmentation.")}
        elif isinstance(node, ast.Import):
            names |= {a.name for a in node.names if a.name.startswith("tf_image_segmentation.")}
    return {name.split(".")[1] for name in names if not name.split(".")[1].startswith("__")}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    part = part_of(path)
    if part == "__init__":
        assert imported(path) == set()
        return
    above = {name for name in imported(path) - {part} if FLOOR_OF[name] >= FLOOR_OF[part]}
    assert not above


def run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout + result.stderr


def test_importing_the_package_prints_nothing_and_loads_no_tensorflow():
    code = "import sys, tf_image_segmentation; assert 'tensorflow' not in sys.modules"
    assert run_python(code) == ""


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
