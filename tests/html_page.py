"""What stands in an HTML page."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser


class Page(HTMLParser):
    """What a page holds.

    Attributes:
        source: the page as it is.
        tags: how often each element occurs.
        attributes: all of them as (element, attribute, value).
        rows: the text of the cells of each row of a table.
        text: all text but the style sheet, blanks joined.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(source)
        self.close()
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag  # every element is closed, in order

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self._texts.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data.strip()

    def row(self, name: str) -> list[str]:
        """The one row whose first cell is ``name``, without it."""
        (cells,) = (cells for cells in self.rows if cells[0] == name)
        return cells[1:]

    def values(self, tag: str, attribute: str) -> list[str | None]:
        """The values of an attribute of all elements of a kind."""
        return [value for t, name, value in self.attributes if (t, name) == (tag, attribute)]
