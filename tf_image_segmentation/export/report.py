"""Shows how exports compare with the network."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from tf_image_segmentation.export.checking import Check

_COLUMNS = ("MB", "equal labels (%)", "as evaluated (%)", "largest difference", "ms an image")


def check_table(checks: Mapping[str, Check]) -> Table:
    """Returns a table with a row for the network and each format.

    "as evaluated" is shown where it says more than "equal labels": of a network that does not
    compute in float32.
    """
    both = any(check.equal_labels != check.as_evaluated for check in checks.values())
    hidden = set() if both else {"as evaluated (%)"}
    table = Table()
    table.add_column("", no_wrap=True)
    for column in _COLUMNS:
        if column not in hidden:
            table.add_column(column, justify="right")
    for name, check in checks.items():
        cells = {
            "MB": f"{check.num_bytes / 1e6:.1f}" if check.num_bytes else "-",
            "equal labels (%)": f"{check.equal_labels:.3f}",
            "as evaluated (%)": f"{check.as_evaluated:.3f}",
            "largest difference": f"{check.max_difference:.1e}",
            "ms an image": f"{check.milliseconds:.0f}",
        }
        table.add_row(name, *(cell for column, cell in cells.items() if column not in hidden))
    return table
