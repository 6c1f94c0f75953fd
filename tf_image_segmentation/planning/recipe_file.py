"""A plan as a recipe file: fingerprints at its top, and a comment above each field."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit

from tf_image_segmentation.planning.fingerprint import DataFingerprint
from tf_image_segmentation.planning.rules import Choice, Facts

_WIDTH = 98
_MOST_CLASSES = 40


def recipe_text(facts: Facts, chosen: Mapping[str, Choice]) -> str:
    """Returns the TOML text of a plan."""
    lines = [*_heading(facts), ""]
    for name, choice in chosen.items():
        lines += [*_comment(choice.reason), f"{name} = {_toml(choice.value)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _heading(facts: Facts) -> Iterator[str]:
    data, machine, model = facts.data, facts.machine, facts.model
    yield from _comment(
        f"Plan for {data.dataset!r}: {model.name}, {facts.minutes:g} minutes of training. All of "
        "it may be changed."
    )
    yield "#"
    channels = "gray" if data.is_gray else "color"
    sizes = " x ".join(_range(values) for values in (data.heights, data.widths))
    yield from _comment(
        f"Records: {data.train_images} training and {data.val_images} validation images, "
        f"{channels}, {sizes} pixels; gray values deviate by {data.deviation:.0f}."
    )
    yield from _comment(
        f"Machine: {machine.device}, {machine.memory / 2**30:.1f} GiB free; a training step takes "
        f"{machine.seconds_per_megapixel:.2f} s and "
        f"{machine.bytes_per_megapixel / 2**30:.2f} GiB for a megapixel of crops."
    )
    yield "#"
    yield from _table(data)


def _table(data: DataFingerprint) -> Iterator[str]:
    width = max(len("class"), *(len(name) for name in data.class_names[:_MOST_CLASSES]))
    yield f"#   {'class':{width}}   pixels   images   thickness   object size"
    columns = (data.class_pixels, data.class_images, data.thickness, data.object_sizes)
    rows = list(zip(data.class_names, *columns, strict=True))
    for name, pixels, images, thickness, size in rows[:_MOST_CLASSES]:
        shares = f"{pixels:7.2%}  {images:7.0%}"
        yield f"#   {_printable(name):{width}}  {shares}  {thickness:10.1f}  {size:12.0f}"
    if len(data.class_names) > _MOST_CLASSES:
        yield f"#   and {len(data.class_names) - _MOST_CLASSES} more"


def _range(values: tuple[int, int, int]) -> str:
    low, middle, high = values
    return str(middle) if low == high else f"{middle} ({low} to {high})"


def _comment(text: str) -> list[str]:
    text = _printable(text[0].upper() + text[1:])
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]


def _printable(text: str) -> str:
    # Names of classes come from users' files; a comment is one line whatever they hold.
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(name)} = {_toml(inner)}" for name, inner in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return str(tomlkit.item(value).as_string())


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()
