"""Installs tf_image_segmentation; what it needs, and in which versions, is in requirements.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def read_requirements() -> dict[str, list[str]]:
    """Returns the requirements by extra; those of the package itself are under ""."""
    requirements: dict[str, list[str]] = {"": []}
    extra = ""
    for line in (HERE / "requirements.txt").read_text().splitlines():
        if heading := re.fullmatch(r"# extra: (\w+)", line):
            extra = heading[1]
            requirements[extra] = []
        elif line and not line.startswith("#"):
            requirements[extra].append(line)
    return requirements


REQUIREMENTS = read_requirements()
# What not everybody should get: `make` installs requirements.txt whole.
REQUIREMENTS["docs"] = [
    "mkdocs>=1.6,<2",
    "mkdocs-material>=9.6,<10",
    "mkdocstrings[python]>=1,<2",
    "mkdocs-jupyter>=0.25,<1",
    "latex2mathml>=3.77,<4",
]
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "tf_image_segmentation/__init__.py").read_text()
)

setup(
    name="tf_image_segmentation",
    version=VERSION[1],
    description="Semantic segmentation for people who work in TensorFlow and TF-Slim",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["tf_image_segmentation*"]),
    package_data={
        "tf_image_segmentation.datasets": ["classes/*.csv"],
        "tf_image_segmentation.reports": ["*.html", "*.css"],
        "tf_image_segmentation.training": ["recipes/*.toml"],
        "tf_image_segmentation.zoo": ["*.toml", "*.npz", "*.json"],
    },
    entry_points={
        "console_scripts": ["tf-image-segmentation = tf_image_segmentation.cli.main:main"]
    },
    install_requires=REQUIREMENTS.pop(""),
    extras_require=REQUIREMENTS,
)
