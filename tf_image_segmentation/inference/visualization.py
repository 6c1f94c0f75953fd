"""Pictures of images, masks and predictions."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.inference.regions import boundary_pixels
from tf_image_segmentation.structs import Color

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Palette = Sequence[Color]

IGNORE_COLOR: Color = (224, 224, 192)
"""The cream that PASCAL VOC's own color map gives to the ignore label, 255."""

_BACKGROUND: Color = (255, 255, 255)
_MARGIN = 4
_LINE_HEIGHT = 14
_LEAST_LEGEND = 120


def class_name(info: DatasetInfo | None, label: int) -> str:
    """Returns the name of a class id, "ignored" for the ignore label, or "unknown <id>"."""
    names = () if info is None else info.class_names
    if info is not None and label == info.ignore_label and label >= len(names):
        return "ignored"
    return _name(names, label)


def generic_palette(num_colors: int) -> list[Color]:
    """Returns black and then distinct colors, for masks whose dataset is not known."""
    # The golden ratio keeps hues apart, however many there are.
    hues = [(number * 0.618034) % 1.0 for number in range(max(num_colors - 1, 0))]
    colors = [colorsys.hsv_to_rgb(hue, 0.75, 0.9) for hue in hues]
    rounded = [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in colors]
    return [(0, 0, 0), *rounded][:num_colors]


def colorize(mask: np.ndarray, palette: Palette) -> np.ndarray:
    """Paints class ids with their colors.

    Args:
        mask: class ids, any integer dtype, [height, width].
        palette: the color of each class id; any id beyond it, such as the ignore label, is painted
            in `IGNORE_COLOR`.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    colors = np.array([*palette, IGNORE_COLOR], np.uint8)
    ids = np.asarray(mask).astype(np.int64)
    known = (ids >= 0) & (ids < len(palette))
    return colors[np.where(known, ids, len(palette))]


def overlay(
    image: np.ndarray,
    mask: np.ndarray,
    palette: Palette,
    alpha: float = 0.5,
    background: int | None = None,
    outlines: int = 0,
) -> np.ndarray:
    """Blends an image (RGB, uint8 [h, w, 3]) with its painted mask ([h, w]).

    Args:
        image: the image.
        mask: class ids.
        palette: the color of each class id.
        alpha: weight of the mask's colors, 0 to 1.
        background: class id that is left unpainted; None paints all alike.
        outlines: width in pixels of the outlines that are drawn in place of areas; 0 for areas.

    Returns:
        RGB, uint8 [h, w, 3].
    """
    colors, mask = colorize(mask, palette), np.asarray(mask)
    if outlines:
        inner = boundary_pixels(mask, outlines)
        painted = np.where(inner[..., np.newaxis], colors, image)
    else:
        blended = (1.0 - alpha) * np.asarray(image, np.float32) + alpha * colors
        painted = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
    if background is not None:
        painted = np.where(mask[..., np.newaxis] == background, image, painted)
    return painted


def background_of(class_names: Sequence[str], num_classes: int) -> int | None:
    """Returns the id of the class that is the background.

    It is the one called "background" or "_background_", in any case; where names are not known, 0;
    None where no class is called so.

    Args:
        class_names: of each class id; empty where they are not known.
        num_classes: number of classes.
    """
    if not class_names:
        return 0 if num_classes else None
    names = [name.strip().strip("_").lower() for name in class_names]
    return names.index("background") if "background" in names else None


def visible_palette(palette: Palette, background: int | None) -> list[Color]:
    """Returns colors that can be seen on an image, where there are two classes.

    With two classes, nothing but brightness tells them apart on a gray image: a color that is dark
    or gray, other than that of the background, becomes one of `generic_palette`. Of more classes
    the colors stay, as people know them.
    """
    colors = list(palette)
    if len(colors) != 2:
        return colors
    vivid = generic_palette(3)[1:]
    for label, color in enumerate(colors):
        if label != background and (max(color) < 180 or max(color) - min(color) < 90):
            colors[label] = vivid[label - 1 if background == 0 else label]
    return colors


def legend(
    labels: np.ndarray, class_names: Sequence[str], palette: Palette, height: int
) -> np.ndarray:
    """Draws the names and colors of the classes that occur, the most frequent one first.

    Args:
        labels: class ids, uint8 [h, w].
        class_names: name of each class id; an id beyond them is "unknown <id>".
        palette: color of each class id.
        height: of the picture; names that do not fit are left out, and their number is said.

    Returns:
        RGB, uint8 [height, width, 3], as wide as the names need, on white.
    """
    pixels = np.bincount(labels.ravel(), minlength=256)
    present = [int(label) for label in np.argsort(-pixels, kind="stable") if pixels[label]]
    size = max(11, min(32, height // 20))
    font, line = ImageFont.load_default(size), size + size // 2
    fitting = max(1, height // line)
    shown = present if len(present) <= fitting else present[: fitting - 1]
    lines = [f"{_name(class_names, i)}  {pixels[i] / labels.size:.1%}" for i in shown]
    if len(shown) < len(present):
        lines.append(f"and {len(present) - len(shown)} more")
    width = 3 * size + math.ceil(max(font.getlength(text) for text in lines))
    picture = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for row, text in enumerate(lines):
        top = row * line + size // 4
        if row < len(shown):
            color = tuple(colorize(np.array([[shown[row]]]), palette)[0, 0].tolist())
            box = (size // 2, top, size // 2 + size, top + size)
            draw.rectangle(box, fill=color, outline=(0, 0, 0))
        draw.text((2 * size, top + size // 2), text, fill=(0, 0, 0), font=font, anchor="lm")
    return np.asarray(picture)


def _name(class_names: Sequence[str], label: int) -> str:
    return class_names[label] if 0 <= label < len(class_names) else f"unknown {label}"


def captioned_overlay(
    image: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    palette: Palette,
    max_side: int,
    background: int | None = None,
    outlines: int = 0,
) -> np.ndarray:
    """Draws `overlay` with a `legend` beside it; larger pictures are shrunk to ``max_side``.

    Args:
        image: RGB, uint8 [h, w, 3].
        labels: class ids, uint8 [h, w].
        class_names: see `legend`.
        palette: color of each class id.
        max_side: longest side of the overlay in pixels.
        background: see `overlay`.
        outlines: see `overlay`.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    shrink = -(-max(labels.shape) // max_side)
    small, ids = image, labels
    if shrink > 1:
        small = np.asarray(Image.fromarray(image).reduce(shrink))
        # As many as `reduce` leaves, each from the middle of its square or at the border.
        rows, columns = (
            np.minimum(np.arange(count) * shrink + shrink // 2, side - 1)
            for count, side in zip(small.shape[:2], labels.shape, strict=True)
        )
        ids = labels[np.ix_(rows, columns)]
    painted = overlay(small, ids, palette, background=background, outlines=outlines)
    names = legend(labels, class_names, palette, max(_LEAST_LEGEND, painted.shape[0]))
    sheet = np.full((len(names), painted.shape[1] + names.shape[1], 3), 255, np.uint8)
    sheet[: len(painted), : painted.shape[1]] = painted
    sheet[:, painted.shape[1] :] = names
    return sheet


def palette_image(labels: np.ndarray, palette: Palette) -> Image.Image:
    """Returns class ids, uint8 [h, w], as a picture whose palette shows their colors.

    Saved as a PNG, it is read back as ids by Pillow, and shown in colors by everything else. Ids
    beyond the palette have the ignore label's color.
    """
    picture = Image.fromarray(labels).convert("P")
    colors = np.full((256, 3), IGNORE_COLOR, np.uint8)
    colors[: len(palette)] = palette
    picture.putpalette(colors.ravel().tolist())
    return picture


def rendered(figure: Figure) -> np.ndarray:
    """Returns a Matplotlib figure as RGB, uint8 [h, w, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def contact_sheet(
    tiles: Sequence[np.ndarray], columns: int = 4, tile_size: tuple[int, int] = (180, 240)
) -> np.ndarray:
    """Lays pictures out on a grid, each shrunk or enlarged to fit its tile, never distorted.

    Args:
        tiles: RGB pictures of any size, uint8 [h, w, 3].
        columns: most tiles in a row.
        tile_size: height and width of a tile in pixels.

    Returns:
        RGB, uint8 [height, width, 3], on white.
    """
    height, width = tile_size
    columns = max(min(columns, len(tiles)), 1)
    rows = -(-len(tiles) // columns)
    size = (columns * (width + _MARGIN) + _MARGIN, max(rows, 1) * (height + _MARGIN) + _MARGIN)
    sheet = Image.new("RGB", size, _BACKGROUND)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        fitted = _fit(tile, height, width)
        left = _MARGIN + column * (width + _MARGIN) + (width - fitted.width) // 2
        top = _MARGIN + row * (height + _MARGIN) + (height - fitted.height) // 2
        sheet.paste(fitted, (left, top))
    return np.asarray(sheet)


def side_by_side(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str],
    tile_size: tuple[int, int] = (180, 240),
) -> np.ndarray:
    """Lays out rows of pictures under the titles of their columns.

    Args:
        rows: RGB pictures, uint8 [h, w, 3]; each row has one for each title.
        titles: captions of the columns.
        tile_size: height and width of a picture on the sheet in pixels.

    Returns:
        RGB, uint8 [height, width, 3], on white.

    Raises:
        ValueError: a row has more or fewer pictures than there are titles.
    """
    if any(len(row) != len(titles) for row in rows):
        lengths = [len(row) for row in rows]
        raise ValueError(f"each row needs one picture for each of {len(titles)} titles: {lengths}")
    sheet = Image.fromarray(contact_sheet([t for row in rows for t in row], len(titles), tile_size))
    captioned = Image.new("RGB", (sheet.width, sheet.height + _LINE_HEIGHT), _BACKGROUND)
    captioned.paste(sheet, (0, _LINE_HEIGHT))
    draw = ImageDraw.Draw(captioned)
    for column, title in enumerate(titles):
        center = _MARGIN + column * (tile_size[1] + _MARGIN) + tile_size[1] // 2
        draw.text((center, _LINE_HEIGHT // 2 + 1), title, fill=(0, 0, 0), anchor="mm")
    return np.asarray(captioned)


def _fit(picture: np.ndarray, height: int, width: int) -> Image.Image:
    image = Image.fromarray(np.asarray(picture, np.uint8))
    scale = min(height / image.height, width / image.width)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return image.resize(size, Image.Resampling.BILINEAR)
