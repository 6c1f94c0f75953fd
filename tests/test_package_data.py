"""What setup.py puts into the wheel beside the modules."""

from __future__ import annotations

import runpy
from pathlib import Path

import setuptools


def test_every_data_file_of_the_package_is_installed(repository, monkeypatch):
    given = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    monkeypatch.chdir(repository)
    runpy.run_path("setup.py")
    installed = {
        path
        for package, patterns in given["package_data"].items()
        for pattern in patterns
        for path in Path(package.replace(".", "/")).glob(pattern)
    }
    package = Path("tf_image_segmentation")
    ours = {p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert {path for path in ours if path.suffix != ".py"} == installed
    assert {str(p.parent).replace("/", ".") for p in ours if p.name == "__init__.py"} == set(
        given["packages"]
    )
    assert Path("tf_image_segmentation/zoo/models.toml") in installed
