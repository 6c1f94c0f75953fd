"""Colours as style sheets write them."""

from __future__ import annotations

from collections.abc import Sequence

from tf_image_segmentation.pages.pictures import HATCH_COLOUR
from tf_image_segmentation.visualization import IGNORE_COLOUR


def css_colour(colour: Sequence[int]) -> str:
    """Returns red, green and blue (0..255) as CSS."""
    red, green, blue = colour
    return f"rgb({red} {green} {blue})"


HATCHING = (
    f"repeating-linear-gradient(135deg, {css_colour(HATCH_COLOUR)} 0 2.8px, "
    f"{css_colour(IGNORE_COLOUR)} 0 5.6px)"
)
"""The background of ignored pixels in a legend, as `pictures.painted` hatches them."""
