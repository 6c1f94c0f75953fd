"""Plugin files: a user's own models, losses, augmentations, metrics and datasets.

A plugin is executed only when the user names its path. No file of data can load one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Registry, source_file

_PREFIX = "tf_image_segmentation_plugin_"
_FILES: dict[str, Path] = {}  # by the name of the module, of the plugins that were loaded


def load_plugins(paths: Iterable[str | Path]) -> None:
    """Executes plugin files, whose decorators register their parts.

    Args:
        paths: Python files. A file that is loaded a second time replaces its own parts.

    Raises:
        DataError: a file is missing, raises an exception, registers nothing, or registers a name
            that exists already.
    """
    for path in paths:
        _load(Path(path))


def loaded_plugins() -> dict[str, Path]:
    """Returns the file of each plugin that was loaded, by the name of its module."""
    return dict(_FILES)


def make_importable(plugins: Mapping[str, Path]) -> None:
    """Lets this process import what `loaded_plugins` returned in its parent, when it is needed.

    Functions that come from a parent by pickle say in which module they are.
    """
    sys.meta_path.append(_PluginFinder(plugins))


class _PluginFinder(MetaPathFinder):
    def __init__(self, plugins: Mapping[str, Path]) -> None:
        self._plugins = plugins

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        file = self._plugins.get(fullname)
        return importlib.util.spec_from_file_location(fullname, file) if file else None


def plugin_hash(module: str) -> str | None:
    """Returns the SHA-256 of the file of a module outside the package, None for a built-in one."""
    file = source_file(module)
    if module.startswith("tf_image_segmentation.") or file is None or not file.is_file():
        return None
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _load(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path}: there is no such plugin file; check the path after --plugins")
    path = path.resolve()
    # Two plugins may have the same file name, so the module's name depends on the whole path.
    name = f"{_PREFIX}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path}: is not a Python file; a plugin is a file that ends in .py")
    for registry in Registry.all.values():
        registry.remove_from(name)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except DataError:
        raise
    except (Exception, SystemExit) as error:
        raise DataError(
            f"{path}: raised {type(error).__name__} while it was loaded as a plugin: {error}"
        ) from error
    if not any(registry.names_from(name) for registry in Registry.all.values()):
        raise DataError(
            f"{path}: registers nothing; decorate its functions with register_model, "
            "register_loss, register_augmentation, register_metric or register_dataset"
        )
    _FILES[name] = path
