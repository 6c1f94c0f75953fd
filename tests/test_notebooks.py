"""The notebooks run from top to bottom, and are stored with what they printed and drew."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
ALLOWED = {"tf_image_segmentation", "matplotlib", "numpy", "skimage", "tensorflow", "tf_slim"}
# Folders in which a machine keeps its own: homes, temporary files, environments, drives.
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(home|root|Users|tmp|var|private|work|usr|opt|mnt)/|[A-Z]:\\"
)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def outputs(path):
    return [output for cell in code_cells(path) for output in cell.outputs]


def printed(output) -> str:
    return output.get("text", "") + output.get("data", {}).get("text/plain", "")


@each_notebook
def test_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell["outputs"] = []
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        shutdown_kernel="immediate",  # nothing is left to be saved
        resources={"metadata": {"path": str(tmp_path)}},  # where it writes what it should not
    )
    client.execute(env={**os.environ, "TMPDIR": str(tmp_path)})
    kinds = [output.output_type for cell in client.nb.cells for output in cell.get("outputs", [])]
    assert "error" not in kinds and "display_data" in kinds


@each_notebook
def test_notebook_is_stored_with_its_pictures(path):
    assert any("image/png" in output.get("data", {}) for output in outputs(path))
    assert not any(output.output_type == "error" for output in outputs(path))
    assert path.stat().st_size < 1_000_000


@each_notebook
def test_notebook_is_stored_as_one_run_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_stored_output_names_no_machine_and_has_no_warnings(path):
    for output in outputs(path):
        assert output.get("name") != "stderr", output.text
        assert not MACHINE_PATH.search(printed(output)), printed(output)


@each_notebook
def test_notebook_carries_no_trace_of_who_ran_it(path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert set(metadata) == {"kernelspec", "language_info"}
    assert metadata.kernelspec.name == "python3"
    assert not any(cell.metadata for cell in code_cells(path))


@each_notebook
def test_notebook_imports_the_package_and_little_else(path):
    modules = set()
    for cell in code_cells(path):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module)
    others = {module.split(".")[0] for module in modules} - sys.stdlib_module_names - ALLOWED
    assert not others


@each_notebook
def test_a_text_precedes_each_picture(path):
    """Whoever opens a notebook is told first what it is about, and never left alone for long."""
    kinds = [cell.cell_type for cell in nbformat.read(path, as_version=4).cells]
    assert kinds[0] == "markdown"
    assert "code code code" not in " ".join(kinds)


def test_there_are_notebooks():
    assert len(NOTEBOOKS) == 8
