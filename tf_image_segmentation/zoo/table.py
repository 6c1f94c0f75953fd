"""All models, those that ship and published ones, in one Markdown table."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import msgspec

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.zoo.published import PublishedModel, published_models
from tf_image_segmentation.zoo.shipped import Card, ShippedModel, shipped_models

_COLUMNS = ("name", "from", "use", "models", "MB", "accuracy", "license", "checksum")
_USES = {"init": "start training", "predict": "predict"}


def markdown_table(folder: Path | None = None) -> str:
    """Returns a row for each model; the name of a published one links to its archive.

    Args:
        folder: of the packed models; None takes that of the package.
    """
    rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
    rows += [_shipped_row(model) for model in shipped_models(folder).values()]
    rows += [_published_row(name, model) for name, model in published_models().items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shipped_row(model: ShippedModel) -> tuple[str, ...]:
    card = model.card
    return (
        f"`{model.name}`",
        "package",
        "predict",
        f"`{model.model}`",
        f"{card.bytes / 1e6:.1f}",
        _accuracy(card),
        card.license,
        "SHA-256",
    )


def _published_row(name: str, model: PublishedModel) -> tuple[str, ...]:
    return (
        f"[`{name}`]({model.url})",
        "download",
        _USES[model.use],
        ", ".join(f"`{taker}`" for taker in model.models),
        "-" if model.megabytes is None else f"{model.megabytes:g}",
        model.accuracy,
        model.license,
        _checksum(model.sha256),
    )


def _checksum(sha256: str | None) -> str:
    if sha256 is None:
        return "none published"
    return "SHA-256" if len(sha256) == 64 else f"SHA-256, {len(sha256)} digits"


def _accuracy(card: Card) -> str:
    shown = [f"{value:.2f} % mean IoU, {where}" for where, value in card.accuracy.items()]
    return "; ".join(shown) or "-"


def details(name: str, folder: Path | None = None) -> str:
    """Returns all that is known of one model, a line for each fact.

    Raises:
        DataError: there is no model of this name.
    """
    shipped = shipped_models(folder)
    facts: dict[str, Any]
    if name in shipped:
        model = shipped[name]
        facts = {"file": str(model.path), "model": model.model, "classes": model.num_classes}
        facts |= msgspec.structs.asdict(model.card)
    elif name in published_models():
        facts = msgspec.to_builtins(published_models()[name])
    else:
        known = ", ".join([*shipped, *published_models()])
        raise DataError(f"there is no model {name!r}; choose from {known}")
    return "\n".join([name, *(_line(key, facts[key]) for key in facts)])


def _line(key: str, value: Any) -> str:
    if isinstance(value, dict):
        inside = "\n".join(f"{name}: {part}" for name, part in value.items())
        return f"  {key}:\n{textwrap.indent(inside, '    ')}" if inside else f"  {key}: -"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return f"  {key}: {'-' if value in (None, '') else value}"
