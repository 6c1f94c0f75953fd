"""Where a dataset comes from: who made it, under which terms, and how to get it."""

from __future__ import annotations

from dataclasses import dataclass

from tf_image_segmentation.download.archive import Archive


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from.

    Attributes:
        home_page: address of the dataset's own page.
        license: terms of use in a few words, "research only" for example.
        citation: the publication to cite.
        layout: the files below the root, a line each, as they must lie.
        how_to_get: what to fetch by hand and where to put it, where ``archives`` is empty.
        archives: what can be fetched without an account.
    """

    home_page: str = ""
    license: str = ""
    citation: str = ""
    layout: str = ""
    how_to_get: str = ""
    archives: tuple[Archive, ...] = ()
