"""Three photographs that come with scikit-image, to try a trained model on."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

PHOTOGRAPHS = ("astronaut", "cat", "stereo_motorcycle")
"""Functions of `skimage.data` that give them; nothing is downloaded."""


def write_photographs(folder: str | Path) -> list[Path]:
    """Writes the photographs as PNG files and returns their paths.

    Args:
        folder: made if it does not exist; files of these names in it are replaced.
    """
    import skimage.data

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in PHOTOGRAPHS:
        pixels = getattr(skimage.data, name)()
        if isinstance(pixels, tuple):  # left and right view, and their disparity
            pixels = pixels[0]
        paths.append(folder / f"{name.removeprefix('stereo_')}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths
