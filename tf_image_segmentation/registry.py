"""Parts that are chosen by name: models, losses, datasets, metrics and so on.

A registry maps a name to a part. Built-in parts register themselves when their module is
imported, which happens on the first look-up. A plugin file does the same with the same decorators.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import convert_value

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A part as a recipe names it: ``"dice"``, or ``{"name": "dice", "weight": 0.5}``.

    Attributes:
        name: what it is chosen by.
        arguments: its further arguments.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: Any, kind: str) -> Part:
        """Returns the part that a name or a table with ``name`` means; a part means itself.

        Args:
            value: the name, the table or the part.
            kind: what the part is, for the message.

        Raises:
            DataError: ``value`` is none of these.
        """
        if isinstance(value, Part):
            return value
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, Mapping) and isinstance(value.get("name"), str):
            return cls(value["name"], {key: value[key] for key in value if key != "name"})
        raise DataError(
            f"a {kind} must be a name or a table with a name, such as "
            f'{{ name = "..." }}, got {value!r}'
        )

    def to_json(self) -> Any:
        """Returns what `parse` takes."""
        return {"name": self.name, **self.arguments} if self.arguments else self.name


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

    def register(
        self,
        decorated: Any = None,
        *,
        name: str | None = None,
        make: Callable[[Any], T] | None = None,
    ) -> Any:
        """Adds what it decorates, and returns it as it was; see `add` for errors.

        Args:
            decorated: a function, a `functools.partial` of one or a class; None returns the
                decorator, so that ``@register`` and ``@register(name=...)`` both work.
            name: what the part is chosen by; the name of what is decorated unless given.
            make: returns the part for what is decorated; None takes that itself.
        """

        def register(decorated: Any) -> Any:
            part = decorated if make is None else make(decorated)
            module = getattr(decorated, "func", decorated).__module__  # func: of a partial
            self.add(name or decorated.__name__, part, module)
            return decorated

        return register if decorated is None else register(decorated)

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

    def bind(self, part: Part, *positional: str) -> Callable[..., Any]:
        """Returns the function that ``part`` names with the part's arguments set.

        Args:
            part: name and arguments.
            *positional: names of the parameters that the caller gives; a part cannot set them.

        Raises:
            DataError: there is no such part, it does not take these arguments, or one has another
                type than the function's annotation says, or is out of the bounds that
                ``Annotated[float, msgspec.Meta(ge=0)]`` sets.
        """
        function: Any = self[part.name]
        parameters = [
            p for p in inspect.signature(function).parameters.values() if p.name not in positional
        ]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            known = [p.name for p in parameters]
            if unknown := sorted(set(part.arguments) - set(known)):
                raise DataError(
                    f"{self.kind} {part.name!r} takes no {', '.join(unknown)}; it takes "
                    f"{', '.join(known) or 'no arguments'}"
                )
        required = [
            p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD
        ]
        if missing := sorted(set(required) - set(part.arguments)):
            raise DataError(f"{self.kind} {part.name!r} needs {', '.join(missing)}")
        _check_types(function, part, f"{self.kind} {part.name!r}")
        return functools.partial(function, **part.arguments)

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


def _check_types(function: Any, part: Part, place: str) -> None:
    try:
        function = function.__init__ if inspect.isclass(function) else function
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):  # names that exist for type checkers alone
        return
    for name, value in part.arguments.items():
        # Of other types, such as arrays, the function knows best.
        kind: Any = hints.get(name)
        plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if plain in (bool, int, float, str, Sequence[float]):
            convert_value(value, kind, f"{place}: {name}")


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
