"""Semantic segmentation for people who work in TensorFlow and TF-Slim.

Importing this package prints nothing and loads neither TensorFlow nor any device. Its subpackages
(``datasets``, ``tfrecords``, ``models``, ``training``, ``evaluation`` ...) and the names below are
loaded when they are first used.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

__version__ = "0.2.0"

_NAMES = {
    "Network": "models.network",
    "convert": "cli.functions",
    "evaluate": "evaluation.evaluate",
    "load_model": "zoo.loading",
    "predict_labels": "inference.predict",
    "train": "cli.functions",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    if name in _subpackages():
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_subpackages()})


def _subpackages() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(__path__)} - {"__main__"}
