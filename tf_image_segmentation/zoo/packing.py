"""Packs a trained checkpoint into one small file and its card, and measures what that changed.

Kernels are stored as float16, vectors (biases, batch normalization) as float32: they are few, and
variances may exceed what float16 holds. Nothing is folded, so that the file can be trained further.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tf_image_segmentation.atomic import place, staging_folder
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.predict import predict_labels
from tf_image_segmentation.models import checkpoints
from tf_image_segmentation.models.description import description_path, read_description
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.structs import read_json
from tf_image_segmentation.zoo.npz import write_npz
from tf_image_segmentation.zoo.published import published_models
from tf_image_segmentation.zoo.shipped import MAX_BYTES, Card, Facts, ShippedModel, card_path

MIN_EQUAL = 99.0
"""Percent of equal labels below which packed weights are refused."""


def pack(
    checkpoint: str | Path,
    name: str,
    folder: Path,
    images: Sequence[np.ndarray],
    facts: Facts | None = None,
    *,
    command: str = "",
    min_equal: float = MIN_EQUAL,
    max_bytes: int = MAX_BYTES,
    overwrite: bool = False,
) -> ShippedModel:
    """Writes ``NAME.npz`` and its card ``NAME.npz.json``.

    Args:
        checkpoint: what training wrote to ``model/``, whose weights are averages where the recipe
            asks for them.
        name: of the model: lower-case letters, digits and underscores.
        folder: where the two files go; made where missing.
        images: uint8 [height, width, 3] each, RGB, to compare predictions on.
        facts: what the card says beside what packing finds.
        command: what the user typed, for the card.
        min_equal: percent of equal labels that is demanded.
        max_bytes: of the file of weights.
        overwrite: whether files that are there may be replaced.

    Raises:
        DataError: the checkpoint has no description or needs a plugin, a weight does not fit into
            float16, the file gets too large, it predicts something else, or is there already.
    """
    path = folder / f"{name}.npz"
    _check_name(name)
    if not overwrite and (path.exists() or card_path(path).exists()):
        raise DataError(f"{path}: is there already; replace it with --overwrite")
    if not images:
        raise DataError("at least one image is needed to compare predictions on")
    description = _described(Path(checkpoint))
    network = Network.from_checkpoint(checkpoint)
    with staging_folder(folder) as staging:
        packed = staging / path.name
        write_npz(packed, _small(network))
        size = packed.stat().st_size
        if size > max_bytes:
            raise DataError(
                f"{checkpoint}: takes {size} bytes packed, more than {max_bytes}; train a thinner "
                "model, for example with model_options.depth_multiplier=0.5"
            )
        description_path(packed).write_text(json.dumps(description), encoding="utf-8")
        equal = percent_equal(network, Network.from_checkpoint(packed), images)
        if not equal >= min_equal:
            raise DataError(
                f"{checkpoint}: packed, {equal:.3f}% of the labels stay equal, at least "
                f"{min_equal:g}% must (--min-equal)"
            )
        card = Card(
            **msgspec.structs.asdict(facts or Facts()),
            pack_command=command,
            equal_labels=round(equal, 4),
            check_images=len(images),
            bytes=size,
            sha256=hashlib.sha256(packed.read_bytes()).hexdigest(),
        )
        text = json.dumps({**description, "card": msgspec.to_builtins(card)}, indent=2)
        card_path(packed).write_text(f"{text}\n", encoding="utf-8")
        place(packed, path)
        place(card_path(packed), card_path(path))
    return ShippedModel(name, path, network.model_name, network.num_classes, card)


def percent_equal(first: Network, second: Network, images: Sequence[np.ndarray]) -> float:
    """Returns the percent of all pixels that two networks give the same label."""
    equal = pixels = 0
    for image in images:
        same = predict_labels(first, image) == predict_labels(second, image)
        equal, pixels = equal + int(np.count_nonzero(same)), pixels + same.size
    return 100 * equal / pixels


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DataError(f"--name {name}: use lower-case letters, digits and underscores")
    if name in published_models():
        raise DataError(f"--name {name}: is the name of a published model; choose another one")


def _described(checkpoint: Path) -> Mapping[str, Any]:
    """Returns the JSON beside a checkpoint that this package alone can open."""
    typed = read_description(checkpoint)
    if typed is None:
        raise DataError(
            f"{checkpoint}: has no description beside it; give what training wrote to model/, such "
            "as RUN/model/best"
        )
    if typed.plugin is not None:
        raise DataError(
            f"{checkpoint}: needs {typed.plugin.file}, and a packed model must do without plugins"
        )
    saved = read_json(description_path(checkpoints.resolve(checkpoint)), dict[str, Any])
    saved.pop("card", None)
    return saved


def _small(network: Network) -> dict[str, np.ndarray]:
    """Returns the weights by name, kernels as float16 and vectors as float32."""
    arrays = {}
    for name, variable in sorted(network.variables_by_name.items()):
        value = variable.numpy()
        if value.ndim > 1:
            with np.errstate(over="ignore"):
                value = value.astype(np.float16)
        if not np.all(np.isfinite(value)):
            raise DataError(f"{name}: holds a weight beyond what float16 can store, 65504")
        arrays[name] = value
    return arrays
