"""Tables in CSV files, as people and spreadsheet programs write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tf_image_segmentation.datasets.decode.decoding import read_bytes
from tf_image_segmentation.errors import DataError

_DELIMITERS = ",;\t"


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: its number in the file, from 1, for messages.
        fields: its values by column, without the white space around them.
    """

    line: int
    fields: dict[str, str]


def read_table(
    path: Path, required: tuple[str, ...], other_names: Mapping[str, str] | None = None
) -> list[Row]:
    """Reads a CSV file whose first line names the columns.

    UTF-8 with or without a byte order mark, any line ends, fields in quotes or not. The header
    tells whether commas, semicolons or tabs are between the fields. Blank rows are passed over.

    Args:
        path: the file.
        required: columns that must be there, in lower case.
        other_names: further names of columns, for a table that lacks the usual one.

    Returns:
        The rows; names of columns in lower case.

    Raises:
        DataError: the file cannot be read, is no such table, lacks a required column or has no row.
    """
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=_outside_quotes(first).count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    rows = _filled_rows(path, reader)
    header = [name.lower() for name in next(rows, (0, []))[1]]
    for other, usual in (other_names or {}).items():
        if other in header and usual not in header:
            header[header.index(other)] = usual
    _check_header(path, header, required)
    table = [Row(line, _by_column(path, line, header, values)) for line, values in rows]
    if not table:
        raise DataError(f"{path}: has no row below its header; add one for each entry")
    return table


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error}); save it as 'CSV UTF-8'") from error


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _filled_rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yields the line number and the values of each row that is not blank."""
    try:
        for row in reader:
            values = [value.strip() for value in row]
            if any(values):
                yield reader.line_num, values  # type: ignore[attr-defined]
    except csv.Error as error:
        raise DataError(
            f"{path}: line {reader.line_num} is not valid CSV ({error}); "  # type: ignore[attr-defined]
            "look for a quote without its partner"
        ) from error


def _check_header(path: Path, header: list[str], required: tuple[str, ...]) -> None:
    lacking = [name for name in required if name not in header]
    named = [name for name in header if name]
    if lacking:
        raise DataError(
            f"{path}: has no column {', '.join(map(repr, lacking))}; its first line must name the "
            f"columns, and has {', '.join(map(repr, named)) or 'none'}"
        )
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DataError(f"{path}: names the column {', '.join(twice)} twice; remove one")


def _by_column(path: Path, line: int, header: list[str], values: list[str]) -> dict[str, str]:
    if len(values) < len(header) or any(values[len(header) :]):
        raise DataError(
            f"{path}: line {line} has {len(values)} fields, but the header names {len(header)}; "
            "put fields that hold the delimiter into quotes"
        )
    return dict(zip(header, values, strict=False))
