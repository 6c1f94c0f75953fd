"""Parts that are chosen by name: models, losses, datasets, metrics and so on.

A registry maps a name to a part. Built-in parts register themselves when their module is
imported, which happens on the first look-up. A plugin file does the same with the same decorators.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from tf_image_segmentation.errors import DataError

T = TypeVar("T")


class Registry(Generic[T]):
    """Parts of one kind by name.

    Args:
        kind: what the parts are, in the singular, for messages: "model", "loss" ...
        packages: packages whose modules register the built-in parts; they are imported on the first
            look-up.
    """

    all: ClassVar[dict[str, Registry[Any]]] = {}  # every registry by its kind

    def __init__(self, kind: str, *packages: str) -> None:
        self.kind = kind
        self._packages = packages
        self._loaded = False
        self._parts: dict[str, tuple[T, str]] = {}
        Registry.all[kind] = self

    def add(self, name: str, part: T, module: str) -> None:
        """Adds a part.

        A second definition from the same module replaces the first, as when a notebook cell is run
        twice.

        Args:
            name: what the part is chosen by.
            part: the part.
            module: name of the module that defines it.

        Raises:
            DataError: another module has defined a part of that name.
        """
        if not module.startswith("tf_image_segmentation."):
            self._load()
        if name in self._parts and self._parts[name][1] != module:
            raise DataError(
                f"{source_file(module) or module}: a {self.kind} named {name!r} exists already "
                f"(from {self._parts[name][1]}); give this one another name"
            )
        self._parts[name] = (part, module)

    def __getitem__(self, name: str) -> T:
        """Returns the part called ``name``, or raises a `DataError` that lists the names."""
        self._load()
        if name not in self._parts:
            raise DataError(
                f"unknown {self.kind} {name!r}; choose from {sorted(self._parts)}, or name the "
                "file that defines it with --plugins"
            )
        return self._parts[name][0]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._parts))

    def __len__(self) -> int:
        self._load()
        return len(self._parts)

    def module_of(self, name: str) -> str:
        """Returns the name of the module that defines the part called ``name``."""
        self[name]
        return self._parts[name][1]

    def names_from(self, module: str) -> list[str]:
        """Returns the names of the parts that a module has registered so far."""
        return sorted(name for name, (_, origin) in self._parts.items() if origin == module)

    def remove_from(self, module: str) -> None:
        """Forgets the parts of a module."""
        for name in self.names_from(module):
            del self._parts[name]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # first, because the modules that are imported may look names up
        for package in self._packages:
            found = importlib.import_module(package)
            for module in pkgutil.iter_modules(found.__path__):
                importlib.import_module(f"{package}.{module.name}")


def source_file(module: str) -> Path | None:
    """Returns the file of a loaded module, None for a notebook or an interactive session."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file else None


def choose(kind: str, name: Any, choices: Mapping[Any, Any]) -> Any:
    """Returns ``choices[name]``, or raises a `DataError` that lists the choices.

    Args:
        kind: what is chosen, for the message: "split", "mode" ...
        name: the wanted key.
        choices: what there is.
    """
    if name not in choices:
        raise DataError(f"unknown {kind} {name!r}; choose from {sorted(choices)}")
    return choices[name]
