"""Exports a network to several formats and lets none through that predicts something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.export.checking import Check, Limits, compare, network_prediction, run
from tf_image_segmentation.export.formats import FORMATS, Format
from tf_image_segmentation.export.metadata import Metadata
from tf_image_segmentation.export.output import staged_outputs
from tf_image_segmentation.export.pictures import sample_pictures
from tf_image_segmentation.export.serving import float32_network
from tf_image_segmentation.models.network import Network
from tf_image_segmentation.registry import choose


def export_checked(
    network: Network,
    output_dir: str | Path,
    formats: Sequence[str] = ("saved_model", "tflite"),
    images: Sequence[np.ndarray] = (),
    metadata: Metadata | None = None,
    limits: Limits | None = None,
    float32: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, Check]:
    """Exports a network, loads each file again and compares what it predicts with the network.

    The files appear in ``output_dir`` when all of them have passed; else nothing is written.

    Args:
        network: the network, with its weights restored.
        output_dir: folder for ``saved_model/``, ``model.tflite``, ``model_int8.tflite`` and
            ``model.onnx``; made where missing.
        formats: names of `FORMATS`.
        images: what to check on, uint8 [height, width, 3] each; none takes `sample_pictures`.
        metadata: see `describe_export`.
        limits: how far an export may be from the network; None for the defaults.
        float32: whether the SavedModel of a network that computes in bfloat16 computes in float32,
            as the other formats always do.
        overwrite: replace files of these names.
        progress: whether a progress bar is shown.

    Returns:
        The figures by format; ``"network"`` and, where an export computes in another type than the
        network, ``"network in float32"`` have those of the network itself.

    Raises:
        DataError: a format is not known, needs what is not installed, would replace a file, or
            predicts something else than the network; or the network has more than 256 classes.
    """
    output_dir = Path(output_dir)
    chosen = {name: choose("format", name, FORMATS) for name in formats}
    for format_ in chosen.values():
        format_.check_installed()
    images = images or sample_pictures()
    names = [format_.file_name for format_ in chosen.values()]
    with staged_outputs(Path(output_dir), names, overwrite) as folder:
        bar = tqdm(chosen.items(), "export", unit="format", disable=not progress)
        checks = _export_all(network, folder, bar, images, metadata, float32)
        _refuse_faults(chosen, checks, limits or Limits())
    return checks


def _export_all(
    network: Network,
    folder: Path,
    formats: Iterable[tuple[str, Format]],
    images: Sequence[np.ndarray],
    metadata: Metadata | None,
    float32: bool,
) -> dict[str, Check]:
    evaluated = run(network_prediction(network), images)
    checks = {"network": compare(evaluated, evaluated, evaluated)}
    twin, in_float32 = network, evaluated
    for name, format_ in formats:
        source, expected = network, evaluated
        if format_.float32 or float32:
            if network.compute_dtype != "float32" and twin is network:
                twin = float32_network(network)
                in_float32 = run(network_prediction(twin), images)
                checks["network in float32"] = compare(in_float32, evaluated, evaluated)
            source, expected = twin, in_float32
        path = folder / format_.file_name
        format_.export(source, path, metadata)
        found = run(format_.load(path), images)
        checks[name] = compare(found, expected, evaluated, _num_bytes(path))
    return checks


def _num_bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _refuse_faults(
    formats: Mapping[str, Format], checks: Mapping[str, Check], limits: Limits
) -> None:
    faults = [
        f"{name}: {fault}"
        for name, format_ in formats.items()
        for fault in limits.faults(checks[name], format_.quantized)
    ]
    if faults:
        raise DataError(
            "nothing was exported, because it would not predict what the network predicts:\n  "
            + "\n  ".join(faults)
            + "\nleave the format out, or allow it with the option named"
        )
