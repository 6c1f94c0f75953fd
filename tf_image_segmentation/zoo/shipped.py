"""Models that come with the package: one file of weights each, and a card that describes it.

The card lies beside the weights as every checkpoint's description does, so that ``NAME.npz`` opens
as any other checkpoint. Nothing here loads TensorFlow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import read_json
from tf_image_segmentation.zoo.published import downloaded, is_on_disk, published_models

FOLDER = Path(__file__).parent
"""Folder of the models that ship."""

DEFAULT_MODEL = "voc_mobilenet_v2"
"""The model that predicts where no checkpoint is named."""

MAX_BYTES = 8 * 10**6
"""Size of the largest file of weights."""

NOT_STATED = "not stated"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a trained model beside its weights.

    Attributes:
        summary: what it is for.
        license: of the weights.
        data: datasets that it was trained on.
        data_license: terms of these.
        starting_weights: what training started from.
        starting_weights_license: terms of these.
        accuracy: percent mean IoU by validation set.
        training_command: what trained it.
        recipe: the resolved recipe of the run.
        environment: versions and commit of the run.
    """

    summary: str = NOT_STATED
    license: str = NOT_STATED
    data: str = NOT_STATED
    data_license: str = NOT_STATED
    starting_weights: str = NOT_STATED
    starting_weights_license: str = NOT_STATED
    accuracy: dict[str, float] = {}
    training_command: str = NOT_STATED
    recipe: dict[str, Any] = {}
    environment: dict[str, Any] = {}


class Card(Facts, frozen=True, kw_only=True):
    """The facts, and what packing found.

    Attributes:
        pack_command: what wrote the file.
        equal_labels: percent of the pixels of the check images that the packed weights and the
            checkpoint give the same label.
        check_images: number of these images.
        bytes: size of the file of weights.
        sha256: of the file of weights.
    """

    pack_command: str
    equal_labels: float
    check_images: int
    bytes: int
    sha256: str


class _Described(msgspec.Struct, frozen=True):
    """The parts of a description that a list of models shows."""

    model: str
    num_classes: int
    card: Card
    model_options: dict[str, Any] = {}


@dataclass(frozen=True)
class ShippedModel:
    """A packed model.

    Attributes:
        name: what it is called.
        path: file of weights.
        model: the registered model that it holds.
        num_classes: number of its classes.
        card: what is known of it.
        model_options: what the model was built with.
    """

    name: str
    path: Path
    model: str
    num_classes: int
    card: Card
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def checked_path(self) -> Path:
        """Returns the file of weights, which is the one that the card describes.

        Raises:
            DataError: it is missing, too large or another one.
        """
        try:
            size = self.path.stat().st_size
            whole = size <= MAX_BYTES and size == self.card.bytes
            digest = hashlib.sha256(self.path.read_bytes()).hexdigest() if whole else ""
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error
        if digest != self.card.sha256:
            raise DataError(
                f"{self.path}: is not the file that {card_path(self.path).name} describes "
                f"({self.card.bytes} bytes, SHA-256 {self.card.sha256}); install the package again"
            )
        return self.path


def card_path(weights: Path) -> Path:
    """Returns where the card of a packed model lies, which is where any description does."""
    return weights.with_name(f"{weights.name}.json")


def shipped_models(folder: Path | None = None) -> Mapping[str, ShippedModel]:
    """Returns all packed models of a folder by name.

    Args:
        folder: None takes that of the package.

    Raises:
        DataError: a card does not fit `Card`.
    """
    found = {}
    for path in sorted((folder or FOLDER).glob("*.npz.json")):
        name = path.name.removesuffix(".npz.json")
        described = read_json(path, _Described)
        fields = described.model, described.num_classes, described.card, described.model_options
        found[name] = ShippedModel(name, path.with_suffix(""), *fields)
    return found


def shipped_model(name: str, folder: Path | None = None) -> ShippedModel:
    """Returns a packed model.

    Raises:
        DataError: there is none of this name; the message says what there is instead.
    """
    shipped = shipped_models(folder)
    if name in shipped:
        return shipped[name]
    if name in published_models():
        raise DataError(
            f"{name} does not come with the package; download_weights.py {name} fetches it and "
            "says how to open it"
        )
    there = f"there are {', '.join(shipped)}" if shipped else "no model ships with this version"
    raise DataError(f"no model {name!r} ships with the package: {there}")


def find_checkpoint(checkpoint: str | None, folder: Path | None = None) -> str:
    """Returns what a user means by a checkpoint: a path as it is, a name of a model as its file.

    Args:
        checkpoint: a path, or the name of a model that ships or was downloaded; None means
            `DEFAULT_MODEL`.
        folder: of the packed models; None takes that of the package.

    Raises:
        DataError: None is given and the default model is not there, the file of a model is
            damaged, or a published one was not fetched.
    """
    if checkpoint is None:
        if DEFAULT_MODEL not in shipped_models(folder):
            raise DataError(
                f"{DEFAULT_MODEL}, which predicts where no checkpoint is named, does not come with "
                "this version; name a checkpoint with --checkpoint, or fetch one that was "
                "published: list_models.py shows them, download_weights.py NAME fetches one"
            )
        return str(shipped_model(DEFAULT_MODEL, folder).checked_path())
    if is_on_disk(checkpoint):
        return checkpoint
    if checkpoint in published_models():
        return str(downloaded(checkpoint))
    if checkpoint == DEFAULT_MODEL or checkpoint in shipped_models(folder):
        return str(shipped_model(checkpoint, folder).checked_path())
    return checkpoint
