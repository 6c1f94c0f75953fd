"""Lists the models that come with the package and the published checkpoints that it can fetch.

The table names for each what it is for, the models that take it, its size, the accuracy that was
published, the license, and whether a checksum is. With NAME, everything that is known of one model:
for one in the package the whole card, with data, recipe and the command that made it.
"""

from __future__ import annotations

from tf_image_segmentation.cli import command_line
from tf_image_segmentation.cli.options import add_zoo_option


def main() -> None:
    """Parses the command line and prints."""
    parser = command_line.parser(__doc__)
    parser.add_argument("name", metavar="NAME", nargs="?", help="show all that is known of this")
    add_zoo_option(parser)
    args = parser.parse_args()

    from tf_image_segmentation.zoo.table import details, markdown_table

    print(markdown_table(args.zoo) if args.name is None else details(args.name, args.zoo))
