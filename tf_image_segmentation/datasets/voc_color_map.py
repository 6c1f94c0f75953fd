"""The colors in which PASCAL VOC shows its class ids."""

from __future__ import annotations


def voc_color_map(num_colors: int = 256) -> tuple[tuple[int, int, int], ...]:
    """Returns the first colors of the VOC color map as (red, green, blue) in 0..255.

    Source: the VOC development kit, VOClabelcolormap.m. The bits of an id, lowest first, are dealt
    to red, green and blue in turn; each channel takes its bits highest first.

    Args:
        num_colors: 1 to 256.
    """
    return tuple(
        (_channel(index, 0), _channel(index, 1), _channel(index, 2)) for index in range(num_colors)
    )


def _channel(index: int, first_bit: int) -> int:
    return sum((index >> (3 * place + first_bit) & 1) << (7 - place) for place in range(3))
