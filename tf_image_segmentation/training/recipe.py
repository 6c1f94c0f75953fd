"""How a network is trained: a recipe, usually read from a TOML file.

A recipe file sets fields of `Recipe` at its top. Two kinds of tables depend on the model::

    steps = 800
    augmentations = ["flip", { name = "scale", range = [0.7, 1.5] }]

    [stages.fcn_8s]        # replaces fields when fcn_8s is trained
    steps = 3000

    [models."fcn_*"]       # options of the model function, added to ``model_options``
    fc_channels = 1024

The name after ``stages.`` or ``models.`` may be a pattern; an exact name wins over a pattern. Which
optimizers, losses and so on exist is checked when the run starts, after plugins are loaded.

Nothing here loads TensorFlow.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Part
from tf_image_segmentation.structs import (
    ComputeDtype,
    Decay,
    Fraction,
    NotNegative,
    convert_value,
    read_toml,
)
from tf_image_segmentation.training.changes import PARTS, parse_change, set_value
from tf_image_segmentation.training.interval import parse_interval

RECIPES_FOLDER = Path(__file__).parent / "recipes"
"""Folder of the built-in recipes."""

_PART_LISTS = ("loss", "augmentations", "metrics")
_TABLES = ("stages", "models")
# Far beyond any use, and well within what counters hold.
_Count = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How one model is trained on one dataset.

    A part (optimizer, loss ...) is a name, or a table of its name and arguments, such as
    ``{"name": "scale", "range": [0.5, 2.0]}``; what is stored are `Part` objects.

    Attributes:
        steps: optimizer steps.
        batch_size: crops a step, over all devices.
        crop_size: height and width of a crop, or one number for both.
        learning_rate: peak rate, for the mean loss over labeled pixels.
        optimizer: part, such as "adam" or "momentum".
        schedule: part, such as "constant" or "poly", which changes the learning rate.
        warmup_steps: steps of linear warm-up.
        weight_decay: factor of the L2 penalty ``sum(w ** 2) / 2`` over weights, not biases.
        class_balancing: exponent of the class weights ``median frequency / frequency``; 0 weighs
            all pixels alike, 1 is median frequency balancing (Eigen and Fergus, ICCV 2015).
        repeat_threshold: share of the images; those with a class that fewer have are seen more
            often (repeat factor sampling), 0 sees all once an epoch.
        loss: parts that are added up, each with an optional ``weight``.
        augmentations: parts that change images and masks at random, in this order; the crop
            follows them.
        metrics: parts that a validation computes; the mean IoU, which decides what is best, always.
        model_options: passed to the model function, such as ``width_multiplier``.
        init: what the weights start from, unless --init-checkpoint says it: a name that
            list_models.py lists, a path, or "none" for random weights, as without it.
        new_layers: layers that may start as initialized, where the first checkpoint lacks them or
            has them in another shape.
        frozen: patterns of variable names, such as "*/conv1/*", that are not trained.
        learning_rate_factors: factors of the learning rate by pattern of variable names.
        accumulate: parts that each batch is computed in, one after the other, to save memory.
        ema: decay of the average of the weights, such as 0.999; 0 keeps no average.
        compute_dtype: type of the convolutions, "float32" or "bfloat16".
        validation_interval: steps between validations, or minutes ("10m"); the last step always
            validates.
        checkpoint_interval: steps or minutes between checkpoints.
    """

    steps: _Count = 4000
    batch_size: _Count = 1
    crop_size: tuple[_Count, _Count] = (384, 384)
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] = 1e-4
    optimizer: Part = Part("adam")
    schedule: Part = Part("constant")
    warmup_steps: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 0
    weight_decay: NotNegative = 0.0
    class_balancing: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    repeat_threshold: Fraction = 0.0
    loss: tuple[Part, ...] = (Part("cross_entropy"),)
    augmentations: tuple[Part, ...] = (Part("flip"), Part("scale", {"range": [0.9, 1.1]}))
    metrics: tuple[Part, ...] = (
        Part("mean_iou"),
        Part("mean_pixel_accuracy"),
        Part("pixel_accuracy"),
        Part("iou"),
    )
    model_options: dict[str, Any] = {}
    init: str = ""
    new_layers: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    learning_rate_factors: dict[str, NotNegative] = {}
    accumulate: _Count = 1
    ema: Decay = 0.0
    compute_dtype: ComputeDtype = "float32"
    validation_interval: int | str = 1000
    checkpoint_interval: int | str = 1000

    def __post_init__(self) -> None:
        # msgspec checks types when it decodes, but neither here nor in `replace`.
        for name, kind in _TYPES.items():
            value = _checked(name, kind, _in_full(name, getattr(self, name)))
            msgspec.structs.force_setattr(self, name, value)
        if self.batch_size % self.accumulate:
            raise DataError(
                f"accumulate must divide batch_size, which is {self.batch_size}, "
                f"got {self.accumulate}"
            )
        for name in ("validation_interval", "checkpoint_interval"):
            parse_interval(getattr(self, name), name)

    @classmethod
    def from_plain(cls, fields: Mapping[str, Any], source: Path | str) -> Recipe:
        """Returns the recipe of plain values, as TOML and JSON have them.

        Args:
            fields: values by field name.
            source: what errors name: the file, or the option.

        Raises:
            DataError: there is no such field, or a value breaks a rule.
        """
        check_keys(fields, source)
        try:
            return cls(**fields)
        except DataError as error:
            raise DataError(f"{source}: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """Returns what `from_plain` takes."""
        return {name: _to_plain(getattr(self, name)) for name in FIELDS}

    def with_changes(self, changes: Iterable[str]) -> Recipe:
        """Returns the recipe with fields changed.

        Args:
            changes: ``key=value`` with a value in TOML's syntax, or a single word. A dotted key
                reaches into a field: ``optimizer.beta_1=0.8``, ``augmentations.scale.range=[1, 2]``
                (the part of that name), ``model_options.fc_channels=512``.

        Raises:
            DataError: a change has no such form, there is no such field, or the value breaks a
                rule.
        """
        recipe = self
        for change in changes:
            fields = recipe.to_json()
            path, value = parse_change(change)
            set_value(fields, path, value, change)
            recipe = Recipe.from_plain(fields, f"--set {change}")
        return recipe


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Recipe)}
FIELDS = tuple(_TYPES)


def load_recipe(
    source: str | Path, model: str | None = None, changes: Iterable[str] = ()
) -> Recipe:
    """Reads a recipe.

    Args:
        source: name of a built-in recipe, or path of a file that ends in ``.toml``.
        model: name of the model that is trained; None leaves tables of models out.
        changes: as for `Recipe.with_changes`; and ``models.NAME.option=value`` and
            ``stages.NAME.field=value`` change the tables of the file first.

    Raises:
        DataError: there is no such recipe, or something in it is wrong; the message names file, key
            and rule.
    """
    path = _path_of(source)
    return recipe_of(read_toml(path), model, changes, path)


def recipe_of(
    document: Mapping[str, Any], model: str | None, changes: Iterable[str], source: str | Path
) -> Recipe:
    """Does what `load_recipe` does with the content of a file.

    Args:
        document: fields, and tables of models and stages.
        model: as for `load_recipe`.
        changes: as for `load_recipe`.
        source: what errors name.
    """
    document, of_fields = copy.deepcopy(dict(document)), []
    for change in changes:
        keys, value = parse_change(change)
        if keys[0] in _TABLES:
            if len(keys) < 3:
                raise DataError(
                    f"--set {change}: {keys[0]} needs a model and a key, such as "
                    f"{keys[0]}.fcn_8s.{'steps' if keys[0] == 'stages' else 'width_multiplier'}=..."
                )
            set_value(document, keys, value, change)
        else:
            of_fields.append(change)
    return Recipe.from_plain(_resolve(document, model, source), source).with_changes(of_fields)


def built_in_recipes() -> dict[str, str]:
    """Returns the first comment line of each built-in recipe by its name."""
    return {
        path.stem: path.read_text().splitlines()[0].lstrip("# ")
        for path in sorted(RECIPES_FOLDER.glob("*.toml"))
    }


def check_keys(fields: Mapping[str, Any], source: Path | str) -> None:
    """Raises a DataError if there is a key that is no field of a recipe."""
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise DataError(
            f"{source}: a recipe has no field {', '.join(unknown)}; it has {', '.join(FIELDS)}"
        )


def _path_of(source: str | Path) -> Path:
    if Path(source).suffix == ".toml":
        return Path(source)
    path = RECIPES_FOLDER / f"{source}.toml"
    if str(source) not in built_in_recipes():
        raise DataError(
            f"unknown recipe {str(source)!r}; choose from {', '.join(built_in_recipes())}, or name "
            "a file that ends in .toml"
        )
    return path


def _resolve(document: Mapping[str, Any], model: str | None, source: str | Path) -> dict[str, Any]:
    fields = {key: value for key, value in document.items() if key not in _TABLES}
    stages, models = (_tables(document, name, source) for name in _TABLES)
    for name, table in stages.items():
        check_keys(table, f"{source}: [stages.{name}]")
    for table in _matching(stages, model):
        fields |= table
    options = fields.get("model_options", {})
    if not isinstance(options, dict):
        raise DataError(f"{source}: model_options must be a table")
    options = dict(options)
    for table in _matching(models, model):
        options |= table
    return {**fields, "model_options": options}


def _tables(
    document: Mapping[str, Any], name: str, source: str | Path
) -> dict[str, dict[str, Any]]:
    tables = document.get(name, {})
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise DataError(f"{source}: {name} must be tables, one a model, such as [{name}.fcn_8s]")
    return tables


def _matching(tables: Mapping[str, dict[str, Any]], model: str | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    patterns = [name for name in tables if name != model and fnmatchcase(model, name)]
    return [tables[name] for name in [*patterns, model] if name in tables]


def _in_full(name: str, value: Any) -> Any:
    """Brings what may be written in a shorter form into the form that is stored."""
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy
        value = value.tolist()
    if name in PARTS:
        return Part.parse(value, f"part of {name}")
    if name in _PART_LISTS:
        parts = value if isinstance(value, list | tuple) else [value]
        return tuple(Part.parse(part, f"part of {name}") for part in parts)
    if name == "crop_size" and isinstance(value, int):
        return value, value
    return value


def _checked(name: str, kind: Any, value: Any) -> Any:
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise DataError(f"{name} must be one of {', '.join(get_args(kind))}, got {value}")
    checked = convert_value(value, kind, name)
    _require_storable(name, _to_plain(checked))
    return checked


def _require_storable(place: str, value: Any) -> None:
    """Raises a DataError if a value, or one inside of it, cannot be written as JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _require_storable(f"{place}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _require_storable(f"{place}[{number}]", inner)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise DataError(f"{place} must be finite, got {value}")
    elif not isinstance(value, str | int | None):
        raise DataError(f"{place} must be a number, a text, a list or a table, got {value}")


def _to_plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_to_plain(item) for item in value]
    return (
        {key: _to_plain(item) for key, item in value.items()} if isinstance(value, dict) else value
    )
