"""Pictures of masks: golden pixels, layout, and ids without a name."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.inference.visualization import (
    IGNORE_COLOR,
    background_of,
    class_name,
    colorize,
    contact_sheet,
    generic_palette,
    legend,
    overlay,
    rendered,
    side_by_side,
    visible_palette,
)

PALETTE = [(0, 0, 0), (10, 20, 30), (200, 100, 50)]
INFO = DatasetInfo("tiny", ("background", "cat", "dog"), tuple(PALETTE), ignore_label=255)


def test_colorize_as_pillow_paints_a_palette_image() -> None:
    mask = np.array([[0, 1, 2], [2, 255, 1]], np.uint8)
    picture = Image.fromarray(mask).convert("P")
    colors = np.full((256, 3), IGNORE_COLOR, np.uint8)
    colors[:3] = PALETTE
    picture.putpalette(colors.ravel().tolist())
    np.testing.assert_array_equal(colorize(mask, PALETTE), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_ids_beyond_the_palette_get_the_ignore_color(dtype: type) -> None:  # fault 62
    mask = np.array([[37, 2]], dtype)
    assert colorize(mask, PALETTE).tolist() == [[[*IGNORE_COLOR], [200, 100, 50]]]
    if dtype is not np.uint8:
        assert colorize(np.array([[-1]], dtype), PALETTE).tolist() == [[[*IGNORE_COLOR]]]


def test_names_of_all_ids() -> None:  # fault 62
    names = [class_name(INFO, label) for label in (0, 2, 37, -1, 255)]
    assert names == ["background", "dog", "unknown 37", "unknown -1", "ignored"]
    assert class_name(None, 3) == "unknown 3"


def test_overlay_blends() -> None:
    image = np.full((1, 2, 3), 100, np.uint8)
    blended = overlay(image, np.array([[1, 2]]), PALETTE, alpha=0.25)
    assert blended.dtype == np.uint8
    assert blended.tolist() == [[[78, 80, 82], [125, 100, 88]]]
    np.testing.assert_array_equal(overlay(image, np.array([[1, 2]]), PALETTE, alpha=0.0), image)


def test_generic_palette_is_distinct() -> None:
    assert len(set(generic_palette(64))) == 64
    assert generic_palette(1) == [(0, 0, 0)]


def test_contact_sheet_keeps_the_shape_of_its_tiles() -> None:
    red = np.full((50, 100, 3), (255, 0, 0), np.uint8)
    sheet = contact_sheet([red] * 3, columns=2, tile_size=(40, 40))
    assert sheet.dtype == np.uint8
    is_red = (sheet == (255, 0, 0)).all(-1)
    assert is_red.sum() == 3 * 20 * 40, "100 x 50 becomes 40 x 20 in a tile of 40 x 40"
    assert is_red.any(0).sum() == 2 * 40
    assert is_red.any(1).sum() == 2 * 20
    assert contact_sheet([], columns=2).ndim == 3


def test_side_by_side_has_rows_under_titles() -> None:
    green = np.full((8, 8, 3), (0, 255, 0), np.uint8)
    sheet = side_by_side([[green, green], [green, green]], ["image", "truth"], tile_size=(30, 60))
    is_green = (sheet == (0, 255, 0)).all(-1)
    assert is_green.sum() == 4 * 30 * 30
    first_row = int(np.argmax(is_green.any(1)))
    title = (sheet[:first_row] < 128).all(-1)
    half = sheet.shape[1] // 2
    assert title[:, :half].any()
    assert title[:, half:].any()
    with pytest.raises(ValueError, match="one picture for each of 2 titles"):
        side_by_side([[green]], ["image", "truth"])


def test_legend_names_what_occurs_by_its_share() -> None:  # fault 62
    labels = np.zeros((10, 10), np.uint8)
    labels[:2] = 2
    labels[0, 0] = 37
    picture = legend(labels, INFO.class_names, PALETTE, height=200)
    assert picture.shape[0] == 200
    line = 11 + 11 // 2
    for row, color in enumerate([PALETTE[0], PALETTE[2], IGNORE_COLOR]):
        swatch = picture[row * line + 11 // 4 + 3, 9]
        assert tuple(swatch) == color
        text = picture[row * line : (row + 1) * line, 2 * 11 :]
        assert (text < 128).any(), "a line without a name"
    assert (picture[4 * line :] == 255).all(), "class 1 does not occur"


def test_legend_says_how_many_names_do_not_fit() -> None:
    labels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    names = [f"class {number}" for number in range(100)]
    picture = legend(labels, names, generic_palette(100), height=60)
    line = 11 + 11 // 2
    fitting = 60 // line
    swatches = [tuple(picture[row * line + 5, 9]) for row in range(fitting)]
    assert swatches[:-1] == generic_palette(fitting - 1)
    assert swatches[-1] == (255, 255, 255), "the last line has no color, but a number"


def test_rendered_is_what_the_figure_shows() -> None:
    figure = Figure(figsize=(2, 1), dpi=50, facecolor=(1, 0, 0))
    picture = rendered(figure)
    assert picture.shape == (50, 100, 3)
    assert (picture == (255, 0, 0)).all()


def test_the_background_stays_as_it_is_and_outlines_are_drawn() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 5:25] = 2
    painted = overlay(image, mask, PALETTE, background=0)
    np.testing.assert_array_equal(painted[mask == 0], image[mask == 0])
    assert (painted[mask == 2] != image[mask == 2]).any()
    lines = overlay(image, mask, PALETTE, background=0, outlines=2)
    inner = np.zeros_like(mask, bool)
    inner[7:13, 7:23] = True
    np.testing.assert_array_equal(lines[(mask == 0) | inner], image[(mask == 0) | inner])
    assert (lines[(mask == 2) & ~inner] == PALETTE[2]).all()


def test_which_class_is_the_background() -> None:
    assert background_of(("sky", "Background"), 2) == 1
    assert background_of(("_background_", "cat"), 2) == 0
    assert background_of(("sky", "road"), 2) is None
    assert background_of((), 2) == 0


def test_two_classes_have_colors_that_can_be_seen() -> None:
    for dull in ((128, 0, 0), (255, 255, 255), (0, 0, 0), (60, 60, 60)):
        first, second = visible_palette(((0, 0, 0), dull), 0)
        assert first == (0, 0, 0)
        assert max(second) >= 180 and max(second) - min(second) >= 90
    assert visible_palette(((0, 0, 0), (220, 40, 40)), 0)[1] == (220, 40, 40)
    assert len(set(visible_palette(((0, 0, 0), (128, 0, 0)), None))) == 2
    assert visible_palette(PALETTE, 0) == PALETTE
