"""Published checkpoints that models of this package take: the tables of ``models.toml``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.structs import convert, read_toml

MODELS_FILE = Path(__file__).with_name("models.toml")
DOWNLOADS = Path("data")
"""Folder that checkpoints are fetched to and looked for in, below the current one."""

Sha256 = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{8}|[0-9a-f]{64})$")]


class PublishedModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A checkpoint on somebody's server.

    Attributes:
        models: registered models that take it.
        use: "init" for a backbone to start training from, "predict" for a whole model.
        url: address of the archive, or of the PyTorch file.
        page: where it is described.
        checkpoint: what --init-checkpoint or --checkpoint takes, below the folder that it is
            unpacked to.
        is_torch: whether the file is a MobileNetV2 from PyTorch, which is turned into the
            ``checkpoint``.
        model_options: options that a model must have to start from it.
        accuracy: as published, with the dataset.
        license: of the weights.
        dataset: registered dataset that names the classes, for "predict".
        product: see `Archive`.
        folder: see `Archive`.
        required: see `Archive`.
        max_bytes: see `Archive`.
        megabytes: size of the archive in 10^6 bytes, where it is known.
        sha256: of the archive, or its first 8 digits, where its publisher states them.
    """

    models: tuple[str, ...]
    use: Literal["init", "predict"]
    url: str
    page: str
    checkpoint: str
    accuracy: str
    license: str
    is_torch: bool = False
    model_options: dict[str, Any] = {}
    dataset: str | None = None
    product: str = "."
    folder: str = "."
    required: tuple[str, ...] = ()
    max_bytes: int = 2 * 10**9
    megabytes: float | None = None
    sha256: Sha256 | None = None

    @property
    def archive(self) -> Archive:
        """What is fetched."""
        return Archive(
            self.url,
            None if self.sha256 is None else f"sha256:{self.sha256}",
            self.product,
            self.folder,
            self.required,
            self.max_bytes,
            unpack=not self.is_torch,
        )


@functools.cache
def published_models() -> Mapping[str, PublishedModel]:
    """Returns all published checkpoints by name."""
    return convert(read_toml(MODELS_FILE), dict[str, PublishedModel], MODELS_FILE)


def downloaded(name: str) -> Path:
    """Returns where a published checkpoint lies in `DOWNLOADS`.

    Raises:
        DataError: there is none of this name, or it was not fetched; the message has the command.
    """
    path = DOWNLOADS / published_model(name).checkpoint
    if not is_on_disk(path):
        raise DataError(
            f"{name} is not at {path}; python scripts/download_weights.py {name} fetches it; if "
            "it lies elsewhere, give its path"
        )
    return path


def is_on_disk(checkpoint: str | Path) -> bool:
    """Says whether a file or folder is there, or a checkpoint of several files by their prefix."""
    return Path(checkpoint).exists() or Path(f"{checkpoint}.index").exists()


def published_model(name: str) -> PublishedModel:
    """Returns a published checkpoint.

    Raises:
        DataError: there is none of this name.
    """
    known = published_models()
    if name not in known:
        raise DataError(f"there is no published model {name!r}; choose from {', '.join(known)}")
    return known[name]
