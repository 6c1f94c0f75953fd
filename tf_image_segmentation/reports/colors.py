"""Colors as style sheets write them."""

from __future__ import annotations

from collections.abc import Sequence

from tf_image_segmentation.inference.visualization import IGNORE_COLOR
from tf_image_segmentation.reports.pictures import HATCH_COLOR


def css_color(color: Sequence[int]) -> str:
    """Returns red, green and blue (0..255) as CSS."""
    red, green, blue = color
    return f"rgb({red} {green} {blue})"


HATCHING = (
    f"repeating-linear-gradient(135deg, {css_color(HATCH_COLOR)} 0 2.8px, "
    f"{css_color(IGNORE_COLOR)} 0 5.6px)"
)
"""The background of ignored pixels in a legend, as `pictures.painted` hatches them."""
